//! The broker under test as a process: started, killed, paused, also under strace, which has calls of it fail.
//!
//! Owns: the process. Knows nothing of clients. Whatever it does is noted by the caller.

use std::fmt::Display;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::TortureError;
use crate::bench::{kafka, now};

/// Longer than any recovery takes here.
const START_LIMIT: Duration = Duration::from_mins(2);
const STOP_LIMIT: Duration = Duration::from_mins(1);
const ASK_LIMIT: Duration = Duration::from_secs(5);
/// `ApiVersions` version 0, correlation id 1, no client id: what every broker answers.
const API_VERSIONS: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 255, 255];

/// How the broker is started.
#[derive(Clone, Debug)]
pub(super) enum Program {
    /// Ours: the binary, and what it is planted with.
    Tidelog {
        /// The file.
        binary: PathBuf,
        /// The mistake that it makes.
        planted: Option<&'static str>,
    },
    /// A real Kafka.
    Kafka {
        /// What `java -cp` takes.
        class_path: String,
        /// Whether each write is flushed before it is acknowledged.
        flushes: bool,
    },
}

impl Display for Program {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tidelog { planted: None, .. } => out.write_str("tidelog"),
            Self::Tidelog { planted: Some(planted), .. } => write!(out, "tidelog with {planted}"),
            Self::Kafka { flushes: false, .. } => out.write_str("Kafka"),
            Self::Kafka { flushes: true, .. } => out.write_str("Kafka that flushes"),
        }
    }
}

/// A broker, which runs or not; killed when it is dropped.
#[derive(Debug)]
pub(super) struct Broker {
    pub(super) program: Program,
    pub(super) data: PathBuf,
    /// Where it listens.
    pub(super) address: SocketAddr,
    /// Where clients are told to connect.
    pub(super) advertised: SocketAddr,
    /// Where its configuration is, if it has a file of it, and what it says.
    pub(super) dir: PathBuf,
    pub(super) child: Option<Child>,
}

impl Broker {
    /// Makes ready what it needs before its first start.
    pub(super) fn format(&self, root: &Path) -> Result<(), TortureError> {
        let Program::Kafka { flushes, .. } = &self.program else { return Ok(()) };
        let flush = flushes.then(|| "log.flush.interval.messages=1".to_owned());
        let data = format!("log.dirs={}", self.data.display());
        let settings: Vec<String> = self.settings().into_iter().skip(1).chain(flush).chain([data]).collect();
        Ok(kafka::format(root, &self.dir, (self.address, self.advertised), &settings.join("\n"))?)
    }

    /// Starts it and does not wait. `injection` is what strace is to do to it.
    pub(super) fn spawn(&mut self, injection: Option<&Injection>) -> Result<(), TortureError> {
        let mut command = match injection {
            Some(injection) => injection.command(),
            None => Command::new("env"),
        };
        match &self.program {
            Program::Tidelog { binary, planted } => {
                command.arg(binary).arg("serve").arg("--data").arg(&self.data);
                command.arg("--listen").arg(self.address.to_string());
                for setting in self.settings() {
                    command.arg("--set").arg(setting);
                }
                if let Some(planted) = planted {
                    command.env("TIDELOG_PLANTED", planted);
                }
            }
            Program::Kafka { class_path, .. } => {
                command.args(["java", "-Xmx1G", "-XX:TieredStopAtLevel=1", "-cp", class_path, "kafka.Kafka"]);
                command.arg(self.dir.join("server.properties"));
            }
        }
        let path = self.log();
        let io = |source| TortureError::io(&path, source);
        let log = File::options().create(true).append(true).open(&path).map_err(io)?;
        command.stdin(Stdio::null()).stderr(log.try_clone().map_err(io)?).stdout(log);
        let child = command.spawn().map_err(|source| TortureError::Io { what: format!("{command:?}"), source })?;
        self.child = Some(child);
        Ok(())
    }

    /// Starts it and waits for its first answer.
    pub(super) fn start(&mut self, injection: Option<&Injection>) -> Result<(), TortureError> {
        self.spawn(injection)?;
        self.wait_for_answer()
    }

    /// Waits until it answers.
    pub(super) fn wait_for_answer(&mut self) -> Result<(), TortureError> {
        let begun = now();
        while !answers(self.address) {
            let ended = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
            if ended.is_some() || now().duration_since(begun) > START_LIMIT {
                let detail = format!("no answer from {}; it said: {}", self.address, self.last_words());
                return Err(TortureError::Program { program: "the broker".to_owned(), detail });
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Whether it has ended by itself.
    pub(super) fn has_ended(&mut self) -> bool {
        self.child.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)))
    }

