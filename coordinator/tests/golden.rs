//! The records of the internal topics are Kafka's, byte for byte: those of `golden/` are what Kafka 4.4 wrote.
#![expect(clippy::unwrap_used, reason = "a test may fail where its fixture is not what it thinks")]

use std::collections::BTreeSet;

use coordinator::group::{GroupRecord, GroupShard};
use coordinator::transaction::{TransactionRecord, TransactionShard, TransactionState, TransactionVersion};
use model::LeaderEpoch;

const CONSUMER_OFFSETS: &str = include_str!("golden/consumer_offsets.txt");
const TRANSACTION_STATE: &str = include_str!("golden/transaction_state.txt");

/// The key of the partition metadata of KIP-848 groups, which Kafka deletes with a group and does not write any more.
const PARTITION_METADATA: [u8; 2] = [0, 4];

/// Keys and values, in the order of the log.
fn records(golden: &str) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let lines = golden.lines().filter(|line| !line.starts_with('#'));
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
    let mut codes = BTreeSet::new();
    for (key, value) in records(CONSUMER_OFFSETS) {
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
    for (key, value) in records(CONSUMER_OFFSETS) {
        shard.replay(&key, value.as_deref()).unwrap();
    }
}

#[test]
fn a_value_that_is_cut_short_names_its_group() {
    for (key, value) in records(CONSUMER_OFFSETS) {
        let Some(value) = value else { continue };
        for end in 0..value.len() {
            let error = GroupRecord::decode(&key, value.get(..end)).unwrap_err();
            assert!(error.id.is_some() && !error.problem.is_empty(), "{error}");
        }
    }
}

#[test]
fn what_kafka_wrote_of_transactions_is_what_we_would_write() {
    let (mut states, mut versions) = (BTreeSet::new(), BTreeSet::new());
    let (mut has_next, mut topics) = (false, 0);
    for (key, value) in records(TRANSACTION_STATE) {
        let record = TransactionRecord::decode(&key, value.as_deref()).unwrap().unwrap();
        let encoded = record.encode(TransactionVersion::V2).unwrap();
        assert_eq!((&encoded.key, encoded.value.as_ref().map(Vec::len)), (&key, value.as_ref().map(Vec::len)));
        let transaction = record.transaction.as_ref().unwrap();
        // Kafka gives topics and partitions in the order of a hash.
        if transaction.partitions.len() <= 1 {
            assert_eq!(encoded.value, value, "{record:?}");
        }
        let again = TransactionRecord::decode(&encoded.key, encoded.value.as_deref()).unwrap();
        assert_eq!(again.as_ref(), Some(&record));
        states.insert(transaction.state);
        versions.insert(transaction.client_version);
        has_next |= transaction.next_producer_id.is_some();
        topics = topics.max(transaction.partitions.topics().count());
    }
    assert_eq!(states, TransactionState::ALL.into(), "the fixture has each state");
    assert_eq!(versions, [TransactionVersion::V0, TransactionVersion::V2].into());
    assert!(has_next && topics == 3, "and an end with the last epoch, and a transaction over three topics");
}

#[test]
fn what_kafka_wrote_of_transactions_can_be_loaded() {
    let mut shard = TransactionShard::new(LeaderEpoch::ZERO);
    for (key, value) in records(TRANSACTION_STATE) {
        shard.replay(&key, value.as_deref()).unwrap();
    }
    let producer = |id| shard.get(id).map(|transaction| (transaction.producer, transaction.previous_producer_id));
    let (four, previous) = producer("four").unwrap();
    assert!(previous.is_some_and(|previous| previous < four.producer_id) && four.producer_epoch.get() == 0);
}
