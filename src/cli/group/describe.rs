//! `tidelog group describe`: state, members, assignment, committed offsets and lag.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use model::ErrorCode;
use serde_json::{Value, json};

use super::Groups;
use crate::cli::client::consumer::LATEST;
use crate::cli::client::groups::{self, Description, Member, Partitions};
use crate::cli::client::offsets::{self, Offsets, TopicPartition};
use crate::cli::client::{ClientError, Cluster};
use crate::cli::error::CliError;
use crate::cli::{OutputFormat, output};

/// `tidelog group describe`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct DescribeArgs {
    #[command(flatten)]
    groups: Groups,
    #[command(flatten)]
    part: Part,
}

#[derive(Debug, Args)]
#[group(multiple = false)]
struct Part {
    /// Each partition with its committed offset, its lag and its member; the default
    #[arg(long)]
    offsets: bool,
    /// Each member with what it holds and, in a consumer group, what it is to hold
    #[arg(long)]
    members: bool,
    /// Only a line for each group
    #[arg(long)]
    state: bool,
}

const EXAMPLES: &str = "\
Examples:
  tidelog group describe billing
  tidelog group describe billing shipping --members
  tidelog group describe --all-groups --state

The lag is the number of records between the committed offset and the end of the log; '-' means that nothing is known:
nothing is committed, the topic is gone, or no member reads the partition. With --output json, state and members are
always there, and \"partitions\" unless --members or --state leave it out.";

/// A partition that a group reads or has read.
#[derive(Debug)]
struct Row<'a> {
    at: TopicPartition,
    committed: Option<i64>,
    end: Option<i64>,
    member: Option<&'a Member>,
}

impl Row<'_> {
    fn lag(&self) -> Option<i64> {
        self.end.zip(self.committed).map(|(end, committed)| end.saturating_sub(committed))
    }
}

/// Runs `tidelog group describe`.
///
/// # Errors
/// What the cluster refuses; a group that does not exist.
pub(super) fn run(cluster: &mut Cluster, args: &DescribeArgs, format: OutputFormat) -> Result<(), CliError> {
    let ids = args.groups.ids(cluster)?;
    let wants_offsets = !args.part.members && !args.part.state;
    let mut progress = output::Progress::start();
    let mut described: Vec<(Description, Option<Offsets>)> = Vec::new();
    for (done, group) in ids.iter().enumerate() {
        progress.show(|| format!("{done} of {} groups described", ids.len()));
        let description = match groups::describe(cluster, group) {
            // A group that nobody named may be gone before its turn comes.
            Err(error) if args.groups.all_groups && error.is(ErrorCode::GroupIdNotFound) => continue,
            done => done?,
        };
        let committed = if wants_offsets { Some(offsets::committed(cluster, group)?) } else { None };
        described.push((description, committed));
    }
    let ends = ends(cluster, &described)?;
    drop(progress);
    match format {
        OutputFormat::Text => described.iter().enumerate().try_for_each(|(place, (description, committed))| {
            if place > 0 && !args.part.state {
                output::line("")?;
            }
            let rows = committed.as_ref().map(|committed| rows(description, committed, &ends));
            print_summary(cluster, description, rows.as_deref())?;
            match rows {
                Some(rows) => print_rows(&rows),
                None if args.part.members => print_members(description),
                None => Ok(()),
            }
        }),
        OutputFormat::Json => {
            let shown = described.iter().map(|(description, committed)| {
                let rows = committed.as_ref().map(|committed| rows(description, committed, &ends));
                to_json(cluster, description, rows.as_deref())
            });
            output::json(&Value::Array(shown.collect()))
        }
    }
}

/// The ends of all logs that matter, asked for once and after the committed offsets: so that no lag is negative, and
/// groups that read the same topic are seen at one moment.
fn ends(cluster: &mut Cluster, described: &[(Description, Option<Offsets>)]) -> Result<Offsets, ClientError> {
    let mut wanted = BTreeSet::new();
    for (description, committed) in described {
        if let Some(committed) = committed {
            wanted.extend(committed.keys().cloned());
            wanted.extend(description.members.iter().flat_map(held));
        }
    }
    offsets::of_logs(cluster, &wanted, LATEST)
}

/// What a member holds, one by one.
fn held(member: &Member) -> impl Iterator<Item = TopicPartition> {
    member
        .assignment
        .iter()
        .flat_map(|(topic, partitions)| partitions.iter().map(move |partition| TopicPartition::new(topic, *partition)))
}

/// What a group's members hold and what it has committed, in the order of the partitions.
fn rows<'a>(description: &'a Description, committed: &Offsets, ends: &Offsets) -> Vec<Row<'a>> {
    // Two members can hold one partition for a moment of a rebalance: then it has two lines.
    let mut members: BTreeMap<TopicPartition, Vec<&Member>> = BTreeMap::new();
    for member in &description.members {
        for at in held(member) {
            members.entry(at).or_default().push(member);
        }
    }
    for at in committed.keys() {
        members.entry(at.clone()).or_default();
    }
    let mut rows = Vec::new();
    for (at, members) in members {
        let row = |member| Row {
            committed: committed.get(&at).copied(),
            end: ends.get(&at).copied(),
            at: at.clone(),
            member,
        };
        if members.is_empty() {
            rows.push(row(None));
        }
        rows.extend(members.into_iter().map(|member| row(Some(member))));
    }
    rows
}

