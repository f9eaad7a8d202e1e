//! The loads, each with what it should reach beside Kafka. A row is data: nothing else knows how many there are.

use serde_json::Value;

use super::broker::Kind;

/// Who takes part in a row, and with which configs of its topic.
#[derive(Debug)]
pub(super) struct Contender {
    /// Its column in the report.
    pub(super) name: &'static str,
    /// Which broker.
    pub(super) kind: Kind,
    /// What its topic is made with.
    pub(super) configs: &'static [&'static str],
    /// What its broker is started with. Contenders of one kind and the same settings share a broker.
    pub(super) settings: &'static [&'static str],
}

/// What a row compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Metric {
    /// Seconds of the broker's CPU for each GB; less is better.
    CpuPerGb,
    /// More is better.
    RequestsPerSecond,
    /// Median latency in microseconds; less is better.
    MedianMicroseconds,
    /// The latency that one request in a hundred exceeds, in microseconds; less is better.
    P99Microseconds,
    /// The broker's CPU as a share of one core; less is better.
    Cores,
}

impl Load {
    /// Whether the load is a log of a certain size, and not a time.
    pub(super) fn has_size(&self) -> bool {
        self.args.first() == Some(&"compact")
    }
}

impl Metric {
    /// The figure in a result of `tidelog bench`.
    pub(super) fn of(self, result: &Value) -> Option<f64> {
        match self {
            Self::CpuPerGb => result.pointer("/broker/usage/cpu_seconds_per_gb")?.as_f64(),
            Self::RequestsPerSecond => result.get("requests_per_second")?.as_f64(),
            Self::MedianMicroseconds => result.pointer("/latency_us/p50")?.as_f64(),
            Self::P99Microseconds => result.pointer("/latency_us/p99")?.as_f64(),
            Self::Cores => result.pointer("/broker/usage/cores")?.as_f64(),
        }
    }

    /// What the figure is called in the report.
    pub(super) const fn unit(self) -> &'static str {
        match self {
            Self::CpuPerGb => "broker CPU s/GB",
            Self::RequestsPerSecond => "requests/s",
            Self::MedianMicroseconds => "p50 us",
            Self::P99Microseconds => "p99 us",
            Self::Cores => "broker cores",
        }
    }

    /// A figure with as many digits as it has meaning.
    pub(super) fn text(self, value: f64) -> String {
        match self {
            Self::CpuPerGb => format!("{value:.2}"),
            Self::Cores => format!("{value:.3}"),
            Self::RequestsPerSecond | Self::MedianMicroseconds | Self::P99Microseconds => format!("{value:.0}"),
        }
    }

    /// The figure of a result for the progress on the screen.
    pub(super) fn show(self, result: &Value) -> String {
        self.of(result).map_or_else(|| "-".to_owned(), |value| format!("{} {}", self.text(value), self.unit()))
    }
}

/// One load.
#[derive(Debug)]
pub(super) struct Load {
    /// Its name on the command line.
    pub(super) name: &'static str,
    /// What it does.
    pub(super) title: &'static str,
    /// Arguments of `tidelog bench`.
    pub(super) args: &'static [&'static str],
    /// A load that fills the topic first.
    pub(super) fill: Option<&'static [&'static str]>,
    /// What is compared.
    pub(super) metric: Metric,
    /// The ratio of ours to Kafka's that the project wants.
    pub(super) goal: &'static str,
    /// Ours first; the first is the one that is compared.
    pub(super) contenders: &'static [Contender],
}

const OURS_ASYNC: Contender =
    Contender { name: "async", kind: Kind::Ours, configs: &["flush.mode=async"], settings: &[] };
const OURS: Contender = Contender { name: "default", kind: Kind::Ours, configs: &[], settings: &[] };
const PEER: Contender = Contender { name: "Kafka", kind: Kind::Peer, configs: &[], settings: &[] };
const PEER_SYNCED: Contender =
    Contender { name: "Kafka", kind: Kind::Peer, configs: &["flush.messages=1"], settings: &[] };
