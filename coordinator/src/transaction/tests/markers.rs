//! Markers: each one is written, whatever happens (cases 60, 61).

use super::*;

/// A producer whose transaction is to be committed.
fn preparing(names: &[&str]) -> (Driver, ProducerIdAndEpoch) {
    let mut driver = Driver::new();
    let first = driver.init().unwrap();
    driver.add(first, names, V2).unwrap();
    driver.end(first, COMMIT, V2).unwrap();
    (driver, first)
}

#[test]
fn a_transaction_is_complete_when_the_last_marker_is_written_or_its_topic_gone() {
    let (mut driver, _) = preparing(&["alpha-0", "alpha-1", "beta-0"]);
    let markers = driver.asked.pop().unwrap();
    driver.report(&markers, vec![(partition("alpha-1"), MarkerResult::Written)]);
    driver.report(&markers, vec![(partition("alpha-1"), MarkerResult::Written)]);
    driver.report(&markers, vec![(partition("beta-0"), MarkerResult::TopicDeleted)]);
    assert_eq!(driver.state(), TransactionState::PrepareCommit);
    driver.report(&markers, vec![(partition("gamma-0"), MarkerResult::Written)]);
    assert_eq!(driver.state(), TransactionState::PrepareCommit, "that one was not asked for");
    driver.report(&markers, vec![(partition("alpha-0"), MarkerResult::Written)]);
    assert_eq!(driver.state(), TransactionState::CompleteCommit);
}

#[test]
fn markers_that_failed_are_asked_for_again_soon_and_the_others_are_not() {
    let (mut driver, _) = preparing(&["alpha-0", "alpha-1"]);
    let markers = driver.asked.pop().unwrap();
    for _ in 0..3 {
        driver.report(&markers, vec![(partition("alpha-0"), MarkerResult::Failed)]);
        assert!(driver.asked.is_empty(), "not at once");
        driver.pass(100);
        let again = driver.asked.pop().unwrap();
        assert_eq!(again.partitions, partitions(&["alpha-0"]));
        assert_eq!(again.producer, markers.producer);
    }
    driver.report(&markers, vec![(partition("alpha-1"), MarkerResult::Written)]);
    driver.report(&markers, vec![(partition("alpha-1"), MarkerResult::Failed)]);
    driver.pass(60_000);
    assert!(driver.asked.is_empty(), "what was written, or not reported yet, is not asked for again");
    driver.report(&markers, vec![(partition("alpha-0"), MarkerResult::Written)]);
    assert_eq!(driver.state(), TransactionState::CompleteCommit);
}

#[test]
fn after_a_load_all_markers_are_asked_for_again_with_the_new_epoch() {
    let (mut driver, first) = preparing(&["alpha-0", "alpha-1"]);
    let markers = driver.asked.pop().unwrap();
    driver.report(&markers, vec![(partition("alpha-0"), MarkerResult::Written)]);
    for epoch in 1..4 {
        driver.load(epoch);
        let [again] = driver.asked.as_slice() else { panic!("{:?}", driver.asked) };
        assert_eq!(again.coordinator_epoch, LeaderEpoch::new(epoch).unwrap());
        assert_eq!(again.partitions, partitions(&["alpha-0", "alpha-1"]), "what was written is not known any more");
        assert_eq!((again.producer, again.result), (markers.producer, COMMIT));
        assert_eq!(driver.end(first, COMMIT, V2), Err(ErrorCode::ConcurrentTransactions));
    }
    driver.write_markers();
    assert_eq!(driver.state(), TransactionState::CompleteCommit);
    driver.load(4);
    assert!(driver.asked.is_empty());
}

#[test]
fn an_end_that_the_log_holds_without_partitions_is_completed_after_a_load() {
    let (mut driver, _) = preparing(&["alpha-0"]);
    let mut transaction = driver.shard.get(ID).unwrap().clone();
    transaction.partitions = Partitions::default();
    let record = super::super::TransactionRecord { transactional_id: ID.to_owned(), transaction: Some(transaction) };
    driver.log.push(record.encode(V2).unwrap());
    driver.load(1);
    assert_eq!(driver.state(), TransactionState::CompleteCommit);
}

#[test]
fn a_late_report_does_not_complete_the_next_transaction() {
    for version in [V0, V2] {
        let mut driver = Driver::new();
        let mut present = driver.init().unwrap();
        driver.add(present, &["alpha-0"], version).unwrap();
        present = driver.end(present, COMMIT, version).unwrap().unwrap_or(present);
        let markers = driver.asked.first().unwrap().clone();
        driver.write_markers();
        driver.add(present, &["alpha-0"], version).unwrap();
        driver.report(&markers, vec![(partition("alpha-0"), MarkerResult::Written)]);
        assert_eq!(driver.state(), TransactionState::Ongoing);
    }
}
