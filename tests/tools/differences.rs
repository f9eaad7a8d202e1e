//! What may differ between the real Kafka and ours, and why; and the comparison that leaves it out.

use std::collections::BTreeSet;

use crate::side::Printed;

/// Cells that need not be equal.
#[derive(Clone, Copy, Debug)]
enum Cells {
    /// What stands behind the first text, up to the second, or to the line's end if that is empty.
    Between(&'static str, &'static str),
    /// The same, together with the texts: one side does not have it at all.
    Absent(&'static str, &'static str),
    /// The column of this heading, in a table whose columns are separated by spaces or tabs.
    Column(&'static str),
    /// Lines that begin so.
    Lines(&'static [&'static str]),
    /// Lines `key=...` whose key only one side has.
    KeysOfOne,
    /// Every number of lines that have this text.
    Numbers(&'static str),
}

use Cells::{Absent, Between, Column, KeysOfOne, Lines, Numbers};

/// The reason of a difference that a run may lack: both producers may have come equally far.
const BY_CHANCE: &str = "how far a producer came until it was stopped";

/// Whose output, which cells of it, and why they differ.
#[rustfmt::skip]
const TABLE: &[(&str, Cells, &str)] = &[
    ("", Between("Exception: ", ""), "the words of a refusal are ours; the exception, which is Kafka's code, is compared"),
    ("TopicCommand", Between("Error while executing topic command : ", ""), "the words of a refusal are ours"),
    ("ClientMetricsCommand", Between("Error while executing client metrics command : ", ""), "the words of a refusal are ours"),
    ("TopicCommand", Between("TopicId: ", "\t"), "an id"),
    ("ConfigCommand", KeysOfOne, "keys of Kafka that mean nothing here, and ours"),
    ("ConfigCommand", Between("  advertised.listeners=", ""), "each connection is told the address that it came by"),
    ("ConfigCommand", Between("  broker.id=", ""), "in Kafka it follows the number that it was given, which ours need not be"),
    ("ConfigCommand", Between("  controller.listener.names=", ""), "there is no listener for controllers"),
    ("ConfigCommand", Between("  group.coordinator.rebalance.protocols=", ""), "no streams groups yet"),
    ("ConfigCommand", Between("  listeners=", ""), "there is no listener for controllers; only this machine by default"),
    ("ConfigCommand", Between("  log.dir=", ""), "another directory by default"),
    ("ConfigCommand", Between("  node.id=", ""), "ours has a default"),
    ("ConfigCommand", Between("  num.network.threads=", ""), "by default one for each processor"),
    ("ConfigCommand", Between("  offsets.topic.replication.factor=", ""), "the real Kafka is given one that fits one broker"),
    ("ConfigCommand", Between("  process.roles=", ""), "ours has a default"),
    ("ConfigCommand", Between("  transaction.state.log.min.isr=", ""), "the real Kafka is given one that fits one broker"),
    ("ConfigCommand", Between("  transaction.state.log.replication.factor=", ""), "the real Kafka is given one that fits one broker"),
    ("FeatureCommand", Between("Epoch: ", ""), "an offset of the metadata log, to which Kafka writes all the time"),
    ("FeatureCommand", Lines(&["Feature: eligible.leader.replicas.version", "Feature: share.version",
        "Feature: streams.version"]), "not advertised yet"),
    ("FeatureCommand", Between("Could not upgrade", ""), "the words of a refusal are ours"),
    ("FeatureCommand", Between("Could not downgrade", ""), "the words of a refusal are ours"),
    ("ClusterTool", Between("Cluster ID: ", ""), "an id"),
    ("ClusterTool", Column("PORT"), "the broker's port"),
    ("MetadataQuorumCommand", Between("ClusterId: ", ""), "an id"),
    ("MetadataQuorumCommand", Between("HighWatermark: ", ""), "an offset of the metadata log"),
    ("MetadataQuorumCommand", Between("\"directoryId\": \"", "\""), "an id"),
    ("MetadataQuorumCommand", Absent(", \"endpoints\": [", "]"), "there is no listener for controllers"),
    ("MetadataQuorumCommand", Column("DirectoryId"), "an id"),
    ("MetadataQuorumCommand", Column("LogEndOffset"), "an offset of the metadata log"),
    ("MetadataQuorumCommand", Column("LastFetchTimestamp"), "a time"),
    ("MetadataQuorumCommand", Column("LastCaughtUpTimestamp"), "a time"),
    ("BrokerApiVersionsCommand", Lines(NOT_SERVED), "not advertised yet"),
    ("BrokerApiVersionsCommand", Lines(&["\tGetTelemetrySubscriptions(", "\tPushTelemetry("]),
        "Kafka has them only with a plug-in that receives clients' metrics; ours always receives them"),
    ("VerifiableProducer", Between("\"timestamp\":", ","), "a time"),
    ("VerifiableProducer", Between("\"avg_throughput\":", "}"), "a rate"),
    ("VerifiableConsumer", Between("\"timestamp\":", ","), "a time"),
    ("ProducerPerformance", Numbers("records sent"), "rates and times"),
    ("ConsumerPerformance", Numbers(", "), "rates and times"),
    ("EndToEndLatency", Numbers("0\t"), "a time"),
    ("EndToEndLatency", Numbers("Avg latency: "), "a time"),
    ("EndToEndLatency", Numbers("Percentiles: "), "times"),
    ("ConsoleConsumer", Between("\"commitTimestamp\":", ","), "a time"),
    ("ConsoleConsumer", Between("\"currentStateTimestamp\":", ","), "a time"),
    ("ConsoleConsumer", Between("\"topicId\":\"", "\""), "an id"),
    ("ConsoleConsumer", Between("\"leader\":\"", "\""), "an id"),
    ("ConsoleConsumer", Between("\"memberId\":\"", "\""), "an id"),
    ("DumpLogSegments", Lines(&["baseOffset: "]), "how records are batched, and when they were written"),
    ("DumpLogSegments", Between("\"commitTimestamp\":", ","), "a time"),
    ("DumpLogSegments", Between("\"currentStateTimestamp\":", ","), "a time"),
    ("DumpLogSegments", Between("\"assignmentTimestamp\":", "}"), "a time"),
    ("DumpLogSegments", Between("\"topicId\":\"", "\""), "an id"),
    ("DumpLogSegments", Between("\"metadataHash\":", "}"), "a hash of ids"),
    ("DumpLogSegments", Between("\"leader\":\"", "\""), "an id"),
    ("DumpLogSegments", Between("\"memberId\":\"", "\""), "an id"),
    ("ConsumerGroupCommand", Column("CONSUMER-ID"), "an id"),
    ("TransactionsCommand", Column("LastSequence"), BY_CHANCE),
    ("TransactionsCommand", Column("LastTimestamp"), "a time"),
    ("TransactionsCommand", Column("CurrentTransactionStartTimeMs"), "a time"),
    ("TransactionsCommand", Column("TransactionDurationMs"), "a time"),
];

/// APIs that come later.
const NOT_SERVED: &[&str] = &[
    "\tSaslHandshake(",
    "\tSaslAuthenticate(",
    "\tDescribeAcls(",
    "\tCreateAcls(",
    "\tDeleteAcls(",
    "\tCreateDelegationToken(",
    "\tRenewDelegationToken(",
    "\tExpireDelegationToken(",
    "\tDescribeDelegationToken(",
    "\tDescribeClientQuotas(",
    "\tAlterClientQuotas(",
    "\tDescribeUserScramCredentials(",
    "\tAlterUserScramCredentials(",
    "\tShareGroupHeartbeat(",
    "\tShareGroupDescribe(",
    "\tShareFetch(",
    "\tShareAcknowledge(",
    "\tAddRaftVoter(",
    "\tRemoveRaftVoter(",
    "\tInitializeShareGroupState(",
    "\tReadShareGroupState(",
    "\tWriteShareGroupState(",
    "\tDeleteShareGroupState(",
    "\tReadShareGroupStateSummary(",
    "\tStreamsGroupHeartbeat(",
    "\tStreamsGroupDescribe(",
    "\tDescribeShareGroupOffsets(",
    "\tAlterShareGroupOffsets(",
    "\tDeleteShareGroupOffsets(",
    "\tUNKNOWN(",
];

/// What the masked cells show.
const MASK: &str = "~";

/// The table, and which of its rows were needed.
#[derive(Debug, Default)]
pub(crate) struct Differences {
    needed: BTreeSet<usize>,
    /// The beginnings of lines that one side had otherwise than the other, or not at all.
    lines: BTreeSet<&'static str>,
}

impl Differences {
    /// What differs in the output of a command line beyond the table.
    pub(crate) fn between(&mut self, line: &str, ours: &Printed, kafkas: &Printed) -> Option<String> {
        let rows: Vec<usize> = (0..TABLE.len()).filter(|row| line.starts_with(TABLE[*row].0)).collect();
        for row in &rows {
            if let Lines(begins) = TABLE[*row].1 {
                self.lines.extend(begins.iter().filter(|begin| begin_otherwise(begin, ours, kafkas)));
            }
        }
        for without in &rows {
            let others: Vec<usize> = rows.iter().copied().filter(|row| row != without).collect();
            if compare(&others, ours, kafkas).is_some() {
                self.needed.insert(*without);
            }
        }
        compare(&rows, ours, kafkas)
    }

