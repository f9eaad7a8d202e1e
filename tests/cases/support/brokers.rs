//! Which broker a run speaks to, and its life.
//!
//! `TIDELOG_TEST_BROKER` chooses: `tidelog` (the default) or `kafka`, the real one. `TIDELOG_CASES_TIDELOG` and
//! `TIDELOG_CASES_KAFKA` may name the address of one that runs already. One broker of a kind serves all tests of a run; it
//! outlives them by a moment, because nothing runs at the end of a test process.

use serde_json::json;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use test_support::{Broker, RealKafka, SOON, Tidelog, wait_until};

use super::client::Client;

/// A kind of broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Tidelog,
    Kafka,
}

/// Settings that ours gets so that what it says of itself equals what the real one says.
const TIDELOG_SETTINGS: [&str; 1] = ["node.id=1"];

/// Without it the real one has no GetTelemetrySubscriptions and no PushTelemetry.
pub(crate) const METRICS_RECEIVER: (&str, &str) = ("metric.reporters", "TelemetryReceiver");

/// The kind that the cases are run against.
pub(crate) fn chosen() -> Kind {
    match std::env::var("TIDELOG_TEST_BROKER").as_deref() {
        Ok("kafka") => Kind::Kafka,
        Ok("tidelog") | Err(_) => Kind::Tidelog,
        Ok(other) => panic!("TIDELOG_TEST_BROKER is tidelog or kafka, not {other}"),
    }
}

/// Whether the expected answer is the real Kafka's, where a case says that ours is to answer otherwise.
pub(crate) fn is_kafka() -> bool {
    chosen() == Kind::Kafka
}

/// The address of the shared broker of a kind, which is started by the first who asks.
pub(crate) fn address(kind: Kind) -> &'static str {
    static TIDELOG: OnceLock<String> = OnceLock::new();
    static KAFKA: OnceLock<String> = OnceLock::new();
    match kind {
        Kind::Tidelog => TIDELOG.get_or_init(|| running("TIDELOG_CASES_TIDELOG").unwrap_or_else(share_tidelog)),
        Kind::Kafka => KAFKA.get_or_init(|| running("TIDELOG_CASES_KAFKA").unwrap_or_else(share_kafka)),
    }
}

fn running(variable: &str) -> Option<String> {
    std::env::var(variable).ok()
}

fn share_tidelog() -> String {
    let dir = tempfile::tempdir().unwrap();
    let broker = start_tidelog(dir.path());
    let address = broker.address().to_string();
    end_with_this_process(broker.pid().unwrap(), &dir.keep());
    Box::leak(Box::new(broker));
    address
}

/// A broker of one test alone.
#[derive(Debug)]
pub(crate) enum Own {
    Tidelog(Tidelog, #[expect(dead_code, reason = "its end removes the broker's folder")] tempfile::TempDir),
    Kafka(RealKafka),
}

impl Own {
    pub(crate) fn address(&self) -> String {
        match self {
            Self::Tidelog(broker, _) => broker.address().to_string(),
            Self::Kafka(broker) => broker.address(),
        }
    }
}

/// A broker for one test alone, of the kind that the cases are run against, with these settings.
pub(crate) fn start_with(settings: &[(&str, &str)]) -> Own {
    match chosen() {
        Kind::Kafka => Own::Kafka(RealKafka::start(settings)),
        Kind::Tidelog => {
            let dir = tempfile::tempdir().unwrap();
            let settings: Vec<String> = settings.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let settings: Vec<&str> = TIDELOG_SETTINGS.into_iter().chain(settings.iter().map(String::as_str)).collect();
            let broker = Tidelog::start(env!("CARGO_BIN_EXE_tidelog"), dir.path().join("data"), &settings);
            Own::Tidelog(broker, dir)
        }
    }
}

/// A broker of ours for one test alone.
pub(crate) fn start_tidelog(dir: &Path) -> Tidelog {
    Tidelog::start(env!("CARGO_BIN_EXE_tidelog"), dir.join("data"), &TIDELOG_SETTINGS)
}

fn share_kafka() -> String {
    let broker = Box::leak(Box::new(RealKafka::start(&[METRICS_RECEIVER])));
    let dir = broker.data().parent().unwrap().to_owned();
    let pid = std::fs::read_to_string(dir.join("pid")).unwrap();
    end_with_this_process(pid.trim().parse().unwrap(), &dir);
    wait_for_producer_ids(&broker.address());
    broker.address()
}

/// A broker of the chosen kind for one test alone.
pub(crate) fn start_own(properties: &[(&str, &str)]) -> Broker {
    Broker::start_with(env!("CARGO_BIN_EXE_tidelog"), properties)
}

/// The real Kafka serves before its controller has given it producer ids, and says 14 (still loading) until then.
pub(crate) fn wait_for_producer_ids(address: &str) {
    let mut client = Client::connect(address);
    wait_until("producer ids", SOON, || {
        client.call("InitProducerId", 4, &json!({"transaction_timeout_ms": 1}))["error_code"] == 0
    });
}

/// Leaves behind a shell that waits for the end of this process (its standard input ends then, whatever the reason), kills the
/// broker and removes its folder.
fn end_with_this_process(pid: u32, dir: &Path) {
    let shell = Command::new("sh")
        .args(["-c", "cat > /dev/null; kill -9 \"$0\"; sleep 0.2; rm -rf \"$1\"", &pid.to_string()])
        .arg(dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Box::leak(Box::new(shell));
}
