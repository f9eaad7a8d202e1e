//! Batches of a megabyte that decompress to as much as their codec allows. A topic that looks into batches refuses them; one that
//! does not, stores them, and then neither a lookup by time nor compaction looks further than the limit.

use std::io::Write;
use std::time::{Duration, Instant};

use model::wire::{Writer, decode_body};
use protocol::messages::create_topics::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest, CreateTopicsResponse,
};
use protocol::messages::incremental_alter_configs::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
};
use protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
};
use protocol::messages::produce::{PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData};
use test_support::wait_until;

use crate::stranger::{Connection, Victim};

const INVALID_RECORD: i16 = 87;

/// What a bomb may cost: resident memory, bytes.
const MEMORY_MAX: u64 = 80 << 20;

/// What a bomb may take, in a build without optimization and beside other tests; one that runs to its end takes minutes.
const TIME_MAX: Duration = Duration::from_secs(10);

/// Bytes of the value of each record inside.
const VALUE_BYTES: usize = 1 << 20;

struct Bomb {
    name: &'static str,
    codec: i16,
    records_count: i32,
    payload: Vec<u8>,
}

/// The strongest that fit a batch of a megabyte.
fn bombs() -> Vec<Bomb> {
    let mut zstd = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    write_records(&mut zstd, 4096);
    // A frame with a window of 128 MiB, the largest that is taken.
    let mut wide = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    wide.window_log(27).unwrap();
    write_records(&mut wide, 1024);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    write_records(&mut gzip, 1000);
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    write_records(&mut lz4, 237);
    let claim = vec![0xff, 0xff, 0xff, 0xff, 0x0f, 0x00, b'x'];
    let bomb = |name, codec, records_count, payload| Bomb { name, codec, records_count, payload };
    vec![
        bomb("zstd, 4 GiB", 4, 4096, zstd.finish().unwrap()),
        bomb("zstd, 1 GiB in a window of 128 MiB", 4, 1024, wide.finish().unwrap()),
        bomb("gzip, 1 GB", 1, 1000, gzip.finish().unwrap()),
        bomb("lz4, 237 MiB", 3, 237, lz4.finish().unwrap()),
        bomb("snappy that claims 4 GiB", 2, 1, claim),
    ]
}

fn write_records(to: &mut impl Write, count: i32) {
    let value = vec![0; VALUE_BYTES];
    for offset_delta in 0..count {
        let mut body = Writer::new();
        body.put(&[0]);
        body.varlong(0);
        body.varint(offset_delta);
        body.varint(1);
        body.put(b"k");
        body.varint(i32::try_from(VALUE_BYTES).unwrap());
        let mut length = Writer::new();
        // Behind the value stands the count of headers, one byte.
        length.varint(i32::try_from(body.len() + VALUE_BYTES + 1).unwrap());
        to.write_all(&length.into_vec()).unwrap();
        to.write_all(&body.into_vec()).unwrap();
        to.write_all(&value).unwrap();
        to.write_all(&[0]).unwrap();
    }
}

/// A batch whose records have one timestamp, and whose header may claim another one as the largest.
fn batch(attributes: i16, records_count: i32, (timestamp, largest): (i64, i64), payload: &[u8]) -> Vec<u8> {
    let mut rest = attributes.to_be_bytes().to_vec();
    rest.extend((records_count - 1).to_be_bytes());
    rest.extend(timestamp.to_be_bytes());
    rest.extend(largest.to_be_bytes());
    rest.extend((-1_i64).to_be_bytes());
    rest.extend((-1_i16).to_be_bytes());
    rest.extend((-1_i32).to_be_bytes());
    rest.extend(records_count.to_be_bytes());
    rest.extend(payload);
    let mut bytes = 0_i64.to_be_bytes().to_vec();
    bytes.extend(i32::try_from(rest.len() + 9).unwrap().to_be_bytes());
    bytes.extend((-1_i32).to_be_bytes());
    bytes.push(2);
    bytes.extend(crc32c::crc32c(&rest).to_be_bytes());
    bytes.extend(rest);
    bytes
}

/// A batch of one record, `key` and `value`, uncompressed.
fn plain(timestamp: i64, key: u8, value: u8) -> Vec<u8> {
    batch(0, 1, (timestamp, timestamp), &[16, 0, 0, 0, 2, key, 2, value, 0])
}

fn now() -> i64 {
    i64::try_from(std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_millis()).unwrap()
}

fn create(connection: &mut Connection, name: &str, configs: &[(&str, &str)]) {
    let configs = configs.iter().map(|(name, value)| CreatableTopicConfig { name, value: Some(value) }).collect();
    let topic = CreatableTopic { name, num_partitions: 1, replication_factor: 1, configs, assignments: Vec::new() };
    let request = CreateTopicsRequest { topics: vec![topic], timeout_ms: 30_000, validate_only: false };
    let answer = connection.ask(4, &request);
    let answer = decode_body::<CreateTopicsResponse>(&answer, 4).unwrap();
    assert_eq!(answer.topics[0].error_code, 0, "{answer:?}");
}

