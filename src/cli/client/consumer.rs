//! Reads partitions of one topic, each in its order; no group, no committed offsets.

use std::collections::{BTreeMap, BTreeSet};

use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{BrokerId, FetchRequest, ListOffsetsRequest};
use model::{ErrorCode, IsolationLevel};

use super::admin::topic_name;
use super::cluster::To;
use super::record_batch::{Batch, Record, next_batch};
use super::{ClientError, Cluster};
use crate::cli::time::Deadline;

/// The wire's "the end" in `ListOffsets`: the high watermark, or the last stable offset for `read_committed`.
pub(crate) const LATEST: i64 = -1;
/// The wire's "the beginning" in `ListOffsets`.
pub(crate) const EARLIEST: i64 = -2;

/// The highest version that names topics; later ones carry ids.
pub(crate) const FETCH_HIGHEST: i16 = 12;
const FETCH_BYTES_MAX: i32 = 16 << 20;
const PARTITION_BYTES_MAX: i32 = 4 << 20;

/// What one record of one partition looks like to whoever prints it.
#[derive(Clone, Debug)]
pub(crate) struct Delivered {
    /// Where it comes from.
    pub(crate) partition: i32,
    /// The record.
    pub(crate) record: Record,
}

/// Asks for an offset in each of some partitions; `timestamp` is a time, [`LATEST`] or [`EARLIEST`].
/// A partition without a record that late has no entry.
///
/// # Errors
/// Those of the cluster, after another try where that may help.
pub(crate) fn list_offsets(
    cluster: &mut Cluster,
    topic: &str,
    partitions: &[i32],
    timestamp: i64,
    isolation: IsolationLevel,
) -> Result<BTreeMap<i32, i64>, ClientError> {
    cluster.retry(|cluster, deadline| {
        let mut by_leader: BTreeMap<i32, Vec<ListOffsetsPartition>> = BTreeMap::new();
        for found in cluster.leaders(topic, false, deadline)? {
            if partitions.contains(&found.partition) {
                let asked =
                    ListOffsetsPartition::default().with_partition_index(found.partition).with_timestamp(timestamp);
                by_leader.entry(found.leader).or_default().push(asked);
            }
        }
        let mut offsets = BTreeMap::new();
        for (leader, asked) in by_leader {
            let request = ListOffsetsRequest::default()
                .with_replica_id(BrokerId(-1))
                .with_isolation_level(wire(isolation))
                .with_topics(vec![ListOffsetsTopic::default().with_name(topic_name(topic)).with_partitions(asked)]);
            let answer = cluster.call(To::Node(leader), &request, 9, deadline)?;
            for found in answer.topics.iter().flat_map(|topic| &topic.partitions) {
                ClientError::check(found.error_code, || format!("offsets of {topic}-{}", found.partition_index))?;
                if found.offset >= 0 {
                    offsets.insert(found.partition_index, found.offset);
                }
            }
        }
        Ok(offsets)
    })
}

/// Reads on and on from given positions.
#[derive(Debug)]
pub(crate) struct Reader {
    topic: String,
    isolation: IsolationLevel,
    /// The next offset of each partition.
    positions: BTreeMap<i32, i64>,
    leaders: BTreeMap<i32, i32>,
}

impl Reader {
    /// A reader at `positions`.
    pub(crate) fn new(topic: &str, positions: BTreeMap<i32, i64>, isolation: IsolationLevel) -> Self {
        Self { topic: topic.to_owned(), isolation, positions, leaders: BTreeMap::new() }
    }

    /// The next offset of each partition; control records and aborted ones are behind it too.
    pub(crate) const fn positions(&self) -> &BTreeMap<i32, i64> {
        &self.positions
    }

    /// Reads no further in the partitions that have reached their end of `ends`.
    pub(crate) fn finish_at(&mut self, ends: &BTreeMap<i32, i64>) {
        self.positions.retain(|partition, next| ends.get(partition).is_some_and(|end| *next < *end));
    }

    /// Fetches once from every leader and hands each record to `deliver`, in the order of its partition. Waits up to
    /// `wait_ms` at each leader when there is nothing.
    ///
    /// # Errors
    /// Those of the cluster after its retries, and those of `deliver`.
    pub(crate) fn poll<E: From<ClientError>>(
        &mut self,
        cluster: &mut Cluster,
        wait_ms: i32,
        deliver: &mut dyn FnMut(Delivered) -> Result<(), E>,
    ) -> Result<(), E> {
        let answers = cluster.retry(|cluster, deadline| {
            let fetched = self.fetch(cluster, wait_ms, deadline);
            if fetched.is_err() {
                // Whoever led before may not lead any more.
                self.leaders.clear();
            }
            fetched
        })?;
        for data in answers {
            self.take(data, deliver)?;
        }
        Ok(())
    }

