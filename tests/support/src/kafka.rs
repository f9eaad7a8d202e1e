//! A real Kafka, by `kafka.sh`.

use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use crate::process::free_port;
use crate::tools::script;

/// The file of what a test adds to the configuration.
const EXTRA: &str = "extra.properties";

/// A broker of Apache Kafka 4.4 with an empty data directory; it is stopped and its data removed when this is dropped.
#[derive(Debug)]
pub struct RealKafka {
    port: u16,
    controller_port: u16,
    dir: tempfile::TempDir,
}

impl RealKafka {
    /// Starts a broker and waits until it serves, which takes about 3 seconds. `properties` are added to its configuration.
    ///
    /// # Panics
    /// When the jars cannot be installed or the broker does not start.
    #[must_use]
    #[track_caller]
    pub fn start(properties: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary directory: {error}"));
        let extra: String = properties.iter().flat_map(|(key, value)| [key, "=", value, "\n"]).collect();
        let file = dir.path().join(EXTRA);
        std::fs::write(&file, extra).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let broker = Self { port: free_port(), controller_port: free_port(), dir };
        broker.run();
        broker
    }

    /// Ends the broker without warning (`kill -9`).
    ///
    /// # Panics
    /// When it does not run.
    #[track_caller]
    pub fn kill(&mut self) {
        assert!(self.script("kill").success(), "the real Kafka does not run");
    }

    /// Starts the broker again after [`Self::kill`], and waits until it serves.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn restart(&mut self) {
        self.run();
    }

    #[track_caller]
    fn run(&self) {
        let started = Command::new(script("kafka.sh"))
            .args(["start", &self.port.to_string()])
            .args([self.dir.path(), &self.dir.path().join(EXTRA)])
            .env("KAFKA_CONTROLLER_PORT", self.controller_port.to_string())
            .stdin(Stdio::null())
            .status()
            .unwrap_or_else(|error| panic!("tests/support/kafka.sh does not run: {error}"));
        assert!(started.success(), "the real Kafka did not start");
    }

    fn script(&self, verb: &str) -> ExitStatus {
        let run = Command::new(script("kafka.sh")).arg(verb).arg(self.dir.path()).status();
        run.unwrap_or_else(|error| panic!("tests/support/kafka.sh does not run: {error}"))
    }

    /// Where clients connect, as `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The folder with the partitions' folders.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// What the broker has logged so far goes to this file.
    #[must_use]
    pub fn log_file(&self) -> PathBuf {
        self.dir.path().join("server.log")
    }

    /// Runs one of Kafka's command-line tools and returns what it printed.
    ///
    /// # Panics
    /// When it fails.
    #[must_use]
    #[track_caller]
    pub fn tool<S: AsRef<std::ffi::OsStr>>(class: &str, args: &[S]) -> String {
        let output = kafka_tool(class).args(args).stdin(Stdio::null()).output();
        let output = output.unwrap_or_else(|error| panic!("tests/support/kafka.sh does not run: {error}"));
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{class} failed:\n{printed}{complaint}");
        printed
    }
}

/// One of Kafka's command-line tools, to be given its arguments and run.
#[must_use]
pub fn kafka_tool(class: &str) -> Command {
    let mut command = Command::new(script("kafka.sh"));
    command.args(["tool", class]);
    command
}

impl Drop for RealKafka {
    /// A broker that does not stop is left behind and told.
    fn drop(&mut self) {
        if !self.script("stop").success() {
            eprintln!("the real Kafka of {} was not stopped", self.dir.path().display());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RealKafka;

    #[test]
    fn a_real_kafka_serves_its_own_tools() {
        let kafka = RealKafka::start(&[("num.partitions", "3")]);
        let address = kafka.address();
        let topics = "org.apache.kafka.tools.TopicCommand";
        let created = RealKafka::tool(topics, &["--bootstrap-server", &address, "--create", "--topic", "t"]);
        assert!(created.contains("Created topic t"), "{created}");
        let described = RealKafka::tool(topics, &["--bootstrap-server", &address, "--describe", "--topic", "t"]);
        assert!(described.contains("PartitionCount: 3"), "{described}");
    }
}
