//! What is told of transactions, and of records that cannot be read.

use std::collections::BTreeSet;

use super::super::event::{DescribeTransaction, DescribedTransaction, ListTransactions};
use super::super::{CountInState, StateFilter, TransactionCounts, TransactionalIdPattern};
use super::*;

fn describe(driver: &mut Driver, id: &str) -> Result<DescribedTransaction, ErrorCode> {
    match driver.ask(TransactionEvent::DescribeTransaction(DescribeTransaction { transactional_id: id.to_owned() })) {
        TransactionReply::DescribeTransaction(described) => described,
        other => panic!("{other:?}"),
    }
}

fn list(driver: &mut Driver, request: ListTransactions) -> Vec<String> {
    match driver.ask(TransactionEvent::ListTransactions(request)) {
        TransactionReply::ListTransactions(listed) => listed.into_iter().map(|one| one.transactional_id).collect(),
        other => panic!("{other:?}"),
    }
}

fn all() -> ListTransactions {
    ListTransactions { duration_ms: -1, ..ListTransactions::default() }
}

#[test]
fn a_transaction_is_described_with_what_its_markers_wait_for() {
    let mut driver = Driver::new();
    assert_eq!(describe(&mut driver, ""), Err(ErrorCode::InvalidRequest));
    assert_eq!(describe(&mut driver, ID), Err(ErrorCode::TransactionalIdNotFound));
    let first = driver.init().unwrap();
    let empty = describe(&mut driver, ID).unwrap();
    assert_eq!((empty.state, empty.start), (TransactionState::Empty, Timestamp::NONE));
    driver.add(first, &["alpha-0", "beta-1"], V2).unwrap();
    let ongoing = describe(&mut driver, ID).unwrap();
    assert_eq!((ongoing.producer, ongoing.timeout_ms, ongoing.start), (first, 60_000, driver.now().time));
    assert_eq!(ongoing.partitions, partitions(&["alpha-0", "beta-1"]));
    driver.end(first, ABORT, V2).unwrap();
    let markers = driver.asked.pop().unwrap();
    driver.report(&markers, vec![(partition("alpha-0"), MarkerResult::Written)]);
    let preparing = describe(&mut driver, ID).unwrap();
    assert_eq!(preparing.state.name(), "PrepareAbort");
    assert_eq!((preparing.producer, preparing.partitions), (producer(100, 1), partitions(&["beta-1"])));
}

#[test]
fn transactions_are_listed_by_state_producer_duration_and_pattern() {
    let mut driver = Driver::new();
    driver.init_with(InitProducerId { transactional_id: "app-1".to_owned(), ..init_request() }).unwrap();
    let first = driver.init().unwrap();
    driver.add(first, &["alpha-0"], V2).unwrap();
    driver.pass(500);
    assert_eq!(list(&mut driver, all()), ["app-1", ID]);
    let states = |names: &[&str]| {
        let known = names.iter().filter_map(|name| match StateFilter::of_name(name) {
            StateFilter::Known(state) => Some(state),
            StateFilter::Never | StateFilter::Unknown => None,
        });
        ListTransactions { states: Some(known.collect()), ..all() }
    };
    assert_eq!(list(&mut driver, states(&["Ongoing", "nonsense"])), [ID]);
    assert_eq!(list(&mut driver, states(&["Empty", "Ongoing"])), ["app-1", ID]);
    assert!(list(&mut driver, states(&["ongoing", "Dead"])).is_empty(), "no state has that name");
    assert_eq!(StateFilter::of_name("PrepareEpochFence"), StateFilter::Never);
    let of = |ids: &[i64]| ListTransactions { producer_ids: ids.iter().copied().collect::<BTreeSet<_>>(), ..all() };
    assert_eq!(list(&mut driver, of(&[100, 7])), ["app-1"]);
    let longer = |duration_ms| ListTransactions { duration_ms, ..states(&["Ongoing"]) };
    assert_eq!(list(&mut driver, longer(499)), [ID]);
    assert!(list(&mut driver, longer(500)).is_empty());
    let pattern = |text| ListTransactions { pattern: Some(TransactionalIdPattern::compile(text).unwrap()), ..all() };
    assert_eq!(list(&mut driver, pattern("app-.*")), ["app-1"]);
    assert!(list(&mut driver, pattern("app")).is_empty(), "the whole id must match");
    for bad in ["(", "a)(b", "[", "a{100000}{100000}"] {
        assert_eq!(TransactionalIdPattern::compile(bad).unwrap_err(), ErrorCode::InvalidRegularExpression);
    }
}

