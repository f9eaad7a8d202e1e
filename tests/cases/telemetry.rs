//! Metrics that clients push (KIP-714): who may push when, and what is refused. The real Kafka has a receiver here (see
//! `brokers`); without one it hides both APIs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::brokers::{METRICS_RECEIVER, is_kafka, start_own};
use crate::support::client::Client;
use crate::support::message::hex;
use crate::support::otlp::{compressed, gauge};

pub(crate) const INVALID_REQUEST: i64 = 42;
const UNSUPPORTED_COMPRESSION_TYPE: i64 = 76;
const INVALID_RECORD: i64 = 87;
const THROTTLING_QUOTA_EXCEEDED: i64 = 89;
const UNKNOWN_SUBSCRIPTION_ID: i64 = 117;
const TELEMETRY_TOO_LARGE: i64 = 118;

/// `telemetry.max.bytes` of these tests.
const BYTES_MAX: usize = 2000;

/// What a subscription asks for.
pub(crate) const WANTED: &str = "org.apache.kafka.producer.";

pub(crate) fn ask(client: &mut Client, instance: &str) -> Value {
    client.call("GetTelemetrySubscriptions", 0, &json!({"client_instance_id": instance}))
}

/// A push; the metrics are in hexadecimal.
pub(crate) fn push(client: &mut Client, instance: &str, subscription: &Value, metrics: &str, more: Value) -> i64 {
    let mut body = json!({"client_instance_id": instance, "subscription_id": subscription, "metrics": metrics});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.call("PushTelemetry", 0, &body)["error_code"].as_i64().unwrap()
}

/// Makes a subscription, and waits until it is in force for a client that was not there before.
pub(crate) fn subscribe(client: &mut Client, name: &str, configs: &[(&str, &str)]) {
    let configs: Value = configs.iter().map(|(key, value)| json!({"name": key, "value": value})).collect();
    let resource = json!({"resource_type": 16, "resource_name": name, "configs": configs});
    let answer = client.call("IncrementalAlterConfigs", 1, &json!({"resources": [resource]}));
    assert_eq!(answer["responses"][0]["error_code"], 0, "{answer}");
    test_support::wait_until("a subscription in force", Duration::from_secs(20), || {
        ask(client, &"0".repeat(32))["requested_metrics"] == json!([WANTED])
    });
}

/// An instance id.
pub(crate) fn instance(number: u8) -> String {
    hex(&[number; 16])
}

/// All rules one after the other on one broker, because a change of subscriptions makes every client new.
#[test]
fn a_client_pushes_what_it_subscribes_to_when_it_may() {
    let bytes_max = BYTES_MAX.to_string();
    let mut settings = vec![("telemetry.max.bytes", bytes_max.as_str())];
    if is_kafka() {
        settings.push(METRICS_RECEIVER);
    }
    let broker = start_own(&settings);
    let mut client = Client::connect(&broker.address());
    let nobody = ask(&mut client, &"0".repeat(32));
    assert_ne!(nobody["client_instance_id"], json!("0".repeat(32)));
    assert_eq!(nobody["requested_metrics"], json!([]));
    assert_eq!(nobody["push_interval_ms"], 300_000);
    assert_eq!(nobody["telemetry_max_bytes"], BYTES_MAX);
    assert_eq!(nobody["accepted_compression_types"], json!([4, 3, 1, 2]));
    assert_eq!(nobody["delta_temporality"], true);
    let configs = [("interval.ms", "200000"), ("metrics", WANTED), ("match", "client_id=ca.*")];
    subscribe(&mut client, "cases", &configs);
    time(&mut client);
    form(&mut client);
    interval(&mut client);
    connection(&broker.address(), &mut client);
}

/// Once in an interval, or the first time after a question; the last push at any time, and nothing after it.
fn time(client: &mut Client) {
    let metrics = hex(&gauge("org.apache.kafka.producer.a", 1));
    let id = instance(1);
    let subscription = ask(client, &id)["subscription_id"].clone();
    assert_eq!(ask(client, &id)["error_code"], THROTTLING_QUOTA_EXCEEDED);
    assert_eq!(push(client, &id, &subscription, &metrics, json!({})), 0);
    assert_eq!(push(client, &id, &subscription, &metrics, json!({})), THROTTLING_QUOTA_EXCEEDED);
    assert_eq!(push(client, &id, &subscription, &metrics, json!({"terminating": true})), 0);
    assert_eq!(push(client, &id, &subscription, &metrics, json!({})), INVALID_REQUEST);
    // The refused one was not the last of anything.
    assert_eq!(push(client, &id, &subscription, &metrics, json!({})), THROTTLING_QUOTA_EXCEEDED);
}

