//! The small files of a data directory, each by its decoder. What can be read can be written, and then reads the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use storage::format::{
    clean_shutdown_v2, cleaner_checkpoint_v1, leader_epoch_checkpoint_v0, meta_properties_v1, partition_checkpoint_v1,
    partition_metadata_v0,
};

fuzz_target!(|input: &[u8]| {
    let [kind, bytes @ ..] = input else { return };
    fuzz::frugal(bytes.len(), || match kind % 6 {
        0 => {
            if let Some(read) = clean_shutdown_v2::decode(bytes) {
                assert_eq!(
                    Some(&read),
                    clean_shutdown_v2::decode(clean_shutdown_v2::encode(&read).as_bytes()).as_ref()
                );
            }
        }
        1 => {
            if let Some(read) = cleaner_checkpoint_v1::decode(bytes) {
                assert_eq!(Some(read), cleaner_checkpoint_v1::decode(cleaner_checkpoint_v1::encode(read).as_bytes()));
            }
        }
        2 => {
            if let Some(read) = leader_epoch_checkpoint_v0::decode(bytes) {
                let written = leader_epoch_checkpoint_v0::encode(&read);
                assert_eq!(Some(read), leader_epoch_checkpoint_v0::decode(written.as_bytes()));
            }
        }
        3 => {
            if let Ok(read) = meta_properties_v1::MetaProperties::decode(bytes) {
                let again = meta_properties_v1::MetaProperties::decode(read.encode().as_bytes());
                assert!(again.is_ok(), "{again:?}");
            }
        }
        4 => {
            if let Ok(read) = partition_checkpoint_v1::PartitionCheckpoint::decode(bytes) {
                let again = partition_checkpoint_v1::PartitionCheckpoint::decode(read.encode().as_bytes());
                assert!(again.is_ok(), "{again:?}");
            }
        }
        _ => {
            if let Some(read) = partition_metadata_v0::decode(bytes) {
                assert_eq!(Some(read), partition_metadata_v0::decode(partition_metadata_v0::encode(read).as_bytes()));
            }
        }
    });
});
