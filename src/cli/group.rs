//! `tidelog group`: what consumer groups there are, what their members do and how far they are; setting their offsets and
//! deleting them. Works with any Kafka, with groups of both protocols.
//!
//! Owns: the list, the deletions, and which groups and partitions a command means. Describing and resetting have files of
//! their own.

mod csv;
mod describe;
mod plan;
mod reset;
mod scope;

use std::collections::BTreeMap;

use clap::{Args, Subcommand, ValueEnum};
use model::ErrorCode;
use serde_json::{Value, json};

use self::scope::TopicScope;
use super::client::offsets::TopicPartition;
use super::client::{Cluster, error, groups, offsets};
use super::error::CliError;
use super::{ClientArgs, OutputFormat, output};

/// `tidelog group`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct GroupArgs {
    #[command(flatten)]
    client: ClientArgs,
    #[command(subcommand)]
    action: Action,
}

const EXAMPLES: &str = "\
Examples:
  tidelog group list --state stable --state empty
  tidelog group describe billing                                    how far it is, and who reads what
  tidelog group describe billing --members
  tidelog group reset-offsets billing --topic orders --to-earliest  shows what it would do
  tidelog group reset-offsets billing --topic orders --to-earliest --execute
  tidelog group delete billing

A group's offsets can be set, and a group deleted, only while it has no members.";

#[derive(Debug, Subcommand)]
enum Action {
    /// Names every group, with its type and its state
    List {
        /// Only groups in this state; may be repeated
        #[arg(long = "state", value_enum, ignore_case = true)]
        states: Vec<State>,
        /// Only groups of this type; may be repeated
        #[arg(long = "type", value_enum, ignore_case = true)]
        kinds: Vec<Kind>,
    },
    /// Shows state, members, assignment, committed offsets and lag
    Describe(describe::DescribeArgs),
    /// Sets committed offsets; without --execute it only shows which
    ResetOffsets(Box<reset::ResetArgs>),
    /// Deletes what a group has committed for some topics
    DeleteOffsets {
        /// The group
        #[arg(value_name = "GROUP")]
        group: String,
        /// A topic, or some of its partitions as TOPIC:0,1,2; may be repeated
        #[arg(long = "topic", required = true, value_name = "TOPIC[:PARTITIONS]", value_parser = TopicScope::parse)]
        topics: Vec<TopicScope>,
    },
    /// Deletes groups with everything they have committed
    Delete {
        #[command(flatten)]
        groups: Groups,
        /// Succeed if there is no such group
        #[arg(long)]
        if_exists: bool,
    },
}

/// Which groups a command is about.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
struct Groups {
    /// The groups
    #[arg(value_name = "GROUP")]
    groups: Vec<String>,
    /// Every consumer group, classic or not
    #[arg(long)]
    all_groups: bool,
}

impl Groups {
    /// The one group that was named, if it is one.
    fn only(&self) -> Option<&str> {
        self.groups.first().filter(|_| self.groups.len() == 1).map(String::as_str)
    }

    /// The ids: those that were given, or those that the cluster knows.
    fn ids(&self, cluster: &mut Cluster) -> Result<Vec<String>, CliError> {
        let mut ids = self.groups.clone();
        if self.all_groups {
            let listed = groups::list(cluster, &[], &[])?;
            ids = listed.into_iter().filter(is_consumer_group).map(|group| group.id).collect();
        }
        ids.sort();
        ids.dedup();
        Ok(ids)
    }
}

/// Whether a group is one of consumers, as Kafka's own tool decides it; others use the classic protocol too, as Connect.
fn is_consumer_group(group: &groups::Listed) -> bool {
    match group.kind.as_str() {
        "Consumer" => true,
        "Classic" | "" => group.protocol.is_empty() || group.protocol == "consumer",
        _ => false,
    }
}

/// `--state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum State {
    /// Members have what they are to have
    Stable,
    /// No members
    Empty,
    /// Classic: members are joining
    PreparingRebalance,
    /// Classic: the assignment is awaited
    CompletingRebalance,
    /// A new assignment is made
    Assigning,
    /// Members move to their assignment
    Reconciling,
    /// Streams: something is missing, such as a topic
    NotReady,
    /// Deleted
    Dead,
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Stable => "Stable",
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Assigning => "Assigning",
            Self::Reconciling => "Reconciling",
            Self::NotReady => "NotReady",
            Self::Dead => "Dead",
        }
    }
}

/// `--type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// The old protocol, where members assign
    Classic,
    /// The new one, where the broker does (KIP-848)
    Consumer,
    /// Records handed out one by one (KIP-932)
    Share,
    /// Kafka Streams (KIP-1071)
    Streams,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Consumer => "consumer",
            Self::Share => "share",
            Self::Streams => "streams",
        }
    }
}

