//! Why one partition's batch was not appended, as the answer says it.

use model::{ErrorCode, Offset};
use protocol::messages::produce::{BatchIndexAndErrorMessage, PartitionProduceResponse};
use storage::batch::BatchError;
use storage::error::AppendError;

/// Why one partition's batch was not appended.
pub(super) struct Refusal {
    code: ErrorCode,
    detail: Option<Detail>,
    /// Where the log begins, if it was asked.
    log_start_offset: Option<Offset>,
}

impl Refusal {
    /// A refusal with more to say than its code.
    pub(super) fn because(code: ErrorCode, message: String) -> Self {
        Self { detail: Some(Detail { message, records: Vec::new() }), ..Self::from(code) }
    }

    /// Adds where the log begins, with the errors that Kafka tells it with.
    pub(super) fn at(self, log_start_offset: Offset) -> Self {
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

pub(super) fn refused(index: i32, refusal: Refusal) -> PartitionProduceResponse {
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
