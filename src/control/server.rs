//! The broker's end: accepts, reads a question, has it done, answers, closes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use storage::LogManager;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{debug, warn};

use super::backup;
use super::protocol::{Answer, QUESTION_BYTES_MAX, Question};
use super::socket;
use crate::clock::Clock;

/// From accepting a connection to the end of its question, and from the first byte of the answer to its last.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause after a failed accept, as in `net`.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What questions are about.
#[derive(Clone, Debug)]
pub(crate) struct ControlParts {
    /// The logs.
    pub(crate) log_manager: Arc<LogManager>,
    /// The time.
    pub(crate) clock: Clock,
    /// `backup.io.max.bytes.per.second`.
    pub(crate) backup_bytes_per_second_max: f64,
}

/// The socket, served until the broker stops.
#[derive(Debug)]
pub(crate) struct Control {
    dir: PathBuf,
    task: JoinSet<()>,
}

impl Control {
    /// Starts to serve at most `connections_max` connections at once, on the caller's runtime.
    ///
    /// # Errors
    /// What the system says about the socket.
    pub(crate) fn start(
        parts: ControlParts,
        connections_max: usize,
        stopping: watch::Receiver<bool>,
    ) -> io::Result<Self> {
        let dir = parts.log_manager.dir().to_owned();
        let listener = UnixListener::from_std(socket::bind(&dir)?)?;
        let mut task = JoinSet::new();
        task.spawn(serve(listener, Arc::new(parts), connections_max, stopping));
        Ok(Self { dir, task })
    }

    /// Waits until what was asked for has ended, which `stopping` hastens, and takes the socket away.
    pub(crate) async fn join(mut self) {
        if let Some(Err(_)) = self.task.join_next().await {
            warn!("the control socket's task ended with a panic");
        }
        if let Err(error) = socket::remove(&self.dir) {
            debug!(%error, "the control socket stays; the next start removes it");
        }
    }
}

async fn serve(
    listener: UnixListener,
    parts: Arc<ControlParts>,
    connections_max: usize,
    mut stopping: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    while !*stopping.borrow() {
        // Every arm is cancel-safe: an unaccepted connection stays in the kernel's queue, a finished task in its set.
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            _ = stopping.changed() => break,
        };
        match accepted {
            Ok(_) if connections.len() >= connections_max => warn!("connection refused: control.connections.max"),
            Ok((stream, _)) => {
                connections.spawn(answer_one(stream, Arc::clone(&parts), stopping.clone()));
            }
            Err(error) => {
                warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    while connections.join_next().await.is_some() {}
}

async fn answer_one(mut stream: UnixStream, parts: Arc<ControlParts>, stopping: watch::Receiver<bool>) {
    let asked = {
        let (reader, _) = stream.split();
        let mut line = String::new();
        let mut reader = BufReader::new(reader.take(QUESTION_BYTES_MAX));
        match tokio::time::timeout(PATIENCE, reader.read_line(&mut line)).await {
            Ok(Ok(_)) => serde_json::from_str::<Question>(&line),
            Ok(Err(error)) => return debug!(%error, "a question on the control socket could not be read"),
            Err(_) => return debug!("nothing was asked on the control socket"),
        }
    };
    let answer = match asked {
        Ok(Question::Backup { destination }) => {
            let work = move || backup::make(&parts, Path::new(&destination), &stopping);
            tokio::task::spawn_blocking(work)
                .await
                .unwrap_or_else(|_| Answer::Refused("it ended with a panic".to_owned()))
        }
        Err(error) => Answer::Refused(format!("the question is not understood: {error}")),
    };
    let Ok(mut line) = serde_json::to_vec(&answer) else { return };
    line.push(b'\n');
    if !matches!(tokio::time::timeout(PATIENCE, stream.write_all(&line)).await, Ok(Ok(()))) {
        debug!("whoever asked on the control socket went away");
    }
}