#[test]
fn open_transactions_are_counted_with_their_ages() {
    let mut driver = Driver::new();
    assert_eq!(driver.shard.count_transactions(driver.now()), TransactionCounts::default());
    let first = driver.init().unwrap();
    driver.add(first, &["alpha-0"], V2).unwrap();
    driver.pass(300);
    let at_rest = TransactionCounts { ids: 1, ..TransactionCounts::default() };
    let one = |oldest_ms| CountInState { count: 1, oldest_ms };
    let counts = driver.shard.count_transactions(driver.now());
    assert_eq!(counts, TransactionCounts { ongoing: one(300), ..at_rest });
    let first = driver.end(first, COMMIT, V2).unwrap().unwrap();
    driver.pass(200);
    let counts = driver.shard.count_transactions(driver.now());
    assert_eq!(counts, TransactionCounts { prepare_commit: one(200), ..at_rest });
    driver.write_markers();
    assert_eq!(driver.shard.count_transactions(driver.now()), at_rest);
    driver.add(first, &["alpha-0"], V2).unwrap();
    driver.end(first, ABORT, V2).unwrap();
    driver.pass(70);
    let counts = driver.shard.count_transactions(driver.now());
    assert_eq!(counts, TransactionCounts { prepare_abort: one(70), ..at_rest });
    let mut both = counts;
    both.add(&TransactionCounts { prepare_abort: one(90), ..at_rest });
    assert_eq!(both.prepare_abort, CountInState { count: 2, oldest_ms: 90 });
    assert_eq!(both.ids, 2);
}

#[test]
fn a_record_that_cannot_be_read_costs_its_id_until_a_later_one_says_all() {
    let mut driver = Driver::new();
    driver.init().unwrap();
    let good = driver.log.last().unwrap().clone();
    let value = good.value.clone().unwrap();
    let mut shard = TransactionShard::new(LeaderEpoch::ZERO);
    for end in 0..value.len() {
        let error = shard.replay(&good.key, value.get(..end)).unwrap_err();
        assert_eq!(error.id.as_deref(), Some(ID));
        assert!(shard.damage_of(ID).is_some());
    }
    shard.replay(&good.key, Some(&value)).unwrap();
    assert!(shard.damage_of(ID).is_none());
    shard.distrust(&good.key, "the checksum of its batch is wrong");
    assert!(shard.damage_of(ID).is_some());
    shard.replay(&good.key, None).unwrap();
    assert!(shard.damage_of(ID).is_none() && shard.get(ID).is_none());
    // Types that are not known are passed over, as Kafka does; what is no key at all is said so.
    shard.replay(&[0, 9, 1], Some(&[1])).unwrap();
    assert!(shard.replay(&[0], None).unwrap_err().id.is_none());
    assert!(shard.replay(&[0, 0, 0, 9, 1], None).unwrap_err().id.is_none());
}

#[test]
fn values_that_mean_nothing_are_refused() {
    use crate::records::transaction_log::{PartitionsSchema, TransactionLogValue};
    let key = TransactionRecordBytes::key();
    let good = TransactionLogValue { transaction_status: 1, ..TransactionLogValue::default() };
    let topic = |name: &str, id| Some(vec![PartitionsSchema { topic: name.to_owned(), partition_ids: vec![id] }]);
    let bad = [
        TransactionLogValue { producer_id: -1, ..good.clone() },
        TransactionLogValue { producer_epoch: -1, ..good.clone() },
        TransactionLogValue { transaction_status: 6, ..good.clone() },
        TransactionLogValue { transaction_status: -1, ..good.clone() },
        TransactionLogValue { client_transaction_version: 3, ..good.clone() },
        TransactionLogValue { transaction_partitions: topic("a/b", 0), ..good.clone() },
        TransactionLogValue { transaction_partitions: topic("alpha", -1), ..good.clone() },
    ];
    let mut shard = TransactionShard::new(LeaderEpoch::ZERO);
    for value in &bad {
        let error = shard.replay(&key, Some(&TransactionRecordBytes::value(value))).unwrap_err();
        assert!(!error.problem.is_empty(), "{value:?}");
    }
    shard.replay(&key, Some(&TransactionRecordBytes::value(&good))).unwrap();
    assert_eq!(shard.get(ID).unwrap().state, TransactionState::Ongoing, "partitions may be absent");
}

/// Records made by hand.
struct TransactionRecordBytes;

impl TransactionRecordBytes {
    fn key() -> Vec<u8> {
        let mut key = vec![0, 0, 0, u8::try_from(ID.len()).unwrap()];
        key.extend(ID.bytes());
        key
    }

    fn value(value: &crate::records::transaction_log::TransactionLogValue) -> Vec<u8> {
        let mut encoder = model::wire::Encoder::with_capacity(64);
        encoder.i16(1);
        model::wire::Encode::encode(value, &mut encoder, 1).unwrap();
        encoder.into_parts().0
    }
}
