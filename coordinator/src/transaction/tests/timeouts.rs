//! What happens when nobody asks (cases 59, 66).

use super::*;

#[test]
fn a_transaction_that_takes_too_long_is_aborted_within_the_interval_and_fences() {
    let mut driver = Driver::new();
    let first = driver.init().unwrap();
    driver.add(first, &["alpha-0"], V0).unwrap();
    driver.pass(60_000);
    assert_eq!(driver.state(), TransactionState::Ongoing);
    driver.pass(10_001);
    assert_eq!(driver.state(), TransactionState::PrepareAbort);
    driver.write_markers();
    assert_eq!(driver.state(), TransactionState::CompleteAbort);
    assert_eq!(driver.end(first, COMMIT, V0), Err(ErrorCode::ProducerFenced));
    assert_eq!(driver.init(), Ok(producer(100, 2)));
}

#[test]
fn adding_partitions_does_not_make_a_transaction_live_longer() {
    let mut driver = Driver::new();
    let first = driver.init().unwrap();
    for number in 0..7 {
        driver.add(first, &[&format!("alpha-{number}")], V0).unwrap();
        driver.pass(10_000);
    }
    driver.pass(1);
    assert_eq!(driver.state(), TransactionState::PrepareAbort);
}

#[test]
fn a_transaction_without_partitions_times_out_too() {
    let mut driver = Driver::new();
    let first = driver.init().unwrap();
    driver.add(first, &[], V0).unwrap();
    driver.pass(70_001);
    assert_eq!(driver.state(), TransactionState::CompleteAbort);
}

#[test]
fn a_producer_of_kip_890_whose_transaction_took_too_long_may_abort_it_and_go_on() {
    let mut driver = Driver::new();
    let first = driver.init().unwrap();
    driver.add(first, &["alpha-0"], V2).unwrap();
    driver.pass(70_001);
    driver.write_markers();
    assert_eq!(driver.end(first, COMMIT, V2), Err(ErrorCode::InvalidTxnState));
    assert_eq!(driver.end(first, ABORT, V2), Ok(Some(producer(100, 1))));
}

#[test]
fn a_timeout_with_the_last_epoch_takes_a_new_id() {
    let mut driver = Driver::new();
    driver.init().unwrap();
    let last = driver.set_epoch(i16::MAX - 1);
    driver.add(last, &["alpha-0"], V2).unwrap();
    driver.pass(70_001);
    assert_eq!(driver.asked.first().unwrap().producer, producer(100, i16::MAX));
    driver.write_markers();
    assert_eq!(driver.shard.get(ID).unwrap().producer, producer(101, 0));
    assert_eq!(driver.end(last, ABORT, V2), Ok(Some(producer(101, 0))));
}

#[test]
fn a_restart_does_not_begin_the_time_anew() {
    let mut driver = Driver::new();
    let first = driver.init().unwrap();
    driver.add(first, &["alpha-0"], V2).unwrap();
    driver.pass(55_000);
    driver.load(1);
    driver.pass(10_000);
    assert_eq!(driver.state(), TransactionState::PrepareAbort);
}

#[test]
fn many_transactions_are_aborted_one_after_the_other() {
    let mut driver = Driver::new();
    for number in 0..50 {
        let request = InitProducerId { transactional_id: format!("id-{number}"), ..init_request() };
        let first = driver.init_with(request).unwrap();
        let request = AddPartitions {
            transactional_id: format!("id-{number}"),
            producer: raw(first),
            partitions: partitions(&["alpha-0"]),
            client_version: V2,
        };
        driver.ask(TransactionEvent::AddPartitions(request));
    }
    driver.pass(70_001);
    assert_eq!(driver.asked.len(), 50);
    driver.write_markers();
    assert!(driver.shard.count_transactions(driver.now()).open().iter().all(|(_, in_state)| in_state.count == 0));
}

#[test]
fn a_transaction_of_two_phase_commit_has_no_timeout() {
    let mut driver = Driver::new();
    driver.settings.two_phase_commit_enable = true;
    let request = InitProducerId { enable_two_phase_commit: true, ..init_request() };
    let first = driver.init_with(request).unwrap();
    driver.add(first, &["alpha-0"], V2).unwrap();
    driver.pass(40 * 24 * 3_600_000);
    assert_eq!(driver.state(), TransactionState::Ongoing);
}

#[test]
fn an_id_that_nobody_uses_is_forgotten_and_one_with_a_transaction_is_not() {
    let mut driver = Driver::new();
    let day = 24 * 3_600_000;
    driver.settings.two_phase_commit_enable = true;
    let open = InitProducerId { transactional_id: "open".to_owned(), enable_two_phase_commit: true, ..init_request() };
    let first = driver.init_with(open).unwrap();
    let request = AddPartitions {
        transactional_id: "open".to_owned(),
        producer: raw(first),
        partitions: partitions(&["alpha-0"]),
        client_version: V2,
    };
    driver.ask(TransactionEvent::AddPartitions(request));
    driver.init().unwrap();
    driver.pass(3 * day);
    driver.init().unwrap();
    driver.pass(7 * day - 1);
    assert!(driver.shard.get(ID).is_some());
    driver.pass(3_600_001);
    assert!(driver.shard.get(ID).is_none());
    assert!(driver.log.last().unwrap().value.is_none(), "a tombstone");
    assert!(driver.shard.get("open").is_some());
    assert_eq!(driver.init().unwrap().producer_epoch, ProducerEpoch::ZERO, "with an id that nobody had");
    assert_eq!(driver.next_id, 103);
}
