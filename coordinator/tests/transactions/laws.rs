//! What must hold, whatever happens.

use std::collections::{BTreeMap, BTreeSet};

use coordinator::transaction::event::{Markers, ProducerIdAndEpoch, RawProducer, TransactionResult};
use coordinator::transaction::{Partitions, Transaction, TransactionRecord, TransactionState, TransactionVersion};
use model::{Timestamp, TopicPartition};

/// A transaction: its transactional id, and when it began. Two of an id never begin at once: each event has its own moment.
pub(crate) type Which = (String, Timestamp);

/// How often things happened that a life is about.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) commits: u64,
    pub(crate) aborts: u64,
    pub(crate) timeouts: u64,
    pub(crate) fenced: u64,
    pub(crate) rotations: u64,
    pub(crate) repeated_ends: u64,
    pub(crate) tombstones: u64,
    pub(crate) crashes: u64,
    pub(crate) lost_records: u64,
    pub(crate) markers_again: u64,
}

impl Seen {
    pub(crate) fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.all().into_iter().zip(other.clone().all()) {
            *mine += *theirs;
        }
    }

    pub(crate) fn has_everything(mut self) -> bool {
        self.all().into_iter().all(|count| *count >= 20)
    }

    fn all(&mut self) -> [&mut u64; 10] {
        [
            &mut self.commits,
            &mut self.aborts,
            &mut self.timeouts,
            &mut self.fenced,
            &mut self.rotations,
            &mut self.repeated_ends,
            &mut self.tombstones,
            &mut self.crashes,
            &mut self.lost_records,
            &mut self.markers_again,
        ]
    }
}

/// What was seen of the log, of answers and of partitions.
#[derive(Debug, Default)]
pub(crate) struct Laws {
    /// Who was the first to be told a producer id and epoch.
    given: BTreeMap<ProducerIdAndEpoch, u64>,
    /// How each transaction ended, as far as that is durable.
    ends: BTreeMap<Which, TransactionResult>,
    /// Where markers are durable, of the transaction that each id is ending, or ended last.
    marked: BTreeMap<(String, ProducerIdAndEpoch, TransactionResult), Partitions>,
    /// Producers of which a request to end a transaction arrived late. As of KIP-98 it may have ended the next one.
    late_ends: BTreeSet<(i64, i16)>,
    pub(crate) seen: Seen,
}

impl Laws {
    /// A request to end a transaction arrives when nobody waits for it.
    pub(crate) fn late_end(&mut self, producer: RawProducer) {
        self.late_ends.insert((producer.id, producer.epoch));
    }

    /// Whether what this producer hears is about its own transaction.
    fn is_sure(&self, producer: ProducerIdAndEpoch, version: TransactionVersion) -> bool {
        let raw = (producer.producer_id.get(), producer.producer_epoch.get());
        version == TransactionVersion::V2 || !self.late_ends.contains(&raw)
    }

    /// A client wrote in `now`, and before that in `before`, without having ended it.
    pub(crate) fn wrote(&self, producer: ProducerIdAndEpoch, version: TransactionVersion, writes: [Option<&Which>; 2]) {
        let [before, now] = writes;
        let is_one = before.is_none_or(|before| now == Some(before));
        assert!(is_one || !self.is_sure(producer, version), "{before:?} went on as {now:?}");
    }

    /// A pair was told to a client: nobody else ever was told the same.
    pub(crate) fn told(&mut self, pair: ProducerIdAndEpoch, client: u64) {
        let first = *self.given.entry(pair).or_insert(client);
        assert_eq!(first, client, "{pair:?} was given to two");
    }

    /// Whether a client was told this pair.
    pub(crate) fn was_told(&self, pair: ProducerIdAndEpoch, client: u64) -> bool {
        self.given.get(&pair) == Some(&client)
    }

