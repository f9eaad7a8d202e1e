//! How transactions end as of KIP-98 (cases 50, 52).

use super::*;

#[test]
fn a_transaction_ends_when_its_markers_are_written_and_keeps_its_epoch() {
    for (result, preparing, complete) in [
        (COMMIT, TransactionState::PrepareCommit, TransactionState::CompleteCommit),
        (ABORT, TransactionState::PrepareAbort, TransactionState::CompleteAbort),
    ] {
        let mut driver = Driver::new();
        let first = driver.init().unwrap();
        driver.add(first, &["alpha-0", "__consumer_offsets-7"], V0).unwrap();
        assert_eq!(driver.end(first, result, V0), Ok(None));
        assert_eq!(driver.state(), preparing);
        let markers = driver.asked.first().unwrap();
        assert_eq!((markers.producer, markers.result, markers.version), (first, result, V0));
        assert_eq!(markers.partitions, partitions(&["alpha-0", "__consumer_offsets-7"]));
        driver.write_markers();
        assert_eq!(driver.state(), complete);
        assert!(driver.shard.get(ID).unwrap().partitions.is_empty());
        assert_eq!(driver.shard.get(ID).unwrap().producer, first);
        driver.add(first, &["alpha-0"], V0).unwrap();
    }
}

#[test]
fn an_end_may_be_asked_for_again_but_not_another_end() {
    let mut driver = Driver::new();
    let first = driver.init().unwrap();
    assert_eq!(driver.end(first, COMMIT, V0), Err(ErrorCode::InvalidTxnState), "there is none");
    assert_eq!(driver.end(first, ABORT, V0), Err(ErrorCode::InvalidTxnState), "there is none");
    for (result, other) in [(COMMIT, ABORT), (ABORT, COMMIT)] {
        driver.add(first, &["alpha-0"], V0).unwrap();
        driver.end(first, result, V0).unwrap();
        assert_eq!(driver.end(first, result, V0), Err(ErrorCode::ConcurrentTransactions));
        assert_eq!(driver.end(first, other, V0), Err(ErrorCode::ConcurrentTransactions));
        driver.write_markers();
        assert_eq!(driver.end(first, result, V0), Ok(None));
        assert_eq!(driver.end(first, other, V0), Err(ErrorCode::InvalidTxnState));
    }
}

#[test]
fn only_the_present_producer_may_end() {
    for version in [V0, V2] {
        let mut driver = Driver::new();
        assert_eq!(driver.end(producer(100, 0), COMMIT, version), Err(ErrorCode::InvalidProducerIdMapping));
        driver.init().unwrap();
        let second = driver.init().unwrap();
        driver.add(second, &["alpha-0"], version).unwrap();
        assert_eq!(driver.end(producer(1, 1), COMMIT, version), Err(ErrorCode::InvalidProducerIdMapping));
        assert_eq!(driver.end(producer(100, 0), COMMIT, version), Err(ErrorCode::ProducerFenced));
        assert_eq!(driver.end(producer(100, 2), ABORT, version), Err(ErrorCode::ProducerFenced));
        assert_eq!(driver.state(), TransactionState::Ongoing);
        let request =
            EndTxn { transactional_id: String::new(), producer: raw(second), result: COMMIT, client_version: version };
        let reply = driver.ask(TransactionEvent::EndTxn(request));
        assert_eq!(reply, TransactionReply::EndTxn(Err(ErrorCode::InvalidRequest)));
    }
}

#[test]
fn a_transaction_without_partitions_ends_at_once() {
    for version in [V0, V2] {
        let mut driver = Driver::new();
        let first = driver.init().unwrap();
        driver.add(first, &[], version).unwrap();
        assert_eq!(driver.state(), TransactionState::Ongoing);
        driver.end(first, COMMIT, version).unwrap();
        assert_eq!(driver.state(), TransactionState::CompleteCommit);
        assert!(driver.asked.is_empty());
    }
}

#[test]
fn a_broker_with_old_records_takes_newer_requests_as_older_ones() {
    // Its records have no room for what the newer ones need.
    let mut driver = Driver::with_version(V0);
    let first = driver.init().unwrap();
    driver.add(first, &["alpha-0"], V2).unwrap();
    assert_eq!(driver.end(first, COMMIT, V2), Ok(None));
    driver.write_markers();
    assert_eq!(driver.shard.get(ID).unwrap().producer, first);
}
