//! Which batches of a request begin a transaction in their partition, and what the transaction coordinator says to that.
//!
//! Each gets a guard from its partition before the coordinator is asked: a marker that comes between the coordinator's word and
//! the append takes the guard away, and the batch is refused instead of beginning a transaction that nobody ends (KIP-890).

use std::collections::BTreeMap;
use std::sync::Arc;

use coordinator::transaction::event::{AddPartitions, RawProducer, VerifyPartitions};
use coordinator::transaction::{Partitions, TransactionVersion};
use model::{ErrorCode, PartitionIndex, TopicPartition};
use protocol::messages::produce::{PartitionProduceData, ProduceRequest};
use storage::batch::{ProducerBatch, UncheckedBatch};
use storage::producers::{FirstSequence, Verified};

use super::refusal::Refusal;
use super::{answered_topics, find};
use crate::broker::{Broker, Later};
use crate::metadata::Topic;

/// The first version that knows `TRANSACTION_ABORTABLE` (KIP-890).
const ABORTABLE_FROM: i16 = 11;
/// The first version that adds the partition to the transaction (KIP-890).
const ADDS_FROM: i16 = 12;

/// Where a batch stands in its request: topic, partition.
type Place = (usize, usize);

/// What vouches for the transactional batches of a request, or why nothing does.
pub(super) struct Vouched {
    of: BTreeMap<Place, Result<Verified, (ErrorCode, i16)>>,
}

impl Vouched {
    /// Whether the coordinator is just ending the transaction before, so that it is worth asking again.
    pub(super) fn is_for_later(&self) -> bool {
        let is_busy = |code: ErrorCode, version: i16| code == ErrorCode::ConcurrentTransactions && version >= ADDS_FROM;
        self.of.values().any(|verified| matches!(verified, Err((code, version)) if is_busy(*code, *version)))
    }

    /// What vouches for this batch.
    pub(super) fn of(&self, place: Place) -> Result<Verified, Refusal> {
        match self.of.get(&place) {
            Some(Ok(verified)) => Ok(*verified),
            Some(Err((code, version))) => Err(told(*code, *version)),
            None => Ok(Verified::ByOpenTransaction),
        }
    }
}

/// The batches of a request that somebody has to vouch for.
pub(super) struct Questions {
    version: i16,
    transactional_id: String,
    producer: RawProducer,
    asked: Vec<(Place, TopicPartition, Verified)>,
    /// Those that need no question.
    vouched: BTreeMap<Place, Result<Verified, (ErrorCode, i16)>>,
}

impl Questions {
    /// Those of a request.
    ///
    /// # Errors
    /// `TRANSACTIONAL_ID_AUTHORIZATION_FAILED` for transactional batches without a transactional id,
    /// `INVALID_PRODUCER_ID_MAPPING` for those of several producers: nothing is appended.
    pub(super) fn of(broker: &Broker, version: i16, request: &ProduceRequest<'_>) -> Result<Self, ErrorCode> {
        let mut this = Self {
            version,
            transactional_id: request.transactional_id.unwrap_or_default().to_owned(),
            producer: RawProducer { id: -1, epoch: -1 },
            asked: Vec::new(),
            vouched: BTreeMap::new(),
        };
        let image = broker.metadata.image();
        let is_asked = version >= ADDS_FROM || image.broker.transaction_partition_verification_enable;
        for (topic_place, data) in answered_topics(request).enumerate() {
            for (place, data_of_partition) in data.partition_data.iter().enumerate() {
                let Some(batch) = transactional(data_of_partition) else { continue };
                if request.transactional_id.is_none() {
                    return Err(ErrorCode::TransactionalIdAuthorizationFailed);
                }
                // One that nobody sent is refused for that when it is to be appended.
                let Some(batch) = batch.producer() else { continue };
                this.take_producer(&batch)?;
                // One that is not there is refused when it is to be appended.
                let Some(topic) = find(&image, version, data) else { continue };
                let place = (topic_place, place);
                if is_asked {
                    this.add(broker, (topic, data_of_partition.index), (place, &batch));
                } else {
                    this.vouched.insert(place, Ok(Verified::NotAsked));
                }
            }
        }
        Ok(this)
    }

    fn take_producer(&mut self, batch: &ProducerBatch) -> Result<(), ErrorCode> {
        let producer = RawProducer { id: batch.id.get(), epoch: batch.epoch.get() };
        if self.producer.id != -1 && self.producer != producer {
            return Err(ErrorCode::InvalidProducerIdMapping);
        }
        self.producer = producer;
        Ok(())
    }

