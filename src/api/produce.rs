//! Produce (key 0), versions 3-13. v7 takes zstd; v8 names bad records; v9 flexible; v13 names topics by id (KIP-516).
//! Shown from version 0 in ApiVersions, because librdkafka reads the range so (KAFKA-18659); 0-2 are not served.
//! Not here: transactions, which come with their coordinator; until then a transactional batch is refused.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use model::{Acks, ErrorCode, Offset, Timestamp};
use protocol::ApiKey;
use protocol::messages::produce::{
    BatchIndexAndErrorMessage, PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse,
    TopicProduceData, TopicProduceResponse,
};
use storage::Appended;
use storage::batch::{BatchError, UncheckedBatch};
use storage::compression::Codec;
use storage::error::AppendError;

use super::{Api, CloseReason, Reply, RequestContext};
use crate::broker::Broker;
use crate::metadata::{Image, Topic, is_internal};
use crate::partitions::Partition;
use crate::telemetry::Traffic;

/// The first version whose clients know zstd (KIP-110).
const ZSTD_FROM: i16 = 7;
/// The first version that names topics by id.
const IDS_FROM: i16 = 13;

/// The one client id that may write to internal topics: Kafka's own tools use it.
const TOOLS_CLIENT_ID: &str = "__admin_client";

pub(super) struct Produce;

impl Api for Produce {
    const KEY: ApiKey = ApiKey::Produce;
    const VERSIONS: RangeInclusive<i16> = 3..=13;
    type Request<'frame> = ProduceRequest<'frame>;
    type Response = ProduceResponse;

    fn handle(
        broker: &Arc<Broker>,
        context: &RequestContext<'_>,
        request: ProduceRequest<'_>,
    ) -> Reply<ProduceResponse> {
        let acks = Acks::from_wire(request.acks);
        let image = broker.metadata.image();
        let append = Append {
            image: &image,
            version: context.version,
            now: broker.clock.now(),
            acks,
            has_transactional_id: request.transactional_id.is_some(),
            is_tool: context.client_id == Some(TOOLS_CLIENT_ID),
        };
        let mut waits = Vec::new();
        // A topic without partitions is not answered.
        let topics = request.topic_data.iter().filter(|topic| !topic.partition_data.is_empty()).enumerate();
        let responses = topics.map(|(place, topic)| append.topic(place, topic, &mut waits)).collect();
        let response = ProduceResponse { responses, ..ProduceResponse::default() };
        match acks {
            Ok(Acks::None) if is_flawless(&response) => Reply::Silent,
            Ok(Acks::None) => Reply::Close(CloseReason::UnansweredProduceFailed),
            Ok(Acks::All) if !waits.is_empty() => {
                let timeout = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
                Reply::later(when_durable(response, waits, timeout, append.missing()))
            }
            Ok(Acks::All | Acks::Leader) | Err(_) => Reply::now(response),
        }
    }
}

fn is_flawless(response: &ProduceResponse) -> bool {
    let mut partitions = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    partitions.all(|partition| partition.error_code == ErrorCode::None.code())
}

/// An append whose answer waits until everything below `end` is durable.
struct Wait {
    partition: Arc<Partition>,
    end: Offset,
    /// Where its answer stands: topic, partition.
    place: (usize, usize),
}

/// The answer, once every append in it is durable, or failed, or took too long.
async fn when_durable(
    mut response: ProduceResponse,
    waits: Vec<Wait>,
    timeout: Duration,
    missing: ErrorCode,
) -> ProduceResponse {
    let mut expired = std::pin::pin!(tokio::time::sleep(timeout));
    for wait in waits {
        // Both arms are cancel-safe: a dropped wait is forgotten, and the timer is kept for the next partition.
        let failure = tokio::select! {
            biased;
            committed = wait.partition.committed(wait.end) => committed.err().map(|_| {
                if wait.partition.is_retired() { missing } else { ErrorCode::KafkaStorageError }
            }),
            () = &mut expired => Some(ErrorCode::RequestTimedOut),
        };
        let Some(code) = failure else { continue };
        wait.partition.count(Traffic::FailedProduces, 1);
        let (topic, partition) = wait.place;
        let topic = response.responses.get_mut(topic);
        if let Some(answer) = topic.and_then(|topic| topic.partition_responses.get_mut(partition)) {
            *answer = refused(answer.index, code.into());
        }
    }
    response
}

/// What all appends of a request share.
struct Append<'a> {
    image: &'a Image,
    version: i16,
    now: Timestamp,
    acks: Result<Acks, ErrorCode>,
    has_transactional_id: bool,
    is_tool: bool,
}

