//! The answers that a connection owes, in the order of the requests.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::outbox::Outbox;
use crate::api::{CloseReason, Dispatched, Outgoing, Pending};

/// An answer that is owed.
enum Answer {
    Ready(Outgoing),
    Waiting(Pending),
    /// Waits, and nothing behind it is handled before.
    Exclusive(Pending),
    /// It is not known yet which of the others it is, and nothing behind it is handled before.
    Ordered(Pin<Box<dyn Future<Output = Dispatched>>>),
    /// There is none, and the connection ends here.
    Refused(CloseReason),
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
    /// Takes up what became of the next request.
    ///
    /// # Errors
    /// The reason for which the connection ends at once.
    pub(super) fn push(&mut self, dispatched: Dispatched) -> Result<(), CloseReason> {
        self.answers.push_back(match dispatched {
            Dispatched::Answer(answer) => {
                self.ready_bytes += answer.head.len();
                Answer::Ready(answer)
            }
            Dispatched::Later(pending) => Answer::Waiting(pending),
            Dispatched::Exclusive(pending) => Answer::Exclusive(pending),
            Dispatched::Ordered(pending) => Answer::Ordered(pending),
            Dispatched::Silent => return Ok(()),
            Dispatched::Close(reason) => return Err(reason),
        });
        Ok(())
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

    /// Whether nothing may be handled before the last answer is there, or known.
    pub(super) fn ends_exclusively(&self) -> bool {
        matches!(self.answers.back(), Some(Answer::Exclusive(_) | Answer::Ordered(_) | Answer::Refused(_)))
    }

    /// Lets the last request go on that keeps those behind it waiting: also while answers before it are awaited. Returns
    /// whether it keeps them waiting no more.
    fn poll_last(&mut self, context: &mut Context<'_>) -> bool {
        let Some(Answer::Ordered(pending)) = self.answers.back_mut() else { return false };
        let Poll::Ready(dispatched) = pending.as_mut().poll(context) else { return false };
        self.answers.pop_back();
        if let Err(reason) = self.push(dispatched) {
            // Those before it are answered first.
            self.answers.push_back(Answer::Refused(reason));
        }
        true
    }

    /// Moves answers from the front to `outbox` until one is not ready, so that one `sendmsg` takes them all: a send for each
    /// was half of the broker's time under small requests. Ready with their number if there was any, or if more requests may
    /// be handled now; otherwise `context` is woken when the front is ready. Cancel-safe: what is not ready stays in its place.
    pub(super) fn poll_take(
        &mut self,
        outbox: &mut Outbox,
        context: &mut Context<'_>,
    ) -> Poll<Result<usize, OwedError>> {
        let is_free = self.poll_last(context);
        let mut taken = 0;
        while let Some(front) = self.answers.front_mut() {
            let polled = match front {
                Answer::Ready(_) => Poll::Ready(None),
                Answer::Waiting(pending) | Answer::Exclusive(pending) => pending.as_mut().poll(context).map(Some),
                Answer::Ordered(_) => Poll::Pending,
                Answer::Refused(reason) => return Poll::Ready(Err((*reason).into())),
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
        if taken > 0 || is_free { Poll::Ready(Ok(taken)) } else { Poll::Pending }
    }
}
