//! Offsets of groups: what was acknowledged is not lost, and nothing is told that nobody committed.

use super::Logs;
use crate::history::{Commit, Fetched, History, Outcome};

pub(super) fn check(history: &History, _logs: &Logs) -> Vec<String> {
    history.fetched.iter().filter_map(|fetched| judge(history, fetched)).collect()
}

fn judge(history: &History, fetched: &Fetched) -> Option<String> {
    let of_group = |commit: &&Commit| commit.group == fetched.group && commit.partition == fetched.partition;
    let commits = || history.commits.iter().filter(of_group);
    let is_known = |commit: &&Commit| commit.outcome == Outcome::Done(()) && commit.known < fetched.began;
    let least = commits().filter(is_known).map(|commit| commit.offset).max();
    let told = commits().find(|commit| commit.offset == fetched.offset && commit.began < fetched.known);
    // One whose answer was lost may have been late, and overtaken a later one.
    let fits = match (told, least) {
        (Some(told), Some(least)) => told.offset >= least || told.outcome == Outcome::Unknown,
        (Some(_), None) => true,
        (None, least) => fetched.offset == -1 && least.is_none(),
    };
    let Fetched { group, partition, offset, .. } = fetched;
    (!fits).then(|| format!("{group} was told {offset} of {partition}; {least:?} was acknowledged before"))
}
