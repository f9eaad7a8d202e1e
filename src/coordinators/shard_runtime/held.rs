//! Answers and effects that are held until what they rest on is durable.

use std::sync::Arc;
use std::time::Duration;

use model::{ErrorCode, Offset};
use storage::planted::Planted;

use super::super::handle::{AnswerTo, tell};
use super::super::shard::Shard;
use crate::partitions::Partition;

/// Answers and effects, and how far their partition must be durable before they may go.
pub(in super::super) struct Held<S: Shard> {
    pub(super) partition: Arc<Partition>,
    pub(super) end: Offset,
    pub(super) replies: Vec<(AnswerTo<S::Reply>, S::Reply)>,
    /// Who waits for a marker of a transaction.
    pub(super) markers: Vec<AnswerTo<()>>,
    pub(super) effects: Effects<S>,
}

/// Effects, and which of the shards that this partition has had decided them: what comes of them is no other one's.
pub(in super::super) struct Effects<S: Shard> {
    pub(in super::super) partition: Arc<Partition>,
    pub(in super::super) life: u64,
    pub(in super::super) decided: Vec<S::Effect>,
}

/// What became of what was held.
pub(in super::super) enum Released<S: Shard> {
    /// The answers went; the effects are to be done now.
    Sent(Effects<S>),
    /// The log of this partition failed before, or was deleted.
    Failed(Arc<Partition>),
}

impl<S: Shard> Held<S> {
    /// Lets go if it may; gives itself back if not.
    pub(in super::super) fn release_if_durable(self) -> Result<Released<S>, Self> {
        if self.partition.high_watermark() < self.end && !Planted::CommitsInMemory.is_on() {
            Err(self)
        } else {
            Ok(self.send())
        }
    }

    /// Waits until all may go. If it never may, everybody is told so; whoever waits for an answer waits `within` at most.
    pub(in super::super) async fn release_when_durable(mut self, within: Option<Duration>) -> Released<S> {
        if let Some(within) = within {
            // Cancel-safe: a dropped wait is forgotten. What became of this one is seen again below.
            let waited = tokio::time::timeout(within, self.partition.committed(self.end)).await;
            if waited.is_err() {
                // As Kafka answers a write that takes too long.
                for (answer_to, _) in self.replies.drain(..) {
                    tell(answer_to, Err(ErrorCode::CoordinatorNotAvailable));
                }
            }
        }
        while self.partition.committed(self.end).await.is_err() {
            // A wait also ends when the broker stops, and the sync that it waited for is still under way.
            if self.partition.log().is_offline() || self.partition.is_retired() {
                for (answer_to, _) in self.replies {
                    tell(answer_to, Err(ErrorCode::CoordinatorNotAvailable));
                }
                for answer_to in self.markers {
                    tell(answer_to, Err(ErrorCode::CoordinatorNotAvailable));
                }
                return Released::Failed(self.partition);
            }
        }
        self.send()
    }

    fn send(self) -> Released<S> {
        for (answer_to, reply) in self.replies {
            tell(answer_to, Ok(reply));
        }
        for answer_to in self.markers {
            tell(answer_to, Ok(()));
        }
        Released::Sent(self.effects)
    }
}
