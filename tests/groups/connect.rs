//! Kafka Connect with its file connectors: every line of one file arrives in another, in order and once.

mod rest;

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use test_support::{Application, Broker, free_port, java_application, wait_until};

use crate::{SESSION_MS, TIDELOG, settings, topic};

const LIMIT: Duration = Duration::from_mins(2);

#[test]
fn connect_standalone_copies_a_file() {
    let broker = Broker::start_with(TIDELOG, &settings(SESSION_MS));
    let mut copy = Copy::new(&broker.address(), "standalone");
    let address = format!("127.0.0.1:{}", free_port());
    let worker = copy.worker_properties("worker", &address, &[("offset.storage.file.filename", copy.path("offsets"))]);
    let source = write_properties(copy.dir.path(), "source", &copy.source());
    let sink = write_properties(copy.dir.path(), "sink", &copy.sink());
    let log = copy.dir.path().join("worker.log");
    let start = || {
        let mut command = java_application("org.apache.kafka.connect.cli.ConnectStandalone");
        Application::start(command.args([&worker, &source, &sink]), &log)
    };
    copy.write(100);
    let running = start();
    copy.is_complete();
    running.stop();
    copy.write(100);
    let running = start();
    copy.is_complete();
    running.stop();
    assert_eq!(copy.committed(), 200, "lines that the sink has committed");
    broker.finish();
}

#[test]
fn connect_distributed_copies_a_file_while_workers_crash() {
    let broker = Broker::start_with(TIDELOG, &settings(SESSION_MS));
    let mut copy = Copy::new(&broker.address(), "distributed");
    copy.write(100);
    let mut workers = vec![copy.start_worker(), copy.start_worker()];
    for worker in &mut workers {
        worker.serves();
    }
    workers[0].create(&copy.source());
    workers[0].create(&copy.sink());
    copy.is_complete();
    copy.is_committed();

    // The one that reads the file is killed: the other goes on where the internal topics say.
    let reader = workers[0].worker_of(&copy.connector("source"));
    let index = workers.iter().position(|worker| worker.address == reader).unwrap();
    workers.remove(index).application.crash();
    copy.write(100);
    copy.is_complete();
    copy.is_committed();

    // All are stopped: what the connectors are, and how far they came, is known from the internal topics alone.
    workers.remove(0).application.stop();
    copy.write(100);
    let mut worker = copy.start_worker();
    worker.serves();
    copy.is_complete();
    copy.is_committed();
    let connectors = worker.connectors();
    assert_eq!(connectors.as_array().map(Vec::len), Some(2), "{connectors}");
    worker.application.stop();
    for (name, partitions) in [("configs", 1), ("offsets", 3), ("status", 3)] {
        let name = copy.internal(name);
        assert_eq!(topic::ends(&copy.bootstrap, &name).len(), partitions, "the partitions of {name}");
        assert_eq!(topic::config(&copy.bootstrap, &name, "cleanup.policy"), "compact", "{name}");
    }
    broker.finish();
}

/// The source writes what it has read, and how far it came, in one transaction (KIP-618).
#[test]
fn connect_reads_a_file_exactly_once_while_workers_and_the_broker_crash() {
    let mut broker = Broker::start_with(TIDELOG, &settings(SESSION_MS));
    let mut copy = Copy::new(&broker.address(), "exactly-once");
    copy.of_workers.push(("exactly.once.source.support", "enabled".to_owned()));
    copy.write(1000);
    let mut worker = copy.start_worker();
    worker.serves();
    // Each read is a transaction, so that a crash comes in the middle of some.
    let mut source = copy.source();
    source.extend([("exactly.once.support", "required".to_owned()), ("batch.size", "20".to_owned())]);
    worker.create(&source);
    for lines in [200, 1200] {
        copy.has_arrived(lines);
        worker.application.crash();
        if lines > 1000 && matches!(broker, Broker::Tidelog(..)) {
            broker.kill();
            broker.restart();
        }
        copy.write(1000);
        worker = copy.start_worker();
        worker.serves();
    }
    // What the task has read behind a full batch it holds back until there is more to read.
    copy.has_arrived(2900);
    worker.application.stop();
    broker.finish();
}