/// Also what the broker writes for itself is synced: offsets of groups, and the state of transactions.
const PEER_ALL_SYNCED: Contender =
    Contender { name: "Kafka", kind: Kind::Peer, configs: &[], settings: &["log.flush.interval.messages=1"] };
const PEER_UNSYNCED: Contender = Contender { name: "Kafka, not synced", kind: Kind::Peer, configs: &[], settings: &[] };

/// The cleaner looks for work all the time.
const CLEANING: &[&str] = &["log.cleaner.backoff.ms=100"];
const OURS_CLEANING: Contender = Contender { name: "default", kind: Kind::Ours, configs: &[], settings: CLEANING };
const PEER_CLEANING: Contender = Contender { name: "Kafka", kind: Kind::Peer, configs: &[], settings: CLEANING };

/// Without these a classic group waits 3 s for more members whoever runs it, and members may not ask often enough to tell
/// the brokers apart.
const GROUPS_AT_ONCE: &[&str] = &[
    "group.initial.rebalance.delay.ms=0",
    "group.consumer.min.heartbeat.interval.ms=100",
    "group.consumer.heartbeat.interval.ms=100",
];
const OURS_AT_ONCE: Contender = Contender { name: "default", kind: Kind::Ours, configs: &[], settings: GROUPS_AT_ONCE };
const PEER_AT_ONCE: Contender = Contender { name: "Kafka", kind: Kind::Peer, configs: &[], settings: GROUPS_AT_ONCE };

