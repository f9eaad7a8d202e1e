//! The consumers' own protocol: what classic members say in the blobs that the coordinator carries.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use model::wire::{Form, Reader, Writer};

/// Partitions by topic name.
pub(crate) type Partitions = BTreeSet<(String, i32)>;

/// A subscription of version 1: topics, and what is owned.
pub(crate) fn subscription(topics: &BTreeSet<String>, owned: &Partitions) -> Bytes {
    let mut out = Writer::new();
    out.i16(1);
    out.i32(count(topics.len()));
    for topic in topics {
        string(&mut out, topic);
    }
    out.i32(-1);
    by_topic(&mut out, owned);
    out.into_vec().into()
}

/// The topics and the owned partitions of a subscription.
pub(crate) fn read_subscription(blob: &[u8]) -> (BTreeSet<String>, Partitions) {
    let mut reader = Reader::new(blob);
    let version = reader.i16().unwrap();
    let topics = (0..reader.i32().unwrap()).map(|_| reader.string(Form::Classic).unwrap().to_owned()).collect();
    reader.nullable_bytes(Form::Classic).unwrap();
    (topics, if version == 0 { Partitions::new() } else { read_by_topic(&mut reader) })
}

pub(crate) fn assignment(partitions: &Partitions) -> Bytes {
    let mut out = Writer::new();
    out.i16(1);
    by_topic(&mut out, partitions);
    out.i32(-1);
    out.into_vec().into()
}

/// The partitions of an assignment; an empty blob assigns nothing.
pub(crate) fn read_assignment(blob: &[u8]) -> Partitions {
    if blob.is_empty() {
        return Partitions::new();
    }
    let mut reader = Reader::new(blob);
    reader.i16().unwrap();
    read_by_topic(&mut reader)
}

fn by_topic(out: &mut Writer, partitions: &Partitions) {
    let mut topics: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for (topic, partition) in partitions {
        topics.entry(topic).or_default().push(*partition);
    }
    out.i32(count(topics.len()));
    for (topic, partitions) in topics {
        string(out, topic);
        out.i32(count(partitions.len()));
        for partition in partitions {
            out.i32(partition);
        }
    }
}

fn read_by_topic(reader: &mut Reader<'_>) -> Partitions {
    let mut read = Partitions::new();
    for _ in 0..reader.i32().unwrap() {
        let topic = reader.string(Form::Classic).unwrap().to_owned();
        for _ in 0..reader.i32().unwrap() {
            read.insert((topic.clone(), reader.i32().unwrap()));
        }
    }
    read
}

fn string(out: &mut Writer, text: &str) {
    out.i16(i16::try_from(text.len()).unwrap());
    out.put(text.as_bytes());
}

fn count(length: usize) -> i32 {
    i32::try_from(length).unwrap()
}
