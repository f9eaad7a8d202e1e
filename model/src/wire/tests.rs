use super::{Reader, WireError, Writer};
use proptest::prelude::*;

proptest! {
    #[test]
    fn varints_read_back(small in any::<u32>(), signed in any::<i32>(), large in any::<i64>()) {
        let mut writer = Writer::new();
        writer.unsigned_varint(small);
        writer.varint(signed);
        writer.varlong(large);
        let mut reader = Reader::new(writer.as_slice());
        prop_assert_eq!(reader.unsigned_varint(), Ok(small));
        prop_assert_eq!(reader.varint(), Ok(signed));
        prop_assert_eq!(reader.varlong(), Ok(large));
        prop_assert_eq!(reader.finish(), Ok(()));
    }

    #[test]
    fn no_bytes_make_a_varint_panic(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
        let _ = Reader::new(&bytes).varint();
        let _ = Reader::new(&bytes).varlong();
    }
}

#[test]
fn a_varint_longer_than_its_type_is_an_error() {
    assert_eq!(Reader::new(&[0x80; 6]).unsigned_varint(), Err(WireError::VarintTooLong));
    assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x1f]).unsigned_varint(), Err(WireError::VarintTooLong));
    assert_eq!(Reader::new(&[0xff, 0xff, 0xff, 0xff, 0x0f]).unsigned_varint(), Ok(u32::MAX));
    assert_eq!(Reader::new(&[0xff; 11]).varlong(), Err(WireError::VarintTooLong));
}

#[test]
fn a_count_that_the_bytes_cannot_hold_is_refused_before_it_is_a_capacity() {
    let reader = Reader::new(&[0; 10]);
    assert_eq!(reader.check_count(2, 5), Ok(2));
    assert_eq!(reader.check_count(u32::MAX, 4), Err(WireError::CountTooLarge { count: u32::MAX, remaining: 10 }));
    assert!(reader.check_count(11, 0).is_err());
}

#[test]
fn a_short_read_says_what_was_missing_and_reads_nothing() {
    let mut reader = Reader::new(&[1, 2]);
    assert_eq!(reader.i32(), Err(WireError::Truncated { needed: 4, remaining: 2 }));
    assert_eq!(reader.u16(), Ok(0x0102));
}
