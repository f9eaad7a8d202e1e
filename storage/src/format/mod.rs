//! Bytes as they lie on disk: one file per kind and version, each with its page in `docs/format`.

pub mod producer_snapshot_v1;
pub mod record_batch_v2;
