//! Producers of one partition: without an id, idempotent, or idempotent with keys. Up to five batches are under way at once;
//! what was not answered is sent again, in order, until it is or its time is up. Then nobody knows what became of it, and the
//! producer goes on with the next epoch (KIP-360).

use std::collections::VecDeque;
use std::rc::Rc;

use coordinator::transaction::TransactionVersion;
use model::{ErrorCode, ProducerEpoch, ProducerId, Sequence, TopicPartition};

use crate::history::{Outcome, RecordId, Sent};
use crate::network::{Link, Pending};
use crate::records::{self, Outgoing, Stamp};
use crate::wire::{Produce, Request, Response};
use crate::world::Sim;

/// Batches under way at once, as Kafka's clients allow at most.
const IN_FLIGHT_MAX: u64 = 5;
/// An idempotent client is started again, with another id, at one in so many occasions.
const RESTART_ONE_IN: u64 = 8;
/// Keys of one producer.
pub(super) const KEYS: u64 = 6;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Idempotent,
    Keyed,
}

/// A batch that is not answered yet.
struct Batch {
    /// One more than that of the batch before it.
    number: u64,
    ids: Vec<RecordId>,
    bytes: Vec<u8>,
    until_us: u64,
    was_sent: bool,
    pending: Option<Pending>,
}

struct Producer {
    sim: Sim,
    number: u64,
    kind: Kind,
    partition: TopicPartition,
    link: Link,
    identity: Option<(ProducerId, ProducerEpoch)>,
    sequence: Sequence,
    in_flight: VecDeque<Batch>,
    /// How many batches were made.
    batches: u64,
    in_flight_max: u64,
    delivery_us: u64,
}

/// What an answer says of a batch.
enum Answer {
    Written(i64),
    /// To be sent again.
    Again,
    /// Never: the producer does not continue its stream.
    Refused(ErrorCode),
}

pub(super) async fn run(sim: Sim, number: u64, kind: Kind, partition: TopicPartition) {
    let (in_flight_max, delivery_us) =
        sim.choose(|random| (random.between(1, IN_FLIGHT_MAX), random.between(2_000, 8_000) * 1_000));
    let mut producer = Producer {
        link: Link::new(&sim),
        sim,
        number,
        kind,
        partition,
        identity: None,
        sequence: Sequence::ZERO,
        in_flight: VecDeque::new(),
        batches: 0,
        in_flight_max,
        delivery_us,
    };
    producer.run().await;
}

impl Producer {
    async fn run(&mut self) {
        let sim = Rc::clone(&self.sim);
        if self.kind != Kind::Plain {
            self.identity = new_producer_id(&sim, &self.link).await;
        }
        loop {
            if self.in_flight.is_empty()
                && self.identity.is_some()
                && sim.choose(|random| random.one_in(RESTART_ONE_IN))
            {
                // The client is started again.
                self.sequence = Sequence::ZERO;
                self.identity = new_producer_id(&sim, &self.link).await;
            }
            while self.may_send_more() {
                let batch = self.new_batch();
                self.in_flight.extend(batch);
                if sim.choose(|random| random.one_in(2)) {
                    break;
                }
            }
            if self.in_flight.is_empty() && sim.is_over.get() {
                return;
            }
            if self.link.connect().await {
                self.send_all();
                self.await_head().await;
            }
            self.give_up_late();
            sim.pause(100, 30_000).await;
        }
    }

    /// Not while one is sent again, and no more than the broker remembers: five batches, from the oldest one that is not answered,
    /// with those behind it that are.
    fn may_send_more(&self) -> bool {
        let is_repeating = self.in_flight.iter().any(|batch| batch.was_sent && batch.pending.is_none());
        let span = self.in_flight.front().map_or(0, |oldest| self.batches - oldest.number);
        !self.sim.is_over.get() && !is_repeating && span < self.in_flight_max
    }

    fn new_batch(&mut self) -> Option<Batch> {
        let count = self.sim.choose(|random| random.between(1, 3));
        let outgoing: Vec<Outgoing> = (0..count).map(|_| self.new_record()).collect();
        let stamp =
            self.identity.map(|(id, epoch)| Stamp { id, epoch, sequence: self.sequence, is_transactional: false });
        self.sequence = self.sequence.advance(u32::try_from(count).unwrap_or(0));
        let bytes = records::encode(&outgoing, stamp, self.sim.now().time)?;
        let number = self.batches;
        self.batches += 1;
        Some(Batch {
            number,
            ids: outgoing.iter().map(|record| record.id).collect(),
            bytes,
            until_us: self.sim.executor.now_us() + self.delivery_us,
            was_sent: false,
            pending: None,
        })
    }

