//! Every client writes with each of its codecs, and every client reads all of it.

use super::{configs, succeed, unused_name, wait_for_leaders, writable};
use crate::client::{Abilities, Admin as _, Client, Limit, Partition, Start};
use crate::drivers::{Kind, Librdkafka};
use crate::records::{Record, Stored, assert_same, edges, rows};

/// What one client wrote to one partition.
struct Written {
    by: &'static Abilities,
    partition: Partition,
    records: Vec<Record>,
    offsets: Vec<i64>,
}

#[track_caller]
pub(crate) fn all_write_and_all_read(bootstrap: &str) {
    let mut clients: Vec<Box<dyn Client>> = Kind::ALL.iter().map(|kind| kind.open(bootstrap)).collect();
    let mut admin = Librdkafka::open(bootstrap);
    let mut written = Vec::new();
    for client in &mut clients {
        written.extend(write(client.as_mut(), &mut admin));
    }
    for one in &written {
        let mut timestamps: Option<(&str, Vec<i64>)> = None;
        for client in &mut clients {
            let reader = client.abilities();
            let Some(consumer) = client.consumer() else { continue };
            eprintln!("{} reads what {} wrote to partition {}", reader.name, one.by.name, one.partition.index);
            let read = succeed(consumer.fetch(&one.partition, Start::Offset(0), one.records.len()));
            let (records, read) = comparable(reader, &one.records, read);
            assert_same(&records, &one.offsets, &read, !one.by.has(Limit::NoTimestamps));
            let seen: Vec<i64> = read.iter().map(|record| record.timestamp).collect();
            let (first, expected) = timestamps.get_or_insert_with(|| (reader.name, seen.clone()));
            assert_eq!(&seen, expected, "the timestamps that {} and {first} read", reader.name);
        }
    }
}

/// Writes by each codec to a partition of its own, some of it in batches of one record.
#[track_caller]
fn write(client: &mut dyn Client, admin: &mut Librdkafka) -> Vec<Written> {
    let by = client.abilities();
    let topic = unused_name(by.name);
    succeed(admin.create_topic(&topic, 5, &configs(&[])));
    wait_for_leaders(client, &topic, 5);
    let mut records = writable(by, edges());
    records.extend(rows(50));
    let mut written = Vec::new();
    for (index, codec) in (0..).zip(by.codecs) {
        let partition = Partition::new(&topic, index);
        let (one, rest) = records.split_at(1);
        let mut offsets = succeed(client.produce(&partition, *codec, one));
        offsets.extend(succeed(client.produce(&partition, *codec, rest)));
        written.push(Written { by, partition, records: records.clone(), offsets });
    }
    written
}

/// Without the headers that a reader cannot show apart.
fn comparable(reader: &Abilities, records: &[Record], mut read: Vec<Stored>) -> (Vec<Record>, Vec<Stored>) {
    let mut records = records.to_vec();
    if reader.has(Limit::SimpleHeaders) {
        let all = records.clone();
        let kept = writable(reader, all.clone());
        for ((record, before), stored) in records.iter_mut().zip(&all).zip(&mut read) {
            if !before.headers.is_empty() && !kept.contains(before) {
                record.headers.clear();
                stored.headers.clear();
            }
        }
    }
    (records, read)
}
