//! Transactional producers, as Kafka's Java client behaves: of both versions of the protocol, with aborts, abandoned
//! transactions, and others that take the same transactional id over.

use std::collections::BTreeMap;
use std::rc::Rc;

use coordinator::group::GroupReply;
use coordinator::group::event::{OffsetCommit, OffsetCommitReply};
use coordinator::transaction::event::{
    AddPartitions, EndTxn, InitProducerId, ProducerIdAndEpoch, RawProducer, TransactionResult,
};
use coordinator::transaction::{Partitions, TransactionEvent, TransactionReply, TransactionVersion};
use model::{ErrorCode, Sequence, TopicPartition};

use super::producer::KEYS;
use crate::history::{Outcome, RecordId, Sent};
use crate::network::{Link, Lost};
use crate::plan::{KEYED, TRANSACTIONAL_IDS};
use crate::records::{self, Outgoing, Stamp};
use crate::wire::{AddOffsets, Produce, Request, Response, TxnOffsetCommit};
use crate::world::Sim;

/// How often a request is sent again before the client is started again.
const TRIES: u32 = 12;

/// Why a transaction goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// It is to be aborted.
    Abort,
    /// The producer begins anew: it was fenced, or does not know where it stands.
    Restart,
}

/// The producer of a transactional id.
pub(super) struct Client {
    sim: Sim,
    number: u64,
    link: Link,
    id: String,
    version: TransactionVersion,
    timeout_ms: i32,
    producer: ProducerIdAndEpoch,
    sequences: BTreeMap<TopicPartition, Sequence>,
    /// What the transaction has, by version 1.
    added: Partitions,
    /// Whether the transaction has a group's offsets, by version 1.
    has_offsets: bool,
}

pub(super) async fn run(sim: Sim, number: u64, partitions: Vec<TopicPartition>) {
    let (id, is_old, timeout_ms) = sim.choose(|random| {
        let id = random.pick(&TRANSACTIONAL_IDS).copied().unwrap_or_default();
        (id, random.one_in(2), random.between(400, 2_500))
    });
    let timeout_ms = i32::try_from(timeout_ms).unwrap_or(i32::MAX);
    while !sim.is_over.get() {
        let Some(mut client) = Client::begin(&sim, number, (id, is_old), timeout_ms).await else { continue };
        while !sim.is_over.get() && client.transaction(&partitions).await.is_ok() {
            sim.pause(100, 60_000).await;
        }
        // The client ends with what it has under way, and another one comes, at once or much later.
        let rest_us = sim.choose(|random| if random.one_in(4) { 4_000_000 } else { random.below(200_000) });
        sim.sleep(rest_us).await;
    }
}

/// Becomes the producer of a transactional id; `None` if that was not answered.
async fn init(sim: &Sim, link: &Link, id: &str, timeout_ms: i32) -> Option<ProducerIdAndEpoch> {
    let request = InitProducerId {
        transactional_id: id.to_owned(),
        transaction_timeout_ms: timeout_ms,
        expected: None,
        enable_two_phase_commit: false,
        keep_prepared_transaction: false,
    };
    let answer = link.ask(Request::Transaction(Box::new(TransactionEvent::InitProducerId(request)))).await;
    sim.pause(100, 20_000).await;
    match answer {
        Ok(Response::Transaction(Ok(TransactionReply::InitProducerId(Ok(producer))))) => {
            sim.count("transactional producers begun");
            Some(producer)
        }
        _ => None,
    }
}

impl Client {
    /// Becomes the producer of a transactional id; `None` if that was not answered. An old one knows version 1 only.
    pub(super) async fn begin(sim: &Sim, number: u64, (id, is_old): (&str, bool), timeout_ms: i32) -> Option<Self> {
        let link = Link::new(sim);
        let producer = init(sim, &link, id, timeout_ms).await?;
        // A client goes by the level of the broker at most.
        let is_old = is_old || sim.plan.transaction_version != TransactionVersion::V2;
        Some(Self {
            sim: Rc::clone(sim),
            number,
            link,
            id: id.to_owned(),
            version: if is_old { TransactionVersion::V0 } else { TransactionVersion::V2 },
            timeout_ms,
            producer,
            sequences: BTreeMap::new(),
            added: Partitions::default(),
            has_offsets: false,
        })
    }

