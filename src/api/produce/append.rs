//! Appending what one request brings, partition by partition: one that fails does not concern the others.

use std::sync::Arc;

use model::{Acks, ErrorCode, Offset, Timestamp};
use protocol::messages::produce::{
    PartitionProduceData, PartitionProduceResponse, TopicProduceData, TopicProduceResponse,
};
use storage::Appended;
use storage::batch::UncheckedBatch;
use storage::compression::Codec;
use storage::planted::Planted;

use super::refusal::{Refusal, refused};
use super::verification::Vouched;
use super::{IDS_FROM, ZSTD_FROM, find};
use crate::metadata::{Image, Topic, is_internal};
use crate::partitions::Partition;
use crate::telemetry::Traffic;

/// An append whose answer waits until everything below `end` is durable.
pub(super) struct Wait {
    pub(super) partition: Arc<Partition>,
    pub(super) end: Offset,
    /// Where its answer stands: topic, partition.
    pub(super) place: (usize, usize),
}

/// What all appends of a request share.
pub(super) struct Append<'a> {
    pub(super) image: &'a Image,
    pub(super) version: i16,
    pub(super) now: Timestamp,
    pub(super) acks: Result<Acks, ErrorCode>,
    /// What is known of the transactional batches.
    pub(super) vouched: &'a Vouched,
    pub(super) is_tool: bool,
}

impl Append<'_> {
    /// What a topic that is not there is answered with.
    pub(super) fn missing(&self) -> ErrorCode {
        if self.version >= IDS_FROM { ErrorCode::UnknownTopicId } else { ErrorCode::UnknownTopicOrPartition }
    }

    /// Appends what there is for one topic, the `place`th of the request.
    pub(super) fn topic(
        &self,
        place: usize,
        data: &TopicProduceData<'_>,
        waits: &mut Vec<Wait>,
    ) -> TopicProduceResponse {
        let topic = find(self.image, self.version, data);
        let mut partition_responses = Vec::with_capacity(data.partition_data.len());
        for partition in &data.partition_data {
            let outcome = match topic {
                None => Err(Refusal::from(self.missing())),
                Some(topic) => self.partition(topic, partition, (place, partition_responses.len())),
            };
            partition_responses.push(match outcome {
                Ok(done) => {
                    let place = (place, partition_responses.len());
                    waits.push(Wait { partition: done.partition, end: done.end, place });
                    done.answer
                }
                Err(refusal) => refused(partition.index, refusal),
            });
        }
        TopicProduceResponse { name: data.name.to_owned(), topic_id: data.topic_id, partition_responses }
    }

    fn partition(
        &self,
        topic: &Topic,
        data: &PartitionProduceData<'_>,
        place: (usize, usize),
    ) -> Result<Done, Refusal> {
        let partition = topic.partition(data.index)?;
        partition.count(Traffic::Produces, 1);
        let done = self.append(topic, partition, (data, place));
        done.inspect_err(|_| partition.count(Traffic::FailedProduces, 1))
    }

    fn append(
        &self,
        topic: &Topic,
        partition: &Arc<Partition>,
        (data, place): (&PartitionProduceData<'_>, (usize, usize)),
    ) -> Result<Done, Refusal> {
        // The protocol allows null records; a produce request without them asks for nothing that could be answered.
        let records = data.records.ok_or(ErrorCode::InvalidRecord)?;
        let batch = UncheckedBatch::parse(records)?;
        if batch.codec() == Some(Codec::Zstd) && self.version < ZSTD_FROM {
            return Err(ErrorCode::UnsupportedCompressionType.into());
        }
        // Not before, as in Kafka: what is not there, and what is no batch, is said whatever the acks are.
        self.acks?;
        if is_internal(topic.name.as_str()) && !self.is_tool {
            return Err(ErrorCode::InvalidTopicException.into());
        }
        let verified = self.vouched.of(place)?;
        let log_start_offset = partition.log().log_start_offset();
        let batch = batch.check(&topic.config, self.now).map_err(|error| Refusal::from(error).at(log_start_offset))?;
        let appended = partition.append(&batch, verified, self.now).map_err(|error| {
            if partition.is_retired() { self.missing().into() } else { Refusal::from(error).at(log_start_offset) }
        })?;
        let (Appended::Written(written) | Appended::Duplicate(written)) = appended;
        let end = written.last_offset.checked_add(1).ok_or(ErrorCode::KafkaStorageError)?;
        let answer = PartitionProduceResponse {
            index: data.index,
            base_offset: written.base_offset.get() + i64::from(Planted::OffsetOffByOne.is_on()),
            log_append_time_ms: written.log_append_time.map_or(-1, Timestamp::get),
            log_start_offset: partition.log().log_start_offset().get(),
            ..PartitionProduceResponse::default()
        };
        Ok(Done { answer, partition: Arc::clone(partition), end })
    }
}

/// An append that was made, or a duplicate of one.
struct Done {
    answer: PartitionProduceResponse,
    partition: Arc<Partition>,
    end: Offset,
}
