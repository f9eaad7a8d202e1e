//! What `tidelog group reset-offsets` would commit: a way to choose offsets, applied to some partitions of a group.
//!
//! Asks the cluster and changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::cli::client::Cluster;
use crate::cli::client::consumer::{EARLIEST, LATEST};
use crate::cli::client::offsets::{self, Offsets, TopicPartition};
use crate::cli::error::CliError;

/// How the new offsets are chosen: the ways of Kafka's own tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The beginning of each log.
    Earliest,
    /// The end of each log.
    Latest,
    /// What is committed; the end where nothing is.
    Current,
    /// The same offset everywhere, or the nearest that the log has.
    Offset(i64),
    /// So many further (or back, if negative), or the nearest that the log has.
    ShiftBy(i64),
    /// The first record of this time or later; the end where there is none.
    Time(i64),
    /// These, by group, or the nearest that the log has.
    Given(BTreeMap<String, Offsets>),
}

/// Which partitions are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// These.
    Partitions(BTreeSet<TopicPartition>),
    /// Every one that the group has committed.
    Committed,
    /// Those that [`Way::Given`] names.
    Given,
}

/// What would change in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    /// What the group has committed now, also in other partitions.
    pub(super) current: Offsets,
    /// What it would commit.
    pub(super) new: Offsets,
    /// Where the cluster could not be taken at its word, and what was done instead.
    pub(super) warnings: Vec<String>,
}

/// Where the logs begin and end.
#[derive(Debug)]
struct Logs {
    starts: Offsets,
    ends: Offsets,
}

/// Makes the plan of one group.
///
/// # Errors
/// Those of the cluster; a partition that does not exist; a shift from nowhere.
pub(super) fn make(cluster: &mut Cluster, group: &str, scope: &Scope, way: &Way) -> Result<Plan, CliError> {
    let current = offsets::committed(cluster, group)?;
    let mut wanted = partitions(group, scope, way, &current)?;
    let ends = offsets::of_logs(cluster, &wanted, LATEST)?;
    let mut warnings = Vec::new();
    let gone: Vec<TopicPartition> = wanted.iter().filter(|at| !ends.contains_key(at)).cloned().collect();
    for at in gone {
        // What nobody named may be a topic that was deleted; what somebody did is an error.
        if *scope != Scope::Committed {
            return Err(CliError::Failed(format!("partition {at} does not exist, or nobody leads it now")));
        }
        warnings.push(format!("partition {at} does not exist any more, or nobody leads it now: it is left as it is"));
        wanted.remove(&at);
    }
    let logs = Logs { starts: offsets::of_logs(cluster, &wanted, EARLIEST)?, ends };
    let mut new = choose(cluster, group, way, &wanted, (&current, &logs))?;
    for (at, offset) in &mut new {
        let nearest = nearest(&logs, at, *offset);
        if nearest != *offset {
            warnings.push(format!("{at} has no offset {offset}: {nearest} is the nearest"));
            *offset = nearest;
        }
    }
    Ok(Plan { current, new, warnings })
}

fn partitions(group: &str, scope: &Scope, way: &Way, current: &Offsets) -> Result<BTreeSet<TopicPartition>, CliError> {
    match (scope, way) {
        (Scope::Partitions(partitions), _) => Ok(partitions.clone()),
        (Scope::Given, Way::Given(groups)) => match groups.get(group) {
            Some(offsets) => Ok(offsets.keys().cloned().collect()),
            None => Err(CliError::Failed(format!("the file has no offsets for group {group}"))),
        },
        (Scope::Committed | Scope::Given, _) => Ok(current.keys().cloned().collect()),
    }
}

/// The offsets as the way has them, whether the logs have them or not.
fn choose(
    cluster: &mut Cluster,
    group: &str,
    way: &Way,
    wanted: &BTreeSet<TopicPartition>,
    (current, logs): (&Offsets, &Logs),
) -> Result<Offsets, CliError> {
    let end = |at: &TopicPartition| logs.ends.get(at).copied().unwrap_or_default();
    let each = |offset: &dyn Fn(&TopicPartition) -> i64| wanted.iter().map(|at| (at.clone(), offset(at))).collect();
    Ok(match way {
        Way::Earliest => each(&|at| logs.starts.get(at).copied().unwrap_or_default()),
        Way::Latest => each(&end),
        Way::Current => each(&|at| current.get(at).copied().unwrap_or_else(|| end(at))),
        Way::Offset(offset) => each(&|_| *offset),
        Way::ShiftBy(by) => {
            if let Some(at) = wanted.iter().find(|at| !current.contains_key(at)) {
                let words = format!("group {group} has committed nothing in {at}: there is nothing to shift from");
                return Err(CliError::Failed(words));
            }
            each(&|at| current.get(at).copied().unwrap_or_default().saturating_add(*by))
        }
        Way::Time(ms) => {
            let found = offsets::of_logs(cluster, wanted, *ms)?;
            each(&|at| found.get(at).copied().unwrap_or_else(|| end(at)))
        }
        Way::Given(groups) => {
            let given = groups.get(group);
            each(&|at| given.and_then(|offsets| offsets.get(at)).copied().unwrap_or_else(|| end(at)))
        }
    })
}

/// An offset that the log has: this one, its beginning, or its end.
fn nearest(logs: &Logs, at: &TopicPartition, offset: i64) -> i64 {
    let start = logs.starts.get(at).copied().unwrap_or_default();
    let end = logs.ends.get(at).copied().unwrap_or(offset);
    // Records may be deleted between the two questions.
    offset.min(end).max(start)
}
