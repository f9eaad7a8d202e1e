//! `tidelog group reset-offsets`: sets what groups have committed, in all the ways of Kafka's own tool.
//!
//! Owns: the arguments, that no group with members is touched, and what is printed. Which offsets: the plan.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use model::ErrorCode;
use serde_json::{Value, json};

use super::plan::{self, Plan, Scope, Way};
use super::scope::{self, TopicScope};
use super::{Groups, csv};
use crate::cli::client::offsets::Offsets;
use crate::cli::client::{Cluster, groups, offsets};
use crate::cli::error::CliError;
use crate::cli::moment::{duration, moment};
use crate::cli::{OutputFormat, output, time};

/// `tidelog group reset-offsets`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ResetArgs {
    #[command(flatten)]
    groups: Groups,
    #[command(flatten)]
    way: WayArgs,
    /// A topic, or some of its partitions as TOPIC:0,1,2; may be repeated
    #[arg(long = "topic", help_heading = SCOPE, value_name = "TOPIC[:PARTITIONS]", value_parser = TopicScope::parse,
          conflicts_with_all = ["all_topics", "from_file"],
          required_unless_present_any = ["all_topics", "from_file"])]
    topics: Vec<TopicScope>,
    /// Every partition in which the group has committed
    #[arg(long, help_heading = SCOPE, conflicts_with = "from_file")]
    all_topics: bool,
    #[command(flatten)]
    mode: Mode,
}

#[derive(Debug, Args)]
struct Mode {
    /// Do it
    #[arg(long)]
    execute: bool,
    /// Only show what would be done; the default
    #[arg(long, conflicts_with = "execute")]
    dry_run: bool,
    /// Print the new offsets as CSV, which --from-file reads: TOPIC,PARTITION,OFFSET, with GROUP first unless one
    /// group is named
    #[arg(long)]
    export: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct WayArgs {
    /// To the beginning of each partition
    #[arg(long, help_heading = WAY)]
    to_earliest: bool,
    /// To the end of each partition
    #[arg(long, help_heading = WAY)]
    to_latest: bool,
    /// To what is committed, and to the end where nothing is
    #[arg(long, help_heading = WAY)]
    to_current: bool,
    /// To this offset
    #[arg(long, help_heading = WAY, value_name = "OFFSET", allow_negative_numbers = true)]
    to_offset: Option<i64>,
    /// Forward by so many offsets, or back by a negative number
    #[arg(long, help_heading = WAY, value_name = "N", allow_negative_numbers = true)]
    shift_by: Option<i64>,
    /// Back by an ISO 8601 duration from now: to the first record that is not older
    #[arg(long, help_heading = WAY, value_name = "PnDTnHnMnS", value_parser = duration, allow_hyphen_values = true)]
    by_duration: Option<i64>,
    /// To the first record of this time or later: 2026-11-22T20:15:00.000 (UTC, or with a zone), milliseconds since 1970,
    /// or -15m
    #[arg(long, help_heading = WAY, value_name = "TIME", value_parser = checked_moment, allow_hyphen_values = true)]
    to_datetime: Option<String>,
    /// To the offsets of a CSV file, as --export prints it
    #[arg(long, help_heading = WAY, value_name = "FILE")]
    from_file: Option<PathBuf>,
}

const WAY: &str = "Where to, one of";
const SCOPE: &str = "Which partitions";

const EXAMPLES: &str = "\
Examples:
  tidelog group reset-offsets billing --topic orders --to-earliest            shows the plan
  tidelog group reset-offsets billing --topic orders:0,3 --to-offset 1000 --execute
  tidelog group reset-offsets billing --all-topics --shift-by -100 --execute
  tidelog group reset-offsets billing --all-topics --by-duration PT2H --execute
  tidelog group reset-offsets --all-groups --all-topics --to-current --export > offsets.csv
  tidelog group reset-offsets --all-groups --from-file offsets.csv --execute

An offset that a log does not have becomes the nearest that it has, and a line on standard error says so. A group with
members is refused before anything is changed: its members would go on from where they are. A group that does not exist
is made.";

/// Keeps the text: a span before now is measured when the command runs.
fn checked_moment(text: &str) -> Result<String, String> {
    moment(text, i64::MAX).map(|_| text.to_owned())
}

/// Runs `tidelog group reset-offsets`.
///
/// # Errors
/// What the cluster refuses; a group with members, a partition that does not exist, a file that cannot be read.
pub(super) fn run(cluster: &mut Cluster, args: &ResetArgs, format: OutputFormat) -> Result<(), CliError> {
    if args.mode.export && format == OutputFormat::Json {
        return Err(CliError::Usage("--export prints CSV: leave out --output json".to_owned()));
    }
    let ids = args.groups.ids(cluster)?;
    let way = way(args)?;
    let scope = if args.way.from_file.is_some() {
        Scope::Given
    } else if args.all_topics {
        Scope::Committed
    } else {
        Scope::Partitions(scope::resolve(cluster, &args.topics)?)
    };
    let mut progress = output::Progress::start();
    let mut plans = BTreeMap::new();
    for group in &ids {
        progress.show(|| format!("{} of {} groups planned", plans.len(), ids.len()));
        check_is_inactive(cluster, group)?;
        plans.insert(group.clone(), plan::make(cluster, group, &scope, &way)?);
    }
    if args.mode.execute {
        for (done, (group, plan)) in plans.iter().enumerate() {
            progress.show(|| format!("{done} of {} groups reset", plans.len()));
            if plan.new.is_empty() {
                continue;
            }
            offsets::commit(cluster, group, &plan.new).inspect_err(|_| {
                output::note(&format!("tidelog: {done} of {} groups were reset before this one:", plans.len()));
            })?;
        }
    }
    drop(progress);
    plans.values().flat_map(|plan| &plan.warnings).for_each(|warning| output::note(&format!("tidelog: {warning}")));
    print(args, plans, format)?;
    if !args.mode.execute {
        output::note("Nothing was changed; --execute does it.");
    }
    Ok(())
}

fn way(args: &ResetArgs) -> Result<Way, CliError> {
    let WayArgs { to_earliest, to_latest, to_current: _, to_offset, shift_by, by_duration, to_datetime, from_file } =
        &args.way;
    let now_ms = time::wall_ms();
    Ok(if *to_earliest {
        Way::Earliest
    } else if *to_latest {
        Way::Latest
    } else if let Some(offset) = to_offset {
        Way::Offset(*offset)
    } else if let Some(by) = shift_by {
        Way::ShiftBy(*by)
    } else if let Some(span_ms) = by_duration {
        Way::Time(now_ms.saturating_sub(*span_ms).max(0))
    } else if let Some(text) = to_datetime {
        Way::Time(moment(text, now_ms).map_err(CliError::Usage)?.max(0))
    } else if let Some(path) = from_file {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| CliError::Io { what: name.clone(), source })?;
        Way::Given(
            csv::read(&text, args.groups.only()).map_err(|problem| CliError::Failed(format!("{name}: {problem}")))?,
        )
    } else {
        Way::Current
    })
}

