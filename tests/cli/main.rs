//! The client commands as a person runs them: the binary, its output and its exit codes, against our broker and against a
//! real Kafka, which must look the same.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends where something is not as it must be")]

mod configs;
mod groups;

use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use test_support::{RealKafka, Tidelog};

/// How long anybody waits for what must come.
const SOON: Duration = Duration::from_mins(1);

const BINARY: &str = env!("CARGO_BIN_EXE_tidelog");

/// The binary with a cluster to talk to.
struct Cli {
    address: String,
}

impl Cli {
    fn run(&self, args: &[&str], input: &[u8]) -> Output {
        let mut child = Command::new(BINARY)
            .args(args)
            .args(["--bootstrap-server", &self.address])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::thread::scope(|scope| {
            // A command that fails at once leaves its input unread.
            scope.spawn(move || drop(stdin.write_all(input)));
            child.wait_with_output().unwrap()
        })
    }

    #[track_caller]
    fn ok(&self, args: &[&str], input: &[u8]) -> Vec<u8> {
        let output = self.run(args, input);
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tidelog {}: {words}", args.join(" "));
        output.stdout
    }

    #[track_caller]
    fn json(&self, args: &[&str], input: &[u8]) -> Value {
        let args: Vec<&str> = args.iter().copied().chain(["--output", "json"]).collect();
        serde_json::from_slice(&self.ok(&args, input)).unwrap()
    }

    /// The exit code and the words of a command that fails.
    #[track_caller]
    fn fails(&self, args: &[&str]) -> (i32, String) {
        let output = self.run(args, b"");
        assert!(!output.status.success(), "tidelog {} succeeded", args.join(" "));
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    }
}

#[test]
fn the_commands_work_with_our_broker() {
    let dir = tempfile::tempdir().unwrap();
    let broker = Tidelog::start(BINARY, dir.path().join("data"), &[]);
    everything(&Cli { address: broker.address().to_string() });
}

#[test]
fn the_commands_work_with_a_real_kafka() {
    let broker = RealKafka::start(&[]);
    everything(&Cli { address: broker.address() });
}

#[test]
fn a_cluster_that_is_not_there_fails_at_once() {
    let cli = Cli { address: "127.0.0.1:1".to_owned() };
    let (code, words) = cli.fails(&["topic", "list"]);
    assert_eq!(code, 1);
    assert!(words.contains("no broker answers at 127.0.0.1:1"), "{words}");
}

#[test]
fn wrong_usage_has_its_own_exit_code() {
    let cli = Cli { address: "127.0.0.1:1".to_owned() };
    assert_eq!(cli.fails(&["topic", "alter", "t"]).0, 2);
    assert_eq!(cli.fails(&["consume", "t", "--from", "yesterday"]).0, 2);
    assert_eq!(cli.fails(&["topic", "create", "a/b"]).0, 2);
    assert_eq!(cli.fails(&["config", "alter", "topic", "t"]).0, 2);
    assert_eq!(cli.fails(&["group", "describe"]).0, 2);
    assert_eq!(cli.fails(&["group", "describe", "g", "--all-groups"]).0, 2);
    assert_eq!(cli.fails(&["group", "describe", "g", "--members", "--state"]).0, 2);
    let reset = ["group", "reset-offsets", "g"];
    for wrong in [
        &["--topic", "t"][..],
        &["--to-latest"],
        &["--to-latest", "--to-earliest", "--topic", "t"],
        &["--to-latest", "--topic", "t", "--all-topics"],
        &["--to-latest", "--topic", "t", "--dry-run", "--execute"],
        &["--from-file", "x.csv", "--topic", "t"],
        &["--by-duration", "1h", "--topic", "t"],
        &["--to-latest", "--topic", "t", "--export", "--output", "json"],
    ] {
        assert_eq!(cli.fails(&[&reset[..], wrong].concat()).0, 2, "{wrong:?}");
    }
}

fn everything(cli: &Cli) {
    topics_live_and_die(cli);
    lines_come_back_as_they_went(cli);
    bytes_survive_with_keys_and_headers(cli);
    reading_begins_and_ends_where_it_is_told(cli);
    configs::are_shown_and_changed(cli);
    configs::of_groups_and_client_metrics_are_resources_too(cli);
    configs::topics_are_purged(cli);
    groups::are_commanded(cli);
    the_generator_finds_what_was_acknowledged(cli);
}