    /// A record was appended after `before`.
    pub(crate) fn appended(&mut self, before: Option<&Transaction>, record: &TransactionRecord) {
        use TransactionState::{CompleteAbort, CompleteCommit, Empty, Ongoing, PrepareAbort, PrepareCommit};
        let was = before.map(|before| before.state);
        let Some(after) = &record.transaction else {
            assert!(matches!(was, Some(Empty | CompleteCommit | CompleteAbort)), "{was:?} was forgotten");
            self.seen.tombstones += 1;
            return;
        };
        let may_follow = match after.state {
            Empty => matches!(was, None | Some(Empty | CompleteCommit | CompleteAbort)),
            Ongoing => matches!(was, Some(Empty | Ongoing | CompleteCommit | CompleteAbort)),
            PrepareCommit => was == Some(Ongoing),
            PrepareAbort => matches!(was, Some(Empty | Ongoing | CompleteCommit | CompleteAbort)),
            CompleteCommit => was == Some(PrepareCommit),
            CompleteAbort => was == Some(PrepareAbort),
        };
        assert!(may_follow, "{was:?} was followed by {:?}", after.state);
        if let Some(before) = before {
            assert!(
                after.producer.producer_id != before.producer.producer_id
                    || after.producer.producer_epoch >= before.producer.producer_epoch,
                "an epoch went back: {before:?}, {after:?}"
            );
            let goes_on = after.state == Ongoing && was == Some(Ongoing);
            assert!(!goes_on || after.partitions.contains_all(&before.partitions), "partitions were lost");
            self.seen.rotations += u64::from(before.producer.producer_id != after.producer.producer_id);
        }
        match after.state {
            PrepareCommit | PrepareAbort => {
                // What an earlier transaction of the same epoch left there says nothing of this one.
                let key = (record.transactional_id.clone(), after.producer, result_of(after.state));
                self.marked.remove(&key);
            }
            CompleteCommit | CompleteAbort => {
                self.completed(&record.transactional_id, before.expect("it was prepared"));
            }
            Empty | Ongoing => {}
        }
    }

    /// Each partition had its marker when the transaction was complete.
    fn completed(&mut self, id: &str, prepared: &Transaction) {
        let key = (id.to_owned(), prepared.producer, result_of(prepared.state));
        let marked = self.marked.get(&key).cloned().unwrap_or_default();
        for partition in prepared.partitions.iter() {
            assert!(marked.contains(&partition), "{id} was complete, and {partition} without a marker");
        }
    }

    /// A marker is durable, or its topic gone.
    pub(crate) fn marked(&mut self, markers: &Markers, partition: &TopicPartition) {
        let key = (markers.transactional_id.clone(), markers.producer, markers.result);
        self.marked.entry(key).or_default().insert(partition.topic.clone(), partition.partition);
    }

    /// A record became durable.
    pub(crate) fn durable(&mut self, record: &TransactionRecord) {
        let Some(transaction) = &record.transaction else { return };
        if !matches!(transaction.state, TransactionState::PrepareCommit | TransactionState::PrepareAbort) {
            return;
        }
        let result = result_of(transaction.state);
        match result {
            TransactionResult::Commit => self.seen.commits += 1,
            TransactionResult::Abort => self.seen.aborts += 1,
        }
        let which = (record.transactional_id.clone(), transaction.start);
        let before = self.ends.insert(which.clone(), result);
        assert!(before.is_none_or(|before| before == result), "{which:?} ended both ways");
    }

    /// A client was told how its transaction ended.
    pub(crate) fn told_end(
        &self,
        producer: (ProducerIdAndEpoch, TransactionVersion),
        which: &Which,
        result: TransactionResult,
    ) {
        if self.is_sure(producer.0, producer.1) {
            assert_eq!(self.ends.get(which), Some(&result), "the end of {which:?} that a client was told");
        }
    }
}

fn result_of(state: TransactionState) -> TransactionResult {
    match state {
        TransactionState::PrepareCommit | TransactionState::CompleteCommit => TransactionResult::Commit,
        TransactionState::Empty
        | TransactionState::Ongoing
        | TransactionState::PrepareAbort
        | TransactionState::CompleteAbort => TransactionResult::Abort,
    }
}