    /// Begins a transaction; gives its place in the history.
    pub(super) fn begin_transaction(&mut self) -> usize {
        (self.added, self.has_offsets) = (Partitions::default(), false);
        self.sim.note().begin_transaction()
    }

    /// One transaction, from its first record to its end. An error ends the client.
    async fn transaction(&mut self, partitions: &[TopicPartition]) -> Result<(), Stop> {
        let place = self.begin_transaction();
        let (count, is_abort, is_abandoned) =
            self.sim.choose(|random| (random.between(1, 4), random.one_in(4), random.one_in(20)));
        for sent in 0..count {
            if is_abandoned && sent + 1 == count {
                self.sim.count("transactions abandoned");
                return Err(Stop::Restart);
            }
            let Some(partition) = self.sim.choose(|random| random.pick(partitions).cloned()) else { break };
            let records = self.sim.choose(|random| random.between(1, 3));
            let outgoing: Vec<Outgoing> = (0..records).map(|_| self.new_record(place, &partition)).collect();
            match self.send(&partition, &outgoing).await {
                Ok(()) => {}
                Err(Stop::Abort) => return self.give_up(place).await,
                Err(Stop::Restart) => return Err(Stop::Restart),
            }
            self.sim.pause(10, 10_000).await;
        }
        let result = if is_abort { TransactionResult::Abort } else { TransactionResult::Commit };
        self.end(place, result).await
    }

    /// What becomes of some of a transaction is not known, and it can only be aborted.
    pub(super) async fn give_up(&mut self, place: usize) -> Result<(), Stop> {
        self.end(place, TransactionResult::Abort).await?;
        self.begin_epoch().await
    }

    /// Sends a batch until it is answered.
    pub(super) async fn send(&mut self, partition: &TopicPartition, outgoing: &[Outgoing]) -> Result<(), Stop> {
        self.add(partition).await?;
        let sequence = self.sequences.get(partition).copied().unwrap_or(Sequence::ZERO);
        let ProducerIdAndEpoch { producer_id: id, producer_epoch: epoch } = self.producer;
        let stamp = Stamp { id, epoch, sequence, is_transactional: true };
        let bytes = records::encode(outgoing, Some(stamp), self.sim.now().time).ok_or(Stop::Abort)?;
        let request = Produce {
            partition: partition.clone(),
            records: bytes,
            transactional_id: Some(self.id.clone()),
            client_version: self.version,
        };
        let mut may_be_there = false;
        for _ in 0..TRIES {
            let answer = self.link.ask(Request::Produce(request.clone())).await;
            match answer {
                Ok(Response::Produce(Ok(base_offset))) => {
                    let mut history = self.sim.note();
                    for (record, offset) in outgoing.iter().zip(base_offset..) {
                        history.settle(record.id, Outcome::Done(offset));
                    }
                    drop(history);
                    let next = sequence.advance(u32::try_from(outgoing.len()).unwrap_or(0));
                    self.sequences.insert(partition.clone(), next);
                    return Ok(());
                }
                Ok(Response::Produce(Err(code))) if !is_passing(code) => {
                    if !may_be_there {
                        self.refuse(outgoing);
                    }
                    self.sim.count("transactional batches refused");
                    return Err(Stop::Abort);
                }
                // Of a failed log it is not known what it holds.
                Ok(Response::Produce(Err(code))) => may_be_there |= code == ErrorCode::KafkaStorageError,
                Ok(_) | Err(Lost::Unknown) => may_be_there = true,
                Err(Lost::NeverSent) => {}
            }
            self.sim.pause(1_000, 50_000).await;
        }
        Err(Stop::Restart)
    }

    fn refuse(&self, outgoing: &[Outgoing]) {
        for record in outgoing {
            self.sim.note().settle(record.id, Outcome::Refused);
        }
    }

    fn new_record(&self, place: usize, partition: &TopicPartition) -> Outgoing {
        let (key, bytes, is_tombstone) =
            self.sim.choose(|random| (random.below(KEYS), random.between(1, 300), random.one_in(5)));
        let is_keyed = partition.topic.as_str() == KEYED;
        let key = is_keyed.then(|| format!("{}-{key}", self.number));
        let is_tombstone = is_keyed && is_tombstone;
        self.record(place, partition, key, usize::try_from(bytes).ok().filter(|_| !is_tombstone))
    }