    /// The rows that no command needed, but for those that are needed by chance.
    pub(crate) fn idle(&self) -> Vec<String> {
        let idle = (0..TABLE.len()).filter(|row| !self.needed.contains(row) && TABLE[*row].2 != BY_CHANCE);
        let rows = idle.map(|row| format!("{} {:?}", TABLE[row].0, TABLE[row].1));
        let lines = TABLE.iter().flat_map(|(_, cells, _)| if let Lines(begins) = cells { *begins } else { &[] });
        rows.chain(lines.filter(|begin| !self.lines.contains(*begin)).map(|begin| format!("{begin:?}"))).collect()
    }
}

/// Whether the lines that begin so are others on one side than on the other.
fn begin_otherwise(begin: &str, ours: &Printed, kafkas: &Printed) -> bool {
    let of = |printed: &Printed| {
        lines(&printed.output).into_iter().filter(|line| line.starts_with(begin)).collect::<Vec<_>>()
    };
    of(ours) != of(kafkas)
}

fn compare(rows: &[usize], ours: &Printed, kafkas: &Printed) -> Option<String> {
    let mut found = Vec::new();
    if ours.exit != kafkas.exit {
        found.push(format!("    exits with {}, Kafka's with {}", ours.exit, kafkas.exit));
    }
    for (ours, kafkas) in [(&ours.output, &kafkas.output), (&ours.complaints, &kafkas.complaints)] {
        let (mut left, mut right) = (lines(ours), lines(kafkas));
        for row in rows {
            let cells = TABLE[*row].1;
            if let KeysOfOne = cells {
                (left, right) = (common(&left, &right), common(&right, &left));
            }
            (left, right) = (mask(cells, left), mask(cells, right));
        }
        if left != right {
            let only = |of: &[String], other: &[String], whose: &str| {
                let only = of.iter().filter(|line| !other.contains(line));
                only.map(|line| format!("    {whose}: {line}")).collect::<Vec<_>>()
            };
            found.extend(only(&left, &right, "ours"));
            found.extend(only(&right, &left, "Kafka"));
            if found.is_empty() {
                found.extend(left.iter().map(|line| format!("    ours, in this order: {line}")));
                found.extend(right.iter().map(|line| format!("    Kafka, in this order: {line}")));
            }
        }
    }
    (!found.is_empty()).then(|| found.join("\n"))
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// The lines of one text without those whose key the other text does not have.
fn common(of: &[String], with: &[String]) -> Vec<String> {
    let key = |line: &String| line.split_once('=').map(|(key, _)| key.to_owned());
    let keys: BTreeSet<_> = with.iter().filter_map(key).collect();
    of.iter().filter(|line| key(line).is_none_or(|key| keys.contains(&key))).cloned().collect()
}

fn mask(cells: Cells, lines: Vec<String>) -> Vec<String> {
    match cells {
        Lines(begins) => lines.into_iter().filter(|line| !begins.iter().any(|begin| line.starts_with(begin))).collect(),
        Between(from, upto) => {
            lines.iter().map(|line| between(line, from, upto, &[from, MASK, upto].concat())).collect()
        }
        Absent(from, upto) => lines.iter().map(|line| between(line, from, upto, "")).collect(),
        Numbers(of) => lines.iter().map(|line| if line.contains(of) { numbers(line) } else { line.clone() }).collect(),
        Column(heading) => column(&lines, heading),
        KeysOfOne => lines,
    }
}

/// Replaces what stands between the texts, with them, as often as it is there.
fn between(line: &str, from: &str, upto: &str, with: &str) -> String {
    if upto.is_empty() {
        // The last: an exception may name another one first.
        return line.rfind(from).map_or_else(|| line.to_owned(), |at| [&line[..at], with].concat());
    }
    let (mut masked, mut rest) = (String::new(), line);
    while let Some((before, behind)) = rest.split_once(from) {
        let Some((_, after)) = behind.split_once(upto) else { break };
        masked.extend([before, with]);
        rest = after;
    }
    masked + rest
}

fn numbers(line: &str) -> String {
    let mut masked = String::new();
    for char in line.chars() {
        match char {
            '0'..='9' | '.' if masked.ends_with(MASK) => {}
            '0'..='9' => masked.push_str(MASK),
            other => masked.push(other),
        }
    }
    masked
}

/// Masks a column in the rows below its heading, and how wide the columns are.
fn column(lines: &[String], heading: &str) -> Vec<String> {
    let mut place = None;
    let masked = lines.iter().map(|line| {
        let mut cells: Vec<String> = split(line).into_iter().map(str::to_owned).collect();
        match place {
            None => place = cells.iter().position(|cell| cell == heading),
            Some(place) if place < cells.len() => MASK.clone_into(&mut cells[place]),
            Some(_) => {}
        }
        if place.is_some() { cells.join("\t") } else { line.clone() }
    });
    masked.collect()
}

/// The cells of a row: separated by tabs where there are some, else by spaces.
fn split(line: &str) -> Vec<&str> {
    if line.contains('\t') { line.split('\t').map(str::trim).collect() } else { line.split_whitespace().collect() }
}