fn print_summary(cluster: &Cluster, group: &Description, rows: Option<&[Row<'_>]>) -> Result<(), CliError> {
    let mut facts = vec![
        format!("Group: {}", output::visible(&group.id)),
        format!("Type: {}", group.kind),
        format!("State: {}", output::visible(&group.state)),
        format!("Coordinator: {} ({})", cluster.address(group.coordinator).unwrap_or("-"), group.coordinator),
        format!(
            "Assignor: {}",
            if group.assignor.is_empty() { "-".to_owned() } else { output::visible(&group.assignor) }
        ),
        format!("Members: {}", group.members.len()),
    ];
    if let Some((epoch, assignment_epoch)) = group.epochs {
        facts.push(format!("Epoch: {epoch}"));
        facts.push(format!("AssignmentEpoch: {assignment_epoch}"));
    }
    facts.extend(rows.map(|rows| format!("Lag: {}", total_lag(rows))));
    output::line(&facts.join("\t"))
}

fn print_rows(rows: &[Row<'_>]) -> Result<(), CliError> {
    let known = |number: Option<i64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    let of = |member: Option<&Member>, text: fn(&Member) -> &String| {
        member.map_or_else(|| "-".to_owned(), |m| text(m).clone())
    };
    let rows = rows.iter().map(|row| {
        [
            row.at.topic.clone(),
            row.at.partition.to_string(),
            known(row.committed),
            known(row.end),
            known(row.lag()),
            of(row.member, |member| &member.id),
            of(row.member, |member| &member.host),
            of(row.member, |member| &member.client_id),
        ]
    });
    let titles = ["TOPIC", "PARTITION", "CURRENT-OFFSET", "LOG-END-OFFSET", "LAG", "CONSUMER-ID", "HOST", "CLIENT-ID"];
    output::table(titles, &rows.collect::<Vec<_>>())
}

fn print_members(group: &Description) -> Result<(), CliError> {
    let or_dash = |text: Option<String>| text.filter(|text| !text.is_empty()).unwrap_or_else(|| "-".to_owned());
    let rows = group.members.iter().map(|member| {
        [
            member.id.clone(),
            or_dash(member.instance_id.clone()),
            member.host.clone(),
            member.client_id.clone(),
            or_dash(member.epoch.map(|epoch| epoch.to_string())),
            member.assignment.values().map(BTreeSet::len).sum::<usize>().to_string(),
            or_dash(Some(in_words(&member.assignment))),
            or_dash(member.target.as_ref().map(in_words)),
        ]
    });
    let titles = [
        "CONSUMER-ID",
        "GROUP-INSTANCE-ID",
        "HOST",
        "CLIENT-ID",
        "EPOCH",
        "#PARTITIONS",
        "ASSIGNMENT",
        "TARGET-ASSIGNMENT",
    ];
    output::table(titles, &rows.collect::<Vec<_>>())
}

/// `orders:0,1;events:4`, as `--topic` takes it.
fn in_words(partitions: &Partitions) -> String {
    let topic = |(topic, partitions): (&String, &BTreeSet<i32>)| {
        let numbers: Vec<String> = partitions.iter().map(i32::to_string).collect();
        format!("{topic}:{}", numbers.join(","))
    };
    partitions.iter().map(topic).collect::<Vec<_>>().join(";")
}

fn total_lag(rows: &[Row<'_>]) -> i64 {
    // A partition that two members hold counts once.
    let lags: BTreeMap<&TopicPartition, i64> =
        rows.iter().filter_map(|row| row.lag().map(|lag| (&row.at, lag))).collect();
    lags.values().fold(0, |total, lag| total.saturating_add(*lag))
}

fn to_json(cluster: &Cluster, group: &Description, rows: Option<&[Row<'_>]>) -> Value {
    let mut shown = json!({
        "group": group.id, "type": group.kind, "protocol": group.protocol, "state": group.state,
        "coordinator": { "id": group.coordinator, "address": cluster.address(group.coordinator) },
        "assignor": group.assignor,
        "group_epoch": group.epochs.map(|(epoch, _)| epoch),
        "assignment_epoch": group.epochs.map(|(_, epoch)| epoch),
        "members": group.members.iter().map(member_to_json).collect::<Vec<_>>(),
    });
    if let (Some(rows), Value::Object(fields)) = (rows, &mut shown) {
        let partitions = rows.iter().map(|row| {
            json!({
                "topic": row.at.topic, "partition": row.at.partition, "current_offset": row.committed,
                "log_end_offset": row.end, "lag": row.lag(), "member_id": row.member.map(|member| &member.id),
            })
        });
        fields.insert("lag".to_owned(), json!(total_lag(rows)));
        fields.insert("partitions".to_owned(), Value::Array(partitions.collect()));
    }
    shown
}

fn member_to_json(member: &Member) -> Value {
    json!({
        "member_id": member.id, "instance_id": member.instance_id, "client_id": member.client_id,
        "host": member.host, "rack": member.rack, "epoch": member.epoch, "topics": member.topics,
        "topic_regex": member.topic_regex, "assignment": member.assignment, "target_assignment": member.target,
    })
}
