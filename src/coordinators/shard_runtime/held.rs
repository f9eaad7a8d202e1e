//! Answers that are held until what they rest on is durable.

use std::sync::Arc;

use coordinator::group::GroupReply;
use model::{ErrorCode, Offset};

use super::super::handle::AnswerTo;
use crate::partitions::Partition;

/// Answers, and how far their partition must be durable before they may go.
pub(in super::super) struct Held {
    pub(super) partition: Arc<Partition>,
    pub(super) end: Offset,
    pub(super) replies: Vec<(AnswerTo, GroupReply)>,
}

/// What became of held answers.
pub(in super::super) enum Released {
    /// They went.
    Sent,
    /// The log of this partition failed before, or was deleted.
    Failed(Arc<Partition>),
}

impl Held {
    /// Lets the answers go if they may; gives them back if not.
    pub(in super::super) fn release_if_durable(self) -> Option<Self> {
        if self.partition.high_watermark() < self.end {
            return Some(self);
        }
        self.send();
        None
    }

    /// Waits until the answers may go. If they never may, everybody is told so.
    pub(in super::super) async fn release_when_durable(self) -> Released {
        while self.partition.committed(self.end).await.is_err() {
            // A wait also ends when the broker stops, and the sync that it waited for is still under way.
            if self.partition.log().is_offline() || self.partition.is_retired() {
                for (answer_to, _) in self.replies {
                    drop(answer_to.send(Err(ErrorCode::CoordinatorNotAvailable)));
                }
                return Released::Failed(self.partition);
            }
        }
        self.send();
        Released::Sent
    }

    fn send(self) {
        for (answer_to, reply) in self.replies {
            // Whoever went away does not want it.
            drop(answer_to.send(Ok(reply)));
        }
    }
}
