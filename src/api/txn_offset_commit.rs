//! TxnOffsetCommit (key 28), versions 0-6. v2 leader epochs; v3 flexible, the member and its generation (KIP-447); v4
//! `TRANSACTION_ABORTABLE`; v5 the group becomes part of the transaction by itself (KIP-890); v6 topics by id.
//! The offsets count when the transaction's marker is written. Up to v4 the client has added the group before, and the
//! transaction coordinator is asked whether it has.

use std::ops::RangeInclusive;
use std::sync::Arc;

use coordinator::group::event::{CommitPartition, CommitTopic, OffsetCommit, OffsetCommitReply};
use coordinator::shard::Producer;
use coordinator::transaction::event::{AddPartitions, RawProducer, VerifyPartitions};
use coordinator::transaction::{Partitions, TransactionVersion};
use model::{ErrorCode, ProducerEpoch, ProducerId, TopicPartition};
use protocol::ApiKey;
use protocol::messages::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic, TxnOffsetCommitResponse,
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};

use super::judged_commits::{self, Named};
use super::{Api, Reply, RequestContext};
use crate::broker::{Broker, Patience};
use crate::metadata::Image;

/// The first version that knows `COORDINATOR_LOAD_IN_PROGRESS` (KAFKA-7296).
const LOADING_FROM: i16 = 2;
/// The first version that knows `TRANSACTION_ABORTABLE` (KIP-890).
const ABORTABLE_FROM: i16 = 4;
/// The first version that adds the group to the transaction (KIP-890).
const ADDS_FROM: i16 = 5;
/// The first version that names topics by id.
const IDS_FROM: i16 = 6;

pub(super) struct TxnOffsetCommit;

impl Api for TxnOffsetCommit {
    const KEY: ApiKey = ApiKey::TxnOffsetCommit;
    const VERSIONS: RangeInclusive<i16> = 0..=6;
    type Request<'frame> = TxnOffsetCommitRequest<'frame>;
    type Response = TxnOffsetCommitResponse;

    fn handle(
        broker: &Arc<Broker>,
        context: &RequestContext<'_>,
        request: TxnOffsetCommitRequest<'_>,
    ) -> Reply<TxnOffsetCommitResponse> {
        let version = context.version;
        let image = broker.metadata.image();
        let judged = request.topics.iter().map(|topic| judge(&image, topic, version));
        let (topics, wanted): (Vec<_>, Vec<_>) = judged.unzip();
        let wanted: Vec<CommitTopic> = wanted.into_iter().flatten().collect();
        if wanted.is_empty() {
            return Reply::now(TxnOffsetCommitResponse { topics, ..TxnOffsetCommitResponse::default() });
        }
        let commit = Commit {
            broker: Arc::clone(broker),
            version,
            transactional_id: request.transactional_id.to_owned(),
            producer: RawProducer { id: request.producer_id, epoch: request.producer_epoch },
            event: OffsetCommit {
                group_id: request.group_id.to_owned(),
                generation_id_or_member_epoch: request.generation_id_or_member_epoch,
                member_id: request.member_id.to_owned(),
                group_instance_id: request.group_instance_id.map(str::to_owned),
                retention_time_ms: -1,
                version,
                transaction: None,
                topics: wanted,
            },
        };
        // Two commits of one connection are made in their order.
        Reply::exclusive(async move {
            let reply = commit.make().await.unwrap_or_else(OffsetCommitReply::Refused);
            filled_in(topics, reply, version)
        })
    }
}

/// A commit, of topics that exist.
struct Commit {
    broker: Arc<Broker>,
    version: i16,
    transactional_id: String,
    producer: RawProducer,
    event: OffsetCommit,
}