/// Runs `tidelog group`.
///
/// # Errors
/// What the cluster refuses.
pub(crate) fn run(args: &GroupArgs) -> Result<(), CliError> {
    let mut cluster = args.client.cluster();
    let format = args.client.output;
    match &args.action {
        Action::List { states, kinds } => list(&mut cluster, states, kinds, format),
        Action::Describe(describe_args) => describe::run(&mut cluster, describe_args, format),
        Action::ResetOffsets(reset_args) => reset::run(&mut cluster, reset_args, format),
        Action::DeleteOffsets { group, topics } => delete_offsets(&mut cluster, group, topics, format),
        Action::Delete { groups, if_exists } => delete(&mut cluster, groups, *if_exists, format),
    }
}

fn list(cluster: &mut Cluster, states: &[State], kinds: &[Kind], format: OutputFormat) -> Result<(), CliError> {
    let states: Vec<String> = states.iter().map(|state| state.name().to_owned()).collect();
    let kinds: Vec<String> = kinds.iter().map(|kind| kind.name().to_owned()).collect();
    let listed = groups::list(cluster, &states, &kinds)?;
    match format {
        OutputFormat::Text => {
            let rows = listed.into_iter().map(|group| [group.id, group.kind, group.protocol, group.state]);
            output::table(["GROUP", "TYPE", "PROTOCOL", "STATE"], &rows.collect::<Vec<_>>())
        }
        OutputFormat::Json => {
            let shown = listed.iter().map(|group| {
                json!({
                    "group": group.id, "type": group.kind, "protocol": group.protocol, "state": group.state,
                })
            });
            output::json(&Value::Array(shown.collect()))
        }
    }
}

fn delete(cluster: &mut Cluster, groups: &Groups, if_exists: bool, format: OutputFormat) -> Result<(), CliError> {
    let ids = groups.ids(cluster)?;
    let (mut deleted, mut failed) = (Vec::new(), BTreeMap::new());
    let mut progress = output::Progress::start();
    for (done, group) in ids.iter().enumerate() {
        progress.show(|| format!("{done} of {} groups deleted", ids.len()));
        match groups::delete(cluster, group) {
            Ok(()) => deleted.push(group),
            // A group that nobody named may be gone before its turn comes.
            Err(error) if (if_exists || groups.all_groups) && error.is(ErrorCode::GroupIdNotFound) => {}
            Err(error) if error.is_refusal() => drop(failed.insert(group, error)),
            Err(error) => return Err(error.into()),
        }
    }
    drop(progress);
    match format {
        OutputFormat::Text => {
            deleted.iter().try_for_each(|group| output::line(&format!("deleted {}", output::visible(group))))?;
        }
        OutputFormat::Json => {
            let failed: BTreeMap<_, _> = failed.iter().map(|(group, error)| (*group, error.to_string())).collect();
            output::json(&json!({ "deleted": deleted, "failed": failed }))?;
        }
    }
    if failed.len() > 1 {
        for error in failed.values() {
            output::note(&output::visible(&format!("tidelog: {error}")));
        }
        return Err(CliError::Failed(format!("{} of {} groups were not deleted", failed.len(), ids.len())));
    }
    failed.into_values().next().map_or(Ok(()), |error| Err(error.into()))
}

fn delete_offsets(
    cluster: &mut Cluster,
    group: &str,
    topics: &[TopicScope],
    format: OutputFormat,
) -> Result<(), CliError> {
    let partitions = scope::resolve(cluster, topics)?;
    let codes = offsets::delete(cluster, group, &partitions)?;
    let status = |code: i16| if code == 0 { "deleted".to_owned() } else { error::name(code) };
    match format {
        OutputFormat::Text => {
            let row = |(at, code): (&TopicPartition, &i16)| [at.topic.clone(), at.partition.to_string(), status(*code)];
            output::table(["TOPIC", "PARTITION", "STATUS"], &codes.iter().map(row).collect::<Vec<_>>())?;
        }
        OutputFormat::Json => {
            let shown = codes.iter().map(|(at, code)| {
                json!({ "topic": at.topic, "partition": at.partition, "deleted": *code == 0,
                        "error": (*code != 0).then(|| error::name(*code)) })
            });
            output::json(&json!({ "group": group, "offsets": shown.collect::<Vec<_>>() }))?;
        }
    }
    match codes.values().filter(|code| **code != 0).count() {
        0 => Ok(()),
        refused => Err(CliError::Failed(format!("{refused} of {} offsets were not deleted", codes.len()))),
    }
}
