//! Asking the broker that uses a data directory.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;

use super::protocol::{ANSWER_BYTES_MAX, Answer, Question};
use super::socket;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// No broker listens there.
    #[error("no broker listens on the control socket of the data directory")]
    NoBroker,
    /// The socket.
    #[error("the control socket: {0}")]
    Io(#[from] io::Error),
    /// The broker ended before it answered, or answered what this version does not understand.
    #[error("the broker's answer cannot be read: {0}")]
    Answer(#[from] serde_json::Error),
}

/// Asks, and waits for the answer for as long as it takes.
///
/// # Errors
/// [`AskError`].
pub(crate) fn ask(dir: &Path, question: &Question) -> Result<Answer, AskError> {
    let mut stream = match socket::connect(dir) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Err(AskError::NoBroker);
        }
        connected => connected?,
    };
    let mut line = serde_json::to_vec(question)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    BufReader::new(stream.take(ANSWER_BYTES_MAX)).read_line(&mut answer)?;
    Ok(serde_json::from_str(&answer)?)
}
