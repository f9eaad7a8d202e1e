//! One shard with its log in memory, and what the tests ask of it.
#![expect(clippy::wildcard_enum_match_arm, reason = "a reply of another kind is a failure, whichever it is")]

mod adds;
mod directory;
mod ends;
mod ends_v2;
mod inits;
mod markers;
mod timeouts;

use model::{
    ErrorCode, LeaderEpoch, PartitionIndex, ProducerEpoch, ProducerId, Tick, Timestamp, TopicName, TopicPartition,
};

use super::event::{
    AddPartitions, EndTxn, InitProducerId, MarkerResult, Markers, MarkersWritten, ProducerIdAndEpoch, RawProducer,
    TransactionResult,
};
use super::{
    Partitions, TransactionContext, TransactionEffect, TransactionEvent, TransactionOutcome, TransactionReply,
    TransactionSettings, TransactionShard, TransactionState, TransactionVersion,
};
use crate::shard::{Now, Record, ReplyTo};

pub(super) const ID: &str = "orders";
pub(super) const V0: TransactionVersion = TransactionVersion::V0;
pub(super) const V2: TransactionVersion = TransactionVersion::V2;
pub(super) const COMMIT: TransactionResult = TransactionResult::Commit;
pub(super) const ABORT: TransactionResult = TransactionResult::Abort;

/// A shard whose markers are not written until [`Driver::write_markers`] says so.
pub(super) struct Driver {
    pub(super) shard: TransactionShard,
    pub(super) settings: TransactionSettings,
    pub(super) log: Vec<Record>,
    /// Markers that were asked for, and not written yet.
    pub(super) asked: Vec<Markers>,
    pub(super) now_ms: u64,
    pub(super) next_id: i64,
    replies: u64,
}

impl Driver {
    pub(super) fn new() -> Self {
        let shard = TransactionShard::new(LeaderEpoch::ZERO);
        let settings = TransactionSettings::default();
        let (log, asked) = (Vec::new(), Vec::new());
        let mut driver = Self { shard, settings, log, asked, now_ms: 1_000_000, next_id: 100, replies: 0 };
        driver.load(0);
        driver
    }

    /// With this level of `transaction.version`.
    pub(super) fn with_version(version: TransactionVersion) -> Self {
        let mut driver = Self::new();
        driver.settings.version = version;
        driver
    }

    pub(super) fn now(&self) -> Now {
        let time = Timestamp::new(i64::try_from(self.now_ms).unwrap() + 1_700_000_000_000);
        Now { time, tick: Tick::from_ms(self.now_ms) }
    }

    /// Loads the shard anew from its log, as with this epoch.
    pub(super) fn load(&mut self, epoch: i32) {
        self.shard = TransactionShard::new(LeaderEpoch::new(epoch).unwrap());
        for record in &self.log {
            self.shard.replay(&record.key, record.value.as_deref()).unwrap();
        }
        self.asked.clear();
        let now = self.now();
        self.shard.loaded(&TransactionContext { now, settings: &self.settings });
        self.run();
    }

    /// Lets `ms` pass, with all that is due.
    pub(super) fn pass(&mut self, ms: u64) {
        let end = self.now_ms + ms;
        while let Some(due) = self.shard.next_deadline().filter(|due| due.as_ms() <= end) {
            self.now_ms = self.now_ms.max(due.as_ms());
            self.run();
        }
        self.now_ms = end;
    }

    fn run(&mut self) {
        while self.shard.next_deadline().is_some_and(|due| due.as_ms() <= self.now_ms) {
            let now = self.now();
            let outcome = self.shard.on_time(&TransactionContext { now, settings: &self.settings });
            assert!(self.settle(outcome).is_none(), "nobody asked");
        }
    }

    pub(super) fn ask(&mut self, event: TransactionEvent) -> TransactionReply {
        self.replies += 1;
        let reply_to = ReplyTo(self.replies);
        let now = self.now();
        let outcome = self.shard.on_event(&TransactionContext { now, settings: &self.settings }, event, reply_to);
        self.settle(outcome).expect("each request is answered")
    }

    /// Appends, and does what is asked for. Gives the reply.
    fn settle(&mut self, outcome: TransactionOutcome) -> Option<TransactionReply> {
        let TransactionOutcome { records, mut replies, effects, .. } = outcome;
        self.log.extend(records);
        self.assert_replays();
        let mut reply = replies.pop().map(|(_, reply)| reply);
        for effect in effects {
            match effect {
                TransactionEffect::WriteMarkers(markers) => self.asked.push(markers),
                TransactionEffect::NeedProducerId(waiting) => {
                    let fresh = ProducerId::new(self.next_id).unwrap();
                    self.next_id += 1;
                    let now = self.now();
                    let context = TransactionContext { now, settings: &self.settings };
                    let outcome = self.shard.on_producer_id(&context, waiting, fresh);
                    reply = self.settle(outcome).or(reply);
                }
            }
        }
        reply
    }

