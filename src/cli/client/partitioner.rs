//! Which partition a key belongs to, as Kafka's Java client has it: other producers must agree.

/// The partition of a key among `partitions`: murmur2 without its sign, modulo. `partitions` must not be 0.
pub(crate) fn partition_of(key: &[u8], partitions: usize) -> usize {
    model::num::usize_from_u32(murmur2(key) & 0x7fff_ffff).checked_rem(partitions).unwrap_or(0)
}

/// Austin Appleby's `MurmurHash2` with the seed that Kafka's client uses.
fn murmur2(data: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut hash = SEED ^ length;
    let (words, tail) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !tail.is_empty() {
        for (place, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * place);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ hash >> 15
}

#[cfg(test)]
mod tests {
    use super::murmur2;

    /// The values that kafka-clients' `Utils.murmur2` gives (its own test has them, signed).
    #[test]
    fn the_hash_is_that_of_the_java_client() {
        let known: [(&[u8], i32); 4] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"abc", 479_470_107),
        ];
        for (key, hash) in known {
            assert_eq!(murmur2(key).cast_signed(), hash, "{key:?}");
        }
    }
}
