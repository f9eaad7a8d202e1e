//! The entries of an index file.

use storage::IndexEntry;

/// The entries in the bytes of an index. They end at the first that is all zeros: Kafka sets space aside for the index of the
/// segment that it writes, and no true entry is zeros, because the first batch of a segment has none.
pub(super) fn entries<E: IndexEntry>(bytes: &[u8]) -> Vec<E> {
    let written = |entry: &&[u8]| entry.iter().any(|byte| *byte != 0);
    bytes.chunks_exact(E::SIZE).take_while(written).filter_map(E::decode).collect()
}
