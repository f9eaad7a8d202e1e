//! Frames, headers and ApiVersions: cases 1 to 10.

use serde_json::json;

use crate::support::brokers::is_kafka;
use crate::support::client::request_header;
use crate::support::message;
use crate::support::schema::api;
use crate::support::topics::{Topic, connect};

const UNSUPPORTED_VERSION: i16 = 35;
const INVALID_REQUEST: i64 = 42;

#[test]
fn case_01_api_versions_of_an_unknown_version_is_answered_in_version_0() {
    let mut client = connect();
    for body in [&b""[..], b"\x00", b"\xff\xff\xff\xff\xff\xff\xff\xff"] {
        client.send_body("ApiVersions", 99, body);
        let frame = client.frame().unwrap();
        let answer = message::decode(&api("ApiVersions").response, 0, &frame[4..]).unwrap();
        assert_eq!(answer["error_code"], UNSUPPORTED_VERSION);
        assert_eq!(answer["api_keys"], json!([{"api_key": 18, "min_version": 0, "max_version": 5}]));
    }
    let after = client.call("ApiVersions", 0, &json!({}));
    assert_eq!(after["error_code"], 0, "the connection goes on");
}

#[test]
fn case_02_a_client_software_name_with_a_blank_is_an_invalid_request() {
    let mut client = connect();
    for (name, version) in [("a b", "1"), ("", "1"), ("a", ""), ("-a", "1"), ("a.", "1"), ("a", "1.0 "), ("ä", "1")] {
        let answer =
            client.call("ApiVersions", 3, &json!({"client_software_name": name, "client_software_version": version}));
        assert_eq!(answer["error_code"], INVALID_REQUEST, "{name:?} {version:?}");
    }
    let good =
        client.call("ApiVersions", 3, &json!({"client_software_name": "a-b.c9", "client_software_version": "1"}));
    assert_eq!(good["error_code"], 0);
}

#[test]
fn case_03_the_header_of_an_api_versions_answer_is_never_flexible() {
    let mut client = connect();
    for version in 0..=5 {
        let ask = json!({"client_software_name": "cases", "client_software_version": "1"});
        let correlation_id = client.send("ApiVersions", version, &ask);
        let frame = client.frame().unwrap();
        assert_eq!(frame[..4], correlation_id.to_be_bytes());
        // The error code follows the correlation id at once; a flexible header would have a byte between them, and the body
        // would then not end at the last byte.
        let answer = message::decode(&api("ApiVersions").response, version, &frame[4..]).unwrap();
        assert_eq!(answer["error_code"], 0);
    }
}

#[test]
fn case_04_a_negative_or_too_large_size_closes_the_connection() {
    for size in [-1, i32::MIN, 104_857_601, i32::MAX] {
        let mut client = connect();
        client.send_raw(&size.to_be_bytes());
        client.expect_close();
    }
}

#[test]
fn case_05_an_unknown_key_or_version_closes_the_connection() {
    let request = |key: i16, version: i16| {
        let mut bytes = request_header(api("Metadata"), 1, 7);
        bytes[..2].copy_from_slice(&key.to_be_bytes());
        bytes[2..4].copy_from_slice(&version.to_be_bytes());
        bytes.extend([0; 64]);
        bytes
    };
    let unknown_keys = [-1, 4, 5, 6, 7, 93 + 100, 999, i16::MAX].map(|key| (key, 0));
    // Vote, BrokerHeartbeat and other requests of the controllers' listener are none of a client's.
    let controller_keys = [52, 53, 54, 56, 58, 59, 62, 63, 67, 70, 73, 82].map(|key| (key, 0));
    let unknown_versions = [(0, 2), (0, 14), (1, 3), (1, 19), (2, 0), (3, 14), (3, -1), (19, 1), (20, 0), (22, 7)];
    for (key, version) in unknown_keys.into_iter().chain(controller_keys).chain(unknown_versions) {
        let mut client = connect();
        client.send_frame(&request(key, version));
        if let Some(frame) = client.frame() {
            panic!("key {key}, version {version}: {}", message::hex(&frame));
        }
    }
}

#[test]
fn case_06_a_body_that_is_cut_or_lies_about_its_counts_closes_the_connection() {
    let whole = message::encode(
        &api("CreateTopics").request,
        2,
        &json!({"topics": [{"name": "cut", "num_partitions": 1, "replication_factor": 1}], "validate_only": true}),
    );
    let cuts = (0..whole.len()).map(|end| ("CreateTopics", 2, whole[..end].to_vec()));
    let count = |count: i32| count.to_be_bytes().to_vec();
    let lies = [
        ("Metadata", 1, count(i32::MAX)),
        ("CreatePartitions", 0, count(-1)),
        ("CreatePartitions", 0, count(-2)),
        ("CreatePartitions", 0, count(i32::MIN)),
        ("Metadata", 1, [count(1), vec![0x80, 0]].concat()),
        ("Metadata", 1, [count(1), vec![0x7f, 0xff, b'a']].concat()),
        ("Metadata", 12, vec![0xff, 0xff, 0xff, 0xff, 0x07]),
        ("Metadata", 12, vec![0xff, 0xff, 0xff, 0xff, 0x0f]),
        ("Metadata", 12, vec![0xff; 10]),
        ("Fetch", 4, [vec![0; 17], count(i32::MAX)].concat()),
        ("Produce", 3, [vec![0xff, 0xff, 0, 1, 0, 0, 0, 0], count(i32::MAX)].concat()),
        ("ApiVersions", 3, vec![0xff, 0xff, 0xff, 0xff, 0x07]),
    ];
    for (name, version, body) in cuts.chain(lies) {
        let mut client = connect();
        client.send_body(name, version, &body);
        if let Some(frame) = client.frame() {
            panic!("{name} v{version} {}: {}", message::hex(&body), message::hex(&frame));
        }
    }
    let topics = connect().call("Metadata", 1, &json!({"topics": null}));
    assert!(topics["topics"].is_array(), "the broker goes on");
}

