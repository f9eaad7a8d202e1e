//! Bytes as they lie on disk: one file per kind and version, each with its page in `docs/format`.

pub mod clean_shutdown_v2;
pub mod cleaner_checkpoint_v1;
pub mod leader_epoch_checkpoint_v0;
pub mod meta_properties_v1;
pub mod offset_index_v1;
pub mod partition_checkpoint_v1;
pub mod partition_metadata_v0;
pub mod producer_snapshot_v1;
pub mod record_batch_v2;
pub mod time_index_v1;
pub mod transaction_index_v0;
