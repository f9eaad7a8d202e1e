//! Topics that are created and deleted while the broker is killed again and again: what was acknowledged holds.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{FutureProducer, FutureRecord};
use test_support::{Broker, wait_until};
use tokio::runtime::Runtime;

use crate::TIDELOG;
use crate::partition::config;

const KILLS: usize = 5;

/// What must be true of a topic in the end. One about which no answer came may be there or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Created, with this many records.
    Created(i64),
    Deleted,
    Unknown,
}

#[test]
fn every_acknowledged_creation_and_deletion_survives_kill_after_kill() {
    let mut broker = Broker::start(TIDELOG);
    let address = broker.address();
    let stop = AtomicBool::new(false);
    let fates = std::thread::scope(|scope| {
        let changes = scope.spawn(|| create_and_delete(&address, &stop));
        let killed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for kill in 0..KILLS {
                std::thread::sleep(Duration::from_millis(300 + 130 * u64::try_from(kill).unwrap()));
                broker.kill();
                broker.restart();
            }
            std::thread::sleep(Duration::from_millis(300));
        }));
        stop.store(true, Ordering::Relaxed);
        killed.unwrap();
        changes.join().unwrap()
    });
    let count = |is: fn(&Fate) -> bool| fates.values().filter(|fate| is(fate)).count();
    let created = count(|fate| matches!(fate, Fate::Created(_)));
    let deleted = count(|fate| *fate == Fate::Deleted);
    eprintln!("{created} topics created, {deleted} deleted, {} unknown", count(|fate| *fate == Fate::Unknown));
    assert!(created > 10 && deleted > 10, "too few to say anything");
    check(&address, &fates);
    broker.finish();
}

/// Creates topics, writes to some of them, and deletes every second, until it is stopped.
fn create_and_delete(address: &str, stop: &AtomicBool) -> BTreeMap<String, Fate> {
    let admin: AdminClient<DefaultClientContext> = config(address).create().unwrap();
    let producer: FutureProducer = config(address).set("enable.idempotence", "true").create().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let options = AdminOptions::new().request_timeout(Some(Duration::from_secs(3)));
    let mut fates = BTreeMap::new();
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let name = format!("topic-{number}");
        let new = NewTopic::new(&name, 2, TopicReplication::Fixed(1)).set("retention.ms", "3600000");
        let created = runtime.block_on(admin.create_topics([&new], &options));
        let mut fate = if matches!(created.as_deref(), Ok([Ok(_)])) { Fate::Created(0) } else { Fate::Unknown };
        if fate == Fate::Created(0) && number % 2 == 0 {
            let deleted = runtime.block_on(admin.delete_topics(&[&name], &options));
            fate = if matches!(deleted.as_deref(), Ok([Ok(_)])) { Fate::Deleted } else { Fate::Unknown };
        } else if fate == Fate::Created(0) && number % 8 == 1 {
            fate = write(&runtime, &producer, &name);
        }
        fates.insert(name, fate);
    }
    fates
}

fn write(runtime: &Runtime, producer: &FutureProducer, topic: &str) -> Fate {
    let record = FutureRecord::<(), str>::to(topic).partition(1).payload("kept");
    let Ok(delivery) = producer.send_result(record) else { return Fate::Unknown };
    match runtime.block_on(delivery) {
        Ok(Ok(_)) => Fate::Created(1),
        _ => Fate::Unknown,
    }
}

#[track_caller]
fn check(address: &str, fates: &BTreeMap<String, Fate>) {
    let consumer: BaseConsumer = config(address).set("group.id", "unused").create().unwrap();
    let limit = Duration::from_secs(10);
    let mut listed = Vec::new();
    wait_until("the topics are listed", Duration::from_mins(1), || match consumer.fetch_metadata(None, limit) {
        Ok(metadata) => {
            listed =
                metadata.topics().iter().map(|topic| (topic.name().to_owned(), topic.partitions().len())).collect();
            true
        }
        Err(_) => false,
    });
    for (name, fate) in fates {
        let partitions = listed.iter().find(|(listed, _)| listed == name).map(|(_, partitions)| *partitions);
        match fate {
            Fate::Created(records) => {
                assert_eq!(partitions, Some(2), "the partitions of {name}");
                let (_, end) = consumer.fetch_watermarks(name, 1, limit).unwrap();
                assert_eq!(end, *records, "the records of {name}");
            }
            Fate::Deleted => assert_eq!(partitions, None, "{name} was deleted"),
            Fate::Unknown => {}
        }
    }
}
