//! One look at the partitions of a fetch: what is there now, within the limits of bytes.

use std::sync::Arc;

use model::{ErrorCode, IsolationLevel, LeaderEpoch, Offset};
use protocol::ResponseRecords;
use protocol::messages::fetch::{AbortedTransaction, EpochEndOffset, LeaderIdAndEpoch, PartitionData};
use storage::LogSlice;
use storage::error::ReadError;

use crate::metadata::Image;
use crate::partitions::{Partition, SessionPartition, check_epoch};
use crate::telemetry::{Metrics, Traffic};

/// A partition of the request, with what it names.
pub(super) struct Target {
    pub(super) asked: SessionPartition,
    partition: Result<Arc<Partition>, ErrorCode>,
}

impl Target {
    pub(super) fn resolve(image: &Image, asked: SessionPartition, by_id: bool) -> Self {
        let (topic, missing) = if by_id {
            (image.topic_by_id(asked.key.topic_id), ErrorCode::UnknownTopicId)
        } else {
            (image.topic(&asked.key.topic), ErrorCode::UnknownTopicOrPartition)
        };
        let partition = match topic.map(|topic| topic.partition(asked.key.partition)) {
            None => Err(missing),
            Some(partition) => partition.cloned(),
        };
        Self { asked, partition }
    }

    /// Refuses the partition to a follower: nobody replicates from here.
    pub(super) fn refuse_follower(&mut self) {
        if self.partition.is_ok() {
            self.partition = Err(ErrorCode::NotLeaderOrFollower);
        }
    }
}

/// The first version that tells the current leader.
const CURRENT_LEADER_FROM: i16 = 12;

/// What a fetch looks for.
pub(super) struct Attempt {
    pub(super) targets: Vec<Target>,
    pub(super) isolation: IsolationLevel,
    /// The request's.
    pub(super) version: i16,
    /// The most bytes of the whole answer, but that one batch is always given (KIP-74).
    pub(super) bytes_max: u32,
}

/// What was there: for each target its data and its records.
pub(super) struct Found {
    partitions: Vec<(PartitionData, Option<LogSlice>)>,
    bytes: u64,
    /// An error, or a reader that must truncate: told at once.
    is_urgent: bool,
}

impl Found {
    /// Whether the answer need not wait.
    pub(super) fn is_enough(&self, bytes_min: u64) -> bool {
        self.is_urgent || self.bytes >= bytes_min
    }

    /// Bytes of records.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The data in the order of the targets.
    pub(super) fn partitions(&self) -> impl Iterator<Item = &PartitionData> {
        self.partitions.iter().map(|(data, _)| data)
    }

    /// The data and the records in the order of the targets.
    pub(super) fn into_parts(self) -> impl Iterator<Item = (PartitionData, Option<LogSlice>)> {
        self.partitions.into_iter()
    }
}

impl Attempt {
    /// The partitions that exist.
    pub(super) fn partitions(&self) -> Vec<Arc<Partition>> {
        self.targets.iter().filter_map(|target| target.partition.as_ref().ok().cloned()).collect()
    }

    /// Counts what is answered, at the partitions and once for all of them.
    pub(super) fn count(&self, found: &Found, metrics: &Metrics) {
        let (mut fetched, mut failed) = (0, 0);
        for (target, (data, slice)) in self.targets.iter().zip(&found.partitions) {
            let Ok(partition) = &target.partition else { continue };
            partition.count_here(Traffic::Fetches, 1);
            fetched += 1;
            if data.error_code != ErrorCode::None.code() {
                partition.count_here(Traffic::FailedFetches, 1);
                failed += 1;
            }
            if let Some(slice) = slice.as_ref().filter(|slice| slice.size() > 0) {
                partition.count_here(Traffic::BytesOut, u64::from(slice.size()));
            }
        }
        metrics.traffic.add(Traffic::Fetches, fetched);
        metrics.traffic.add(Traffic::FailedFetches, failed);
        metrics.traffic.add(Traffic::BytesOut, found.bytes);
    }

    /// Looks once.
    pub(super) fn run(&self) -> Found {
        let mut found = Found { partitions: Vec::with_capacity(self.targets.len()), bytes: 0, is_urgent: false };
        let mut bytes_left = self.bytes_max;
        for target in &self.targets {
            match self.look(target, bytes_left, found.bytes == 0) {
                Ok((data, slice)) => {
                    let size = slice.size();
                    bytes_left = bytes_left.saturating_sub(size);
                    found.bytes += u64::from(size);
                    found.is_urgent |= data.diverging_epoch.epoch >= 0;
                    found.partitions.push((data, Some(slice)));
                }
                Err(code) => {
                    found.is_urgent = true;
                    found.partitions.push((failed(target, code, self.version), None));
                }
            }
        }
        found
    }