    fn add(&mut self, broker: &Broker, (topic, index): (&Arc<Topic>, i32), (place, batch): (Place, &ProducerBatch)) {
        let (Ok(partition), Some(index)) = (topic.partition(index), PartitionIndex::new(index)) else { return };
        let first = if self.version >= ADDS_FROM { FirstSequence::Zero } else { FirstSequence::Any };
        if let Some(guard) = partition.log().begin_verification(batch, first, broker.clock.now()) {
            let partition = TopicPartition { topic: topic.name.clone(), partition: index };
            self.asked.push((place, partition, Verified::By(guard)));
        }
    }

    /// Whether nobody has to be asked.
    pub(super) fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }

    /// What is known without asking.
    pub(super) fn into_vouched(self) -> Vouched {
        Vouched { of: self.vouched }
    }

    /// Asks the transaction coordinator. The question is on its way when this returns.
    pub(super) fn ask(self, broker: &Broker) -> impl Future<Output = Vouched> + use<> {
        let Self { version, transactional_id, producer, asked, mut vouched } = self;
        let answer = if version >= ADDS_FROM {
            let partitions: Partitions = asked.iter().map(|(_, partition, _)| partition.clone()).collect();
            let client_version = TransactionVersion::V2;
            Answer::Same(broker.coordinators.add_partitions(AddPartitions {
                transactional_id,
                producer,
                partitions,
                client_version,
            }))
        } else {
            let partitions = asked.iter().map(|(_, partition, _)| partition.clone()).collect();
            Answer::Each(broker.coordinators.verify_partitions(VerifyPartitions {
                transactional_id,
                producer,
                partitions,
            }))
        };
        async move {
            let codes = answer.codes().await;
            for (place, partition, verified) in asked {
                let code = match &codes {
                    Ok(codes) => codes.get(&partition).copied().unwrap_or(ErrorCode::None),
                    Err(code) => *code,
                };
                let is_in = if code == ErrorCode::None { Ok(verified) } else { Err((code, version)) };
                vouched.insert(place, is_in);
            }
            Vouched { of: vouched }
        }
    }
}

/// The coordinator's answer, on its way.
enum Answer {
    /// The same for all partitions.
    Same(Later<()>),
    /// One for each.
    Each(Later<Vec<(TopicPartition, ErrorCode)>>),
}

impl Answer {
    /// The codes of those that are not part of the transaction; or one for all.
    async fn codes(self) -> Result<BTreeMap<TopicPartition, ErrorCode>, ErrorCode> {
        match self {
            Self::Same(later) => later.await.map(|()| BTreeMap::new()),
            Self::Each(later) => later.await.map(|codes| codes.into_iter().collect()),
        }
    }
}

/// A batch that says that it belongs to a transaction; `None` for other batches, and for what is none.
fn transactional<'f>(data: &PartitionProduceData<'f>) -> Option<UncheckedBatch<'f>> {
    UncheckedBatch::parse(data.records?).ok().filter(UncheckedBatch::is_transactional)
}

/// What a client of this version is told (KIP-890): codes that its version knows, and for what will pass one that makes it
/// send again without looking for another broker first.
fn told(code: ErrorCode, version: i16) -> Refusal {
    let passes = [
        ErrorCode::ConcurrentTransactions,
        ErrorCode::CoordinatorLoadInProgress,
        ErrorCode::CoordinatorNotAvailable,
        ErrorCode::NotCoordinator,
    ];
    let knows_concurrent = code == ErrorCode::ConcurrentTransactions && version >= ADDS_FROM;
    let is_not_added = code == ErrorCode::TransactionAbortable && version < ABORTABLE_FROM;
    if code == ErrorCode::ProducerFenced {
        ErrorCode::InvalidProducerEpoch.into()
    } else if is_not_added || code == ErrorCode::InvalidTxnState {
        not_added()
    } else if passes.contains(&code) && !knows_concurrent {
        let message = "Unable to verify the partition has been added to the transaction. Underlying error: ";
        Refusal::because(ErrorCode::NotEnoughReplicas, format!("{message}{}", code.name()))
    } else {
        code.into()
    }
}

fn not_added() -> Refusal {
    Refusal::because(ErrorCode::InvalidTxnState, "Partition was not added to the transaction".to_owned())
}