    /// What the log says is what the shard holds.
    fn assert_replays(&self) {
        let mut replayed = TransactionShard::new(LeaderEpoch::ZERO);
        for record in &self.log {
            replayed.replay(&record.key, record.value.as_deref()).unwrap();
        }
        let of = |shard: &TransactionShard| -> Vec<_> {
            shard.ids.iter().map(|(id, transactional)| (id.clone(), transactional.logged.clone())).collect()
        };
        assert_eq!(of(&replayed), of(&self.shard));
        assert_eq!(replayed.open, self.shard.open);
    }

    /// Reports all markers that were asked for as written.
    pub(super) fn write_markers(&mut self) {
        for markers in std::mem::take(&mut self.asked) {
            let results = markers.partitions.iter().map(|partition| (partition, MarkerResult::Written)).collect();
            self.report(&markers, results);
        }
    }

    pub(super) fn report(&mut self, markers: &Markers, results: Vec<(TopicPartition, MarkerResult)>) {
        let now = self.now();
        let context = TransactionContext { now, settings: &self.settings };
        let written = MarkersWritten { id: markers.id, transactional_id: markers.transactional_id.clone(), results };
        let outcome = self.shard.on_markers_written(&context, &written);
        assert!(self.settle(outcome).is_none(), "nobody asked");
    }

    pub(super) fn init_with(&mut self, request: InitProducerId) -> Result<ProducerIdAndEpoch, ErrorCode> {
        match self.ask(TransactionEvent::InitProducerId(request)) {
            TransactionReply::InitProducerId(reply) => reply,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn init(&mut self) -> Result<ProducerIdAndEpoch, ErrorCode> {
        self.init_with(init_request())
    }

    pub(super) fn init_from(&mut self, expected: ProducerIdAndEpoch) -> Result<ProducerIdAndEpoch, ErrorCode> {
        self.init_with(InitProducerId { expected: Some(raw(expected)), ..init_request() })
    }

    pub(super) fn add(
        &mut self,
        producer: ProducerIdAndEpoch,
        names: &[&str],
        client_version: TransactionVersion,
    ) -> Result<(), ErrorCode> {
        let (transactional_id, partitions) = (ID.to_owned(), partitions(names));
        let request = AddPartitions { transactional_id, producer: raw(producer), partitions, client_version };
        match self.ask(TransactionEvent::AddPartitions(request)) {
            TransactionReply::AddPartitions(reply) => reply,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn end(
        &mut self,
        producer: ProducerIdAndEpoch,
        result: TransactionResult,
        client_version: TransactionVersion,
    ) -> Result<Option<ProducerIdAndEpoch>, ErrorCode> {
        let (transactional_id, producer) = (ID.to_owned(), raw(producer));
        let request = EndTxn { transactional_id, producer, result, client_version };
        match self.ask(TransactionEvent::EndTxn(request)) {
            TransactionReply::EndTxn(reply) => reply,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn state(&self) -> TransactionState {
        self.shard.get(ID).expect("it is there").state
    }

    /// The epoch of the producer, set by hand: what thousands of transactions lead to.
    pub(super) fn set_epoch(&mut self, epoch: i16) -> ProducerIdAndEpoch {
        let mut transaction = self.shard.get(ID).expect("it is there").clone();
        transaction.producer.producer_epoch = ProducerEpoch::new(epoch).unwrap();
        let producer = transaction.producer;
        let record = super::TransactionRecord { transactional_id: ID.to_owned(), transaction: Some(transaction) };
        self.log.push(record.encode(self.settings.version).unwrap());
        self.load(0);
        producer
    }
}

pub(super) fn init_request() -> InitProducerId {
    InitProducerId {
        transactional_id: ID.to_owned(),
        transaction_timeout_ms: 60_000,
        expected: None,
        enable_two_phase_commit: false,
        keep_prepared_transaction: false,
    }
}

pub(super) fn raw(producer: ProducerIdAndEpoch) -> RawProducer {
    RawProducer { id: producer.producer_id.get(), epoch: producer.producer_epoch.get() }
}

pub(super) fn producer(id: i64, epoch: i16) -> ProducerIdAndEpoch {
    let (producer_id, producer_epoch) = (ProducerId::new(id).unwrap(), ProducerEpoch::new(epoch).unwrap());
    ProducerIdAndEpoch { producer_id, producer_epoch }
}

/// `alpha-0` is partition 0 of `alpha`.
pub(super) fn partition(name: &str) -> TopicPartition {
    let (topic, index) = name.rsplit_once('-').unwrap();
    let partition = PartitionIndex::new(index.parse().unwrap()).unwrap();
    TopicPartition { topic: TopicName::parse(topic).unwrap(), partition }
}

pub(super) fn partitions(names: &[&str]) -> Partitions {
    names.iter().map(|name| partition(name)).collect()
}