/// A wrong subscription, then the codec, then the size, then the content, which is as large at most; who is told one of the first two asks at once.
fn form(client: &mut Client) {
    let metrics = gauge("org.apache.kafka.producer.a", 1);
    let large = gauge("org.apache.kafka.producer.a", 1).repeat(BYTES_MAX);
    let cases = [
        (json!({"subscription_id": 1}), UNKNOWN_SUBSCRIPTION_ID),
        (json!({"compression_type": 5}), UNSUPPORTED_COMPRESSION_TYPE),
        (json!({"compression_type": -1}), UNSUPPORTED_COMPRESSION_TYPE),
        (json!({"compression_type": 9, "metrics": hex(&large)}), UNSUPPORTED_COMPRESSION_TYPE),
        (json!({"metrics": hex(&large)}), TELEMETRY_TOO_LARGE),
        (json!({"compression_type": 1, "metrics": compressed(1, &large)}), INVALID_RECORD),
        (json!({"compression_type": 3, "metrics": compressed(3, &large)}), INVALID_RECORD),
        (json!({"compression_type": 4, "metrics": compressed(4, &large)}), INVALID_RECORD),
        (json!({"metrics": "ffffffff"}), INVALID_RECORD),
        (json!({"metrics": hex(&metrics[..metrics.len() - 1])}), INVALID_RECORD),
        (json!({"compression_type": 1, "metrics": "ffff"}), INVALID_RECORD),
        (json!({"compression_type": 2, "metrics": "ffff"}), INVALID_RECORD),
        (json!({"compression_type": 3, "metrics": "ffff"}), INVALID_RECORD),
        (json!({"compression_type": 4, "metrics": "ffff"}), INVALID_RECORD),
        (json!({"metrics": ""}), 0),
        (json!({"compression_type": 1, "metrics": compressed(1, &metrics)}), 0),
        (json!({"compression_type": 3, "metrics": compressed(3, &metrics)}), 0),
        (json!({"compression_type": 4, "metrics": compressed(4, &metrics)}), 0),
    ];
    for (number, (more, error_code)) in (10..).zip(cases) {
        let id = instance(number);
        let subscription = ask(client, &id)["subscription_id"].clone();
        assert_eq!(push(client, &id, &subscription, &hex(&metrics), more.clone()), error_code, "{more}");
        let asks_at_once = [UNKNOWN_SUBSCRIPTION_ID, UNSUPPORTED_COMPRESSION_TYPE].contains(&error_code);
        let expected = if asks_at_once { 0 } else { THROTTLING_QUOTA_EXCEEDED };
        assert_eq!(ask(client, &id)["error_code"], expected, "{more}");
    }
    for reserved in ["0".repeat(32), "0".repeat(31) + "1"] {
        assert_eq!(push(client, &reserved, &json!(1), "", json!({})), INVALID_REQUEST, "{reserved}");
    }
}

/// After the interval both come again.
fn interval(client: &mut Client) {
    subscribe(client, "cases", &[("interval.ms", "100")]);
    let metrics = hex(&gauge("org.apache.kafka.producer.a", 1));
    let id = instance(2);
    let subscription = ask(client, &id)["subscription_id"].clone();
    for _ in 0..3 {
        test_support::wait_until("the next interval", Duration::from_secs(20), || {
            match push(client, &id, &subscription, &metrics, json!({})) {
                0 => true,
                code => {
                    assert_eq!(code, THROTTLING_QUOTA_EXCEEDED);
                    false
                }
            }
        });
    }
}

/// A client is forgotten with the connection on which it was new.
fn connection(address: &str, client: &mut Client) {
    subscribe(client, "cases", &[("interval.ms", "200000")]);
    let id = instance(3);
    let mut other = Client::connect(address);
    assert_eq!(ask(&mut other, &id)["error_code"], 0);
    assert_eq!(ask(client, &id)["error_code"], THROTTLING_QUOTA_EXCEEDED);
    drop(other);
    test_support::wait_until("a forgotten client", Duration::from_secs(20), || ask(client, &id)["error_code"] == 0);
}
