//! What the clients noted, from their files into a form that the checks can ask.
//!
//! Owns: the meaning of the lines. Does not know: which promise a line breaks.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use serde::Deserialize;

use crate::torture::TortureError;

/// A partition of a topic.
pub(in crate::torture) type Place = (String, i32);

/// A line. What it has no use for is left out there, and is 0 or empty here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::torture) struct Event {
    /// What happened.
    pub(in crate::torture) e: String,
    /// When, in nanoseconds of `CLOCK_MONOTONIC`.
    pub(in crate::torture) t: i64,
    pub(in crate::torture) topic: String,
    pub(in crate::torture) p: i32,
    pub(in crate::torture) seq: i64,
    pub(in crate::torture) n: i64,
    pub(in crate::torture) txn: u32,
    pub(in crate::torture) off: i64,
    pub(in crate::torture) producer: i64,
    pub(in crate::torture) how: String,
    pub(in crate::torture) why: String,
    pub(in crate::torture) start: i64,
    pub(in crate::torture) last: i64,
    pub(in crate::torture) end: i64,
}

impl Event {
    pub(in crate::torture) fn place(&self) -> Place {
        (self.topic.clone(), self.p)
    }
}

/// Records of one producer that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::torture) struct Sent {
    pub(in crate::torture) t: i64,
    pub(in crate::torture) seq: i64,
    pub(in crate::torture) n: i64,
    pub(in crate::torture) txn: u32,
    /// Where the first is, if it was acknowledged.
    pub(in crate::torture) off: i64,
}

/// What became of a transaction, as far as its client knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::torture) enum Fate {
    /// Its commit was acknowledged.
    Committed,
    /// Nobody ever asked for its commit.
    Aborted,
    /// Its commit was asked for, and nobody answered.
    Unknown,
}

/// A producer's history.
#[derive(Debug, Default)]
pub(in crate::torture) struct Producer {
    /// plain, idempotent or transactional.
    pub(in crate::torture) kind: String,
    pub(in crate::torture) sent: BTreeMap<Place, Vec<Sent>>,
    pub(in crate::torture) acked: BTreeMap<Place, Vec<Sent>>,
    pub(in crate::torture) refused: BTreeMap<Place, Vec<Sent>>,
    pub(in crate::torture) unknown: i64,
    /// Why it could not go on.
    pub(in crate::torture) fatal: Option<String>,
    /// By number; a transaction that is not named was never to be committed.
    pub(in crate::torture) ends: BTreeMap<u32, Fate>,
}

impl Producer {
    pub(in crate::torture) fn fate(&self, txn: u32) -> Fate {
        if txn == 0 { Fate::Committed } else { self.ends.get(&txn).copied().unwrap_or(Fate::Aborted) }
    }

    /// Whether it promises that each record is there once, and in order.
    pub(in crate::torture) fn is_idempotent(&self) -> bool {
        self.kind != "plain"
    }
}

/// Records that a reader saw one after the other, at offsets that follow each other and by one producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::torture) struct Seen {
    pub(in crate::torture) off: i64,
    pub(in crate::torture) n: i64,
    /// -1 for markers.
    pub(in crate::torture) producer: i64,
    pub(in crate::torture) seq: i64,
    pub(in crate::torture) txn: u32,
}

/// A reader's history.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "four facts that do not depend on each other")]
pub(in crate::torture) struct Reading {
    pub(in crate::torture) name: String,
    pub(in crate::torture) is_committed: bool,
    /// Whether it saw everything from the start to the end, when all was well.
    pub(in crate::torture) is_whole: bool,
    /// Whether it notes markers.
    pub(in crate::torture) has_markers: bool,
    /// In the order in which they were seen.
    pub(in crate::torture) seen: BTreeMap<Place, Vec<Seen>>,
    /// Start, last stable offset and end of each partition, when it began to read up to the end.
    pub(in crate::torture) offsets: BTreeMap<Place, (i64, i64, i64)>,
    pub(in crate::torture) bad: Vec<String>,
    pub(in crate::torture) is_done: bool,
}

/// All histories of a round.
#[derive(Debug, Default)]
pub(in crate::torture) struct History {
    pub(in crate::torture) producers: BTreeMap<i64, Producer>,
    pub(in crate::torture) readings: Vec<Reading>,
    pub(in crate::torture) watch: Vec<Event>,
    /// The ends of partitions, as kcat says.
    pub(in crate::torture) kcat: Vec<Event>,
    pub(in crate::torture) topics: Vec<Event>,
    /// By the name of the group.
    pub(in crate::torture) members: BTreeMap<String, Vec<Event>>,
    pub(in crate::torture) nemesis: Vec<Event>,
    /// When the machine was slow for everybody.
    pub(in crate::torture) machine: Vec<Event>,
}

impl History {
    /// Reads all files of a folder.
    pub(in crate::torture) fn read(dir: &Path) -> Result<Self, TortureError> {
        let mut history = Self::default();
        let io = |source| TortureError::io(dir, source);
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(dir).map_err(io)? {
            paths.push(entry.map_err(io)?.path());
        }
        paths.sort();
        for path in paths.iter().filter(|path| path.extension().is_some_and(|ending| ending == "jsonl")) {
            let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            history.add(&name, path)?;
        }
        Ok(history)
    }

