//! `tidelog topic purge`: deletes records from the beginning of partitions.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::client::{Cluster, admin};
use crate::cli::error::CliError;
use crate::cli::{OutputFormat, output};

/// `tidelog topic purge`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PurgeArgs {
    /// The topics
    #[arg(required = true, value_name = "TOPIC")]
    topics: Vec<String>,
    /// Only this partition; may be repeated
    #[arg(long = "partition", value_name = "N")]
    partitions: Vec<i32>,
    /// Keep the records from this offset on [default: keep none that is replicated now]
    #[arg(long, value_name = "OFFSET", value_parser = clap::value_parser!(i64).range(0..))]
    before_offset: Option<i64>,
}

const EXAMPLES: &str = "\
Examples:
  tidelog topic purge orders
  tidelog topic purge orders --partition 2 --before-offset 1000

The records are gone for every consumer, also for those that have not read them. Offsets stay what they were: the log of
each partition begins later. A topic that is only compacted refuses.";

/// Where the log of each partition of a topic begins.
type Starts = BTreeMap<i32, i64>;

/// Runs `tidelog topic purge`.
///
/// # Errors
/// What the cluster refuses; a partition that does not exist.
pub(super) fn run(cluster: &mut Cluster, args: &PurgeArgs, format: OutputFormat) -> Result<(), CliError> {
    // Everything is looked up first, so that a mistyped name deletes nothing.
    let mut wanted = Vec::new();
    for topic in &args.topics {
        let found = admin::describe(cluster, topic)?;
        let all: Vec<i32> = found.partitions.iter().map(|partition| partition.partition_index).collect();
        if let Some(missing) = args.partitions.iter().find(|partition| !all.contains(partition)) {
            return Err(CliError::Failed(format!("topic {topic} has no partition {missing}")));
        }
        let chosen = if args.partitions.is_empty() { &all } else { &args.partitions };
        let before: BTreeMap<i32, Option<i64>> =
            chosen.iter().map(|partition| (*partition, args.before_offset)).collect();
        wanted.push((topic, before));
    }
    let mut progress = output::Progress::start();
    let mut purged: Vec<(&String, Starts)> = Vec::new();
    let mut refused = None;
    for (topic, before) in &wanted {
        progress.show(|| format!("{} of {} topics purged", purged.len(), wanted.len()));
        match admin::delete_records(cluster, topic, before) {
            Ok(starts) => purged.push((topic, starts)),
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    drop(progress);
    // What is gone is gone, and is told also when a later topic refused.
    print(&purged, format)?;
    refused.map_or(Ok(()), |error| Err(error.into()))
}

fn print(purged: &[(&String, Starts)], format: OutputFormat) -> Result<(), CliError> {
    match format {
        OutputFormat::Text => {
            let begins = purged.iter().flat_map(|(topic, starts)| starts.iter().map(move |start| (topic, start)));
            let rows =
                begins.map(|(topic, (partition, start))| [(*topic).clone(), partition.to_string(), start.to_string()]);
            output::table(["TOPIC", "PARTITION", "LOG-START-OFFSET"], &rows.collect::<Vec<_>>())
        }
        OutputFormat::Json => {
            let shown = purged.iter().map(|(topic, starts)| json!({ "name": topic, "partitions": to_json(starts) }));
            output::json(&Value::Array(shown.collect()))
        }
    }
}

fn to_json(starts: &Starts) -> Value {
    let shown = starts.iter().map(|(partition, start)| json!({ "partition": partition, "start_offset": start }));
    Value::Array(shown.collect())
}
