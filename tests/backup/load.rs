//! Load whose parts rest on each other: an idempotent producer; a copier that reads what it wrote and writes it on in transactions, with
//! its offsets; and a group that reads and commits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use test_support::wait_until;

use crate::kafka::{self, LIMIT, PARTITIONS, config};

const INPUT: &str = "input";
const OUTPUT: &str = "output";
const LATEST: &str = "latest";
const COPIER: &str = "copier";
const READER: &str = "plain-reader";

/// What runs.
pub(crate) struct Load {
    bootstrap: String,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    is_over: AtomicBool,
    produced: AtomicU64,
    copied: AtomicU64,
    read: AtomicU64,
}

impl Load {
    pub(crate) fn start(bootstrap: &str) -> Self {
        kafka::create(bootstrap, INPUT, &[]);
        kafka::create(bootstrap, OUTPUT, &[]);
        kafka::create(bootstrap, LATEST, &[("cleanup.policy", "compact"), ("flush.mode", "async")]);
        let shared = Arc::new(Shared::default());
        let works: [fn(&str, &Shared); 3] = [produce, copy, read];
        let start = |work: fn(&str, &Shared)| {
            let (bootstrap, shared) = (bootstrap.to_owned(), Arc::clone(&shared));
            std::thread::spawn(move || work(&bootstrap, &shared))
        };
        Self { bootstrap: bootstrap.to_owned(), threads: works.into_iter().map(start).collect(), shared }
    }

    /// Waits until every part has done more.
    pub(crate) fn goes_on(&self) {
        let counts = || {
            [&self.shared.produced, &self.shared.copied, &self.shared.read].map(|count| count.load(Ordering::Relaxed))
        };
        let before = counts();
        wait_until("the load goes on", LIMIT, || {
            counts().iter().zip(before).all(|(now, before)| *now > before + 3_000)
        });
    }

    /// Holds a copy of the broker against itself and against the original.
    pub(crate) fn check_copy(&self, copy: &str) {
        for topic in [INPUT, LATEST] {
            let copied = kafka::read(copy, topic, "read_uncommitted", None);
            // The original grows faster than it is read.
            let original = kafka::read(&self.bootstrap, topic, "read_uncommitted", Some(&copied));
            for (partition, records) in copied {
                assert!(!records.is_empty(), "{topic}-{partition}");
                let original = &original[&partition];
                assert!(
                    original.starts_with(&records),
                    "{topic}-{partition} is no prefix: {} of {}",
                    records.len(),
                    original.len()
                );
            }
        }
        for (group, topic) in [(READER, INPUT), (COPIER, INPUT)] {
            for (partition, offset) in kafka::committed(copy, group, topic) {
                let end = kafka::end(copy, topic, partition);
                assert!(offset <= end, "{group} has committed {offset} of {end} of {topic}-{partition}");
            }
        }
        // The transaction that was under way is aborted by the next of its kind; those that were decided are there whole.
        let copier = producer(copy, Some(COPIER));
        copier.init_transactions(LIMIT).unwrap();
        let committed = kafka::committed(copy, COPIER, INPUT);
        let mut from: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
        for (_, value) in kafka::read(copy, OUTPUT, "read_committed", None).into_values().flatten() {
            let (partition, offset) = value.split_once(':').unwrap();
            from.entry(partition.parse().unwrap()).or_default().push(offset.parse().unwrap());
        }
        for (partition, offset) in committed {
            let found = from.remove(&partition).unwrap_or_default();
            let expected: Vec<i64> = (0..offset).collect();
            assert_eq!(found, expected, "what was copied of partition {partition}, and what was committed");
        }
        // And it takes more.
        let producer = producer(copy, None);
        producer.send(BaseRecord::<(), str>::to(INPUT).payload("more")).map_err(|(error, _)| error).unwrap();
        producer.flush(LIMIT).unwrap();
    }

    pub(crate) fn end(self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
    }
}

impl Shared {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

fn producer(bootstrap: &str, transactional_id: Option<&str>) -> BaseProducer {
    let mut config = config(bootstrap);
    config.set("enable.idempotence", "true").set("linger.ms", "1");
    if let Some(id) = transactional_id {
        config.set("transactional.id", id);
    }
    config.create().unwrap()
}

fn consumer(bootstrap: &str, group: &str) -> BaseConsumer {
    let mut config = config(bootstrap);
    config.set("group.id", group).set("enable.auto.commit", "false").set("auto.offset.reset", "earliest");
    config.set("isolation.level", "read_committed").create().unwrap()
}

/// Writes records to the input, and to the topic that keeps the latest.
fn produce(bootstrap: &str, shared: &Shared) {
    let producer = producer(bootstrap, None);
    let filler = "x".repeat(300);
    while !shared.is_over() {
        for partition in 0..PARTITIONS {
            let number = shared.produced.fetch_add(1, Ordering::Relaxed);
            let (value, key) = (format!("{number} {filler}"), number.to_string());
            for topic in [INPUT, LATEST] {
                let record = BaseRecord::to(topic).partition(partition).key(&key).payload(&value);
                // A full queue is waited for below.
                drop(producer.send(record));
            }
        }
        producer.poll(Duration::from_millis(1));
        // All of it is read again after each copy: a faster machine must not have more to read.
        std::thread::sleep(Duration::from_millis(1));
        if producer.in_flight_count() > 2_000 {
            producer.flush(LIMIT).unwrap();
        }
    }
    producer.flush(LIMIT).unwrap();
}

/// Copies from the input to the output in transactions: of each record, where it stood.
fn copy(bootstrap: &str, shared: &Shared) {
    let (consumer, producer) = (consumer(bootstrap, COPIER), producer(bootstrap, Some(COPIER)));
    let mut assigned = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        assigned.add_partition_offset(INPUT, partition, Offset::Beginning).unwrap();
    }
    consumer.assign(&assigned).unwrap();
    producer.init_transactions(LIMIT).unwrap();
    while !shared.is_over() {
        producer.begin_transaction().unwrap();
        let mut next: BTreeMap<i32, i64> = BTreeMap::new();
        for _ in 0..200 {
            let Some(Ok(record)) = consumer.poll(Duration::from_millis(50)) else { break };
            let value = format!("{}:{}", record.partition(), record.offset());
            let sent = BaseRecord::<(), String>::to(OUTPUT).partition(record.partition()).payload(&value);
            producer.send(sent).map_err(|(error, _)| error).unwrap();
            next.insert(record.partition(), record.offset() + 1);
        }
        let mut offsets = TopicPartitionList::new();
        for (partition, offset) in &next {
            offsets.add_partition_offset(INPUT, *partition, Offset::Offset(*offset)).unwrap();
        }
        if next.is_empty() {
            producer.abort_transaction(LIMIT).unwrap();
            continue;
        }
        let group = consumer.group_metadata().unwrap();
        producer.send_offsets_to_transaction(&offsets, &group, LIMIT).unwrap();
        producer.commit_transaction(LIMIT).unwrap();
        shared.copied.fetch_add(200, Ordering::Relaxed);
    }
}

/// Reads the input as a group, and commits.
fn read(bootstrap: &str, shared: &Shared) {
    let consumer = consumer(bootstrap, READER);
    consumer.subscribe(&[INPUT]).unwrap();
    let mut since = 0;
    while !shared.is_over() {
        if let Some(Ok(_)) = consumer.poll(Duration::from_millis(50)) {
            shared.read.fetch_add(1, Ordering::Relaxed);
            since += 1;
            if since >= 100 {
                since = 0;
                consumer.commit_consumer_state(CommitMode::Sync).unwrap();
            }
        }
    }
}