    fn look(&self, target: &Target, bytes_left: u32, is_first: bool) -> Result<(PartitionData, LogSlice), ErrorCode> {
        let asked = &target.asked;
        let partition = target.partition.as_ref().map_err(|code| *code)?;
        // Fetch, unlike ListOffsets, takes every negative epoch for "not known".
        check_epoch(partition, asked.current_leader_epoch.max(-1))?;
        let from = Offset::new(asked.fetch_offset).ok_or(ErrorCode::OffsetOutOfRange)?;
        if let Some(diverging) = diverging_epoch(partition, asked)? {
            let mut data = data_of(asked.key.partition, partition, self.isolation);
            data.diverging_epoch = diverging;
            return Ok((data, LogSlice::default()));
        }
        let bytes_max = asked.max_bytes.max(0).unsigned_abs().min(bytes_left);
        let outcome =
            partition.read(from, self.isolation, bytes_max, is_first).map_err(|error| code_of(partition, &error))?;
        let mut data = data_of(asked.key.partition, partition, self.isolation);
        data.high_watermark = outcome.high_watermark.get();
        data.last_stable_offset = outcome.last_stable_offset.get();
        data.log_start_offset = outcome.log_start_offset.get();
        if let Some(told) = &mut data.aborted_transactions {
            told.extend(outcome.aborted.iter().map(|aborted| AbortedTransaction {
                producer_id: aborted.producer_id.get(),
                first_offset: aborted.first_offset.get(),
            }));
        }
        data.records = Some(ResponseRecords::Spliced { size: outcome.records.size() });
        Ok((data, outcome.records))
    }
}

fn code_of(partition: &Partition, error: &ReadError) -> ErrorCode {
    // Deleted while the fetch waited; its log is out of service only therefore.
    if partition.is_retired() { ErrorCode::UnknownTopicOrPartition } else { ErrorCode::from(error) }
}

/// Whether there is anything to read in a partition's data.
pub(super) fn has_records(data: &PartitionData) -> bool {
    data.records.as_ref().is_some_and(|records| !records.is_empty())
}

/// Where the reader's log and ours part, if they do.
fn diverging_epoch(partition: &Partition, asked: &SessionPartition) -> Result<Option<EpochEndOffset>, ErrorCode> {
    let Some(last_fetched) = LeaderEpoch::new(asked.last_fetched_epoch) else { return Ok(None) };
    let (epoch, end) = partition.epoch_end(last_fetched).ok_or(ErrorCode::OffsetOutOfRange)?;
    let parts = epoch < last_fetched || end.get() < asked.fetch_offset;
    Ok(parts.then(|| EpochEndOffset { epoch: epoch.get(), end_offset: end.get() }))
}

fn data_of(index: i32, partition: &Partition, isolation: IsolationLevel) -> PartitionData {
    PartitionData {
        partition_index: index,
        high_watermark: partition.high_watermark().get(),
        last_stable_offset: partition.last_stable_offset().get(),
        log_start_offset: partition.log().log_start_offset().get(),
        aborted_transactions: match isolation {
            IsolationLevel::ReadUncommitted => None,
            IsolationLevel::ReadCommitted => Some(Vec::new()),
        },
        records: Some(ResponseRecords::Spliced { size: 0 }),
        ..PartitionData::default()
    }
}

fn failed(target: &Target, code: ErrorCode, version: i16) -> PartitionData {
    let is_missing = matches!(code, ErrorCode::UnknownTopicOrPartition | ErrorCode::UnknownTopicId);
    let mut data = PartitionData {
        partition_index: target.asked.key.partition,
        error_code: code.code(),
        high_watermark: -1,
        // Empty or null means the same; Kafka says it so.
        aborted_transactions: is_missing.then(Vec::new),
        records: Some(ResponseRecords::Spliced { size: 0 }),
        ..PartitionData::default()
    };
    // Who knows only an older leader epoch is told the right one (KIP-951).
    if let (ErrorCode::FencedLeaderEpoch, Ok(partition)) = (code, &target.partition)
        && version >= CURRENT_LEADER_FROM
    {
        data.current_leader = LeaderIdAndEpoch { leader_id: -1, leader_epoch: partition.leader_epoch().get() };
    }
    data
}