    /// Notes a record of a transaction that is about to be sent.
    pub(super) fn record(
        &self,
        place: usize,
        partition: &TopicPartition,
        key: Option<String>,
        value_bytes: Option<usize>,
    ) -> Outgoing {
        let id: RecordId = self.sim.note().send(Sent {
            began: 0,
            producer: self.number,
            partition: partition.clone(),
            key: key.clone(),
            is_tombstone: value_bytes.is_none(),
            is_idempotent: true,
            transaction: Some(place),
            outcome: Outcome::Unknown,
            known: 0,
        });
        Outgoing { id, key, value_bytes }
    }

    /// By version 1 a partition is added before anything is sent to it.
    async fn add(&mut self, partition: &TopicPartition) -> Result<(), Stop> {
        if self.version == TransactionVersion::V2 || self.added.contains(partition) {
            return Ok(());
        }
        let event = TransactionEvent::AddPartitions(AddPartitions {
            transactional_id: self.id.clone(),
            producer: self.raw(),
            partitions: Partitions::from_iter([partition.clone()]),
            client_version: self.version,
        });
        for _ in 0..TRIES {
            match self.link.ask(Request::Transaction(Box::new(event.clone()))).await {
                Ok(Response::Transaction(Ok(TransactionReply::AddPartitions(Ok(()))))) => {
                    self.added.insert(partition.topic.clone(), partition.partition);
                    return Ok(());
                }
                Ok(Response::Transaction(Ok(TransactionReply::AddPartitions(Err(code))))) if !is_passing(code) => {
                    return Err(Stop::Restart);
                }
                _ => {}
            }
            self.sim.pause(1_000, 30_000).await;
        }
        Err(Stop::Restart)
    }

    /// By version 1 a group is added before any of its offsets is committed.
    async fn add_offsets(&mut self, group_id: &str) -> Result<(), Stop> {
        if self.version == TransactionVersion::V2 || self.has_offsets {
            return Ok(());
        }
        let (transactional_id, group_id) = (self.id.clone(), group_id.to_owned());
        let request = AddOffsets { transactional_id, producer: self.raw(), group_id };
        for _ in 0..TRIES {
            match self.link.ask(Request::AddOffsets(Box::new(request.clone()))).await {
                Ok(Response::Transaction(Ok(TransactionReply::AddPartitions(Ok(()))))) => {
                    self.has_offsets = true;
                    return Ok(());
                }
                Ok(Response::Transaction(Ok(TransactionReply::AddPartitions(Err(code))))) if !is_passing(code) => {
                    return Err(Stop::Restart);
                }
                _ => {}
            }
            self.sim.pause(1_000, 30_000).await;
        }
        Err(Stop::Restart)
    }

    /// Commits offsets of a group as a part of the transaction.
    pub(super) async fn commit_offsets(&mut self, commit: OffsetCommit) -> Result<(), Stop> {
        self.add_offsets(&commit.group_id).await?;
        let (transactional_id, producer, client_version) = (self.id.clone(), self.raw(), self.version);
        let request = TxnOffsetCommit { transactional_id, producer, commit, client_version };
        for _ in 0..TRIES {
            let code = match self.link.ask(Request::TxnOffsetCommit(Box::new(request.clone()))).await {
                Ok(Response::Group(Ok(GroupReply::OffsetCommit(OffsetCommitReply::Each(codes))))) => {
                    codes.into_iter().flatten().find(|code| *code != ErrorCode::None)
                }
                Ok(Response::Group(Ok(GroupReply::OffsetCommit(OffsetCommitReply::Refused(code))) | Err(code))) => {
                    Some(code)
                }
                // By version 1, one that is late would be taken for one of the next transaction: only another epoch helps.
                Err(Lost::Unknown) if self.version != TransactionVersion::V2 => return Err(Stop::Restart),
                Ok(_) | Err(_) => Some(ErrorCode::NotCoordinator),
            };
            match code {
                None => {
                    self.sim.count("commits in transactions");
                    return Ok(());
                }
                Some(code) if !is_passing(code) => {
                    self.sim.count("commits in transactions refused");
                    return Err(Stop::Abort);
                }
                Some(_) => self.sim.pause(1_000, 50_000).await,
            }
        }
        Err(Stop::Restart)
    }