/// All loads, in the order of the report.
pub(super) const LOADS: &[Load] = &[
    Load {
        name: "produce-1k",
        title: "produce 1 KiB records in 64 KiB batches, 4 partitions, 4 connections x 4 in flight",
        args: &["produce", "--connections=4", "--in-flight=4", "--partitions=4", "--record-bytes=1024"],
        fill: None,
        metric: Metric::CpuPerGb,
        goal: "0.5 or less",
        contenders: &[OURS_ASYNC, OURS, PEER],
    },
    Load {
        name: "produce-100b",
        title: "produce 100 B records in 64 KiB batches, 4 partitions, 4 connections x 4 in flight",
        args: &["produce", "--connections=4", "--in-flight=4", "--partitions=4", "--record-bytes=100"],
        fill: None,
        metric: Metric::CpuPerGb,
        goal: "0.5 or less",
        contenders: &[OURS_ASYNC, OURS, PEER],
    },
    Load {
        name: "fetch",
        title: "fetch 2 GB from the page cache, 1 MiB an answer, 4 partitions, 4 connections",
        args: &["fetch", "--connections=4"],
        fill: Some(&[
            "produce",
            "--connections=4",
            "--in-flight=4",
            "--partitions=4",
            "--bytes=2000000000",
            "--duration=60",
        ]),
        metric: Metric::CpuPerGb,
        goal: "1 or less",
        contenders: &[OURS_ASYNC, OURS, PEER],
    },
    Load {
        name: "small",
        title: "one 100 B record a request, 16 partitions, 16 connections x 8 in flight",
        args: &[
            "produce",
            "--connections=16",
            "--in-flight=8",
            "--partitions=16",
            "--record-bytes=100",
            "--batch-records=1",
        ],
        fill: None,
        metric: Metric::RequestsPerSecond,
        goal: "6 or more",
        contenders: &[OURS_ASYNC, OURS, PEER],
    },
    Load {
        name: "durable-one",
        title: "acks=all and synced, one partition, one 100 B record a request, one at a time",
        args: &["produce", "--record-bytes=100", "--batch-records=1"],
        fill: None,
        metric: Metric::RequestsPerSecond,
        goal: "3 or more",
        contenders: &[OURS, PEER_SYNCED],
    },
    Load {
        name: "durable-many",
        title: "acks=all and synced, one partition, one 100 B record a request, 16 connections x 8 in flight",
        args: &["produce", "--connections=16", "--in-flight=8", "--record-bytes=100", "--batch-records=1"],
        fill: None,
        metric: Metric::RequestsPerSecond,
        goal: "3 or more",
        contenders: &[OURS, PEER_SYNCED],
    },
    Load {
        name: "one-at-a-time",
        title: "one 100 B record a request, one at a time, not synced",
        args: &["produce", "--record-bytes=100", "--batch-records=1"],
        fill: None,
        metric: Metric::MedianMicroseconds,
        goal: "0.5 or less",
        contenders: &[OURS_ASYNC, PEER],
    },
    Load {
        name: "end-to-end",
        title: "1000 records of 100 B a second, from when each is due to its arrival at a waiting consumer",
        args: &["end-to-end", "--rate=1000"],
        fill: None,
        metric: Metric::MedianMicroseconds,
        goal: "none",
        contenders: &[OURS_ASYNC, OURS, PEER],
    },
    Load {
        name: "txn-one",
        title: "transactions of ten 1 KiB records over 3 partitions, one producer, synced",
        args: &["transactions", "--partitions=3"],
        fill: None,
        metric: Metric::RequestsPerSecond,
        goal: "2 or more",
        contenders: &[OURS, PEER_ALL_SYNCED, PEER_UNSYNCED],
    },
    Load {
        name: "txn-many",
        title: "transactions of ten 1 KiB records over 3 partitions, 50 producers, synced",
        args: &["transactions", "--partitions=3", "--producers=50"],
        fill: None,
        metric: Metric::RequestsPerSecond,
        goal: "1 or more",
        contenders: &[OURS, PEER_ALL_SYNCED, PEER_UNSYNCED],
    },
    Load {
        name: "compact",
        title: "compaction of a log of 112 B to 1 KiB values, each key written ten times, 32 MiB segments",
        args: &["compact", "--record-bytes=560"],
        fill: None,
        metric: Metric::CpuPerGb,
        goal: "0.5 or less",
        contenders: &[OURS_CLEANING, PEER_CLEANING],
    },
    Load {
        name: "compact-lz4",
        title: "the same in lz4 batches; bytes are those of the compressed log",
        args: &["compact", "--record-bytes=560", "--compression=lz4"],
        fill: None,
        metric: Metric::CpuPerGb,
        goal: "0.5 or less",
        contenders: &[OURS_CLEANING, PEER_CLEANING],
    },
    Load {
        name: "commit-one",
        title: "offset commits, one at a time, synced by both",
        args: &["commit"],
        fill: None,
        metric: Metric::P99Microseconds,
        goal: "0.5 or less",
        contenders: &[OURS, PEER_ALL_SYNCED],
    },
    Load {
        name: "commit-many",
        title: "offset commits of 100 committers, one in flight each, synced by ours, not by Kafka",
        args: &["commit", "--committers=100", "--groups=100"],
        fill: None,
        metric: Metric::RequestsPerSecond,
        goal: "1 or more",
        contenders: &[OURS, PEER],
    },
    Load {
        name: "heartbeat",
        title: "10,000 classic groups with one member each, a heartbeat every 3 s",
        args: &["heartbeat", "--groups=10000", "--interval=3000"],
        fill: None,
        metric: Metric::Cores,
        goal: "ours under 0.1",
        contenders: &[OURS_AT_ONCE, PEER_AT_ONCE],
    },
    Load {
        name: "join-classic",
        title: "100 classic members join one group over 1,000 partitions: the first request to the last assignment",
        args: &["join", "--members=100", "--partitions=1000"],
        fill: None,
        metric: Metric::MedianMicroseconds,
        goal: "0.5 or less",
        contenders: &[OURS_AT_ONCE, PEER_AT_ONCE],
    },
    Load {
        name: "join-consumer",
        title: "100 KIP-848 members join one group over 1,000 partitions: the first request to the last assignment",
        args: &["join", "--members=100", "--partitions=1000", "--protocol=consumer"],
        fill: None,
        metric: Metric::MedianMicroseconds,
        goal: "0.5 or less",
        contenders: &[OURS_AT_ONCE, PEER_AT_ONCE],
    },
];
