//! Kafka's own message classes, in one Java process that answers questions over its standard streams.

use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What can be asked of Kafka's classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Read these bytes and write the value again.
    Reencode,
    /// Write a random value of this seed (eight bytes).
    Random,
    /// Describe the schema.
    Schema,
    /// Read a request's header.
    Header,
    /// List the APIs of the client listener with their header versions.
    Apis,
}

/// The process. It ends when this is dropped.
#[derive(Debug)]
pub struct Oracle {
    process: Child,
    questions: Option<BufWriter<ChildStdin>>,
    answers: BufReader<ChildStdout>,
}

impl Oracle {
    /// Starts Java with the jars of `jars`.
    ///
    /// # Panics
    /// When there is no JDK.
    #[must_use]
    pub fn start(jars: &Path) -> Self {
        let mut process = Command::new("java")
            .args(["-Xshare:auto", "-XX:TieredStopAtLevel=1", "-Xmx256m", "-cp"])
            .arg(jars.join("*"))
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("java/Oracle.java"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("java does not start ({error}); the oracle needs a JDK 17 or later"));
        let questions = process.stdin.take().map(BufWriter::new);
        let Some(answers) = process.stdout.take().map(BufReader::new) else { unreachable!("standard output is piped") };
        Self { process, questions, answers }
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// What Kafka's classes threw.
    ///
    /// # Panics
    /// When the process is gone; what it said about it went to standard error.
    pub fn ask(&mut self, question: Question, name: &str, version: i16, payload: &[u8]) -> Result<Vec<u8>, String> {
        self.try_ask(question, name, version, payload)
            .unwrap_or_else(|error| panic!("the Java process is gone ({error}); its last words are above"))
    }

    fn try_ask(
        &mut self,
        question: Question,
        name: &str,
        version: i16,
        payload: &[u8],
    ) -> std::io::Result<Result<Vec<u8>, String>> {
        let operation = match question {
            Question::Reencode => b'r',
            Question::Random => b'g',
            Question::Schema => b's',
            Question::Header => b'h',
            Question::Apis => b'a',
        };
        let questions = self.questions.as_mut().ok_or(std::io::ErrorKind::BrokenPipe)?;
        let name_length = u16::try_from(name.len()).map_err(std::io::Error::other)?;
        let payload_length = i32::try_from(payload.len()).map_err(std::io::Error::other)?;
        questions.write_all(&[operation])?;
        questions.write_all(&name_length.to_be_bytes())?;
        questions.write_all(name.as_bytes())?;
        questions.write_all(&version.to_be_bytes())?;
        questions.write_all(&payload_length.to_be_bytes())?;
        questions.write_all(payload)?;
        questions.flush()?;

        let mut head = [0; 5];
        self.answers.read_exact(&mut head)?;
        let [status, length @ ..] = head;
        let mut answer = vec![0; model::num::usize_from_u32(u32::from_be_bytes(length))];
        self.answers.read_exact(&mut answer)?;
        if status == 0 { Ok(Ok(answer)) } else { Ok(Err(String::from_utf8_lossy(&answer).into_owned())) }
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        // The end of its input ends the process.
        drop(self.questions.take());
        drop(self.process.wait());
    }
}
