//! A producer: begins, writes, ends, asks again when it hears nothing, and begins anew when it hears that it must.

use coordinator::transaction::event::{
    AddPartitions, EndTxn, InitProducerId, ProducerIdAndEpoch, RawProducer, TransactionResult,
};
use coordinator::transaction::{Partitions, TransactionEvent, TransactionReply, TransactionVersion};
use model::{ErrorCode, PartitionIndex, TopicName};

use crate::laws::Which;
use crate::world::{TIMEOUT_MS, World};

/// What a producer wants next.
#[derive(Clone, Debug, PartialEq)]
enum Wants {
    /// An identity: anew, or to go on from what it had.
    Begin(Option<ProducerIdAndEpoch>),
    /// To write somewhere.
    Write,
    /// To end what it wrote.
    End(TransactionResult),
}

/// A producer.
pub(crate) struct Client {
    number: u64,
    id: String,
    version: TransactionVersion,
    producer: Option<ProducerIdAndEpoch>,
    wants: Wants,
    /// The request that is on its way, to be sent again as it is.
    sent: Option<TransactionEvent>,
    /// The transaction that it writes in.
    which: Option<Which>,
}

impl Client {
    pub(crate) fn new(number: u64, id: &str, version: TransactionVersion) -> Self {
        let (id, wants) = (id.to_owned(), Wants::Begin(None));
        Self { number, id, version, producer: None, wants, sent: None, which: None }
    }

    /// The next request, or the same again.
    pub(crate) fn request(&mut self, world: &mut World) -> TransactionEvent {
        if let Some(sent) = &self.sent {
            return sent.clone();
        }
        let transactional_id = self.id.clone();
        let producer = self.producer.map_or(RawProducer { id: -1, epoch: -1 }, raw);
        let event = match &self.wants {
            Wants::Begin(expected) => TransactionEvent::InitProducerId(InitProducerId {
                transactional_id,
                transaction_timeout_ms: TIMEOUT_MS,
                expected: expected.map(raw),
                enable_two_phase_commit: false,
                keep_prepared_transaction: false,
            }),
            Wants::Write => TransactionEvent::AddPartitions(AddPartitions {
                transactional_id,
                producer,
                partitions: some_partitions(world),
                client_version: self.version,
            }),
            Wants::End(result) => TransactionEvent::EndTxn(EndTxn {
                transactional_id,
                producer,
                result: *result,
                client_version: self.version,
            }),
        };
        self.sent = Some(event.clone());
        event
    }

    /// What the request was answered.
    pub(crate) fn on_reply(&mut self, world: &mut World, which: Option<Which>, reply: TransactionReply) {
        self.sent = None;
        match reply {
            TransactionReply::InitProducerId(Ok(producer)) => {
                world.laws.told(producer, self.number);
                (self.producer, self.wants, self.which) = (Some(producer), Wants::Write, None);
            }
            TransactionReply::AddPartitions(Ok(())) => {
                let producer = self.producer.expect("it wrote");
                assert!(world.laws.was_told(producer, self.number), "{producer:?} was never given to it");
                world.laws.wrote(producer, self.version, [self.which.as_ref(), which.as_ref()]);
                self.which = which;
                self.wants = match world.random.below(4) {
                    0..2 => Wants::Write,
                    2 => Wants::End(TransactionResult::Abort),
                    _ => Wants::End(TransactionResult::Commit),
                };
            }
            TransactionReply::EndTxn(Ok(next)) => {
                let Wants::End(result) = self.wants else { panic!("it asked for no end") };
                let producer = self.producer.expect("it ended something");
                if let Some(which) = &self.which {
                    world.laws.told_end((producer, self.version), which, result);
                }
                if let Some(next) = next {
                    world.laws.told(next, self.number);
                    self.producer = Some(next);
                }
                (self.wants, self.which) = (Wants::Write, None);
                if world.random.one_in(10) {
                    self.wants = Wants::End(TransactionResult::Abort);
                }
            }
            TransactionReply::InitProducerId(Err(code))
            | TransactionReply::AddPartitions(Err(code))
            | TransactionReply::EndTxn(Err(code)) => self.on_error(world, code),
            other => panic!("{other:?}"),
        }
    }

    fn on_error(&mut self, world: &mut World, code: ErrorCode) {
        if code == ErrorCode::ConcurrentTransactions {
            return;
        }
        let known = [ErrorCode::ProducerFenced, ErrorCode::InvalidProducerIdMapping, ErrorCode::InvalidTxnState];
        assert!(known.contains(&code), "{code:?}");
        world.laws.seen.fenced += u64::from(code == ErrorCode::ProducerFenced);
        self.which = None;
        let goes_on = self.producer.filter(|_| world.random.one_in(3) && self.wants != Wants::Begin(self.producer));
        self.wants = Wants::Begin(goes_on);
    }

    /// Which transactional id it has.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// It dies, and another begins in its place; nobody hears of its answers.
    pub(crate) fn replace(&mut self, number: u64) {
        *self = Self::new(number, &self.id, self.version);
    }
}

fn raw(producer: ProducerIdAndEpoch) -> RawProducer {
    RawProducer { id: producer.producer_id.get(), epoch: producer.producer_epoch.get() }
}

fn some_partitions(world: &mut World) -> Partitions {
    let mut partitions = Partitions::default();
    for _ in 0..world.random.below(4) {
        let topic = TopicName::parse(world.random.pick::<&str>(&["alpha", "beta", "__consumer_offsets"])).unwrap();
        let partition = PartitionIndex::new(i32::try_from(world.random.below(5)).unwrap()).unwrap();
        partitions.insert(topic, partition);
    }
    partitions
}
