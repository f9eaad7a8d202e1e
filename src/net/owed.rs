//! The answers that a connection owes, in the order of the requests.

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll};

use super::outbox::Outbox;
use crate::api::{CloseReason, Outgoing, Pending};

/// An answer that is owed.
enum Answer {
    Ready(Outgoing),
    Waiting(Pending),
    /// Waits, and nothing behind it is handled before.
    Exclusive(Pending),
}

/// Why answers cannot be taken any more.
#[derive(Debug, thiserror::Error)]
pub(super) enum OwedError {
    #[error("{0}")]
    Refused(#[from] CloseReason),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// The queue of answers.
#[derive(Default)]
pub(super) struct Owed {
    answers: VecDeque<Answer>,
    ready_bytes: usize,
}

impl Owed {
    pub(super) fn push_ready(&mut self, answer: Outgoing) {
        self.ready_bytes += answer.head.len();
        self.answers.push_back(Answer::Ready(answer));
    }

    pub(super) fn push_waiting(&mut self, pending: Pending) {
        self.answers.push_back(Answer::Waiting(pending));
    }

    pub(super) fn push_exclusive(&mut self, pending: Pending) {
        self.answers.push_back(Answer::Exclusive(pending));
    }

    pub(super) fn len(&self) -> usize {
        self.answers.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// Bytes of answers that are ready behind one that is not.
    pub(super) fn ready_bytes(&self) -> usize {
        self.ready_bytes
    }

    /// Whether nothing may be handled before the last answer is there.
    pub(super) fn ends_exclusively(&self) -> bool {
        matches!(self.answers.back(), Some(Answer::Exclusive(_)))
    }

    /// Moves answers from the front to `outbox` until one is not ready, so that one `sendmsg` takes them all: a send for each
    /// was half of the broker's time under small requests. Ready with their number if there was any; otherwise `context` is
    /// woken when the front is ready. Cancel-safe: what is not ready stays in its place.
    pub(super) fn poll_take(
        &mut self,
        outbox: &mut Outbox,
        context: &mut Context<'_>,
    ) -> Poll<Result<usize, OwedError>> {
        let mut taken = 0;
        while let Some(front) = self.answers.front_mut() {
            let polled = match front {
                Answer::Ready(_) => Poll::Ready(None),
                Answer::Waiting(pending) | Answer::Exclusive(pending) => pending.as_mut().poll(context).map(Some),
            };
            let Poll::Ready(completed) = polled else { break };
            let answer = match (self.answers.pop_front(), completed) {
                (Some(Answer::Ready(answer)), _) => {
                    self.ready_bytes = self.ready_bytes.saturating_sub(answer.head.len());
                    answer
                }
                (_, Some(completed)) => completed?,
                (_, None) => break,
            };
            outbox.push(answer)?;
            taken += 1;
        }
        if taken > 0 { Poll::Ready(Ok(taken)) } else { Poll::Pending }
    }
}
