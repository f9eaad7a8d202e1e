//! The client programs of a round: which there are, and how they are started and ended. They are others' clients, and each
//! writes a history of its own.

use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use test_support::{go_client, python_client, system_command};

use super::TortureError;
use crate::bench::now;

/// Partitions of each topic.
pub(super) const PARTITIONS: i32 = 4;
/// Longer than producers give their last records.
const END_LIMIT: Duration = Duration::from_mins(4);

/// The topics of the load: one that keeps all, one that deletes, one that is compacted.
pub(super) const TOPICS: [(&str, &[(&str, &str)]); 3] = [
    ("keep", &[("segment.bytes", "1048576"), ("retention.ms", "-1")]),
    ("short", &[("segment.bytes", "1048576"), ("retention.bytes", "4194304")]),
    (
        "compact",
        &[
            ("cleanup.policy", "compact"),
            ("segment.bytes", "1048576"),
            ("min.cleanable.dirty.ratio", "0.1"),
            ("delete.retention.ms", "100"),
        ],
    ),
];

/// Whose client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Library {
    /// franz-go.
    Franz,
    /// librdkafka, by confluent-kafka.
    Rdkafka,
}

/// How the clients of a round are started.
#[derive(Debug)]
pub(super) struct Clients {
    pub(super) bootstrap: SocketAddr,
    pub(super) histories: PathBuf,
    pub(super) seed: u64,
    /// Records a second, all producers together.
    pub(super) rate: u64,
}

/// A client that runs; killed when it is dropped.
#[derive(Debug)]
pub(super) struct Client {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    log: PathBuf,
}

/// The producers: whose client, of which kind, with which codec, and the share of the load in percent.
const PRODUCERS: [(Library, &str, &str, u64); 8] = [
    (Library::Franz, "idempotent", "none", 22),
    (Library::Franz, "idempotent", "zstd", 22),
    (Library::Franz, "plain", "lz4", 16),
    (Library::Franz, "transactional", "snappy", 14),
    (Library::Franz, "transactional", "none", 14),
    (Library::Rdkafka, "idempotent", "gzip", 5),
    (Library::Rdkafka, "plain", "snappy", 3),
    (Library::Rdkafka, "transactional", "zstd", 4),
];

impl Clients {
    /// Creates the topics.
    pub(super) fn create_topics(&self) -> Result<(), TortureError> {
        self.start(Library::Franz, "setup", "setup", &json!({}))?.wait()
    }

    /// Starts all producers.
    pub(super) fn producers(&self) -> Result<Vec<Client>, TortureError> {
        let numbered = PRODUCERS.iter().zip(1_u64..);
        let start = |((library, kind, codec, percent), number): (&(Library, &str, &str, u64), u64)| {
            let more = json!({
                "producer": number, "kind": kind, "codec": codec, "rate": (self.rate * percent / 100).max(20),
                "seed": self.seed.wrapping_mul(31).wrapping_add(number) >> 2,
            });
            self.start(*library, "produce", &format!("producer-{number}"), &more)
        };
        numbered.map(start).collect()
    }

    /// Starts those who look on: readers of both isolation levels, one who watches offsets, two groups, one who creates and
    /// deletes topics.
    pub(super) fn onlookers(&self) -> Result<Vec<Client>, TortureError> {
        let reader = |committed| json!({ "committed": committed });
        let member = |protocol: &str| json!({ "group": format!("group-{protocol}"), "protocol": protocol });
        let mut clients = vec![
            self.start(Library::Franz, "read", "reading-live-all", &reader(false))?,
            self.start(Library::Franz, "read", "reading-live-committed", &reader(true))?,
            self.start(Library::Franz, "watch", "watch", &json!({ "groups": ["group-classic", "group-consumer"] }))?,
            self.start(Library::Franz, "topics", "topics", &json!({ "seed": self.seed >> 2 }))?,
        ];
        for protocol in ["classic", "consumer"] {
            for number in 1..=2 {
                let name = format!("member-{protocol}-{number}");
                clients.push(self.start(Library::Franz, "member", &name, &member(protocol))?);
            }
        }
        Ok(clients)
    }

