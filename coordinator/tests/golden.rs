//! The records of `__consumer_offsets` are Kafka's, byte for byte: those of `golden/` are what Kafka 4.4 wrote.
#![expect(clippy::unwrap_used, reason = "a test may fail where its fixture is not what it thinks")]

use coordinator::group::{GroupRecord, GroupShard};

const GOLDEN: &str = include_str!("golden/consumer_offsets.txt");

/// The key of the partition metadata of KIP-848 groups, which Kafka deletes with a group and does not write any more.
const PARTITION_METADATA: [u8; 2] = [0, 4];

/// Keys and values, in the order of the log.
fn records() -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let lines = GOLDEN.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (key, value) = line.split_once(' ').unwrap();
            (bytes(key), (value != "-").then(|| bytes(value)))
        })
        .collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<_> = hex.chars().map(|digit| u8::try_from(digit.to_digit(16).unwrap()).unwrap()).collect();
    digits.chunks_exact(2).map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit)).collect()
}

#[test]
fn what_kafka_wrote_is_what_we_would_write() {
    let mut codes = std::collections::BTreeSet::new();
    for (key, value) in records() {
        let Some(record) = GroupRecord::decode(&key, value.as_deref()).unwrap() else {
            assert!(key.starts_with(&PARTITION_METADATA) && value.is_none(), "{key:?} is of a type that is not known");
            continue;
        };
        codes.insert(record.code());
        let encoded = record.encode().unwrap();
        assert_eq!((encoded.key, encoded.value), (key, value), "{record:?}");
    }
    assert_eq!(codes, [1, 2, 3, 5, 6, 7, 8, 16].into(), "the fixture has each type of record");
}

#[test]
fn what_kafka_wrote_can_be_loaded() {
    let mut shard = GroupShard::new();
    for (key, value) in records() {
        shard.replay(&key, value.as_deref()).unwrap();
    }
}

#[test]
fn a_value_that_is_cut_short_names_its_group() {
    for (key, value) in records() {
        let Some(value) = value else { continue };
        for end in 0..value.len() {
            let error = GroupRecord::decode(&key, value.get(..end)).unwrap_err();
            assert!(error.group_id.is_some() && !error.problem.is_empty(), "{error}");
        }
    }
}
