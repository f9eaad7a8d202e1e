//! One of the two brokers, and the JVM in which the tools run against it.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use test_support::{Part, install, wait_until};

use crate::script::{Run, Step, escape, unescape};

/// Tools that are not in `org.apache.kafka.tools`.
const ELSEWHERE: [(&str, &str); 4] = [
    ("ConfigCommand", "kafka.admin.ConfigCommand"),
    ("ConsoleConsumer", "org.apache.kafka.tools.consumer.ConsoleConsumer"),
    ("ConsumerGroupCommand", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"),
    ("ReassignPartitionsCommand", "org.apache.kafka.tools.reassign.ReassignPartitionsCommand"),
];

/// Tools that end their JVM in a way that cannot be caught: each run of them has its own.
const ALONE: [&str; 2] = ["VerifiableConsumer", "VerifiableProducer"];

/// How long `@until` tries.
const PATIENCE: Duration = Duration::from_mins(2);

/// What a tool printed, in words that do not depend on the side.
#[derive(Clone, Debug)]
pub(crate) struct Printed {
    pub(crate) exit: String,
    pub(crate) output: String,
    pub(crate) complaints: String,
}

#[derive(Debug)]
pub(crate) struct Side {
    broker: String,
    data: PathBuf,
    dir: tempfile::TempDir,
    jars: String,
    driver: Child,
    requests: ChildStdin,
    results: BufReader<ChildStdout>,
    running: BTreeMap<String, Child>,
}

impl Side {
    #[track_caller]
    pub(crate) fn new(broker: &str, data: PathBuf) -> Self {
        let jars = format!("{}/*", install(Part::KafkaToolJars).display());
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tools/java/ToolDriver.java");
        let mut driver = java(&jars).arg(source).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (requests, results) = (driver.stdin.take().unwrap(), BufReader::new(driver.stdout.take().unwrap()));
        let dir = tempfile::tempdir().unwrap();
        Self { broker: broker.to_owned(), data, dir, jars, driver, requests, results, running: BTreeMap::new() }
    }

    /// Does what a line says; what is to be compared.
    #[track_caller]
    pub(crate) fn run(&mut self, step: &Step) -> Option<Printed> {
        match step {
            Step::Run(run) => Some(self.tool(run)),
            Step::File { name, text } => {
                std::fs::write(self.dir.path().join(name), text).unwrap();
                None
            }
            Step::Until { text, run } => {
                wait_until(&format!("{text} in what {} prints", run.tool), PATIENCE, || self.prints(run, text));
                None
            }
            Step::While { text, run } => {
                wait_until(&format!("no {text} in what {} prints", run.tool), PATIENCE, || !self.prints(run, text));
                None
            }
            Step::Start { name, run } => {
                let child =
                    self.alone(run).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
                self.running.insert(name.clone(), child);
                None
            }
            Step::Stop { name } => {
                let mut child = self.running.remove(name).unwrap_or_else(|| panic!("{name} was not started"));
                let asked = Command::new("kill").arg(child.id().to_string()).status().unwrap();
                assert!(asked.success(), "{name} does not run any more");
                child.wait().unwrap();
                None
            }
        }
    }

    #[track_caller]
    fn prints(&mut self, run: &Run, text: &str) -> bool {
        self.tool(run).output.contains(text)
    }

    #[track_caller]
    fn tool(&mut self, run: &Run) -> Printed {
        let printed = if ALONE.contains(&run.tool.as_str()) { self.run_alone(run) } else { self.run_driven(run) };
        let plain = |text: &str| {
            let (data, dir) = (self.data.to_string_lossy(), self.dir.path().to_string_lossy());
            let text = text.replace(&self.broker, "BROKER");
            text.replace(data.as_ref(), "DATA").replace(dir.as_ref(), "DIRECTORY")
        };
        let [exit, output, complaints] = printed;
        Printed { exit, output: plain(&output), complaints: plain(&complaints) }
    }

    #[track_caller]
    fn run_driven(&mut self, run: &Run) -> [String; 3] {
        let fields = [class(&run.tool), run.input.clone()].into_iter().chain(self.arguments(run));
        let request: Vec<_> = fields.map(|field| escape(&field)).collect();
        writeln!(self.requests, "{}", request.join("\t")).unwrap();
        self.requests.flush().unwrap();
        let mut result = String::new();
        self.results.read_line(&mut result).unwrap();
        let fields: Vec<_> = result.trim_end_matches('\n').split('\t').map(unescape).collect();
        fields.try_into().unwrap_or_else(|found| panic!("{}: the JVM of the tools answered {found:?}", run.tool))
    }

    #[track_caller]
    fn run_alone(&self, run: &Run) -> [String; 3] {
        let output = self.alone(run).stdin(Stdio::null()).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let exit = output.status.code().map_or_else(|| output.status.to_string(), |code| code.to_string());
        [exit, text(&output.stdout), text(&output.stderr)]
    }

    fn alone(&self, run: &Run) -> Command {
        let mut command = java(&self.jars);
        command.arg(class(&run.tool)).args(self.arguments(run));
        command
    }

    fn arguments<'a>(&'a self, run: &'a Run) -> impl Iterator<Item = String> + 'a {
        let (data, dir) = (self.data.to_string_lossy(), self.dir.path().to_string_lossy());
        let filled_in =
            move |word: &String| word.replace("{broker}", &self.broker).replace("{data}", &data).replace("{dir}", &dir);
        run.arguments.iter().map(filled_in)
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        for child in self.running.values_mut().chain([&mut self.driver]) {
            if let Err(error) = child.kill().and_then(|()| child.wait()) {
                eprintln!("process {} of the tools was not ended: {error}", child.id());
            }
        }
    }
}

/// A JVM that starts fast and logs nothing: what a tool has to say it prints.
fn java(jars: &str) -> Command {
    let mut command = Command::new("java");
    command.args(["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]);
    command.args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=off", "-cp", jars]);
    command
}

fn class(tool: &str) -> String {
    let elsewhere = ELSEWHERE.iter().find(|(name, _)| *name == tool).map(|(_, class)| (*class).to_owned());
    elsewhere.unwrap_or_else(|| format!("org.apache.kafka.tools.{tool}"))
}
