//! Somebody who makes and deletes topics as fast as he can.

use std::time::Duration;

use model::ErrorCode;
use model::wire::decode_body;
use protocol::messages::create_partitions::{CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic};
use protocol::messages::create_topics::{CreatableTopic, CreateTopicsRequest, CreateTopicsResponse};
use protocol::messages::delete_topics::{DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse};
use protocol::messages::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};

use crate::stranger::{Connection, Victim};

/// A code and the time to wait that goes with it, ms.
type Told = (Option<ErrorCode>, i32);

const DONE: Told = (Some(ErrorCode::None), 0);

fn create(connection: &mut Connection, version: i16, name: &str, num_partitions: i32) -> Told {
    let topic = CreatableTopic { name, num_partitions, replication_factor: 1, ..CreatableTopic::default() };
    let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 30_000, validate_only: false };
    let answer = connection.ask(version, &request);
    let answer = decode_body::<CreateTopicsResponse>(&answer, version).unwrap();
    (ErrorCode::from_code(answer.topics[0].error_code), answer.throttle_time_ms)
}

fn grow(connection: &mut Connection, version: i16, name: &str, count: i32) -> Told {
    let topic = CreatePartitionsTopic { name, count, ..CreatePartitionsTopic::default() };
    let request = CreatePartitionsRequest { topics: vec![topic], timeout_ms: 30_000, validate_only: false };
    let answer = connection.ask(version, &request);
    let answer = decode_body::<CreatePartitionsResponse>(&answer, version).unwrap();
    (ErrorCode::from_code(answer.results[0].error_code), answer.throttle_time_ms)
}

fn delete(connection: &mut Connection, version: i16, name: &str) -> Told {
    let mut request = DeleteTopicsRequest { timeout_ms: 30_000, ..DeleteTopicsRequest::default() };
    if version >= 6 {
        request.topics = vec![DeleteTopicState { name: Some(name), ..DeleteTopicState::default() }];
    } else {
        request.topic_names = vec![name];
    }
    let answer = connection.ask(version, &request);
    let answer = decode_body::<DeleteTopicsResponse>(&answer, version).unwrap();
    (ErrorCode::from_code(answer.responses[0].error_code), answer.throttle_time_ms)
}

fn look_up(connection: &mut Connection, name: &str) -> Option<ErrorCode> {
    let topic = MetadataRequestTopic { name: Some(name), ..MetadataRequestTopic::default() };
    let request =
        MetadataRequest { topics: Some(vec![topic]), allow_auto_topic_creation: true, ..MetadataRequest::default() };
    let answer = connection.ask(9, &request);
    ErrorCode::from_code(decode_body::<MetadataResponse>(&answer, 9).unwrap().topics[0].error_code)
}

#[test]
fn topics_come_and_go_no_faster_than_allowed() {
    // Eleven seconds' worth at once.
    let victim = Victim::start(&["controller.mutation.rate.max=1", "auto.create.topics.enable=true"]);
    let mut connection = Connection::open(victim.address());
    assert_eq!(create(&mut connection, 7, "t", 12), DONE);
    let (code, wait_ms) = create(&mut connection, 7, "u", 1);
    assert_eq!(code, Some(ErrorCode::ThrottlingQuotaExceeded));
    assert!((1..=1_001).contains(&wait_ms), "{wait_ms} ms");
    assert_eq!(grow(&mut connection, 3, "t", 13).0, Some(ErrorCode::ThrottlingQuotaExceeded));
    assert_eq!(delete(&mut connection, 6, "t").0, Some(ErrorCode::ThrottlingQuotaExceeded));
    // Versions that do not know the code get one after which their clients try again.
    assert_eq!(create(&mut connection, 5, "u", 1).0, Some(ErrorCode::RequestTimedOut));
    assert_eq!(grow(&mut connection, 2, "t", 13).0, Some(ErrorCode::RequestTimedOut));
    assert_eq!(delete(&mut connection, 4, "t").0, Some(ErrorCode::RequestTimedOut));
    assert_eq!(look_up(&mut connection, "u"), Some(ErrorCode::LeaderNotAvailable));
    std::thread::sleep(Duration::from_millis(u64::try_from(wait_ms).unwrap()));
    assert_eq!(create(&mut connection, 7, "u", 1), DONE, "after the time that was told");
    victim.finish();
}

#[test]
fn there_are_no_more_partitions_than_allowed() {
    let victim = Victim::start(&["max.broker.partitions=10"]);
    let mut connection = Connection::open(victim.address());
    let refused = (Some(ErrorCode::PolicyViolation), 0);
    assert_eq!(create(&mut connection, 7, "t", 11), refused);
    assert_eq!(create(&mut connection, 7, "t", 9), DONE);
    assert_eq!(grow(&mut connection, 3, "t", 11), refused);
    assert_eq!(grow(&mut connection, 3, "t", 10), DONE);
    assert_eq!(create(&mut connection, 7, "u", 1), refused);
    assert_eq!(delete(&mut connection, 6, "t"), DONE);
    assert_eq!(create(&mut connection, 7, "u", 1), DONE);
    victim.finish();
}