impl Commit {
    async fn make(mut self) -> Result<OffsetCommitReply, ErrorCode> {
        if self.event.group_id.is_empty() {
            return Err(ErrorCode::InvalidGroupId);
        }
        let producer = Producer {
            id: ProducerId::new(self.producer.id).ok_or(ErrorCode::InvalidProducerIdMapping)?,
            epoch: ProducerEpoch::new(self.producer.epoch).ok_or(ErrorCode::InvalidProducerEpoch)?,
        };
        self.event.transaction = Some(producer);
        let partition = self.broker.group_partition(&self.event.group_id).await?;
        let mut patience = Patience::new();
        loop {
            // Anew each time: the markers that were waited for have taken the guard before away.
            let question = self.broker.coordinators.begin_commit(&partition, producer)?;
            let answer = if question.must_be_asked() { self.ask(partition.clone()).await } else { Ok(()) };
            match answer {
                Ok(()) => return self.broker.coordinators.transactional_offset_commit(self.event, question).await,
                Err(ErrorCode::ConcurrentTransactions) if self.version >= ADDS_FROM && patience.wait().await => {}
                Err(code) => return Err(told(code, self.version)),
            }
        }
    }

    /// Asks the transaction coordinator whether the transaction includes the group, or has it included.
    async fn ask(&self, partition: TopicPartition) -> Result<(), ErrorCode> {
        let (transactional_id, producer) = (self.transactional_id.clone(), self.producer);
        let coordinators = &self.broker.coordinators;
        if self.version >= ADDS_FROM {
            let (partitions, client_version) = (Partitions::from_iter([partition]), TransactionVersion::V2);
            let asked = AddPartitions { transactional_id, producer, partitions, client_version };
            return coordinators.add_partitions(asked).await;
        }
        let asked = VerifyPartitions { transactional_id, producer, partitions: vec![partition] };
        let codes = coordinators.verify_partitions(asked).await?;
        match codes.into_iter().map(|(_, code)| code).find(|code| *code != ErrorCode::None) {
            Some(code) => Err(code),
            None => Ok(()),
        }
    }
}

/// The transaction coordinator's code, as a client of this version is told (KIP-890).
fn told(code: ErrorCode, version: i16) -> ErrorCode {
    if code == ErrorCode::ProducerFenced {
        ErrorCode::InvalidProducerEpoch
    } else if code == ErrorCode::TransactionAbortable && version < ABORTABLE_FROM {
        ErrorCode::InvalidTxnState
    } else {
        code
    }
}

/// The answer for a topic as far as it is known here, and what of it the group is asked for.
fn judge(
    image: &Image,
    topic: &TxnOffsetCommitRequestTopic<'_>,
    version: i16,
) -> (TxnOffsetCommitResponseTopic, Option<CommitTopic>) {
    let named = if version >= IDS_FROM { Named::Id(topic.topic_id) } else { Named::Name(topic.name) };
    let (codes, wanted) = judged_commits::judge(image, named, topic.partitions.iter().map(commit));
    let partitions = topic.partitions.iter().zip(codes);
    let partitions = partitions.map(|(partition, code)| TxnOffsetCommitResponsePartition {
        partition_index: partition.partition_index,
        error_code: code.code(),
    });
    let (name, topic_id) = (topic.name.to_owned(), topic.topic_id);
    (TxnOffsetCommitResponseTopic { name, topic_id, partitions: partitions.collect() }, wanted)
}

fn commit(partition: &TxnOffsetCommitRequestPartition<'_>) -> CommitPartition {
    CommitPartition {
        index: partition.partition_index,
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata: partition.committed_metadata.map(str::to_owned),
    }
}

/// The answer with the group's codes where the group was asked.
fn filled_in(
    mut topics: Vec<TxnOffsetCommitResponseTopic>,
    reply: OffsetCommitReply,
    version: i16,
) -> TxnOffsetCommitResponse {
    let reply = match reply {
        OffsetCommitReply::Refused(ErrorCode::CoordinatorLoadInProgress) if version < LOADING_FROM => {
            OffsetCommitReply::Refused(ErrorCode::CoordinatorNotAvailable)
        }
        reply @ (OffsetCommitReply::Refused(_) | OffsetCommitReply::Each(_)) => reply,
    };
    let partitions = topics.iter_mut().flat_map(|topic| &mut topic.partitions);
    judged_commits::fill_in(partitions.map(|partition| &mut partition.error_code), reply);
    TxnOffsetCommitResponse { topics, ..TxnOffsetCommitResponse::default() }
}
