//! How producers begin (cases 48, 49, 54; KIP-360).

use super::*;

#[test]
fn a_producer_begins_with_epoch_0_and_the_next_one_fences_it() {
    let mut driver = Driver::new();
    assert_eq!(driver.init(), Ok(producer(100, 0)));
    assert_eq!(driver.init(), Ok(producer(100, 1)));
    assert_eq!(driver.add(producer(100, 0), &["alpha-0"], V0), Err(ErrorCode::ProducerFenced));
    assert_eq!(driver.state(), TransactionState::Empty);
}

#[test]
fn what_no_state_could_make_right_is_refused() {
    let mut driver = Driver::new();
    let empty = InitProducerId { transactional_id: String::new(), ..init_request() };
    assert_eq!(driver.init_with(empty), Err(ErrorCode::InvalidRequest));
    for transaction_timeout_ms in [0, -1, i32::MIN, 900_001, i32::MAX] {
        let request = InitProducerId { transaction_timeout_ms, ..init_request() };
        assert_eq!(driver.init_with(request), Err(ErrorCode::InvalidTransactionTimeout));
    }
    let two_phase = InitProducerId { enable_two_phase_commit: true, ..init_request() };
    assert_eq!(driver.init_with(two_phase.clone()), Err(ErrorCode::TransactionalIdAuthorizationFailed));
    let kept = InitProducerId { keep_prepared_transaction: true, ..init_request() };
    assert_eq!(driver.init_with(kept), Err(ErrorCode::UnsupportedVersion));
    assert!(driver.log.is_empty() && driver.next_id == 100, "nothing was made");
    driver.settings.two_phase_commit_enable = true;
    assert_eq!(driver.init_with(two_phase), Ok(producer(100, 0)));
    assert_eq!(driver.shard.get(ID).unwrap().timeout_ms, i32::MAX);
}

#[test]
fn a_producer_that_goes_on_from_its_epoch_gets_the_next_and_gets_it_again() {
    let mut driver = Driver::new();
    let first = driver.init().unwrap();
    let second = driver.init_from(first).unwrap();
    assert_eq!(second, producer(100, 1));
    assert_eq!(driver.init_from(first), Ok(second), "the answer was lost");
    assert_eq!(driver.init_from(second), Ok(producer(100, 2)));
    assert_eq!(driver.init_from(first), Err(ErrorCode::ProducerFenced));
    // Another one begins: whoever was there before is gone.
    assert_eq!(driver.init(), Ok(producer(100, 3)));
    assert_eq!(driver.init_from(second), Err(ErrorCode::ProducerFenced));
    assert_eq!(driver.init_from(producer(99, 3)), Err(ErrorCode::ProducerFenced));
}

#[test]
fn a_producer_of_a_forgotten_id_may_go_on_from_anything() {
    let mut driver = Driver::new();
    let expected = Some(RawProducer { id: -2, epoch: -2 });
    assert_eq!(driver.init_with(InitProducerId { expected, ..init_request() }), Ok(producer(100, 0)));
    assert_eq!(driver.init_from(producer(7, 7)), Err(ErrorCode::ProducerFenced), "it is known now");
}

#[test]
fn when_the_epochs_are_used_up_a_new_id_begins_at_0() {
    let mut driver = Driver::new();
    driver.init().unwrap();
    driver.set_epoch(i16::MAX - 1);
    assert_eq!(driver.init(), Ok(producer(101, 0)));
}

#[test]
fn when_the_epochs_are_used_up_a_producer_that_goes_on_may_ask_again() {
    let mut driver = Driver::new();
    driver.init().unwrap();
    let last = driver.set_epoch(i16::MAX - 1);
    assert_eq!(driver.init_from(producer(100, 5)), Err(ErrorCode::ProducerFenced));
    assert_eq!(driver.init_from(last), Ok(producer(101, 0)));
    assert_eq!(driver.init_from(last), Ok(producer(101, 0)), "the answer was lost");
    assert_eq!(driver.next_id, 102, "and no other id was taken for it");
    assert_eq!(driver.init(), Ok(producer(101, 1)));
    assert_eq!(driver.init_from(last), Err(ErrorCode::ProducerFenced));
}