    /// Ends it without warning, and waits until it is gone.
    pub(super) fn kill(&mut self) -> Result<(), TortureError> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let gone = child.kill().and_then(|()| child.wait());
        gone.map_err(|source| TortureError::Io { what: "kill -9".to_owned(), source })?;
        Ok(())
    }

    /// Ends it as an operator does.
    pub(super) fn stop(&mut self) -> Result<(), TortureError> {
        self.signal(Signal::TERM)?;
        let Some(mut child) = self.child.take() else { return Ok(()) };
        let begun = now();
        loop {
            match child.try_wait() {
                // Java says that a signal ended it.
                Ok(Some(status)) if status.success() || matches!(self.program, Program::Kafka { .. }) => return Ok(()),
                Ok(None) if now().duration_since(begun) < STOP_LIMIT => std::thread::sleep(Duration::from_millis(5)),
                Ok(status) => {
                    self.child = Some(child);
                    let detail = format!("it was to stop, and ended with {status:?}; it said: {}", self.last_words());
                    return Err(TortureError::Program { program: "the broker".to_owned(), detail });
                }
                Err(source) => return Err(TortureError::Io { what: "the broker's end".to_owned(), source }),
            }
        }
    }

    /// Has it stand still, or go on.
    pub(super) fn signal(&self, signal: Signal) -> Result<(), TortureError> {
        let pid = self.child.as_ref().and_then(|child| i32::try_from(child.id()).ok()).and_then(Pid::from_raw);
        let Some(pid) = pid else { return Ok(()) };
        kill_process(pid, signal)
            .map_err(|error| TortureError::Io { what: "a signal".to_owned(), source: error.into() })
    }

    fn settings(&self) -> [String; 9] {
        [
            format!("advertised.listeners=PLAINTEXT://{}", self.advertised),
            "group.initial.rebalance.delay.ms=0".to_owned(),
            "auto.create.topics.enable=false".to_owned(),
            "log.initial.task.delay.ms=500".to_owned(),
            "log.retention.check.interval.ms=1000".to_owned(),
            "log.cleaner.backoff.ms=500".to_owned(),
            "log.segment.delete.delay.ms=500".to_owned(),
            "transaction.abort.timed.out.transaction.cleanup.interval.ms=1000".to_owned(),
            "offsets.topic.num.partitions=4".to_owned(),
        ]
    }

    fn log(&self) -> PathBuf {
        self.dir.join("broker.log")
    }

    fn last_words(&self) -> String {
        let log = std::fs::read(self.log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let end: Vec<&str> = log.lines().rev().take(8).collect();
        end.into_iter().rev().collect::<Vec<_>>().join(" | ")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Err(error) = self.kill() {
            eprintln!("the broker was not killed: {error}");
        }
    }
}

/// What strace does to a broker.
#[derive(Clone, Debug)]
pub(super) struct Injection {
    /// As `-e inject=` takes it, e.g. `fdatasync:error=EIO:when=30`.
    pub(super) rule: String,
    /// Where it notes the calls that it had fail.
    pub(super) trace: PathBuf,
}

impl Injection {
    /// strace as a grandchild, so that the process that is killed is the broker's own.
    fn command(&self) -> Command {
        let call = self.rule.split(':').next().unwrap_or_default();
        let mut command = Command::new("strace");
        command.args(["-D", "-f", "--seccomp-bpf", "-qq", "-e", &format!("trace={call}"), "-e", "signal=none"]);
        command.args(["-e", &format!("inject={}", self.rule), "-o"]).arg(&self.trace);
        command
    }

    /// How many calls failed.
    pub(super) fn count(&self) -> u64 {
        let trace = std::fs::read(&self.trace).unwrap_or_default();
        let count = String::from_utf8_lossy(&trace).lines().filter(|line| line.contains("(INJECTED)")).count();
        u64::try_from(count).unwrap_or(0)
    }
}

/// Asks for `ApiVersions` once.
fn answers(address: SocketAddr) -> bool {
    let asked = || -> std::io::Result<()> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(ASK_LIMIT))?;
        stream.write_all(&API_VERSIONS)?;
        let mut head = [0; 8];
        stream.read_exact(&mut head)
    };
    asked().is_ok()
}

/// The names of files and folders below `dir`, without what vanishes meanwhile.
pub(super) fn names_below(dir: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            names.push(path.strip_prefix(dir).unwrap_or(&path).display().to_string());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            }
        }
    }
    names
}