/// Two files, and the topic between them.
struct Copy {
    bootstrap: String,
    topic: String,
    dir: tempfile::TempDir,
    lines: usize,
    /// What the workers of distributed mode have besides.
    of_workers: Properties<'static>,
}

/// A worker of distributed mode.
struct Worker {
    application: Application,
    /// Where it serves REST, which is its name as well.
    address: String,
}

type Properties<'a> = Vec<(&'a str, String)>;

impl Copy {
    #[track_caller]
    fn new(bootstrap: &str, mode: &str) -> Self {
        let topic = format!("connect-{mode}-{}", std::process::id());
        topic::create(bootstrap, &topic, 1);
        let (dir, of_workers) = (tempfile::tempdir().unwrap(), Vec::new());
        Self { bootstrap: bootstrap.to_owned(), topic, dir, lines: 0, of_workers }
    }

    fn path(&self, file: &str) -> String {
        self.dir.path().join(file).to_str().unwrap().to_owned()
    }

    /// Appends lines to the file that is copied.
    #[track_caller]
    fn write(&mut self, lines: usize) {
        let mut file = OpenOptions::new().create(true).append(true).open(self.path("from")).unwrap();
        for line in (self.lines..).take(lines) {
            writeln!(file, "line {line} of the file").unwrap();
        }
        self.lines += lines;
    }

    /// Waits until the copy is the same as the file.
    #[track_caller]
    fn is_complete(&self) {
        let from = std::fs::read_to_string(self.path("from")).unwrap();
        let mut to = String::new();
        wait_until("the file is copied", LIMIT, || {
            std::thread::sleep(Duration::from_millis(100));
            to = std::fs::read_to_string(self.path("to")).unwrap_or_default();
            let is_right = from.starts_with(&to);
            assert!(is_right, "the copy has {} lines, and is another file:\n{to}", to.lines().count());
            to == from
        });
    }

    /// Waits until source and sink have written down how far they came, so that a crash repeats nothing.
    #[track_caller]
    fn is_committed(&self) {
        let position = std::fs::metadata(self.path("from")).unwrap().len();
        wait_until("source and sink have committed", LIMIT, || {
            std::thread::sleep(Duration::from_millis(100));
            let offsets = topic::read_all(&self.bootstrap, &self.internal("offsets"), 3);
            let last = offsets.last().and_then(|(_, value)| serde_json::from_slice::<Value>(value.as_ref()?).ok());
            let is_last = last.is_some_and(|value| value["position"] == json!(position));
            is_last && self.committed() == i64::try_from(self.lines).unwrap()
        });
    }

    /// Waits until so many lines have arrived in the topic at least; those that have are the file's, each once, in order.
    #[track_caller]
    fn has_arrived(&self, lines: usize) {
        let mut found = 0;
        wait_until("lines in the topic", LIMIT, || {
            std::thread::sleep(Duration::from_millis(100));
            let records = topic::read_all(&self.bootstrap, &self.topic, 1);
            for (number, (_, value)) in records.iter().enumerate() {
                let value: Value = serde_json::from_slice(value.as_ref().unwrap()).unwrap();
                assert_eq!(value["payload"], format!("line {number} of the file"));
            }
            found = records.len();
            assert!(found <= self.lines, "{found} lines of {}", self.lines);
            found >= lines
        });
    }

    /// How many records the sink's group has committed.
    #[track_caller]
    fn committed(&self) -> i64 {
        let group = format!("connect-{}", self.connector("sink"));
        topic::committed(&self.bootstrap, &group, &self.topic, 1).get(&0).copied().unwrap_or_default()
    }

    fn connector(&self, name: &str) -> String {
        format!("{}-{name}", self.topic)
    }

    fn internal(&self, name: &str) -> String {
        format!("{}-{name}", self.topic)
    }

