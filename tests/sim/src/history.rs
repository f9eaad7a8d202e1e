//! What clients did, saw and were told: the only thing, besides the logs at the end, that the checker looks at.
//!
//! Owns: the words for it. An operation is noted when it begins and again when its client knows what became of it; one whose
//! answer was lost stays unknown for ever. Does not know: what is right.

use std::collections::BTreeMap;

use model::{IsolationLevel, TopicPartition};

/// The number of a record, which all its copies carry: no two sends share one.
pub(crate) type RecordId = u64;

/// The place of something in the order in which everything happened.
pub(crate) type Moment = u64;

/// What a client knows of something that it asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome<T> {
    /// Nothing, or that it may have happened.
    Unknown,
    /// It happened.
    Done(T),
    /// It did not happen and never will.
    Refused,
}

/// One record that a producer sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    /// When it was sent; set by [`History::send`].
    pub(crate) began: Moment,
    pub(crate) producer: u64,
    pub(crate) partition: TopicPartition,
    pub(crate) key: Option<String>,
    pub(crate) is_tombstone: bool,
    /// Whether repeats must be found: not for producers without an id.
    pub(crate) is_idempotent: bool,
    /// The transaction that it is a part of.
    pub(crate) transaction: Option<usize>,
    /// Where it was answered to be.
    pub(crate) outcome: Outcome<i64>,
    /// When that was known.
    pub(crate) known: Moment,
}

/// One record that a reader was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) offset: i64,
    pub(crate) id: RecordId,
}

/// All that one reader read of a partition in one go: from an offset on, without a gap in what it asked for.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) partition: TopicPartition,
    pub(crate) isolation: IsolationLevel,
    /// When it began.
    pub(crate) began: Moment,
    /// When it ended.
    pub(crate) ended: Moment,
    /// How long it took, ms.
    pub(crate) lasted_ms: i64,
    /// The first offset that it asked for.
    pub(crate) from: i64,
    /// Everything below was given to it, as far as there was anything.
    pub(crate) upto: i64,
    pub(crate) seen: Vec<Seen>,
}

/// The offsets that describe a log, as one answer told them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watermarks {
    /// The order in which the broker read them.
    pub(crate) order: Moment,
    pub(crate) start: i64,
    pub(crate) stable: i64,
    pub(crate) high: i64,
}

/// A transaction, as its client meant and knew it: `true` for one that was committed, `false` for one that was aborted, refused
/// for one of which it is known that it never will be committed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Transaction {
    pub(crate) outcome: Outcome<bool>,
    /// When that was known.
    pub(crate) known: Moment,
}

/// An offset that a group committed, or wanted to.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) group: String,
    pub(crate) partition: TopicPartition,
    pub(crate) offset: i64,
    pub(crate) began: Moment,
    pub(crate) outcome: Outcome<()>,
    pub(crate) known: Moment,
}

/// An offset that a group was told.
#[derive(Clone, Debug)]
pub(crate) struct Fetched {
    pub(crate) group: String,
    pub(crate) partition: TopicPartition,
    pub(crate) offset: i64,
    pub(crate) began: Moment,
    pub(crate) known: Moment,
}

/// What a client that processes wants to be taken together: outputs, and how far it has read. See [`Transaction`].
#[derive(Clone, Debug)]
pub(crate) struct Round {
    pub(crate) processor: u64,
    /// Its transaction, which the outputs name as well.
    pub(crate) transaction: usize,
    /// The next offset to read, of each partition that it names.
    pub(crate) positions: Vec<(TopicPartition, i64)>,
}

/// From where a client that processes was told to go on; -1 for nowhere yet.
#[derive(Clone, Debug)]
pub(crate) struct Position {
    pub(crate) processor: u64,
    pub(crate) partition: TopicPartition,
    pub(crate) offset: i64,
    pub(crate) began: Moment,
    pub(crate) known: Moment,
}

/// Offsets that a client that processes could not read any more.
#[derive(Clone, Debug)]
pub(crate) struct Skipped {
    pub(crate) processor: u64,
    pub(crate) partition: TopicPartition,
    pub(crate) from: i64,
    pub(crate) upto: i64,
}

/// Everything, in the order in which it happened.
#[derive(Debug, Default)]
pub(crate) struct History {
    moment: Moment,
    records: RecordId,
    pub(crate) sent: BTreeMap<RecordId, Sent>,
    pub(crate) readings: Vec<Reading>,
    pub(crate) watermarks: BTreeMap<TopicPartition, Vec<Watermarks>>,
    pub(crate) transactions: Vec<Transaction>,
    pub(crate) commits: Vec<Commit>,
    pub(crate) fetched: Vec<Fetched>,
    pub(crate) rounds: Vec<Round>,
    pub(crate) positions: Vec<Position>,
    pub(crate) skipped: Vec<Skipped>,
    pub(crate) producer_ids: Vec<i64>,
    /// What was seen to be wrong at once.
    pub(crate) wrong: Vec<String>,
    /// How often what happened: a simulation in which nothing happens proves nothing.
    pub(crate) counts: BTreeMap<&'static str, u64>,
}

impl History {
    /// The next moment.
    pub(crate) fn now(&mut self) -> Moment {
        self.moment += 1;
        self.moment
    }

    /// A record is about to be sent.
    pub(crate) fn send(&mut self, sent: Sent) -> RecordId {
        self.records += 1;
        let began = self.now();
        self.sent.insert(self.records, Sent { began, ..sent });
        self.records
    }

    /// It is known what became of a record.
    pub(crate) fn settle(&mut self, id: RecordId, outcome: Outcome<i64>) {
        let known = self.now();
        if let Some(sent) = self.sent.get_mut(&id) {
            (sent.outcome, sent.known) = (outcome, known);
        }
    }

    /// A transaction begins. It cannot be committed until its client asks for that.
    pub(crate) fn begin_transaction(&mut self) -> usize {
        self.transactions.push(Transaction { outcome: Outcome::Refused, known: 0 });
        self.transactions.len() - 1
    }

    /// It is known what became of a transaction, or no longer known.
    pub(crate) fn end_transaction(&mut self, place: usize, outcome: Outcome<bool>) {
        let known = self.now();
        if let Some(transaction) = self.transactions.get_mut(place) {
            *transaction = Transaction { outcome, known };
        }
    }

    pub(crate) fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }
}
