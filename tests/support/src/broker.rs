//! The broker that a test of behaviour speaks to, whichever it is.

use std::path::{Path, PathBuf};

use crate::{RealKafka, Tidelog};

/// A broker with no topics: ours, unless the environment says otherwise. `TIDELOG_TEST_BROKER=kafka` starts a real Kafka, so
/// that a test can be judged itself, and `TIDELOG_TEST_BROKER=HOST:PORT` names a broker that runs already.
#[derive(Debug)]
pub enum Broker {
    /// A process of ours, and the folder that its data and its log are in.
    Tidelog(Tidelog, tempfile::TempDir),
    /// A process of the real Kafka.
    Kafka(RealKafka),
    /// A broker that somebody else started.
    Running(String),
}

impl Broker {
    /// Starts a broker. `binary` is `env!("CARGO_BIN_EXE_tidelog")`, which cargo gives only to tests of the root package.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    #[track_caller]
    pub fn start(binary: impl AsRef<Path>) -> Self {
        Self::start_with(binary, &[])
    }

    /// Starts a broker with settings, which have no effect on one that runs already.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    #[track_caller]
    pub fn start_with(binary: impl AsRef<Path>, settings: &[(&str, &str)]) -> Self {
        match std::env::var("TIDELOG_TEST_BROKER").as_deref() {
            Err(_) | Ok("tidelog") => {
                let dir = tempfile::tempdir().unwrap_or_else(|error| panic!("no temporary directory: {error}"));
                let settings: Vec<String> = settings.iter().map(|(key, value)| format!("{key}={value}")).collect();
                let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
                Self::Tidelog(Tidelog::start(binary, dir.path().join("data"), &settings), dir)
            }
            Ok("kafka") => Self::Kafka(RealKafka::start(settings)),
            Ok(address) => Self::Running(address.to_owned()),
        }
    }

    /// Where clients connect, as `HOST:PORT`.
    #[must_use]
    pub fn address(&self) -> String {
        match self {
            Self::Tidelog(broker, _) => broker.address().to_string(),
            Self::Kafka(kafka) => kafka.address(),
            Self::Running(address) => address.clone(),
        }
    }

    /// The folder with the partitions' folders.
    ///
    /// # Panics
    /// When somebody else started the broker.
    #[must_use]
    #[track_caller]
    pub fn data(&self) -> PathBuf {
        match self {
            Self::Tidelog(_, dir) => dir.path().join("data"),
            Self::Kafka(kafka) => kafka.data(),
            Self::Running(address) => panic!("the data of the broker at {address} is out of reach"),
        }
    }

    /// Stops the broker as an operator does, at the end of a test that found nothing to complain of.
    ///
    /// # Panics
    /// When our broker does not end well, or has logged an error: those are for an operator to act on, and there was no cause.
    #[track_caller]
    pub fn finish(mut self) {
        if let Self::Tidelog(broker, _) = &mut self {
            let status = broker.stop();
            assert!(status.success(), "the broker ended with {status}");
            let log = broker.log();
            let errors: Vec<&str> = log.lines().filter(|line| line.contains(" ERROR ")).collect();
            assert!(errors.is_empty(), "the broker logged errors:\n{}", errors.join("\n"));
        }
    }

    /// Ends the broker without warning (`kill -9`).
    ///
    /// # Panics
    /// When somebody else started it.
    #[track_caller]
    pub fn kill(&mut self) {
        match self {
            Self::Tidelog(broker, _) => broker.kill(),
            Self::Kafka(kafka) => kafka.kill(),
            Self::Running(address) => panic!("the broker at {address} is not ours to kill"),
        }
    }

    /// Starts the broker again after [`Self::kill`], at the same address and on the same data.
    ///
    /// # Panics
    /// When it does not start.
    #[track_caller]
    pub fn restart(&mut self) {
        match self {
            Self::Tidelog(broker, _) => broker.restart(),
            Self::Kafka(kafka) => kafka.restart(),
            Self::Running(address) => panic!("the broker at {address} is not ours to start"),
        }
    }
}

impl Drop for Broker {
    /// A failed test shows what the broker had to say.
    fn drop(&mut self) {
        if let Self::Tidelog(broker, _) = self
            && std::thread::panicking()
        {
            eprintln!("the broker's log:\n{}", broker.log());
        }
    }
}
