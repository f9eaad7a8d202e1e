//! Retention: case 86, and what a topic's limits let go while the broker runs.

use std::time::Duration;

use serde_json::json;

use crate::support::batch::Batch;
use crate::support::brokers::{Own, is_kafka, start_with};
use crate::support::client::Client;
use crate::support::now_ms;
use crate::support::topics::{EARLIEST, LATEST, Topic};

const DAY: i64 = 86_400_000;
const OFFSET_OUT_OF_RANGE: i64 = 1;

/// A broker that looks for old records all the time.
fn eager() -> Own {
    start_with(&[
        ("log.retention.check.interval.ms", "100"),
        ("log.initial.task.delay.ms", "100"),
        ("log.segment.delete.delay.ms", "100"),
    ])
}

fn alter(client: &mut Client, topic: &Topic, key: &str, value: &str) {
    let config = json!({"name": key, "config_operation": 0, "value": value});
    let resource = json!({"resource_type": 2, "resource_name": topic.name, "configs": [config]});
    let answer = client.call("IncrementalAlterConfigs", 1, &json!({"resources": [resource], "validate_only": false}));
    assert_eq!(answer["responses"][0]["error_code"], 0, "{answer}");
}

#[track_caller]
fn expect_start(client: &mut Client, topic: &Topic, offset: i64) {
    let what = format!("a log that starts at {offset}");
    test_support::wait_until(&what, Duration::from_secs(20), || topic.offset(client, EARLIEST) == offset);
}

/// A batch that fills a good half of the smallest segment.
fn large(timestamp: i64) -> Batch {
    Batch::of(&["x".repeat(600_000).as_str()]).at(timestamp)
}

#[test]
fn limits_of_time_and_size_that_change_at_run_time_move_the_start() {
    let broker = eager();
    let mut client = Client::connect(&broker.address());
    let configs = [("segment.bytes", "1048576"), ("retention.ms", "-1")];
    let topic = Topic::with(&mut client, 1, &configs);
    let now = now_ms();
    for age in [10, 9, 3, 2, 1] {
        topic.produce(&mut client, &large(now - age * DAY));
    }
    topic.expect_end(&mut client, 5);
    assert_eq!(topic.offset(&mut client, EARLIEST), 0, "no limit, nothing goes");
    alter(&mut client, &topic, "retention.ms", &(5 * DAY).to_string());
    expect_start(&mut client, &topic, 2);
    assert_eq!(topic.fetch(&mut client, 1)["error_code"], OFFSET_OUT_OF_RANGE);
    assert_eq!(topic.batches(&mut client, 2)[0].base_offset, 2);
    alter(&mut client, &topic, "retention.bytes", "1000000");
    expect_start(&mut client, &topic, 3);
    alter(&mut client, &topic, "retention.ms", "1000");
    expect_start(&mut client, &topic, 5);
    topic.expect_end(&mut client, 5);
    assert_eq!(topic.produce(&mut client, &Batch::of(&["next"]))["base_offset"], 5, "offsets go on");
}

#[test]
fn case_86_a_timestamp_of_the_far_future_does_not_keep_its_segment_for_ever() {
    let broker = eager();
    let mut client = Client::connect(&broker.address());
    let configs = [("message.timestamp.after.max.ms", "9223372036854775807"), ("retention.ms", "1500")];
    let topic = Topic::with(&mut client, 1, &configs);
    topic.produce(&mut client, &Batch::of(&["from the future"]).at(now_ms() + 3_650 * DAY));
    if is_kafka() {
        // Kafka 4.4 keeps it, and all that follow: a segment is as old as its newest timestamp says.
        std::thread::sleep(Duration::from_secs(4));
        assert_eq!(topic.offset(&mut client, EARLIEST), 0);
    } else {
        expect_start(&mut client, &topic, 1);
    }
    assert_eq!(topic.offset(&mut client, LATEST), 1);
}