#[test]
fn a_producer_that_begins_in_the_middle_of_a_transaction_has_it_aborted() {
    let mut driver = Driver::new();
    let first = driver.init().unwrap();
    driver.add(first, &["alpha-0", "beta-3"], V2).unwrap();
    assert_eq!(driver.init(), Err(ErrorCode::ConcurrentTransactions));
    assert_eq!(driver.init(), Err(ErrorCode::ConcurrentTransactions), "its markers are being written");
    assert_eq!(driver.asked.len(), 1, "once");
    let markers = driver.asked.first().unwrap().clone();
    assert_eq!((markers.result, markers.producer), (ABORT, producer(100, 1)));
    assert_eq!(markers.partitions, partitions(&["alpha-0", "beta-3"]));
    driver.write_markers();
    assert_eq!(driver.state(), TransactionState::CompleteAbort);
    // The epoch of the abort is nobody's.
    assert_eq!(driver.init(), Ok(producer(100, 2)));
    assert_eq!(driver.end(first, COMMIT, V2), Err(ErrorCode::ProducerFenced));
    assert_eq!(driver.end(first, COMMIT, V0), Err(ErrorCode::ProducerFenced));
}

#[test]
fn fencing_works_without_kip_890() {
    for version in [V0, TransactionVersion::V1] {
        let mut driver = Driver::with_version(version);
        let first = driver.init().unwrap();
        driver.add(first, &["alpha-0"], V0).unwrap();
        assert_eq!(driver.init(), Err(ErrorCode::ConcurrentTransactions));
        assert_eq!(driver.asked.first().unwrap().producer, producer(100, 1));
        assert_eq!(driver.asked.first().unwrap().version, V0);
        driver.write_markers();
        assert_eq!(driver.init(), Ok(producer(100, 2)));
    }
}

#[test]
fn fencing_with_the_last_epoch_leads_to_a_new_id() {
    for version in [V0, V2] {
        let mut driver = Driver::with_version(version);
        driver.init().unwrap();
        let last = driver.set_epoch(i16::MAX - 1);
        driver.add(last, &["alpha-0"], V0).unwrap();
        assert_eq!(driver.init(), Err(ErrorCode::ConcurrentTransactions));
        assert_eq!(driver.asked.first().unwrap().producer, producer(100, i16::MAX));
        driver.write_markers();
        let next = driver.init().unwrap();
        assert!(next.producer_id.get() > 100, "{next:?}");
        assert_eq!(driver.init_from(last), Err(ErrorCode::ProducerFenced));
    }
}

#[test]
fn a_fenced_producer_without_epochs_to_follow_is_told_so() {
    // Kafka throws here, which the client hears as an unknown server error.
    let mut driver = Driver::with_version(V0);
    driver.init().unwrap();
    let last = driver.set_epoch(i16::MAX - 1);
    driver.add(last, &["alpha-0"], V0).unwrap();
    assert_eq!(driver.init(), Err(ErrorCode::ConcurrentTransactions));
    driver.write_markers();
    assert_eq!(driver.init_from(last), Err(ErrorCode::ProducerFenced));
}

#[test]
fn ids_are_bounded_in_length_and_number() {
    let mut driver = Driver::new();
    driver.settings.transactional_ids_max = 1;
    driver.settings.id_bytes_max = 6;
    let long = InitProducerId { transactional_id: "seven77".to_owned(), ..init_request() };
    assert_eq!(driver.init_with(long), Err(ErrorCode::PolicyViolation));
    assert_eq!(driver.init(), Ok(producer(100, 0)));
    let second = InitProducerId { transactional_id: "other".to_owned(), ..init_request() };
    assert_eq!(driver.init_with(second), Err(ErrorCode::PolicyViolation));
    assert_eq!(driver.init(), Ok(producer(100, 1)), "who is there stays");
}
