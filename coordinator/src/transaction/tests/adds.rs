//! What transactions take in (cases 50, 51, 55, 56).

use super::super::event::VerifyPartitions;
use super::*;

#[test]
fn partitions_are_added_once_and_the_first_begin_the_transaction() {
    let mut driver = Driver::new();
    let first = driver.init().unwrap();
    driver.add(first, &["alpha-0"], V0).unwrap();
    let start = driver.shard.get(ID).unwrap().start;
    driver.pass(5);
    driver.add(first, &["alpha-1", "beta-0"], V0).unwrap();
    let records = driver.log.len();
    driver.add(first, &["alpha-0", "beta-0"], V0).unwrap();
    assert_eq!(driver.log.len(), records, "nothing was new");
    let transaction = driver.shard.get(ID).unwrap();
    assert_eq!(transaction.partitions, partitions(&["alpha-0", "alpha-1", "beta-0"]));
    assert_eq!((transaction.start, transaction.state), (start, TransactionState::Ongoing));
}

#[test]
fn only_the_present_producer_may_add() {
    let mut driver = Driver::new();
    assert_eq!(driver.add(producer(1, 0), &["alpha-0"], V0), Err(ErrorCode::InvalidProducerIdMapping));
    driver.init().unwrap();
    driver.init().unwrap();
    assert_eq!(driver.add(producer(1, 1), &["alpha-0"], V0), Err(ErrorCode::InvalidProducerIdMapping));
    for epoch in [0, 2] {
        assert_eq!(driver.add(producer(100, epoch), &["alpha-0"], V0), Err(ErrorCode::ProducerFenced));
    }
    let request = AddPartitions {
        transactional_id: String::new(),
        producer: RawProducer { id: -1, epoch: -1 },
        partitions: partitions(&["alpha-0"]),
        client_version: V0,
    };
    let reply = driver.ask(TransactionEvent::AddPartitions(request));
    assert_eq!(reply, TransactionReply::AddPartitions(Err(ErrorCode::InvalidRequest)));
}

#[test]
fn nothing_is_added_while_the_transaction_ends() {
    for result in [COMMIT, ABORT] {
        let mut driver = Driver::new();
        let first = driver.init().unwrap();
        driver.add(first, &["alpha-0"], V0).unwrap();
        driver.end(first, result, V0).unwrap();
        assert_eq!(driver.add(first, &["alpha-1"], V0), Err(ErrorCode::ConcurrentTransactions));
        assert_eq!(driver.add(producer(1, 1), &["alpha-1"], V0), Err(ErrorCode::ConcurrentTransactions));
        driver.write_markers();
        driver.add(first, &["alpha-1"], V0).unwrap();
        assert_eq!(driver.shard.get(ID).unwrap().partitions, partitions(&["alpha-1"]), "it is a new one");
    }
}

#[test]
fn partitions_are_verified_one_by_one() {
    let mut driver = Driver::new();
    let first = driver.init().unwrap();
    driver.add(first, &["alpha-0"], V0).unwrap();
    let verified = |driver: &mut Driver, id: &str, producer| {
        let request = VerifyPartitions {
            transactional_id: id.to_owned(),
            producer,
            partitions: vec![partition("alpha-1"), partition("alpha-0")],
        };
        match driver.ask(TransactionEvent::VerifyPartitions(request)) {
            TransactionReply::VerifyPartitions(verified) => {
                verified.into_iter().map(|(partition, code)| (partition.to_string(), code)).collect::<Vec<_>>()
            }
            other => panic!("{other:?}"),
        }
    };
    let both = |one, other| vec![("alpha-1".to_owned(), one), ("alpha-0".to_owned(), other)];
    let good = raw(first);
    let expected = both(ErrorCode::TransactionAbortable, ErrorCode::None);
    assert_eq!(verified(&mut driver, ID, good), expected);
    for (id, producer, code) in [
        ("", good, ErrorCode::InvalidRequest),
        ("other", good, ErrorCode::InvalidProducerIdMapping),
        (ID, RawProducer { id: 7, ..good }, ErrorCode::InvalidProducerIdMapping),
        (ID, RawProducer { epoch: 7, ..good }, ErrorCode::ProducerFenced),
    ] {
        assert_eq!(verified(&mut driver, id, producer), both(code, code));
    }
    driver.end(first, COMMIT, V0).unwrap();
    let code = ErrorCode::ConcurrentTransactions;
    assert_eq!(verified(&mut driver, ID, good), both(code, code));
    driver.write_markers();
    let code = ErrorCode::TransactionAbortable;
    assert_eq!(verified(&mut driver, ID, good), both(code, code));
}

#[test]
fn transactions_are_bounded_in_partitions_and_bytes_and_can_always_end() {
    let mut driver = Driver::new();
    driver.settings.partitions_max = 2;
    let first = driver.init().unwrap();
    assert_eq!(driver.add(first, &["alpha-0", "alpha-1", "alpha-2"], V2), Err(ErrorCode::PolicyViolation));
    assert_eq!(driver.state(), TransactionState::Empty);
    driver.settings.partitions_max = 100_000;
    driver.settings.record_bytes_max = 400;
    let mut added = 0;
    while driver.add(first, &[&format!("alpha-{added}")], V2).is_ok() {
        added += 1;
    }
    assert!(added > 10, "{added}");
    assert_eq!(driver.shard.get(ID).unwrap().partitions.len(), added, "what was refused is not there");
    driver.end(first, COMMIT, V2).unwrap();
    driver.write_markers();
    assert_eq!(driver.state(), TransactionState::CompleteCommit);
    let largest = driver.log.iter().map(|record| record.key.len() + record.value.as_ref().unwrap().len()).max();
    assert!(largest.unwrap() < 400 - 61, "{largest:?}");
}