/// Refuses a group whose members would go on with offsets of their own. One that does not exist has none.
fn check_is_inactive(cluster: &mut Cluster, group: &str) -> Result<(), CliError> {
    match groups::describe(cluster, group) {
        Ok(found) if !found.is_inactive() => Err(CliError::Failed(format!(
            "group {group} is {}, members: {}; offsets can be set only while it has none",
            found.state,
            found.members.len()
        ))),
        Err(error) if !error.is(ErrorCode::GroupIdNotFound) => Err(error.into()),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn print(args: &ResetArgs, plans: BTreeMap<String, Plan>, format: OutputFormat) -> Result<(), CliError> {
    if args.mode.export {
        let new: BTreeMap<String, Offsets> = plans.into_iter().map(|(group, plan)| (group, plan.new)).collect();
        let text = csv::write(&new, args.groups.only());
        return if text.is_empty() { Ok(()) } else { output::line(text.trim_end_matches('\n')) };
    }
    match format {
        OutputFormat::Text => {
            let mut rows = Vec::new();
            for (group, plan) in &plans {
                for (at, new) in &plan.new {
                    let current = plan.current.get(at).map_or_else(|| "-".to_owned(), i64::to_string);
                    rows.push([group.clone(), at.topic.clone(), at.partition.to_string(), current, new.to_string()]);
                }
            }
            output::table(["GROUP", "TOPIC", "PARTITION", "CURRENT-OFFSET", "NEW-OFFSET"], &rows)
        }
        OutputFormat::Json => {
            let shown = plans.iter().map(|(group, plan)| {
                let offsets = plan.new.iter().map(|(at, new)| {
                    json!({ "topic": at.topic, "partition": at.partition, "current_offset": plan.current.get(at),
                            "new_offset": new })
                });
                json!({ "group": group, "executed": args.mode.execute, "offsets": offsets.collect::<Vec<_>>() })
            });
            output::json(&Value::Array(shown.collect()))
        }
    }
}
