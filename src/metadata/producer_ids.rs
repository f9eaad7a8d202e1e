//! Producer ids that were never handed out before, and never will be again, also after a crash: a block at a time is reserved
//! in the metadata log, and what is left of it after a stop is lost.

use std::ops::Range;

use model::{ErrorCode, ProducerId};
use tokio::sync::{Mutex, mpsc, oneshot};

use super::controller::{Command, unavailable};
use super::topics::Refused;

/// The source of producer ids.
#[derive(Debug)]
pub(crate) struct ProducerIds {
    commands: mpsc::Sender<Command>,
    block: Mutex<Range<i64>>,
}

impl ProducerIds {
    pub(super) fn new(commands: mpsc::Sender<Command>) -> Self {
        Self { commands, block: Mutex::new(0..0) }
    }

    /// The next one.
    ///
    /// # Errors
    /// [`Refused`] when the metadata log cannot be written.
    pub(crate) async fn next(&self) -> Result<ProducerId, Refused> {
        let mut block = self.block.lock().await;
        if block.is_empty() {
            *block = self.reserve().await.unwrap_or_else(|| Err(unavailable()))?;
        }
        let id = block.next().and_then(ProducerId::new);
        id.ok_or_else(|| Refused::new(ErrorCode::UnknownServerError, "the producer ids are exhausted"))
    }

    async fn reserve(&self) -> Option<Result<Range<i64>, Refused>> {
        let (answer, receiver) = oneshot::channel();
        self.commands.send(Command::ReserveProducerIds { answer }).await.ok()?;
        receiver.await.ok()
    }
}