/// The error code and message, and the offset.
fn try_produce(connection: &mut Connection, name: &str, records: &[u8]) -> (i16, String, i64) {
    let data = PartitionProduceData { index: 0, records: Some(records) };
    let topic_data = vec![TopicProduceData { name, partition_data: vec![data], ..TopicProduceData::default() }];
    let request = ProduceRequest { acks: -1, timeout_ms: 30_000, topic_data, ..ProduceRequest::default() };
    let answer = connection.ask(9, &request);
    let answer = decode_body::<ProduceResponse>(&answer, 9).unwrap();
    let partition = &answer.responses[0].partition_responses[0];
    (partition.error_code, partition.error_message.clone().unwrap_or_default(), partition.base_offset)
}

/// The offset of a batch that is taken.
fn produce(connection: &mut Connection, name: &str, records: &[u8]) -> i64 {
    let (code, message, offset) = try_produce(connection, name, records);
    assert_eq!(code, 0, "{message}");
    offset
}

/// The error code and the offset of the first record at or after a time; -3 asks for the largest time.
fn offset_at(connection: &mut Connection, name: &str, timestamp: i64) -> (i16, i64) {
    let partition = ListOffsetsPartition { timestamp, current_leader_epoch: -1, ..ListOffsetsPartition::default() };
    let topics = vec![ListOffsetsTopic { name, partitions: vec![partition] }];
    let request = ListOffsetsRequest { replica_id: -1, topics, ..ListOffsetsRequest::default() };
    let answer = connection.ask(7, &request);
    let answer = decode_body::<ListOffsetsResponse>(&answer, 7).unwrap();
    let partition = &answer.topics[0].partitions[0];
    (partition.error_code, partition.offset)
}

fn alter(connection: &mut Connection, topic: &str, configs: &[(&str, &str)]) {
    let configs = configs.iter().map(|(name, value)| AlterableConfig { name, config_operation: 0, value: Some(value) });
    let configs = configs.collect();
    let resources = vec![AlterConfigsResource { resource_type: 2, resource_name: topic, configs }];
    let answer = connection.ask(1, &IncrementalAlterConfigsRequest { resources, validate_only: false });
    let answer = decode_body::<IncrementalAlterConfigsResponse>(&answer, 1).unwrap();
    assert_eq!(answer.responses[0].error_code, 0, "{answer:?}");
}

/// Runs what must cost little, and says what it gave.
fn cheap<T>(victim: &Victim, what: &str, act: impl FnOnce() -> T) -> T {
    victim.forget_peak();
    let (before, _) = victim.memory();
    let start = Instant::now();
    let result = act();
    let (took, (_, peak)) = (start.elapsed(), victim.memory());
    let cost = peak.saturating_sub(before);
    println!("{what}: {} ms, {} MiB", took.as_millis(), cost >> 20);
    assert!(cost < MEMORY_MAX, "{what}: {cost} bytes of memory");
    assert!(took < TIME_MAX, "{what}: {took:?}");
    result
}

#[test]
fn a_bomb_costs_no_more_than_the_limit() {
    let victim = Victim::start(&["log.cleaner.backoff.ms=100", "log.cleaner.min.cleanable.ratio=0.01"]);
    let mut connection = Connection::open(victim.address());
    for (number, bomb) in bombs().iter().enumerate() {
        let Bomb { name, codec, records_count, payload } = bomb;
        assert!(payload.len() < 1_040_000, "{name}: {} bytes do not fit", payload.len());
        let (opening, storing) = (format!("opening-{number}"), format!("storing-{number}"));
        create(&mut connection, &opening, &[("validate.compressed.records", "true")]);
        create(&mut connection, &storing, &[("segment.ms", "100")]);
        let time = now();
        let bytes = batch(*codec, *records_count, (time, time + 1), payload);

        let what = format!("{name}, opened");
        let (code, message, offset) = cheap(&victim, &what, || try_produce(&mut connection, &opening, &bytes));
        assert_eq!((code, offset), (INVALID_RECORD, -1), "{name}");
        let is_limit = message.contains("max.decompressed.batch.bytes");
        assert!(is_limit || message.contains("snappy block that claims"), "{name}: {message}");

        assert_eq!(produce(&mut connection, &storing, &plain(time - 2, b'a', b'1')), 0);
        assert_eq!(produce(&mut connection, &storing, &bytes), 1, "{name}: its header is good");
        produce(&mut connection, &storing, &plain(time - 1, b'a', b'2'));
        // No record has the time that the header claims, which nobody knows who does not look at all of them.
        for timestamp in [time + 1, -3] {
            let what = format!("{name}, looked up by {timestamp}");
            let found = cheap(&victim, &what, || offset_at(&mut connection, &storing, timestamp));
            assert_eq!(found, (0, 1), "{name}: the beginning of what is not looked into");
        }

        alter(&mut connection, &storing, &[("cleanup.policy", "compact")]);
        cheap(&victim, &format!("{name}, compacted"), || {
            wait_until("the cleaner", Duration::from_secs(20), || {
                // Rolls the segment in time, and asks whether the superseded record is gone.
                produce(&mut connection, &storing, &plain(now(), b'a', b'3'));
                std::thread::sleep(Duration::from_millis(150));
                offset_at(&mut connection, &storing, time - 2) == (0, 1)
            });
        });
        assert_eq!(offset_at(&mut connection, &storing, time), (0, 1), "{name}: it is still there");
    }
    victim.finish();
}
