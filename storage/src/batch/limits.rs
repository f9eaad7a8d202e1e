//! How much of a compressed batch is looked at. Small bytes can claim, and bring, thousands of times their size.

use model::config::TopicConfig;

/// Bytes after which reading the records of a compressed batch ends with [`super::RecordFault::TooLarge`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecompressionLimits {
    /// Bytes of one record, from `max.decompressed.message.bytes`.
    pub record: u32,
    /// Bytes of all records of the batch together, from `max.decompressed.batch.bytes`.
    pub batch: u32,
}

impl DecompressionLimits {
    /// As many bytes for one record as for all of them.
    #[must_use]
    pub const fn bytes(bytes: u32) -> Self {
        Self { record: bytes, batch: bytes }
    }

    /// What the topic allows.
    #[must_use]
    pub fn of(config: &TopicConfig) -> Self {
        let bytes = |config| u32::try_from(config).unwrap_or(0);
        Self { record: bytes(config.max_decompressed_message_bytes), batch: bytes(config.max_decompressed_batch_bytes) }
    }
}