fn topics_live_and_die(cli: &Cli) {
    let created =
        cli.json(&["topic", "create", "lives", "--partitions", "3", "--config", "retention.ms=86400000"], b"");
    assert_eq!((&created["created"], &created["partitions"]), (&Value::from(true), &Value::from(3)));
    let (code, words) = cli.fails(&["topic", "create", "lives"]);
    assert_eq!(code, 1);
    assert!(words.contains("TOPIC_ALREADY_EXISTS"), "{words}");
    assert_eq!(cli.json(&["topic", "create", "lives", "--if-not-exists"], b"")["created"], Value::from(false));
    assert!(String::from_utf8(cli.ok(&["topic", "list"], b"")).unwrap().lines().any(|line| line == "lives"));

    cli.ok(
        &[
            "topic",
            "alter",
            "lives",
            "--partitions",
            "5",
            "--set",
            "max.message.bytes=2000000",
            "--unset",
            "retention.ms",
        ],
        b"",
    );
    let described = cli.json(&["topic", "describe", "lives"], b"");
    assert_eq!(described[0]["configs"]["max.message.bytes"], Value::from("2000000"));
    assert_eq!(described[0]["configs"].get("retention.ms"), None);
    assert_eq!(described[0]["partitions"].as_array().unwrap().len(), 5);
    let (_, words) = cli.fails(&["topic", "alter", "lives", "--set", "segment.bytes=few"]);
    assert!(words.contains("INVALID_CONFIG"), "{words}");

    cli.ok(&["topic", "delete", "lives"], b"");
    let (_, words) = cli.fails(&["topic", "describe", "lives"]);
    assert!(words.contains("UNKNOWN_TOPIC_OR_PARTITION"), "{words}");
    cli.ok(&["topic", "delete", "lives", "--if-exists"], b"");
}

fn lines_come_back_as_they_went(cli: &Cli) {
    let lines: Vec<String> = (0..20_000).map(|number| format!("line {number} {}", "x".repeat(number % 200))).collect();
    let lines = lines.join(
        "
",
    ) + "
";
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let topic = format!("lines-{codec}");
        cli.ok(&["topic", "create", &topic, "--partitions", "1"], b"");
        let produced =
            cli.json(&["produce", &topic, "--compression", codec, "--batch-bytes", "30000"], lines.as_bytes());
        assert_eq!(produced["records"], Value::from(20_000));
        assert!(cli.ok(&["consume", &topic], b"") == lines.as_bytes(), "{codec}: the lines differ");
    }
}

fn bytes_survive_with_keys_and_headers(cli: &Cli) {
    cli.ok(&["topic", "create", "bytes", "--partitions", "4"], b"");
    let input = b"k1=\xff\xfe\0newline\nin it\x1ek2=\x1ek1=second\x1e";
    let args =
        ["produce", "bytes", "--key-separator", "=", "--delimiter", "\\x1e", "--header", "h=1", "--header", "h=2"];
    cli.ok(&args, input);
    let text = cli.ok(&["consume", "bytes", "--format", "json"], b"");
    let records: Vec<Value> = text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(records.len(), 3);
    let of_k1: Vec<&Value> = records.iter().filter(|record| record["key"] == "k1").collect();
    assert_eq!(of_k1[0]["value_base64"], "//4AbmV3bGluZQppbiBpdA==");
    assert_eq!(of_k1[1]["value"], "second");
    assert!(of_k1[0]["offset"].as_i64() < of_k1[1]["offset"].as_i64());
    assert_eq!(of_k1[0]["partition"], of_k1[1]["partition"]);
    let names: Vec<&Value> = records[0]["headers"].as_array().unwrap().iter().map(|header| &header["value"]).collect();
    assert_eq!(names, ["1", "2"]);
}

fn reading_begins_and_ends_where_it_is_told(cli: &Cli) {
    cli.ok(&["topic", "create", "places", "--partitions", "2"], b"");
    cli.ok(&["produce", "places", "--partition", "1"], b"0\n1\n2\n3\n4\n");
    let read = |args: &[&str]| {
        let args: Vec<&str> = ["consume", "places", "--partition", "1"].iter().chain(args).copied().collect();
        String::from_utf8(cli.ok(&args, b"")).unwrap()
    };
    assert_eq!(read(&["--from", "offset:2"]), "2\n3\n4\n");
    assert_eq!(read(&["--from", "offset:-1"]), "4\n");
    assert_eq!(read(&["--from", "offset:1", "--max-messages", "2", "--delimiter", ","]), "1,2,");
    assert_eq!(read(&["--from", "time:-1h", "--isolation", "read-committed"]), "0\n1\n2\n3\n4\n");
    assert_eq!(read(&["--from", "time:0", "--max-messages", "1"]), "0\n");
    let (code, words) = cli.fails(&["consume", "places", "--partition", "1", "--from", "offset:99", "--follow"]);
    assert_eq!(code, 1);
    assert!(words.contains("its log begins at 0 and its next offset is 5"), "{words}");
    let (_, words) = cli.fails(&["produce", "places", "--partition", "7"]);
    assert!(words.contains("no partition 7"), "{words}");
}

fn the_generator_finds_what_was_acknowledged(cli: &Cli) {
    let short = ["--duration", "0.5", "--warmup", "0.1"];
    let produce =
        ["bench", "produce", "--topic", "load", "--partitions", "3", "--connections", "2", "--in-flight", "3"];
    let load = cli.json(&[&produce[..], &["--idempotent", "--record-bytes", "100"], &short].concat(), b"");
    assert!(load["acknowledged_records"].as_u64().unwrap() > 0);
    assert_eq!(load["acknowledged_records"], load["log_records"]);
    let fetched = cli.json(&[&["bench", "fetch", "--topic", "load", "--connections", "3"][..], &short].concat(), b"");
    assert!(fetched["records"].as_u64().unwrap() > 0);
    let waited = cli
        .json(&[&["bench", "end-to-end", "--topic", "waits", "--rate", "200", "--delete"][..], &short].concat(), b"");
    assert!(waited["latency_us"]["p50"].as_f64().unwrap() > 0.0);
}
