//! A real Kafka, by `kafka.sh`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::process::free_port;
use crate::tools::script;

/// A broker of Apache Kafka 4.4 with an empty data directory; it is stopped and its data removed when this is dropped.
#[derive(Debug)]
pub struct RealKafka {
    port: u16,
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
        let file = dir.path().join("extra.properties");
        std::fs::write(&file, extra).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let broker = Self { port: free_port(), dir };
        let started = Command::new(script("kafka.sh"))
            .args(["start", &broker.port.to_string()])
            .args([broker.dir.path(), &file])
            .env("KAFKA_CONTROLLER_PORT", free_port().to_string())
            .stdin(Stdio::null())
            .status()
            .unwrap_or_else(|error| panic!("tests/support/kafka.sh does not run: {error}"));
        assert!(started.success(), "the real Kafka did not start");
        broker
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
        let output = Command::new(script("kafka.sh"))
            .args(["tool", class])
            .args(args)
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("tests/support/kafka.sh does not run: {error}"));
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{class} failed:\n{printed}{complaint}");
        printed
    }
}

impl Drop for RealKafka {
    fn drop(&mut self) {
        stop(self.dir.path());
    }
}

/// A broker that does not stop is left behind and told; a drop must not panic.
fn stop(dir: &Path) {
    let stopped = Command::new(script("kafka.sh")).arg("stop").arg(dir).status();
    if !stopped.is_ok_and(|status| status.success()) {
        eprintln!("the real Kafka of {} was not stopped", dir.display());
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