    fn fetch(
        &mut self,
        cluster: &mut Cluster,
        wait_ms: i32,
        deadline: Deadline,
    ) -> Result<Vec<PartitionData>, ClientError> {
        if self.leaders.is_empty() {
            let leaders = cluster.leaders(&self.topic, false, deadline)?;
            self.leaders = leaders.into_iter().map(|found| (found.partition, found.leader)).collect();
        }
        let mut by_leader: BTreeMap<i32, Vec<FetchPartition>> = BTreeMap::new();
        for (partition, offset) in &self.positions {
            let leader = self.leaders.get(partition).copied().unwrap_or(-1);
            let asked = FetchPartition::default()
                .with_partition(*partition)
                .with_fetch_offset(*offset)
                .with_partition_max_bytes(PARTITION_BYTES_MAX);
            by_leader.entry(leader).or_default().push(asked);
        }
        let mut answers = Vec::new();
        for (leader, asked) in by_leader {
            let request = FetchRequest::default()
                .with_replica_id(BrokerId(-1))
                .with_max_wait_ms(wait_ms)
                .with_min_bytes(1)
                .with_max_bytes(FETCH_BYTES_MAX)
                .with_isolation_level(wire(self.isolation))
                .with_session_epoch(-1)
                .with_topics(vec![FetchTopic::default().with_topic(topic_name(&self.topic)).with_partitions(asked)]);
            let answer = cluster.call(To::Node(leader), &request, FETCH_HIGHEST, deadline)?;
            ClientError::check(answer.error_code, || format!("fetching {}", self.topic))?;
            for data in answer.responses.into_iter().flat_map(|topic| topic.partitions) {
                self.check(&data)?;
                answers.push(data);
            }
        }
        Ok(answers)
    }

    fn check(&self, data: &PartitionData) -> Result<(), ClientError> {
        let at = || format!("fetching {}-{}", self.topic, data.partition_index);
        if data.error_code == ErrorCode::OffsetOutOfRange.code() {
            let position = self.positions.get(&data.partition_index).copied().unwrap_or(-1);
            let words = format!("offset {position} is not in the log; it may have been deleted meanwhile");
            return ClientError::check_with(data.error_code, Some(&words), at);
        }
        ClientError::check(data.error_code, at)
    }

    fn take<E: From<ClientError>>(
        &mut self,
        data: PartitionData,
        deliver: &mut dyn FnMut(Delivered) -> Result<(), E>,
    ) -> Result<(), E> {
        let partition = data.partition_index;
        let mut aborted = Aborted::of(&data);
        let mut bytes = data.records.unwrap_or_default();
        while let Some(batch) = next_batch(&mut bytes)? {
            // A fetch answers with whole batches: records before the position were not asked for.
            let position = self.positions.get(&partition).copied().unwrap_or(0);
            if !aborted.covers(&batch)? && !batch.is_control() {
                for record in batch.records()?.into_iter().filter(|record| record.offset >= position) {
                    deliver(Delivered { partition, record })?;
                }
            }
            self.positions.entry(partition).and_modify(|next| *next = (*next).max(batch.last_offset + 1));
        }
        Ok(())
    }
}

/// Which producers have an aborted transaction open at the current batch of an answer (KIP-98).
#[derive(Debug)]
struct Aborted {
    /// First offset and producer id, by first offset.
    to_come: Vec<(i64, i64)>,
    open: BTreeSet<i64>,
}

impl Aborted {
    fn of(data: &PartitionData) -> Self {
        let listed = data.aborted_transactions.iter().flatten();
        let mut to_come: Vec<(i64, i64)> =
            listed.map(|aborted| (aborted.first_offset, aborted.producer_id.0)).collect();
        to_come.sort_unstable();
        Self { to_come, open: BTreeSet::new() }
    }

    /// Whether the records of `batch` were taken back. Batches must be asked about in their order.
    fn covers(&mut self, batch: &Batch) -> Result<bool, ClientError> {
        let begun = self.to_come.partition_point(|(first_offset, _)| *first_offset <= batch.last_offset);
        self.open.extend(self.to_come.drain(..begun).map(|(_, producer)| producer));
        if batch.is_control() {
            if is_abort(batch)? {
                self.open.remove(&batch.producer_id);
            }
            return Ok(true);
        }
        Ok(batch.is_transactional() && self.open.contains(&batch.producer_id))
    }
}

/// A marker's key is a version and a type, each 16 bits; type 0 aborts.
fn is_abort(batch: &Batch) -> Result<bool, ClientError> {
    let records = batch.records()?;
    let key = records.first().and_then(|record| record.key.as_deref());
    Ok(matches!(key, Some([_, _, 0, 0, ..])))
}

/// The wire's number.
pub(crate) const fn wire(isolation: IsolationLevel) -> i8 {
    match isolation {
        IsolationLevel::ReadUncommitted => 0,
        IsolationLevel::ReadCommitted => 1,
    }
}
