//! Brokers as processes: ours and a real Kafka, started on free ports and ended with their owner.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::{Failure, kafka};

/// Whose broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The one of this repository.
    Ours,
    /// Apache Kafka.
    Peer,
}

/// What all brokers of a run share.
#[derive(Debug)]
pub(super) struct Brokers {
    pub(super) root: PathBuf,
    /// Our release binary.
    pub(super) binary: PathBuf,
    /// Where data goes.
    pub(super) dir: PathBuf,
    /// Whether there is a peer.
    pub(super) peer: bool,
}

/// A broker that runs; killed when it is dropped, with its data.
#[derive(Debug)]
pub(super) struct Broker {
    pub(super) kind: Kind,
    pub(super) address: SocketAddr,
    dir: PathBuf,
    process: Child,
    /// Between its start and its first answer.
    pub(super) answered_after: Duration,
}

/// How long a broker may take to its first answer; Kafka recovers some 3 s/GB.
const START_LIMIT: Duration = Duration::from_mins(3);
/// `ApiVersions` version 0, correlation id 1, no client id: what every broker answers.
const API_VERSIONS: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 255, 255];
/// A broker's configuration, in its directory.
pub(super) const PROPERTIES: &str = "server.properties";
/// The heap that Kafka's own start script gives a broker.
const PEER_JVM: [&str; 2] = ["-Xms1G", "-Xmx1G"];

/// Builds the release broker.
pub(crate) fn build(root: &Path) -> Result<PathBuf, Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo).args(["build", "--release", "--bin", "tidelog"]).current_dir(root).status();
    let status = status.map_err(|source| Failure::Io { what: "cargo build".to_owned(), source })?;
    if !status.success() {
        return Err(Failure::Program { program: "cargo build".to_owned(), detail: status.to_string() });
    }
    Ok(root.join("target/release/tidelog"))
}

impl Brokers {
    /// Starts a broker on an empty directory and waits for its first answer.
    pub(super) fn start(&self, kind: Kind, name: &str) -> Result<Broker, Failure> {
        self.start_with(kind, name, &[])
    }

    /// As [`Self::start`], with `settings` in the broker's configuration.
    pub(super) fn start_with(&self, kind: Kind, name: &str, settings: &[&str]) -> Result<Broker, Failure> {
        let dir = self.dir.join(match kind {
            Kind::Ours => format!("ours-{name}"),
            Kind::Peer => format!("peer-{name}"),
        });
        drop(std::fs::remove_dir_all(&dir));
        std::fs::create_dir_all(&dir).map_err(|source| Failure::Io { what: dir.display().to_string(), source })?;
        let address = free_address()?;
        // The files of a finished run must not fill the disk of the next.
        let common: Vec<&str> =
            std::iter::once("log.segment.delete.delay.ms=1000").chain(settings.iter().copied()).collect();
        match kind {
            Kind::Ours => write(&dir.join(PROPERTIES), &common.join("\n"))?,
            Kind::Peer => kafka::format(&self.root, &dir, (address, address), &common.join("\n"))?,
        }
        self.launch(kind, dir, address)
    }

    /// Kills a broker and starts it again on the same data.
    pub(super) fn restart(&self, mut broker: Broker) -> Result<Broker, Failure> {
        broker.kill();
        self.start_again(broker)
    }

    /// Starts a broker that has ended again on the same data.
    pub(super) fn start_again(&self, mut broker: Broker) -> Result<Broker, Failure> {
        let (kind, dir, address) = (broker.kind, std::mem::take(&mut broker.dir), broker.address);
        self.launch(kind, dir, address)
    }

    fn launch(&self, kind: Kind, dir: PathBuf, address: SocketAddr) -> Result<Broker, Failure> {
        let mut command = match kind {
            Kind::Ours => {
                let mut command = Command::new(&self.binary);
                command.arg("serve").arg("--data").arg(dir.join("data")).arg("--listen").arg(address.to_string());
                command.arg("--config").arg(dir.join(PROPERTIES));
                command
            }
            Kind::Peer => {
                let mut command = Command::new("java");
                let jars = kafka::class_path(&self.root)?;
                command.args(PEER_JVM).args(["-cp", &jars, "kafka.Kafka"]).arg(dir.join(PROPERTIES));
                command
            }
        };
        let log = dir.join("server.log");
        let io = |source| Failure::Io { what: log.display().to_string(), source };
        let out = std::fs::File::options().create(true).append(true).open(&log).map_err(io)?;
        command.stdin(Stdio::null()).stderr(out.try_clone().map_err(io)?).stdout(out);
        let begun = now();
        let process = command.spawn().map_err(|source| Failure::Io { what: format!("{command:?}"), source })?;
        let mut broker = Broker { kind, address, dir, process, answered_after: Duration::ZERO };
        broker.answered_after = broker.wait_for_answer(begun)?;
        Ok(broker)
    }
}

impl Broker {
    /// Its process id.
    pub(super) fn pid(&self) -> u32 {
        self.process.id()
    }

    fn wait_for_answer(&mut self, begun: Instant) -> Result<Duration, Failure> {
        loop {
            if answers(self.address) {
                return Ok(now().duration_since(begun));
            }
            let ended = self.process.try_wait().ok().flatten();
            if ended.is_some() || now().duration_since(begun) > START_LIMIT {
                let log = self.log();
                let end: Vec<&str> = log.lines().rev().take(5).collect();
                let detail = format!("no answer from {}: {}", self.address, end.join(" | "));
                return Err(Failure::Program { program: format!("{:?}", self.kind), detail });
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Ends the process as an operator does (SIGTERM), and waits until it is gone.
    pub(super) fn stop(&mut self) -> Result<(), Failure> {
        let io = |source| Failure::Io { what: "stopping a broker".to_owned(), source };
        rustix::process::kill_process(Pid::from_child(&self.process), Signal::TERM)
            .map_err(|error| io(error.into()))?;
        self.process.wait().map(drop).map_err(io)
    }

    /// What it has written about itself.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("server.log")).unwrap_or_default()
    }

    /// Ends the process without a warning (`kill -9`).
    fn kill(&mut self) {
        // An error says that it has ended already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
        if !self.dir.as_os_str().is_empty() {
            drop(std::fs::remove_dir_all(&self.dir));
        }
    }
}

/// Asks for `ApiVersions` once.
fn answers(address: SocketAddr) -> bool {
    let asked = || -> std::io::Result<()> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(&API_VERSIONS)?;
        let mut head = [0; 8];
        stream.read_exact(&mut head)
    };
    asked().is_ok()
}

pub(super) fn write(file: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(file, text).map_err(|source| Failure::Io { what: file.display().to_string(), source })
}

pub(super) fn free_address() -> Result<SocketAddr, Failure> {
    let bound = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    bound.map_err(|source| Failure::Io { what: "a free port".to_owned(), source })
}

/// The monotonic moment of the call.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time, and torture waits for processes")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