    /// Ends the transaction, and asks until that is answered.
    pub(super) async fn end(&mut self, place: usize, result: TransactionResult) -> Result<(), Stop> {
        if self.version != TransactionVersion::V2 && self.added.is_empty() && !self.has_offsets {
            return Ok(());
        }
        let event = TransactionEvent::EndTxn(EndTxn {
            transactional_id: self.id.clone(),
            producer: self.raw(),
            result,
            client_version: self.version,
        });
        let is_commit = result == TransactionResult::Commit;
        let mut may_have_ended = false;
        for _ in 0..TRIES {
            if is_commit {
                self.sim.note().end_transaction(place, Outcome::Unknown);
            }
            match self.link.ask(Request::Transaction(Box::new(event.clone()))).await {
                Ok(Response::Transaction(Ok(TransactionReply::EndTxn(Ok(next))))) => {
                    self.sim.note().end_transaction(place, Outcome::Done(is_commit));
                    self.sim.count(if is_commit { "transactions committed" } else { "transactions aborted" });
                    self.go_on(next);
                    return Ok(());
                }
                Ok(Response::Transaction(Ok(TransactionReply::EndTxn(Err(code))))) if !is_passing(code) => {
                    if !may_have_ended {
                        self.sim.note().end_transaction(place, Outcome::Refused);
                    }
                    self.sim.count("ends of transactions refused");
                    return Err(Stop::Restart);
                }
                Err(Lost::NeverSent) => {}
                // By version 1, one that is late would end the next transaction (KAFKA-17754): only another epoch helps.
                Err(Lost::Unknown) if self.version != TransactionVersion::V2 => return Err(Stop::Restart),
                // An answer that says that it is busy may be about the very end that was asked for.
                Ok(_) | Err(Lost::Unknown) => may_have_ended = true,
            }
            self.sim.pause(1_000, 50_000).await;
        }
        Err(Stop::Restart)
    }

    /// By version 2 the next transaction has another epoch, and sequences from 0.
    fn go_on(&mut self, next: Option<ProducerIdAndEpoch>) {
        if let Some(next) = next {
            self.producer = next;
            self.sequences.clear();
        }
    }

    /// After an abort because of an error a client of version 1 asks for another epoch (KIP-360).
    async fn begin_epoch(&mut self) -> Result<(), Stop> {
        if self.version == TransactionVersion::V2 {
            return Ok(());
        }
        let request = InitProducerId {
            transactional_id: self.id.clone(),
            transaction_timeout_ms: self.timeout_ms,
            expected: Some(self.raw()),
            enable_two_phase_commit: false,
            keep_prepared_transaction: false,
        };
        for _ in 0..TRIES {
            let event = TransactionEvent::InitProducerId(request.clone());
            match self.link.ask(Request::Transaction(Box::new(event))).await {
                Ok(Response::Transaction(Ok(TransactionReply::InitProducerId(Ok(producer))))) => {
                    self.producer = producer;
                    self.sequences.clear();
                    return Ok(());
                }
                Ok(Response::Transaction(Ok(TransactionReply::InitProducerId(Err(code))))) if !is_passing(code) => {
                    return Err(Stop::Restart);
                }
                _ => {}
            }
            self.sim.pause(1_000, 30_000).await;
        }
        Err(Stop::Restart)
    }

    const fn raw(&self) -> RawProducer {
        RawProducer { id: self.producer.producer_id.get(), epoch: self.producer.producer_epoch.get() }
    }
}

/// Whether the same request may succeed later.
fn is_passing(code: ErrorCode) -> bool {
    [
        ErrorCode::ConcurrentTransactions,
        ErrorCode::CoordinatorLoadInProgress,
        ErrorCode::CoordinatorNotAvailable,
        ErrorCode::KafkaStorageError,
        ErrorCode::NotCoordinator,
        ErrorCode::NotEnoughReplicas,
    ]
    .contains(&code)
}
