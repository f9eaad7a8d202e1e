//! Markers: written to every partition of a transaction, so that what it wrote there counts, or never did.
//!
//! A marker is written as any record is: appended, and durable before it is reported. One that cannot be written now is
//! reported as such, and the shard asks for it again, for ever: a transaction of which one partition never hears would hold
//! up that partition's readers for ever. Only where the topic is gone nobody can be held up.

use std::fmt::Display;
use std::sync::Arc;

use coordinator::transaction::TransactionVersion;
use coordinator::transaction::event::{MarkerResult, Markers, MarkersWritten, TransactionResult};
use model::{ErrorCode, Offset, Timestamp, TopicPartition};
use storage::producers::{EpochRule, Marker, MarkerKind};
use tracing::{error, warn};

use super::super::handle::Later;
use super::Hands;
use crate::metadata::OFFSETS_TOPIC;
use crate::partitions::Partition;

/// A marker on its way.
enum Begun {
    /// Nothing more comes of it.
    Over(MarkerResult),
    /// It is in the log up to here, and not durable yet.
    Appended(Arc<Partition>, Offset),
    /// The groups' shard, whose partition it is, writes it.
    WithGroups(Later<()>),
}

/// Writes markers, and says of each what became of it.
pub(super) async fn write(hands: &Hands, markers: Markers) -> MarkersWritten {
    let marker = Marker {
        producer_id: markers.producer.producer_id,
        producer_epoch: markers.producer.producer_epoch,
        kind: match markers.result {
            TransactionResult::Commit => MarkerKind::Commit,
            TransactionResult::Abort => MarkerKind::Abort,
        },
        coordinator_epoch: markers.coordinator_epoch.get(),
    };
    let rule = rule_of(markers.version);
    let now = hands.clock.now();
    // All are appended before one is waited for: their syncs go on beside each other.
    let begun: Vec<_> = markers.partitions.iter().map(|at| (begin(hands, &at, (&marker, rule), now), at)).collect();
    let mut results = Vec::with_capacity(begun.len());
    for (begun, at) in begun {
        let result = end(hands, &at, begun).await;
        results.push((at, result));
    }
    MarkersWritten { id: markers.id, transactional_id: markers.transactional_id, results }
}

/// By which rule a partition judges the epoch of a marker.
const fn rule_of(version: TransactionVersion) -> EpochRule {
    match version {
        TransactionVersion::V0 | TransactionVersion::V1 => EpochRule::SameOrNewer,
        TransactionVersion::V2 => EpochRule::Newer,
    }
}

fn begin(hands: &Hands, at: &TopicPartition, (marker, rule): (&Marker, EpochRule), now: Timestamp) -> Begun {
    let image = hands.images.now();
    let index = at.partition.get();
    let Some(topic) = image.topic(at.topic.as_str()).filter(|topic| topic.has_partition(index)) else {
        return Begun::Over(MarkerResult::TopicDeleted);
    };
    if at.topic.as_str() == OFFSETS_TOPIC {
        return Begun::WithGroups(hands.groups.end_transaction(index, *marker, rule));
    }
    match topic.partition(index) {
        Ok(partition) => match partition.append_marker(marker, rule, now) {
            Ok(placed) => {
                let end = placed.last_offset.checked_add(1).unwrap_or(placed.last_offset);
                Begun::Appended(Arc::clone(partition), end)
            }
            Err(error) => Begun::Over(refused(at, ErrorCode::from(&error), &error)),
        },
        Err(code) => Begun::Over(refused(at, code, &code.name())),
    }
}

fn refused(at: &TopicPartition, code: ErrorCode, error: &dyn Display) -> MarkerResult {
    // The partition has heard of a newer epoch: nothing of this transaction is open there, and nothing ever will be.
    if code == ErrorCode::InvalidProducerEpoch {
        error!(partition = %at, %error, "a transaction's marker is refused, because it is not the newest of its producer");
        return MarkerResult::Written;
    }
    warn!(partition = %at, %error, "a transaction's marker cannot be written now");
    MarkerResult::Failed
}

async fn end(hands: &Hands, at: &TopicPartition, begun: Begun) -> MarkerResult {
    match begun {
        Begun::Over(result) => result,
        Begun::Appended(partition, end) => loop {
            match partition.committed(end).await {
                Ok(()) => return MarkerResult::Written,
                Err(_) if partition.is_retired() => return MarkerResult::TopicDeleted,
                Err(_) if partition.log().is_offline() => return MarkerResult::Failed,
                // A wait also ends when the broker stops, and the sync that it waited for is still under way.
                Err(_) => tokio::task::yield_now().await,
            }
        },
        Begun::WithGroups(later) => match later.await {
            Ok(()) => MarkerResult::Written,
            Err(_) if hands.images.now().topic(OFFSETS_TOPIC).is_none() => MarkerResult::TopicDeleted,
            Err(code) => refused(at, code, &code.name()),
        },
    }
}