    /// Reads everything from start to end, by one library, at both isolation levels.
    pub(super) fn read_whole(&self, library: Library, name: &str) -> Result<(), TortureError> {
        for (level, committed) in [("all", false), ("committed", true)] {
            let more = json!({ "whole": true, "committed": committed });
            self.start(library, "read", &format!("reading-{name}-{level}"), &more)?.wait()?;
        }
        Ok(())
    }

    /// Asks kcat, which is nobody of the load, where each partition ends, and notes what it says.
    pub(super) fn ask_kcat(&self) -> Result<(), TortureError> {
        let mut command = system_command("kcat");
        command.args(["-b", &self.bootstrap.to_string(), "-Q"]);
        for (topic, _) in TOPICS {
            for partition in 0..PARTITIONS {
                command.arg("-t").arg(format!("{topic}:{partition}:-1"));
            }
        }
        let output = command.output().map_err(|source| TortureError::Io { what: "kcat".to_owned(), source })?;
        let mut lines = Vec::new();
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            // `topic [partition] offset number`
            if let [topic, partition, "offset", offset] = line.split(' ').collect::<Vec<_>>().as_slice() {
                let number = |text: &str| text.trim_matches(['[', ']']).parse::<i64>().unwrap_or(-1);
                let said = json!({ "e": "offsets", "topic": topic, "p": number(partition), "end": number(offset) });
                lines.push(said.to_string());
            }
        }
        let path = self.histories.join("kcat.jsonl");
        std::fs::write(&path, lines.join("\n")).map_err(|source| TortureError::io(&path, source))
    }

    fn start(&self, library: Library, program: &str, name: &str, more: &Value) -> Result<Client, TortureError> {
        let topics: Vec<Value> = TOPICS
            .iter()
            .map(|(name, configs)| {
                let configs = configs.iter().map(|(key, value)| ((*key).to_owned(), json!(value)));
                json!({ "name": name, "configs": configs.collect::<serde_json::Map<_, _>>() })
            })
            .collect();
        let mut arguments = json!({
            "bootstrap": self.bootstrap.to_string(),
            "history": self.histories.join(format!("{name}.jsonl")).display().to_string(),
            "run": run_number(self.seed), "topics": topics, "partitions": PARTITIONS,
        });
        if let (Some(all), Some(more)) = (arguments.as_object_mut(), more.as_object()) {
            all.extend(more.clone());
        }
        let mut command = match library {
            Library::Franz => go_client("torture"),
            Library::Rdkafka => python_client("torture.py"),
        };
        command.arg(program).arg(arguments.to_string());
        Client::start(name, &mut command, &self.histories)
    }
}

/// What marks the records of a round.
fn run_number(seed: u64) -> u64 {
    seed & u64::from(u32::MAX)
}

impl Client {
    fn start(name: &str, command: &mut Command, dir: &Path) -> Result<Self, TortureError> {
        let log = dir.join(format!("{name}.log"));
        let io = |source| TortureError::io(&log, source);
        let out = File::options().create(true).append(true).open(&log).map_err(io)?;
        let spawned = command.stdin(Stdio::piped()).stderr(out.try_clone().map_err(io)?).stdout(out).spawn();
        let mut child = spawned.map_err(|source| TortureError::Io { what: name.to_owned(), source })?;
        let input = child.stdin.take();
        Ok(Self { name: name.to_owned(), child, input, log })
    }

    /// Tells it that it is enough.
    pub(super) fn tell_enough(&mut self) {
        if let Some(mut input) = self.input.take() {
            // One that has ended does not hear it, and is found by `wait`.
            drop(input.flush());
        }
    }

    /// Waits until it has ended well.
    pub(super) fn wait(mut self) -> Result<(), TortureError> {
        let begun = now();
        loop {
            let ended = self.child.try_wait().map_err(|source| TortureError::Io { what: self.name.clone(), source })?;
            match ended {
                Some(status) if status.success() => return Ok(()),
                None if now().duration_since(begun) < END_LIMIT => std::thread::sleep(Duration::from_millis(5)),
                _ => {
                    let said = std::fs::read_to_string(&self.log).unwrap_or_default();
                    let end: Vec<&str> = said.lines().rev().take(5).collect();
                    let detail = format!("it ended with {ended:?} and said: {}", end.join(" | "));
                    return Err(TortureError::Program { program: self.name.clone(), detail });
                }
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}