    fn add(&mut self, name: &str, path: &Path) -> Result<(), TortureError> {
        match name.split('-').next().unwrap_or_default() {
            "producer" => {
                let mut producer = Producer::default();
                let mut number = 0;
                for_each_line(path, |event| {
                    if event.e == "producer" {
                        number = event.producer;
                    }
                    producer.note(event);
                })?;
                self.producers.insert(number, producer);
            }
            "reading" => {
                let mut reading = Reading {
                    name: name.trim_start_matches("reading-").to_owned(),
                    is_committed: name.ends_with("committed"),
                    is_whole: !name.starts_with("reading-live"),
                    has_markers: !name.contains("rdkafka"),
                    ..Reading::default()
                };
                for_each_line(path, |event| reading.note(&event))?;
                self.readings.push(reading);
            }
            "watch" => for_each_line(path, |event| self.watch.push(event))?,
            "kcat" => for_each_line(path, |event| self.kcat.push(event))?,
            "topics" => for_each_line(path, |event| self.topics.push(event))?,
            "machine" => for_each_line(path, |event| self.machine.push(event))?,
            "nemesis" => for_each_line(path, |event| self.nemesis.push(event))?,
            "member" => {
                let group = name.split('-').nth(1).unwrap_or_default().to_owned();
                let events = self.members.entry(group).or_default();
                // Beginnings of members stand between their events.
                events.push(Event { e: "member".to_owned(), ..Event::default() });
                for_each_line(path, |event| events.push(event))?;
            }
            _ => {}
        }
        Ok(())
    }

    /// The first whole reading that hides nothing: what all others are held against.
    pub(in crate::torture) fn base(&self) -> Option<&Reading> {
        self.readings.iter().find(|reading| reading.is_whole && !reading.is_committed && reading.has_markers)
    }

    /// Who sent it, and what became of its transaction; `None` for a marker or a stranger.
    pub(in crate::torture) fn fate(&self, seen: &Seen) -> Option<Fate> {
        self.producers.get(&seen.producer).map(|producer| producer.fate(seen.txn))
    }

    /// The largest start that anybody was told of each partition: what lies below may be gone.
    pub(in crate::torture) fn starts(&self) -> BTreeMap<Place, i64> {
        let mut starts = BTreeMap::new();
        let of_readings = self.readings.iter().flat_map(|reading| reading.offsets.iter());
        let of_readings = of_readings.map(|(place, (start, ..))| (place.clone(), *start));
        for (place, start) in of_readings.chain(self.watch.iter().map(|event| (event.place(), event.start))) {
            let most = starts.entry(place).or_insert(start);
            *most = start.max(*most);
        }
        starts
    }

    /// All partitions that were sent to.
    pub(in crate::torture) fn places(&self) -> BTreeSet<Place> {
        self.producers.values().flat_map(|producer| producer.sent.keys().cloned()).collect()
    }
}

impl Producer {
    fn note(&mut self, event: Event) {
        let sent = Sent { t: event.t, seq: event.seq, n: event.n, txn: event.txn, off: event.off };
        match event.e.as_str() {
            "producer" => self.kind = event.how,
            "send" => self.sent.entry(event.place()).or_default().push(sent),
            "ok" => self.acked.entry(event.place()).or_default().push(sent),
            "fail" => self.refused.entry(event.place()).or_default().push(sent),
            "unknown" => self.unknown += event.n,
            "fatal" => self.fatal = Some(event.why),
            "end" if event.how == "commit" => drop(self.ends.insert(event.txn, Fate::Unknown)),
            "ended" if event.how == "ok" => {
                if let Some(fate) = self.ends.get_mut(&event.txn) {
                    *fate = Fate::Committed;
                }
            }
            _ => {}
        }
    }
}

impl Reading {
    fn note(&mut self, event: &Event) {
        match event.e.as_str() {
            "read" => {
                let &Event { off, n, producer, seq, txn, .. } = event;
                self.seen.entry(event.place()).or_default().push(Seen { off, n, producer, seq, txn });
            }
            "offsets" => drop(self.offsets.insert(event.place(), (event.start, event.last, event.end))),
            "bad" => self.bad.push(format!("{}-{} offset {}: {}", event.topic, event.p, event.off, event.why)),
            "done" => self.is_done = true,
            _ => {}
        }
    }
}

/// Reads a history. A last line that is cut off, by the end of its client, is not there.
fn for_each_line(path: &Path, mut act: impl FnMut(Event)) -> Result<(), TortureError> {
    let file = File::open(path).map_err(|source| TortureError::io(path, source))?;
    for line in BufReader::new(file).lines() {
        let line = line.map_err(|source| TortureError::io(path, source))?;
        match serde_json::from_str(&line) {
            Ok(event) => act(event),
            Err(_) if !line.ends_with('}') => {}
            Err(error) => {
                let detail = format!("{error} in '{line}'");
                return Err(TortureError::Program { program: path.display().to_string(), detail });
            }
        }
    }
    Ok(())
}
