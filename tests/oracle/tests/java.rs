//! Our bytes before Kafka's own classes, and theirs before ours: every message, every version.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a failed step is a failed test"
)]

use oracle::java::{Oracle, Question};
use oracle::testing::Source;
use oracle::{SCHEMAS, byte_pool, cases, text_pool};
use protocol::ApiKey;
use protocol::frame::Frame;
use protocol::messages::produce::ProduceRequest;
use test_support::{Part, install};

const ROUNDS: u64 = 20;

#[test]
fn kafka_and_we_agree_about_every_message_and_version() {
    let mut kafka = Oracle::start(&install(Part::KafkaJars));
    the_same_apis_with_the_same_headers(&mut kafka);
    the_same_fields(&mut kafka);
    kafka_reads_what_we_write(&mut kafka);
    we_read_what_kafka_writes(&mut kafka);
    kafka_reads_our_headers(&mut kafka);
}

fn the_same_apis_with_the_same_headers(kafka: &mut Oracle) {
    let theirs = String::from_utf8(kafka.ask(Question::Apis, "", 0, &[]).unwrap()).unwrap();
    let ours: Vec<String> = ApiKey::ALL.into_iter().map(describe).collect();
    assert_eq!(ours.join(""), theirs);
}

fn describe(api: ApiKey) -> String {
    let headers = api.versions().map(|version| {
        format!(" {version}:{}/{}", api.request_header_version(version), api.response_header_version(version))
    });
    format!("{} {}{}\n", api.code(), api.name(), headers.collect::<String>())
}

fn the_same_fields(kafka: &mut Oracle) {
    for line in SCHEMAS.lines() {
        let [name, version, ours] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let theirs = kafka.ask(Question::Schema, name, version.parse().unwrap(), &[]).expect(name);
        assert_eq!(ours, String::from_utf8(theirs).unwrap(), "{name} v{version}");
    }
}

fn kafka_reads_what_we_write(kafka: &mut Oracle) {
    let (text, bytes) = (text_pool(), byte_pool());
    for case in cases() {
        for version in case.versions.clone() {
            for seed in 0..ROUNDS {
                let what = format!("{} v{version} seed {seed}", case.name);
                let ours = (case.random)(&mut Source::new(seed, &text, &bytes), version).expect(&what);
                match kafka.ask(Question::Reencode, case.name, version, &ours.bytes) {
                    Ok(theirs) => assert_eq!(ours.bytes, theirs, "{what}: {}", ours.text),
                    Err(thrown) => panic!("{what}: {thrown}\n{}", ours.text),
                }
            }
        }
    }
}

fn we_read_what_kafka_writes(kafka: &mut Oracle) {
    for case in cases() {
        for version in case.versions.clone() {
            for seed in 0..ROUNDS {
                let what = format!("{} v{version} seed {seed}", case.name);
                let theirs = kafka.ask(Question::Random, case.name, version, &seed.to_be_bytes()).expect(&what);
                let ours = (case.reencode)(&theirs, version).expect(&what);
                assert_eq!(ours.bytes, theirs, "{what}: {}", ours.text);
            }
        }
    }
}

fn kafka_reads_our_headers(kafka: &mut Oracle) {
    for (version, client_id) in [(3, Some("rsyslog")), (8, None), (9, Some("")), (13, Some("潮汐"))] {
        let body = ProduceRequest::default();
        let frame = Frame::request(7, client_id, version, &body).unwrap().into_head();
        let size = frame.len() - case_size(version);
        let said = kafka.ask(Question::Header, "", 0, &frame[4..]).unwrap();
        let expected = format!("Produce {version} 7 {} {}", client_id.unwrap_or_default(), size - 4);
        assert_eq!(String::from_utf8(said).unwrap(), expected);
    }
}

/// The bytes of an empty Produce body.
fn case_size(version: i16) -> usize {
    let mut encoder = protocol::Encoder::new();
    protocol::Encode::encode(&ProduceRequest::default(), &mut encoder, version).unwrap();
    encoder.head().len()
}