    fn source(&self) -> Properties<'static> {
        let class = "org.apache.kafka.connect.file.FileStreamSourceConnector";
        self.connector_of(class, "source", "from", "topic")
    }

    fn sink(&self) -> Properties<'static> {
        let class = "org.apache.kafka.connect.file.FileStreamSinkConnector";
        self.connector_of(class, "sink", "to", "topics")
    }

    fn connector_of(&self, class: &str, name: &str, file: &str, topic_key: &'static str) -> Properties<'static> {
        vec![
            ("name", self.connector(name)),
            ("connector.class", class.to_owned()),
            ("tasks.max", "1".to_owned()),
            ("file", self.path(file)),
            (topic_key, self.topic.clone()),
        ]
    }

    #[track_caller]
    fn start_worker(&self) -> Worker {
        let address = format!("127.0.0.1:{}", free_port());
        let mut more = vec![
            ("group.id", format!("{}-workers", self.topic)),
            ("session.timeout.ms", SESSION_MS.to_owned()),
            ("heartbeat.interval.ms", "500".to_owned()),
            ("scheduled.rebalance.max.delay.ms", "0".to_owned()),
            ("config.storage.topic", self.internal("configs")),
            ("config.storage.replication.factor", "1".to_owned()),
            ("offset.storage.topic", self.internal("offsets")),
            ("offset.storage.replication.factor", "1".to_owned()),
            ("offset.storage.partitions", "3".to_owned()),
            ("status.storage.topic", self.internal("status")),
            ("status.storage.replication.factor", "1".to_owned()),
            ("status.storage.partitions", "3".to_owned()),
        ];
        more.extend_from_slice(&self.of_workers);
        let name = address.replace(':', "-");
        let file = self.worker_properties(&name, &address, &more);
        let mut command = java_application("org.apache.kafka.connect.cli.ConnectDistributed");
        let log = self.dir.path().join(format!("{name}.log"));
        Worker { application: Application::start(command.arg(file), &log), address }
    }

    /// The properties that every worker has, and more.
    #[track_caller]
    fn worker_properties(&self, name: &str, address: &str, more: &[(&'static str, String)]) -> PathBuf {
        let converter = "org.apache.kafka.connect.json.JsonConverter";
        let mut all = vec![
            ("bootstrap.servers", self.bootstrap.clone()),
            ("listeners", format!("http://{address}")),
            ("key.converter", converter.to_owned()),
            ("value.converter", converter.to_owned()),
            ("offset.flush.interval.ms", "500".to_owned()),
            ("plugin.discovery", "service_load".to_owned()),
            ("consumer.session.timeout.ms", SESSION_MS.to_owned()),
            ("consumer.heartbeat.interval.ms", "500".to_owned()),
        ];
        all.extend_from_slice(more);
        write_properties(self.dir.path(), name, &all)
    }
}

#[track_caller]
fn write_properties(dir: &Path, name: &str, properties: &[(&str, String)]) -> PathBuf {
    let path = dir.join(format!("{name}.properties"));
    let mut file = File::create(&path).unwrap();
    for (key, value) in properties {
        writeln!(file, "{key}={value}").unwrap();
    }
    path
}

impl Worker {
    /// Waits until it has joined its group and answers.
    #[track_caller]
    fn serves(&mut self) {
        wait_until("the worker serves", LIMIT, || {
            self.application.assert_runs();
            std::thread::sleep(Duration::from_millis(100));
            rest::request(&self.address, "GET", "/connectors", "").is_ok()
        });
    }

    /// Creates a connector. A worker answers so only after the rebalances under way, and refuses meanwhile.
    #[track_caller]
    fn create(&self, properties: &[(&str, String)]) {
        let config: serde_json::Map<String, Value> =
            properties.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
        let path = format!("/connectors/{}/config", properties[0].1);
        let body = Value::Object(config).to_string();
        let mut refused = String::new();
        wait_until("the connector is created", LIMIT, || {
            let answer = rest::request(&self.address, "PUT", &path, &body);
            refused = answer.err().unwrap_or_default();
            assert!(refused.is_empty() || refused.contains(" 409 "), "{refused}");
            refused.is_empty()
        });
    }

    #[track_caller]
    fn connectors(&self) -> Value {
        rest::request(&self.address, "GET", "/connectors", "").unwrap()
    }

    /// The name of the worker that runs a connector's task.
    #[track_caller]
    fn worker_of(&self, connector: &str) -> String {
        let status = rest::request(&self.address, "GET", &format!("/connectors/{connector}/status"), "").unwrap();
        status["tasks"][0]["worker_id"].as_str().unwrap_or_else(|| panic!("no task in {status}")).to_owned()
    }
}
