//! AddPartitionsToTxn (key 24), versions 0-5. v2 `PRODUCER_FENCED` (KIP-588); v3 flexible; v4 several transactions at once, and
//! questions whether partitions are in one, both for brokers (KIP-890); v5 `TRANSACTION_ABORTABLE`.
//! If one partition of a transaction does not exist, none is added.

use std::ops::RangeInclusive;
use std::sync::Arc;

use coordinator::transaction::event::{AddPartitions, RawProducer, VerifyPartitions};
use coordinator::transaction::{Partitions, TransactionVersion};
use model::{ErrorCode, PartitionIndex, TopicPartition};
use protocol::ApiKey;
use protocol::messages::add_partitions_to_txn::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, AddPartitionsToTxnResult,
    AddPartitionsToTxnTopic, AddPartitionsToTxnTopicResult,
};

use super::{Api, Reply, RequestContext};
use crate::broker::{Broker, Later};
use crate::metadata::Image;

/// The first version that knows `PRODUCER_FENCED`.
const FENCED_FROM: i16 = 2;
/// The first version for brokers: several transactions at once.
const MANY_FROM: i16 = 4;

pub(super) struct AddPartitionsToTxn;

impl Api for AddPartitionsToTxn {
    const KEY: ApiKey = ApiKey::AddPartitionsToTxn;
    const VERSIONS: RangeInclusive<i16> = 0..=5;
    type Request<'frame> = AddPartitionsToTxnRequest<'frame>;
    type Response = AddPartitionsToTxnResponse;

    fn handle(
        broker: &Arc<Broker>,
        context: &RequestContext<'_>,
        request: AddPartitionsToTxnRequest<'_>,
    ) -> Reply<AddPartitionsToTxnResponse> {
        let version = context.version;
        if version < MANY_FROM {
            let asked = Asked {
                transactional_id: request.v3_and_below_transactional_id,
                producer: RawProducer {
                    id: request.v3_and_below_producer_id,
                    epoch: request.v3_and_below_producer_epoch,
                },
                topics: &request.v3_and_below_topics,
                verifies: false,
            };
            let answer = asked.ask(broker, version);
            return Reply::later(async move {
                let results_by_topic_v3_and_below = answer.await;
                AddPartitionsToTxnResponse { results_by_topic_v3_and_below, ..AddPartitionsToTxnResponse::default() }
            });
        }
        let transactions = request.transactions.iter().map(|transaction| {
            let asked = Asked {
                transactional_id: transaction.transactional_id,
                producer: RawProducer { id: transaction.producer_id, epoch: transaction.producer_epoch },
                topics: &transaction.topics,
                verifies: transaction.verify_only,
            };
            (transaction.transactional_id.to_owned(), asked.ask(broker, version))
        });
        let transactions: Vec<_> = transactions.collect();
        Reply::later(async move {
            let mut results_by_transaction = Vec::with_capacity(transactions.len());
            for (transactional_id, answer) in transactions {
                results_by_transaction.push(AddPartitionsToTxnResult { transactional_id, topic_results: answer.await });
            }
            AddPartitionsToTxnResponse { results_by_transaction, ..AddPartitionsToTxnResponse::default() }
        })
    }
}

/// What is asked of one transaction.
struct Asked<'r, 'f> {
    transactional_id: &'f str,
    producer: RawProducer,
    topics: &'r [AddPartitionsToTxnTopic<'f>],
    verifies: bool,
}

/// The coordinator's answer, on its way.
enum Answer {
    /// None is wanted: a partition does not exist.
    NotAsked,
    /// The same for all partitions.
    Same(Later<()>),
    /// One for each.
    Each(Later<Vec<(TopicPartition, ErrorCode)>>),
}

impl Asked<'_, '_> {
    /// Asks the coordinator. The question is on its way when this returns.
    fn ask(
        self,
        broker: &Arc<Broker>,
        version: i16,
    ) -> impl Future<Output = Vec<AddPartitionsToTxnTopicResult>> + use<> {
        let image = broker.metadata.image();
        let named: Vec<_> = self.topics.iter().map(|topic| (topic.name.to_owned(), topic.partitions.clone())).collect();
        let found: Vec<_> = named.iter().flat_map(|(name, indexes)| find_each(&image, name, indexes)).collect();
        let answer = if found.iter().any(Option::is_none) {
            Answer::NotAsked
        } else {
            self.ask_for(broker, version, found.iter().flatten().cloned().collect())
        };
        async move {
            let codes = codes_of(answer, &found, version).await;
            let mut codes = codes.into_iter();
            let result = |(name, indexes): (String, Vec<i32>)| AddPartitionsToTxnTopicResult {
                name,
                results_by_partition: indexes
                    .into_iter()
                    .map(|partition_index| AddPartitionsToTxnPartitionResult {
                        partition_index,
                        partition_error_code: codes.next().unwrap_or(ErrorCode::UnknownServerError).code(),
                    })
                    .collect(),
            };
            named.into_iter().map(result).collect()
        }
    }

    fn ask_for(&self, broker: &Arc<Broker>, version: i16, partitions: Vec<TopicPartition>) -> Answer {
        let (transactional_id, producer) = (self.transactional_id.to_owned(), self.producer);
        if self.verifies {
            let asked = VerifyPartitions { transactional_id, producer, partitions };
            return Answer::Each(broker.coordinators.verify_partitions(asked));
        }
        let client_version = if version >= MANY_FROM { TransactionVersion::V2 } else { TransactionVersion::V0 };
        let partitions: Partitions = partitions.into_iter().collect();
        let asked = AddPartitions { transactional_id, producer, partitions, client_version };
        Answer::Same(broker.coordinators.add_partitions(asked))
    }
}

/// The partitions of a topic; `None` for one that does not exist.
fn find_each<'a>(
    image: &'a Image,
    name: &'a str,
    indexes: &'a [i32],
) -> impl Iterator<Item = Option<TopicPartition>> + 'a {
    let topic = image.topic(name);
    indexes.iter().map(move |index| {
        let topic = topic.filter(|topic| topic.has_partition(*index))?;
        Some(TopicPartition { topic: topic.name.clone(), partition: PartitionIndex::new(*index)? })
    })
}

/// A code for each partition, in the order of the request.
async fn codes_of(answer: Answer, found: &[Option<TopicPartition>], version: i16) -> Vec<ErrorCode> {
    let same = |code: ErrorCode| vec![code; found.len()];
    match answer {
        Answer::NotAsked => {
            found
                .iter()
                .map(|found| {
                    if found.is_some() { ErrorCode::OperationNotAttempted } else { ErrorCode::UnknownTopicOrPartition }
                })
                .collect()
        }
        Answer::Same(later) => match later.await {
            Ok(()) => same(ErrorCode::None),
            Err(ErrorCode::ProducerFenced) if version < FENCED_FROM => same(ErrorCode::InvalidProducerEpoch),
            Err(code) => same(code),
        },
        Answer::Each(later) => match later.await {
            Ok(codes) => codes.into_iter().map(|(_, code)| code).collect(),
            Err(code) => same(code),
        },
    }
}
