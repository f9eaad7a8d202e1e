//! Several producers, a broker that is killed again and again, and every record that was acknowledged.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use test_support::{Broker, wait_until};

use crate::TIDELOG;
use crate::partition::{config, create_topic};

const TOPIC: &str = "kills";
const PARTITIONS: i32 = 3;
const PRODUCERS: usize = 3;
const KILLS: usize = 6;
/// Records that a producer has on their way at most.
const IN_FLIGHT: usize = 500;

/// Where a record was acknowledged, or read: partition and offset.
type Place = (i32, i64);

#[test]
fn every_acknowledged_record_survives_kill_after_kill() {
    produce_through_kills(Broker::start(TIDELOG), &[]);
}

/// A killed process leaves its page cache behind, so this must hold too: only a power cut may take what was not synced.
#[test]
fn every_acknowledged_record_survives_kill_after_kill_where_nothing_waits_for_syncs() {
    let broker = Broker::start(TIDELOG);
    if matches!(broker, Broker::Tidelog(..)) {
        produce_through_kills(broker, &[("flush.mode", "async")]);
    }
}

#[track_caller]
fn produce_through_kills(mut broker: Broker, configs: &[(&str, &str)]) {
    let address = broker.address();
    // Small segments, so that the kills also meet rolls and their snapshots.
    create_topic(&address, TOPIC, PARTITIONS, &[&[("segment.bytes", "1048576")], configs].concat());
    let stop = AtomicBool::new(false);
    let (acknowledged, followed) = std::thread::scope(|scope| {
        let follower = scope.spawn(|| follow(&address, &stop));
        let producers: Vec<_> = (0..PRODUCERS)
            .map(|producer| {
                let (address, stop) = (&address, &stop);
                scope.spawn(move || produce(address, producer, stop))
            })
            .collect();
        let killed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| kill_again_and_again(&mut broker)));
        // The others must end also when the broker did not come back, or the test would never fail.
        stop.store(true, Ordering::Relaxed);
        killed.unwrap();
        let acknowledged: Vec<(Place, String)> =
            producers.into_iter().flat_map(|producer| producer.join().unwrap()).collect();
        (acknowledged, follower.join().unwrap())
    });
    eprintln!("{} records were acknowledged, {} were followed", acknowledged.len(), followed.len());
    let stored = read_all(&address);
    check(&acknowledged, &followed, &stored);
    broker.finish();
}

/// Kills the broker after times that differ, so that it happens in the middle of different things.
#[track_caller]
fn kill_again_and_again(broker: &mut Broker) {
    for kill in 0..KILLS {
        let pause = 400 + (u64::from(std::process::id()) + 7 * u64::try_from(kill).unwrap()) * 37 % 700;
        std::thread::sleep(Duration::from_millis(pause));
        broker.kill();
        broker.restart();
    }
    std::thread::sleep(Duration::from_millis(500));
}

/// Writes numbered records to all partitions until it is stopped, and returns where each was acknowledged.
fn produce(address: &str, producer: usize, stop: &AtomicBool) -> Vec<(Place, String)> {
    let client: FutureProducer = config(address)
        .set("enable.idempotence", "true")
        .set("message.timeout.ms", "120000")
        .set("linger.ms", "2")
        .set("compression.type", ["none", "lz4", "zstd"][producer % 3])
        .create()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut acknowledged = Vec::new();
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut sent = Vec::new();
        for _ in 0..IN_FLIGHT {
            let value = format!("{producer} {number}");
            let record = FutureRecord::<(), str>::to(TOPIC).partition(number % PARTITIONS).payload(&value);
            let delivery = client.send_result(record).map_err(|(error, _)| error).unwrap();
            sent.push((value, delivery));
            number += 1;
        }
        for (value, delivery) in sent {
            let delivered = runtime.block_on(delivery).unwrap().map_err(|(error, _)| error).unwrap();
            acknowledged.push(((delivered.partition, delivered.offset), value));
        }
    }
    acknowledged
}

/// Reads along while the records are written. What a consumer was shown must not be taken back.
fn follow(address: &str, stop: &AtomicBool) -> Vec<(Place, String)> {
    let consumer = consumer(address);
    let mut followed = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        // An error is a broker that is away; any other shows in what is missing.
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(50)) {
            followed.push(place_and_value(&message));
        }
    }
    followed
}

/// All that is in the topic at the end.
#[track_caller]
fn read_all(address: &str) -> BTreeMap<Place, String> {
    let consumer = consumer(address);
    let ends: Vec<i64> = (0..PARTITIONS)
        .map(|partition| consumer.fetch_watermarks(TOPIC, partition, Duration::from_secs(30)).unwrap().1)
        .collect();
    let total = usize::try_from(ends.iter().sum::<i64>()).unwrap();
    let mut stored = BTreeMap::new();
    wait_until("all records are read", Duration::from_mins(1), || {
        while let Some(message) = consumer.poll(Duration::from_millis(100)) {
            let (place, value) = place_and_value(&message.unwrap());
            assert_eq!(stored.insert(place, value), None, "{place:?} was read twice");
        }
        stored.len() >= total
    });
    stored
}

#[track_caller]
fn consumer(address: &str) -> BaseConsumer {
    let consumer: BaseConsumer = config(address)
        .set("group.id", "unused")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "error")
        .set("check.crcs", "true")
        .create()
        .unwrap();
    let mut assignment = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        assignment.add_partition_offset(TOPIC, partition, Offset::Offset(0)).unwrap();
    }
    consumer.assign(&assignment).unwrap();
    consumer
}

fn place_and_value(message: &rdkafka::message::BorrowedMessage<'_>) -> (Place, String) {
    let value = String::from_utf8(message.payload().unwrap().to_vec()).unwrap();
    ((message.partition(), message.offset()), value)
}

/// Every record that was acknowledged or shown is where it was said to be, and each producer's records are there once and in
/// the order in which it sent them.
#[track_caller]
fn check(acknowledged: &[(Place, String)], followed: &[(Place, String)], stored: &BTreeMap<Place, String>) {
    for (place, value) in acknowledged.iter().chain(followed) {
        assert_eq!(stored.get(place), Some(value), "what is at {place:?}");
    }
    assert_eq!(stored.len(), acknowledged.len(), "records stored and acknowledged");
    let mut last: BTreeMap<(i32, usize), i32> = BTreeMap::new();
    for ((partition, offset), value) in stored {
        let (producer, number) = value.split_once(' ').unwrap();
        let (producer, number): (usize, i32) = (producer.parse().unwrap(), number.parse().unwrap());
        let before = last.insert((*partition, producer), number);
        let expected = before.map_or(*partition, |before| before + PARTITIONS);
        assert_eq!(number, expected, "producer {producer}'s record at offset {offset} of partition {partition}");
    }
}