impl Append<'_> {
    /// What a topic that is not there is answered with.
    fn missing(&self) -> ErrorCode {
        if self.version >= IDS_FROM { ErrorCode::UnknownTopicId } else { ErrorCode::UnknownTopicOrPartition }
    }

    fn topic(&self, place: usize, data: &TopicProduceData<'_>, waits: &mut Vec<Wait>) -> TopicProduceResponse {
        let topic =
            if self.version >= IDS_FROM { self.image.topic_by_id(data.topic_id) } else { self.image.topic(data.name) };
        let mut partition_responses = Vec::with_capacity(data.partition_data.len());
        for partition in &data.partition_data {
            let outcome = match topic {
                None => Err(Refusal::from(self.missing())),
                Some(topic) => self.partition(topic, partition),
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

    fn partition(&self, topic: &Topic, data: &PartitionProduceData<'_>) -> Result<Done, Refusal> {
        let partition = topic.partition(data.index)?;
        partition.count(Traffic::Produces, 1);
        self.append(topic, partition, data).inspect_err(|_| partition.count(Traffic::FailedProduces, 1))
    }

    fn append(
        &self,
        topic: &Topic,
        partition: &Arc<Partition>,
        data: &PartitionProduceData<'_>,
    ) -> Result<Done, Refusal> {
        // The protocol allows null records; a produce request without them asks for nothing that could be answered.
        let records = data.records.ok_or(ErrorCode::InvalidRecord)?;
        let batch = UncheckedBatch::parse(records)?;
        if batch.codec() == Some(Codec::Zstd) && self.version < ZSTD_FROM {
            return Err(ErrorCode::UnsupportedCompressionType.into());
        }
        // Not before, as in Kafka: what is not there, and what is no batch, is said whatever the acks are.
        self.acks?;
        if batch.is_transactional() {
            // As Kafka: without a transactional id nobody may write transactional records.
            let code = if self.has_transactional_id {
                ErrorCode::InvalidTxnState
            } else {
                ErrorCode::TransactionalIdAuthorizationFailed
            };
            return Err(code.into());
        }
        if is_internal(topic.name.as_str()) && !self.is_tool {
            return Err(ErrorCode::InvalidTopicException.into());
        }
        let log_start_offset = partition.log().log_start_offset();
        let batch = batch.check(&topic.config, self.now).map_err(|error| Refusal::from(error).at(log_start_offset))?;
        let appended = partition.append(&batch, self.now).map_err(|error| {
            if partition.is_retired() { self.missing().into() } else { Refusal::from(error).at(log_start_offset) }
        })?;
        let (Appended::Written(written) | Appended::Duplicate(written)) = appended;
        let end = written.last_offset.checked_add(1).ok_or(ErrorCode::KafkaStorageError)?;
        let answer = PartitionProduceResponse {
            index: data.index,
            base_offset: written.base_offset.get(),
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

/// Why one partition's batch was not appended.
struct Refusal {
    code: ErrorCode,
    detail: Option<Detail>,
    /// Where the log begins, if it was asked.
    log_start_offset: Option<Offset>,
}

impl Refusal {
    /// Adds where the log begins, with the errors that Kafka tells it with.
    fn at(self, log_start_offset: Offset) -> Self {
        let told = matches!(
            self.code,
            ErrorCode::InvalidRecord
                | ErrorCode::InvalidTimestamp
                | ErrorCode::UnsupportedCompressionType
                | ErrorCode::OutOfOrderSequenceNumber
                | ErrorCode::InvalidProducerEpoch
        );
        Self { log_start_offset: told.then_some(log_start_offset), ..self }
    }
}

/// What Kafka 2.4 clients and later show (KIP-467).
struct Detail {
    message: String,
    records: Vec<BatchIndexAndErrorMessage>,
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self { code, detail: None, log_start_offset: None }
    }
}

impl From<BatchError> for Refusal {
    fn from(error: BatchError) -> Self {
        let records = error.record_errors().iter().map(|record| BatchIndexAndErrorMessage {
            batch_index: i32::try_from(record.index).unwrap_or(i32::MAX),
            batch_index_error_message: Some(record.problem.to_string()),
        });
        let detail = Detail { message: error.to_string(), records: records.collect() };
        Self { code: ErrorCode::from(&error), detail: Some(detail), log_start_offset: None }
    }
}

impl From<AppendError> for Refusal {
    fn from(error: AppendError) -> Self {
        let detail = Detail { message: error.to_string(), records: Vec::new() };
        Self { code: ErrorCode::from(&error), detail: Some(detail), log_start_offset: None }
    }
}

fn refused(index: i32, refusal: Refusal) -> PartitionProduceResponse {
    let (error_message, record_errors) =
        refusal.detail.map_or((None, Vec::new()), |detail| (Some(detail.message), detail.records));
    PartitionProduceResponse {
        index,
        error_code: refusal.code.code(),
        base_offset: -1,
        log_start_offset: refusal.log_start_offset.map_or(-1, Offset::get),
        record_errors,
        error_message,
        ..PartitionProduceResponse::default()
    }
}
