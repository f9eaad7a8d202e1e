//! The shard, its log, which becomes durable in steps, and the partitions where its markers are written.

use std::collections::{BTreeMap, BTreeSet};

use coordinator::shard::{Now, ReplyTo};
use coordinator::transaction::event::{ListTransactions, MarkerResult, Markers, MarkersWritten, WaitingForId};
use coordinator::transaction::{
    TransactionContext, TransactionEffect, TransactionEvent, TransactionOutcome, TransactionRecord, TransactionReply,
    TransactionSettings, TransactionShard, TransactionState, TransactionVersion,
};
use model::{LeaderEpoch, ProducerEpoch, ProducerId, Tick, Timestamp, TopicPartition};

use crate::laws::Laws;
use crate::random::Random;

/// The timeout that every producer asks for, and the interval in which it is looked for.
pub(crate) const TIMEOUT_MS: i32 = 2_000;
const INTERVAL_MS: i32 = 500;

/// What waits until the log is durable up to its end.
struct Held {
    end: usize,
    replies: Vec<(ReplyTo, TransactionReply)>,
    effects: Vec<TransactionEffect>,
}

/// Everything but the clients.
pub(crate) struct World {
    shard: TransactionShard,
    pub(crate) settings: TransactionSettings,
    pub(crate) random: Random,
    pub(crate) laws: Laws,
    log: Vec<TransactionRecord>,
    durable: usize,
    held: Vec<Held>,
    /// Markers that are being written.
    writing: Vec<(Markers, TopicPartition)>,
    /// Reports of what became of markers that come once more.
    late_reports: Vec<MarkersWritten>,
    /// Requests that wait for a producer id.
    waiting: Vec<WaitingForId>,
    next_id: i64,
    epoch: i32,
    tick_ms: u64,
    /// What the wall's clock shows beside the other one.
    wall_ms: i64,
    /// When each transaction was seen first by this shard.
    since_ms: BTreeMap<String, (Timestamp, u64)>,
    /// What clients are to be told.
    pub(crate) told: Vec<(ReplyTo, TransactionReply)>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let version = *random.pick(&[TransactionVersion::V2, TransactionVersion::V2, TransactionVersion::V1]);
        let settings = TransactionSettings {
            abort_timed_out_interval_ms: INTERVAL_MS,
            id_expiration_ms: 20_000,
            remove_expired_interval_ms: 1_000,
            version,
            ..TransactionSettings::default()
        };
        let mut world = Self {
            shard: TransactionShard::new(LeaderEpoch::ZERO),
            settings,
            random,
            laws: Laws::default(),
            log: Vec::new(),
            durable: 0,
            held: Vec::new(),
            writing: Vec::new(),
            late_reports: Vec::new(),
            waiting: Vec::new(),
            next_id: 0,
            epoch: 0,
            tick_ms: 0,
            wall_ms: 1_700_000_000_000,
            since_ms: BTreeMap::new(),
            told: Vec::new(),
        };
        world.load();
        world
    }

    pub(crate) fn now(&self) -> Now {
        let time = self.wall_ms + i64::try_from(self.tick_ms).unwrap();
        Now { time: Timestamp::new(time), tick: Tick::from_ms(self.tick_ms) }
    }

    /// A request arrives.
    pub(crate) fn arrive(&mut self, event: TransactionEvent, reply_to: ReplyTo) {
        self.tick_ms += 1;
        let now = self.now();
        let outcome = self.shard.on_event(&TransactionContext { now, settings: &self.settings }, event, reply_to);
        self.settle(outcome);
    }

    /// Appends what was decided; the rest waits for it to be durable.
    fn settle(&mut self, outcome: TransactionOutcome) {
        let TransactionOutcome { records, replies, effects, .. } = outcome;
        for record in records {
            let record = TransactionRecord::decode(&record.key, record.value.as_deref()).unwrap().unwrap();
            let id = &record.transactional_id;
            let before = self.log.iter().rev().find(|before| before.transactional_id == *id);
            self.laws.appended(before.and_then(|before| before.transaction.as_ref()), &record);
            match record.transaction.as_ref().filter(|after| after.state == TransactionState::Ongoing) {
                Some(after) => {
                    let since = self.since_ms.entry(id.clone()).or_insert((after.start, self.tick_ms));
                    if since.0 != after.start {
                        *since = (after.start, self.tick_ms);
                    }
                }
                None => drop(self.since_ms.remove(id)),
            }
            self.log.push(record);
        }
        self.held.push(Held { end: self.log.len(), replies, effects });
    }

    /// Makes the next records durable, and does and tells what waited for them.
    pub(crate) fn sync(&mut self, records: usize) {
        let end = self.log.len().min(self.durable.saturating_add(records));
        for record in &self.log[self.durable..end] {
            self.laws.durable(record);
        }
        self.durable = end;
        while self.held.first().is_some_and(|held| held.end <= self.durable) {
            let held = self.held.remove(0);
            self.told.extend(held.replies);
            for effect in held.effects {
                match effect {
                    TransactionEffect::WriteMarkers(markers) => self.write(&markers),
                    TransactionEffect::NeedProducerId(waiting) => self.waiting.push(waiting),
                }
            }
        }
    }

    fn write(&mut self, markers: &Markers) {
        for partition in markers.partitions.iter() {
            let is_twice = self.writing.iter().any(|(other, at)| other.id == markers.id && *at == partition);
            assert!(!is_twice, "a marker was asked for that is being written");
            self.writing.push((markers.clone(), partition));
        }
    }

    /// Something becomes of one of the markers.
    pub(crate) fn write_one(&mut self, may_fail: bool) {
        if self.writing.is_empty() {
            return;
        }
        let place = self.random.index(self.writing.len());
        let (markers, partition) = self.writing.swap_remove(place);
        let result = match self.random.below(10) {
            0..3 if may_fail => MarkerResult::Failed,
            3 => MarkerResult::TopicDeleted,
            _ => MarkerResult::Written,
        };
        self.laws.seen.markers_again += u64::from(result == MarkerResult::Failed);
        if result != MarkerResult::Failed {
            self.laws.marked(&markers, &partition);
        }
        let transactional_id = markers.transactional_id.clone();
        let written = MarkersWritten { id: markers.id, transactional_id, results: vec![(partition, result)] };
        // A failure is reported once: what comes of it is a new marker.
        if result != MarkerResult::Failed && self.random.one_in(5) {
            self.late_reports.push(written.clone());
        }
        self.report(&written);
    }

    /// A report comes once more, and late.
    pub(crate) fn report_late(&mut self) {
        if !self.late_reports.is_empty() {
            let place = self.random.index(self.late_reports.len());
            let written = self.late_reports.swap_remove(place);
            self.report(&written);
        }
    }

    fn report(&mut self, written: &MarkersWritten) {
        self.tick_ms += 1;
        let now = self.now();
        let outcome = self.shard.on_markers_written(&TransactionContext { now, settings: &self.settings }, written);
        self.settle(outcome);
    }

    /// Whoever waits for a producer id gets it.
    pub(crate) fn give_id(&mut self) {
        let Some(waiting) = self.waiting.pop() else { return };
        let fresh = ProducerId::new(self.next_id).unwrap();
        self.next_id += 1;
        self.tick_ms += 1;
        let now = self.now();
        let outcome = self.shard.on_producer_id(&TransactionContext { now, settings: &self.settings }, waiting, fresh);
        self.settle(outcome);
    }

    /// Time goes on, and what is due happens.
    pub(crate) fn pass(&mut self, ms: u64) {
        let end = self.tick_ms + ms;
        while let Some(due) = self.shard.next_deadline().filter(|due| due.as_ms() <= end) {
            self.tick_ms = self.tick_ms.max(due.as_ms());
            let now = self.now();
            let before = self.log.len();
            let outcome = self.shard.on_time(&TransactionContext { now, settings: &self.settings });
            self.settle(outcome);
            let aborts = self.log[before..].iter().filter_map(|record| record.transaction.as_ref());
            let aborts = aborts.filter(|after| after.state == TransactionState::PrepareAbort).count();
            self.laws.seen.timeouts += u64::try_from(aborts).unwrap();
        }
        self.tick_ms = end;
        self.check_ages();
    }

    /// No transaction is under way for longer than its timeout and the interval, whatever the wall's clock does.
    fn check_ages(&self) {
        // What waits for a producer id does not wait here.
        if !self.waiting.is_empty() || self.held.iter().any(|held| !held.effects.is_empty()) {
            return;
        }
        let bound = u64::try_from(TIMEOUT_MS + INTERVAL_MS).unwrap() + 1;
        for (id, (start, since)) in &self.since_ms {
            assert!(
                self.tick_ms - since <= bound,
                "{id} is under way since {start:?}, for {} ms",
                self.tick_ms - since
            );
        }
    }

    /// The wall's clock is set, forward or back.
    pub(crate) fn jump(&mut self) {
        let ms = i64::try_from(self.random.below(6_000)).unwrap();
        // It does not show the same moment twice: transactions are told apart by when they began.
        self.wall_ms += if self.random.one_in(2) { ms } else { -ms / 16 * 16 };
    }

    /// The process dies: what was not durable may be lost, and what waits is.
    pub(crate) fn crash(&mut self) {
        self.check_replay();
        let kept = self.durable + self.random.index(self.log.len() - self.durable + 1);
        self.laws.seen.crashes += 1;
        self.laws.seen.lost_records += u64::try_from(self.log.len() - kept).unwrap();
        self.log.truncate(kept);
        self.load();
    }

    fn load(&mut self) {
        self.epoch += 1;
        self.tick_ms += 1;
        self.shard = self.replayed();
        (self.held, self.writing, self.late_reports) = (Vec::new(), Vec::new(), Vec::new());
        (self.waiting, self.told) = (Vec::new(), Vec::new());
        self.since_ms.clear();
        let mut ids = BTreeSet::new();
        for record in self.log.iter().rev() {
            if let Some(transaction) = &record.transaction
                && ids.insert(&record.transactional_id)
                && transaction.state == TransactionState::Ongoing
            {
                self.since_ms.insert(record.transactional_id.clone(), (transaction.start, self.tick_ms));
            }
        }
        let now = self.now();
        self.shard.loaded(&TransactionContext { now, settings: &self.settings });
        // What was read is durable, or soon will be.
        self.sync(usize::MAX);
        self.pass(0);
    }

    fn replayed(&self) -> TransactionShard {
        let mut shard = TransactionShard::new(LeaderEpoch::new(self.epoch).unwrap());
        for record in &self.log {
            let bytes = record.encode(self.settings.version).unwrap();
            shard.replay(&bytes.key, bytes.value.as_deref()).unwrap();
        }
        shard
    }

    /// What the log says is what the shard knows.
    pub(crate) fn check_replay(&mut self) {
        let mut replayed = self.replayed();
        let now = self.now();
        let context = TransactionContext { now, settings: &self.settings };
        let listed = |shard: &mut TransactionShard| {
            let event =
                TransactionEvent::ListTransactions(ListTransactions { duration_ms: -1, ..ListTransactions::default() });
            match shard.on_event(&context, event, ReplyTo(0)).replies.pop() {
                Some((_, TransactionReply::ListTransactions(listed))) => listed,
                other => panic!("{other:?}"),
            }
        };
        let ids = listed(&mut self.shard);
        assert_eq!(listed(&mut replayed), ids);
        for one in ids {
            let id = one.transactional_id.as_str();
            assert_eq!(replayed.get(id), self.shard.get(id));
        }
        assert_eq!(replayed.count_transactions(now), self.shard.count_transactions(now));
    }

    /// Somebody began so often that the epochs of this id are nearly used up.
    pub(crate) fn use_up(&mut self, id: &str) {
        let Some(before) = self.shard.get(id).filter(|now| now.state.is_final()) else { return };
        let mut after = before.clone();
        let epoch = i16::MAX - 2 - i16::try_from(self.random.below(2)).unwrap();
        if after.producer.producer_epoch.get() >= epoch {
            return;
        }
        after.producer.producer_epoch = ProducerEpoch::new(epoch).unwrap();
        let record = TransactionRecord { transactional_id: id.to_owned(), transaction: Some(after) };
        let bytes = record.encode(self.settings.version).unwrap();
        self.shard.replay(&bytes.key, bytes.value.as_deref()).unwrap();
        self.log.push(record);
    }

    /// What the shard holds of an id.
    pub(crate) fn get(&self, id: &str) -> Option<&coordinator::transaction::Transaction> {
        self.shard.get(id)
    }

    /// Whether nothing is under way any more.
    pub(crate) fn is_at_rest(&self) -> bool {
        let open = self.shard.count_transactions(self.now()).open();
        self.held.is_empty() && self.waiting.is_empty() && open.iter().all(|(_, in_state)| in_state.count == 0)
    }
}