    fn new_record(&self) -> Outgoing {
        let (key, bytes, is_tombstone) =
            self.sim.choose(|random| (random.below(KEYS), random.between(1, 400), random.one_in(5)));
        let is_keyed = self.kind == Kind::Keyed;
        let key = is_keyed.then(|| format!("{}-{key}", self.number));
        let is_tombstone = is_keyed && is_tombstone;
        let id = self.sim.note().send(Sent {
            began: 0,
            producer: self.number,
            partition: self.partition.clone(),
            key: key.clone(),
            is_tombstone,
            is_idempotent: self.kind != Kind::Plain,
            transaction: None,
            outcome: Outcome::Unknown,
            known: 0,
        });
        Outgoing { id, key, value_bytes: (!is_tombstone).then(|| usize::try_from(bytes).unwrap_or(0)) }
    }

    fn send_all(&mut self) {
        for batch in self.in_flight.iter_mut().filter(|batch| batch.pending.is_none()) {
            let request = Produce {
                partition: self.partition.clone(),
                records: batch.bytes.clone(),
                transactional_id: None,
                client_version: TransactionVersion::V0,
            };
            batch.pending = self.link.send(Request::Produce(request));
            if batch.pending.is_none() {
                return;
            }
            batch.was_sent = true;
        }
    }

    /// Waits for the oldest batch's answer. If it has to be sent again, so have those behind it, but for those that are answered.
    async fn await_head(&mut self) {
        let Some(pending) = self.in_flight.front_mut().and_then(|batch| batch.pending.take()) else { return };
        match judge(pending).await {
            Answer::Written(base_offset) => {
                if let Some(batch) = self.in_flight.pop_front() {
                    self.settle(&batch, base_offset);
                }
            }
            Answer::Refused(code) if self.kind != Kind::Plain => {
                // All before it was acknowledged, so the broker has lost something of that.
                let (number, partition) = (self.number, &self.partition);
                self.sim.wrong(format!("sequence: producer {number} of {partition} was refused with {code:?}"));
                self.begin_epoch();
            }
            Answer::Refused(_) | Answer::Again => {
                let mut left = VecDeque::new();
                for mut batch in std::mem::take(&mut self.in_flight) {
                    let answer = match batch.pending.take() {
                        Some(pending) => judge(pending).await,
                        None => Answer::Again,
                    };
                    match answer {
                        Answer::Written(base_offset) => self.settle(&batch, base_offset),
                        Answer::Again | Answer::Refused(_) => left.push_back(batch),
                    }
                }
                self.in_flight = left;
                self.sim.count("batches sent again");
            }
        }
    }

    fn settle(&self, batch: &Batch, base_offset: i64) {
        let mut history = self.sim.note();
        for (id, offset) in batch.ids.iter().zip(base_offset..) {
            history.settle(*id, Outcome::Done(offset));
        }
        history.count("batches acknowledged");
    }

    /// Gives up what takes too long, and all behind it: it stays unknown.
    fn give_up_late(&mut self) {
        let now_us = self.sim.executor.now_us();
        if self.in_flight.front().is_some_and(|batch| now_us >= batch.until_us) {
            self.sim.count("batches given up");
            self.begin_epoch();
        }
    }

    /// Goes on with the next epoch, whose sequences begin at 0.
    fn begin_epoch(&mut self) {
        for batch in self.in_flight.drain(..).filter(|batch| !batch.was_sent) {
            for id in batch.ids {
                self.sim.note().settle(id, Outcome::Refused);
            }
        }
        self.sequence = Sequence::ZERO;
        self.identity = self.identity.and_then(|(id, epoch)| Some((id, epoch.next()?)));
    }
}

async fn judge(pending: Pending) -> Answer {
    match pending.answer().await {
        Ok(Response::Produce(Ok(base_offset))) => Answer::Written(base_offset),
        Ok(Response::Produce(Err(
            code @ (ErrorCode::OutOfOrderSequenceNumber | ErrorCode::InvalidProducerEpoch | ErrorCode::InvalidRecord),
        ))) => Answer::Refused(code),
        _ => Answer::Again,
    }
}

/// Asks until there is an id.
pub(super) async fn new_producer_id(sim: &Sim, link: &Link) -> Option<(ProducerId, ProducerEpoch)> {
    loop {
        if let Ok(Response::ProducerId(Ok((id, epoch)))) = link.ask(Request::NewProducerId).await {
            sim.note().producer_ids.push(id.get());
            return Some((id, epoch));
        }
        sim.pause(1_000, 20_000).await;
    }
}
