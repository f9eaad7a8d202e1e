//! What a shard asks of its runtime beside records and replies, and how the runtime reports back.

use model::{LeaderEpoch, TopicPartition};

use super::super::partitions::Partitions;
use super::super::version::TransactionVersion;
use super::{ProducerIdAndEpoch, TransactionEvent, TransactionResult};
use crate::shard::ReplyTo;

/// What the runtime has to do once the records of the outcome are durable.
#[derive(Clone, Debug)]
pub enum TransactionEffect {
    /// Write these markers, and hand in [`MarkersWritten`] for each of their partitions, once, whatever becomes of it. A marker
    /// that failed is asked for again after a while; all are after a load. Until it is reported, no marker is asked for twice:
    /// one that came late could end the next transaction.
    WriteMarkers(Markers),
    /// A producer id is needed, that nobody ever had: hand it in with this. If there is none to be had, answer whoever waits.
    NeedProducerId(WaitingForId),
}

/// The markers that end one transaction, one for each partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Markers {
    /// Which end of a transaction it is.
    pub id: MarkersId,
    /// The transactional id.
    pub transactional_id: String,
    /// Whose transaction ends; the epoch is that of the marker.
    pub producer: ProducerIdAndEpoch,
    /// The epoch of this shard, by which partitions refuse what an older one sends late.
    pub coordinator_epoch: LeaderEpoch,
    /// How it ends.
    pub result: TransactionResult,
    /// By which rules partitions judge the marker's epoch (KIP-1228).
    pub version: TransactionVersion,
    /// Where the markers are to be written. Partitions of `__consumer_offsets` are for the groups' coordinator, too.
    pub partitions: Partitions,
}

/// The end of a transaction that markers are for: a report about an earlier one must not complete the next. Unique while the
/// shard lives; what becomes of an older shard's markers must not be reported to a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MarkersId(pub(in crate::transaction) u64);

/// What became of markers.
#[derive(Clone, Debug)]
pub struct MarkersWritten {
    /// The id of the [`Markers`].
    pub id: MarkersId,
    /// Their transactional id.
    pub transactional_id: String,
    /// The partitions of which something is known.
    pub results: Vec<(TopicPartition, MarkerResult)>,
}

/// What became of one partition's marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkerResult {
    /// It is durable, or was before.
    Written,
    /// The topic was deleted: there is nobody left who could wait for it.
    TopicDeleted,
    /// It could not be written now. It will be asked for again.
    Failed,
}

/// Something that goes on as soon as there is a new producer id.
#[derive(Clone, Debug)]
pub struct WaitingForId(pub(in crate::transaction) Waiting);

/// What goes on.
#[derive(Clone, Debug)]
pub(in crate::transaction) enum Waiting {
    /// A request, from its start.
    Request(TransactionEvent, ReplyTo),
    /// The abort of this transactional id's transaction, which took too long; of this producer's, and no later one's.
    Abort(String, ProducerIdAndEpoch),
}

impl WaitingForId {
    /// Who is to be answered if there is no id; `None` if nobody waits for an answer.
    #[must_use]
    pub const fn reply_to(&self) -> Option<ReplyTo> {
        match &self.0 {
            Waiting::Request(_, reply_to) => Some(*reply_to),
            Waiting::Abort(..) => None,
        }
    }
}
