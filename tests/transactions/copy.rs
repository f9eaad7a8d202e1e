//! A topic that is copied to another one in transactions, by programs that are killed.

use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use test_support::{Application, Broker, java_application};

use crate::topic::{self, Values};
use crate::{SETTINGS, TIDELOG};

/// For all of it, on a machine that is busy with other tests.
const LIMIT: Duration = Duration::from_mins(4);

pub(crate) const PARTITIONS: i32 = 2;

/// How a copier ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ends {
    /// When it has copied all that was there.
    WithItsWork,
    /// When its standard input ends.
    WithItsInput,
}

/// The topics, the copiers and what they have to copy.
pub(crate) struct Copy {
    pub(crate) bootstrap: String,
    pub(crate) group: String,
    pub(crate) input: String,
    pub(crate) output: String,
    values: Values,
    copiers: BTreeMap<String, Copier>,
    dir: tempfile::TempDir,
    broker: Broker,
}

/// A copier: how it is started, and its process.
struct Copier {
    command: Command,
    ends: Ends,
    process: Option<Application>,
}

impl Copy {
    /// A broker, and an input with so many records in each partition.
    #[track_caller]
    pub(crate) fn begin(records: u32) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let broker = Broker::start_with(TIDELOG, &SETTINGS);
        let bootstrap = broker.address();
        let name = format!("copy-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let (input, output) = (format!("{name}-input"), format!("{name}-output"));
        for topic in [&input, &output] {
            topic::create(&bootstrap, topic, PARTITIONS);
        }
        let of = |partition| (0..records).map(|number| format!("{partition}:{number}")).collect();
        let values: Values = (0..PARTITIONS).map(|partition| (partition, of(partition))).collect();
        topic::fill(&bootstrap, &input, &values);
        let (copiers, dir) = (BTreeMap::new(), tempfile::tempdir().unwrap());
        Self { bootstrap, group: name, input, output, values, copiers, dir, broker }
    }

    /// A copier begins to work.
    #[track_caller]
    pub(crate) fn start(&mut self, name: &str, command: Command, ends: Ends) {
        self.copiers.insert(name.to_owned(), Copier { command, ends, process: None });
        self.start_again(name);
    }

    #[track_caller]
    fn start_again(&mut self, name: &str) {
        let log = self.dir.path().join(format!("{name}.log"));
        let copier = self.copiers.get_mut(name).unwrap();
        copier.process = Some(Application::start(&mut copier.command, &log));
    }

    /// A copier is killed where it stands, and begins again. One that has done its work is left alone.
    #[track_caller]
    pub(crate) fn crashes(&mut self, name: &str) {
        self.look_at(name);
        if let Some(process) = self.copiers.get_mut(name).unwrap().process.take() {
            process.crash();
            self.start_again(name);
        }
    }

    /// The broker is killed, and comes back.
    #[track_caller]
    pub(crate) fn the_broker_crashes(&mut self) {
        if matches!(self.broker, Broker::Tidelog(..)) {
            self.broker.kill();
            self.broker.restart();
        }
    }

    /// Waits until at least so many records are copied and committed.
    #[track_caller]
    pub(crate) fn goes_on_to(&mut self, count: usize) {
        let count = count.min(self.values.values().map(Vec::len).sum());
        self.waits(&format!("{count} records are copied"), |copy| {
            let committed = topic::committed_values(&copy.bootstrap, &copy.output, PARTITIONS);
            committed.values().map(Vec::len).sum::<usize>() >= count
        });
    }

    #[track_caller]
    #[expect(clippy::disallowed_methods, reason = "a test waits for other processes, by the wall clock")]
    fn waits(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !condition(self) {
            for name in self.copiers.keys().cloned().collect::<Vec<_>>() {
                self.look_at(&name);
            }
            assert!(start.elapsed() < LIMIT, "still not: {what}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Fails if a copier has ended that should not have.
    #[track_caller]
    fn look_at(&mut self, name: &str) {
        let copier = self.copiers.get_mut(name).unwrap();
        if let Some(status) = copier.process.as_mut().and_then(Application::ended) {
            let is_right = copier.ends == Ends::WithItsWork && status.success();
            assert!(is_right, "{name} ended by itself with {status}");
            copier.process = None;
        }
    }

    /// All is copied, and what a reader of committed records finds is what there was to copy: each record once, in its order.
    #[track_caller]
    pub(crate) fn end(mut self) {
        self.goes_on_to(usize::MAX);
        let copied = topic::committed_values(&self.bootstrap, &self.output, PARTITIONS);
        for (partition, values) in &self.values {
            assert_eq!(&copied[partition], values, "partition {partition}, by librdkafka");
        }
        assert_eq!(self.read_by_java(), sorted(&self.values), "by Kafka's own consumer");
        self.waits("the copiers have done their work", |copy| {
            copy.copiers.values().all(|copier| copier.ends == Ends::WithItsInput || copier.process.is_none())
        });
        for (_, copier) in std::mem::take(&mut self.copiers) {
            if let Some(process) = copier.process {
                process.close();
            }
        }
        self.broker.finish();
    }

    /// What Kafka's console consumer finds, of all partitions, sorted.
    #[track_caller]
    fn read_by_java(&self) -> Vec<String> {
        let mut command = java_application("org.apache.kafka.tools.consumer.ConsoleConsumer");
        command.args(["--bootstrap-server", &self.bootstrap, "--topic", &self.output, "--from-beginning"]);
        // What is not there makes it wait until this is over, and too much is as wrong as too little.
        let count = self.values.values().map(Vec::len).sum::<usize>();
        command.args(["--max-messages", &count.to_string(), "--timeout-ms", "20000"]);
        command.args(["--command-property", "isolation.level=read_committed"]);
        let output = command.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut values: Vec<String> = text.lines().map(str::to_owned).collect();
        values.sort();
        values
    }
}

fn sorted(values: &Values) -> Vec<String> {
    let mut all: Vec<String> = values.values().flatten().cloned().collect();
    all.sort();
    all
}
