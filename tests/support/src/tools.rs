//! The parts of `install.sh`.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What `install.sh` can provide; its help says what each of them holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Compilers, kcat, rsyslog with omkafka: found on the PATH, so nothing is returned.
    Debian,
    /// The folder with the jars of Kafka's broker, clients and coordinators.
    KafkaJars,
    /// The folder with the jars of Kafka's command-line tools, Streams and Connect.
    KafkaToolJars,
    /// A Python interpreter that imports the Python clients.
    Python,
    /// The `node_modules` folder with the JavaScript clients.
    Node,
    /// The folder with the compiled Go clients of `tests/clients`.
    Go,
    /// The folder with the compiled Java clients of `tests/clients`; they run with the jars of [`Self::KafkaJars`], and those that
    /// need Streams with the jars of [`Self::KafkaToolJars`].
    Java,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Debian => "debian",
            Self::KafkaJars => "kafka-jars",
            Self::KafkaToolJars => "kafka-tool-jars",
            Self::Python => "python",
            Self::Node => "node",
            Self::Go => "go",
            Self::Java => "java",
        }
    }
}

/// The path of a part, which is installed first if it is not there.
///
/// # Panics
/// When it cannot be installed; what `install.sh` says about it went to standard error.
#[must_use]
#[track_caller]
pub fn install(part: Part) -> PathBuf {
    let output = Command::new(script("install.sh"))
        .arg(part.name())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .unwrap_or_else(|error| panic!("tests/support/install.sh does not run: {error}"));
    assert!(output.status.success(), "tests/support/install.sh {} failed", part.name());
    let path = String::from_utf8_lossy(&output.stdout);
    PathBuf::from(path.trim_end())
}

/// A program of the system, without the folders of libraries that cargo adds for tests: kcat and rsyslog would take our
/// build of librdkafka for their own.
#[must_use]
pub fn system_command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env_remove("LD_LIBRARY_PATH");
    command
}

/// A script beside this crate.
pub(crate) fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}
