//! Which partition of an internal topic a group or a transactional id belongs to: as in Kafka, so that its tools look in
//! the right place.

/// The partition of a group or a transactional id, of `count`.
pub(super) fn partition_of(group_id: &str, count: i32) -> i32 {
    match java_hash(group_id).checked_abs() {
        Some(hash) => hash.checked_rem(count).unwrap_or(0),
        // The one number without an absolute value; Kafka takes 0 for it.
        None => 0,
    }
}

/// Java's `String.hashCode`, over the UTF-16 form of the text.
fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_lie_where_kafka_puts_them() {
        // What a Java program prints for String.hashCode.
        assert_eq!(java_hash(""), 0);
        assert_eq!(java_hash("orders"), -1_008_770_331);
        assert_eq!(java_hash("gr\u{fc}n"), 3_185_949);
        assert_eq!(java_hash("\u{1f980}"), 1_772_802);
        assert_eq!(java_hash("polygenelubricants"), i32::MIN);
        assert_eq!(partition_of("polygenelubricants", 50), 0);
        assert_eq!(partition_of("orders", 50), 31);
        assert_eq!(partition_of("orders", 0), 0);
    }
}