/// The real one reads any negative count of a nullable array as null, and passes over what stands after the last field. Ours
/// takes both as a frame that lies.
#[test]
fn case_06_a_null_of_another_form_and_bytes_after_the_body_are_lies_to_ours() {
    let mut trailing = message::encode(&api("ListOffsets").request, 1, &json!({"replica_id": -1, "topics": []}));
    trailing.push(0);
    for (name, body) in [("Metadata", (-2_i32).to_be_bytes().to_vec()), ("ListOffsets", trailing)] {
        let mut client = connect();
        let correlation_id = client.send_body(name, 1, &body);
        if is_kafka() {
            client.answer(name, 1, correlation_id);
        } else {
            client.expect_close();
        }
    }
}

/// librdkafka 2.12 asks for all topics so: a count of four bytes where one is read.
#[test]
fn case_06_bytes_after_a_metadata_request_are_passed_over() {
    let mut client = connect();
    let mut body = message::encode(&api("Metadata").request, 12, &json!({"topics": null}));
    body.extend([0, 0, 0]);
    let correlation_id = client.send_body("Metadata", 12, &body);
    client.answer("Metadata", 12, correlation_id);
}

#[test]
fn case_07_an_unknown_tagged_field_is_skipped() {
    let mut client = connect();
    let mut body = message::encode(&api("Metadata").request, 12, &json!({"topics": []}));
    assert_eq!(body.pop(), Some(0), "no tagged field so far");
    // Two of them, with tags 5 and 1000, the second without bytes.
    body.extend([2, 5, 3, b'a', b'b', b'c', 0xe8, 0x07, 0]);
    let correlation_id = client.send_body("Metadata", 12, &body);
    let answer = client.answer("Metadata", 12, correlation_id);
    assert_eq!(answer["topics"], json!([]));
}

#[test]
fn case_07_an_unknown_tagged_field_in_the_header_is_skipped() {
    let mut client = connect();
    let mut request = request_header(api("Metadata"), 12, 7);
    assert_eq!(request.pop(), Some(0), "no tagged field so far");
    request.extend([1, 9, 2, 0xff, 0xfe]);
    request.extend(message::encode(&api("Metadata").request, 12, &json!({"topics": []})));
    client.send_frame(&request);
    client.answer("Metadata", 12, 7);
}

#[test]
fn case_08_ten_pipelined_requests_are_answered_in_order() {
    let mut client = connect();
    let topic = Topic::create(&mut client);
    let waits = json!({"replica_id": -1, "max_wait_ms": 300, "min_bytes": 1, "max_bytes": 1000, "topics": [topic.fetch_part(0)]});
    let asks = [
        ("Fetch", 16, waits),
        ("ApiVersions", 0, json!({})),
        ("Metadata", 12, json!({"topics": []})),
        ("DescribeCluster", 0, json!({})),
        ("Metadata", 1, json!({"topics": []})),
        ("ListOffsets", 8, json!({"replica_id": -1})),
        ("InitProducerId", 4, json!({"transaction_timeout_ms": 1})),
        ("Fetch", 12, json!({"replica_id": -1, "max_wait_ms": 100, "min_bytes": 1})),
        ("OffsetForLeaderEpoch", 4, json!({})),
        ("ApiVersions", 2, json!({})),
    ];
    let sent: Vec<_> =
        asks.iter().map(|(name, version, body)| (*name, *version, client.send(name, *version, body))).collect();
    for (name, version, correlation_id) in sent {
        client.answer(name, version, correlation_id);
    }
}

#[test]
fn case_09_an_empty_frame_closes_the_connection() {
    let mut client = connect();
    client.send_raw(&[0; 4]);
    client.expect_close();
}

#[test]
fn case_09_a_frame_shorter_than_a_header_closes_the_connection() {
    for size in 1..12 {
        let mut client = connect();
        client.send_frame(&request_header(api("Metadata"), 1, 7)[..size]);
        client.expect_close();
    }
}

#[test]
fn case_10_produce_is_shown_from_version_0_though_it_begins_at_3() {
    let mut client = connect();
    let answer = client.call("ApiVersions", 4, &json!({"client_software_name": "a", "client_software_version": "1"}));
    let range = |key: i64| answer["api_keys"].as_array().unwrap().iter().find(|row| row["api_key"] == key).cloned();
    assert_eq!(range(0), Some(json!({"api_key": 0, "min_version": 0, "max_version": 13})));
    assert_eq!(range(1), Some(json!({"api_key": 1, "min_version": 4, "max_version": 18})));
    for version in 0..=2 {
        let mut client = connect();
        // acks, timeout, no topics: as these versions were.
        client.send_body("Produce", version, &[0, 1, 0, 0, 0x10, 0, 0, 0, 0, 0]);
        client.expect_close();
    }
}
