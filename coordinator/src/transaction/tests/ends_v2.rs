//! How transactions end by KIP-890 (cases 52, 53, 54).

use super::*;

/// A producer with a transaction.
fn ongoing() -> (Driver, ProducerIdAndEpoch) {
    let mut driver = Driver::new();
    let first = driver.init().unwrap();
    driver.add(first, &["alpha-0"], V2).unwrap();
    (driver, first)
}

#[test]
fn each_end_takes_the_producer_to_the_next_epoch() {
    let (mut driver, first) = ongoing();
    assert_eq!(driver.end(first, COMMIT, V2), Ok(Some(producer(100, 1))));
    let markers = driver.asked.first().unwrap();
    assert_eq!((markers.producer, markers.version), (producer(100, 1), V2), "the marker has the next epoch");
    driver.write_markers();
    assert_eq!(driver.add(first, &["alpha-0"], V2), Err(ErrorCode::ProducerFenced));
    driver.add(producer(100, 1), &["alpha-0"], V2).unwrap();
    assert_eq!(driver.end(producer(100, 1), ABORT, V2), Ok(Some(producer(100, 2))));
}

#[test]
fn the_same_end_again_gets_the_same_answer() {
    for (result, other) in [(COMMIT, ABORT), (ABORT, COMMIT)] {
        let (mut driver, first) = ongoing();
        let next = driver.end(first, result, V2).unwrap();
        assert_eq!(driver.end(first, result, V2), Err(ErrorCode::ConcurrentTransactions));
        driver.write_markers();
        assert_eq!(driver.end(first, result, V2), Ok(next));
        assert_eq!(driver.end(first, other, V2), Err(ErrorCode::InvalidTxnState));
        driver.load(1);
        assert_eq!(driver.end(first, result, V2), Ok(next), "also of the next coordinator");
        assert_eq!(driver.end(first, other, V2), Err(ErrorCode::InvalidTxnState));
    }
}

#[test]
fn an_end_that_comes_late_does_not_end_the_next_transaction() {
    // KAFKA-17754.
    for late in [COMMIT, ABORT] {
        let (mut driver, first) = ongoing();
        let next = driver.end(first, late, V2).unwrap().unwrap();
        driver.write_markers();
        driver.add(next, &["alpha-0"], V2).unwrap();
        assert_eq!(driver.end(first, late, V2), Err(ErrorCode::ProducerFenced));
        assert_eq!(driver.state(), TransactionState::Ongoing);
    }
}

#[test]
fn a_fenced_producer_is_not_taken_for_one_of_kip_98_that_ended_in_the_same_way() {
    for result in [COMMIT, ABORT] {
        let (mut driver, first) = ongoing();
        let fenced = driver.end(first, result, V2).unwrap().unwrap();
        driver.write_markers();
        let older = driver.init().unwrap();
        driver.add(older, &["alpha-0"], V0).unwrap();
        assert_eq!(driver.end(older, result, V0), Ok(None));
        driver.write_markers();
        assert_eq!(driver.end(fenced, result, V2), Err(ErrorCode::ProducerFenced), "it would have the same epoch");
    }
}

#[test]
fn an_abort_without_a_transaction_is_one_and_a_commit_is_refused() {
    // The client cannot know whether its last write has begun one.
    let mut driver = Driver::new();
    let mut present = driver.init().unwrap();
    assert_eq!(driver.end(present, COMMIT, V2), Err(ErrorCode::InvalidTxnState));
    for epoch in 1..=2 {
        let next = driver.end(present, ABORT, V2).unwrap().unwrap();
        assert_eq!(next, producer(100, epoch));
        assert_eq!(driver.state(), TransactionState::CompleteAbort, "without markers it is done at once");
        assert_eq!(driver.end(next, COMMIT, V2), Err(ErrorCode::InvalidTxnState));
        present = next;
    }
    driver.add(present, &["alpha-0"], V2).unwrap();
    let next = driver.end(present, COMMIT, V2).unwrap().unwrap();
    driver.write_markers();
    assert_eq!(driver.end(next, COMMIT, V2), Err(ErrorCode::InvalidTxnState));
    assert_eq!(driver.end(next, ABORT, V2), Ok(Some(producer(100, 4))));
    assert!(driver.shard.get(ID).unwrap().start.get() > 0, "it has a beginning");
}

#[test]
fn the_last_epoch_is_followed_by_a_new_id() {
    for result in [COMMIT, ABORT] {
        let mut driver = Driver::new();
        driver.init().unwrap();
        let last = driver.set_epoch(i16::MAX - 1);
        driver.add(last, &["alpha-0"], V2).unwrap();
        let next = driver.end(last, result, V2).unwrap();
        assert_eq!(next, Some(producer(101, 0)));
        assert_eq!(driver.asked.first().unwrap().producer, producer(100, i16::MAX), "the marker fences the old id");
        assert_eq!(driver.end(last, result, V2), Err(ErrorCode::ConcurrentTransactions));
        driver.load(1);
        driver.write_markers();
        assert_eq!(driver.shard.get(ID).unwrap().producer, producer(101, 0));
        assert_eq!(driver.end(last, result, V2), Ok(next), "the answer was lost");
        assert_eq!(driver.end(producer(100, 7), result, V2), Err(ErrorCode::InvalidProducerIdMapping));
        driver.add(producer(101, 0), &["alpha-0"], V2).unwrap();
        assert_eq!(driver.end(last, result, V2), Err(ErrorCode::InvalidProducerIdMapping), "too late");
        assert_eq!(driver.end(producer(101, i16::MAX - 1), result, V2), Err(ErrorCode::ProducerFenced));
    }
}

#[test]
fn a_producer_whose_end_was_not_answered_may_also_begin_again() {
    let (mut driver, first) = ongoing();
    let next = driver.end(first, COMMIT, V2).unwrap().unwrap();
    assert_eq!(driver.init_from(first), Err(ErrorCode::ConcurrentTransactions));
    driver.write_markers();
    assert_eq!(driver.init_from(first), Ok(next));
}

#[test]
fn the_version_of_a_client_counts_before_the_brokers() {
    let mut driver = Driver::with_version(TransactionVersion::V1);
    let first = driver.init().unwrap();
    driver.add(first, &["alpha-0"], V2).unwrap();
    assert_eq!(driver.end(first, COMMIT, V2), Ok(Some(producer(100, 1))));
}
