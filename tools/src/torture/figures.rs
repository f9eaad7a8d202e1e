//! What a run has done, in numbers that can be summed over runs; and whether that is enough to prove anything.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::TortureError;
use super::checker::history::{Event, Fate, Producer, Sent};
use super::checker::{History, Violation};
use super::volume::Disk;

/// The figures of a round, or of many.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Figures {
    pub(super) rounds: u64,
    /// Seconds of load.
    pub(super) seconds: u64,
    pub(super) kills: u64,
    /// Of those, how many met requests that were not answered yet.
    pub(super) kills_in_flight: u64,
    pub(super) kills_in_recovery: u64,
    /// Of those, how many were aimed at something on the disk.
    pub(super) kills_aimed: u64,
    pub(super) cuts_ext4: u64,
    pub(super) cuts_xfs: u64,
    pub(super) pauses: u64,
    pub(super) connection_cuts: u64,
    pub(super) full_disks: u64,
    pub(super) injected_errors: u64,
    pub(super) acked: u64,
    pub(super) unknown: u64,
    pub(super) commits: u64,
    pub(super) aborts: u64,
    pub(super) rolls: u64,
    pub(super) read: u64,
    pub(super) group_commits: u64,
    pub(super) topic_changes: u64,
    pub(super) lost: u64,
    pub(super) duplicated: u64,
    pub(super) aborted_seen: u64,
    pub(super) violations: u64,
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn records(runs: impl Iterator<Item = i64>) -> u64 {
    u64::try_from(runs.sum::<i64>()).unwrap_or(0)
}

impl Figures {
    /// Those of a round, without what was found.
    pub(super) fn of(history: &History, disk: Disk, rolls: u64) -> Self {
        let of = |what: &str| history.nemesis.iter().filter(|event| event.e == what).collect::<Vec<_>>();
        let (kills, cuts) = (of("kill"), count(of("power").len()));
        let how = |how: &str| count(kills.iter().filter(|event| event.how == how).count());
        let in_flight = kills.iter().filter(|event| history.producers.values().any(|of| is_in_flight(of, event.t)));
        let of_producers = |number: &dyn Fn(&Producer) -> u64| history.producers.values().map(number).sum::<u64>();
        let ends = |fate| move |of: &Producer| count(of.ends.values().filter(|end| **end == fate).count());
        let transactions = |of: &Producer| {
            let sent = of.sent.values().flatten().map(|sent| u64::from(sent.txn)).max();
            sent.unwrap_or(0).saturating_sub(count(of.ends.len()))
        };
        let load = |events: &[Event]| match (events.first(), events.iter().find(|event| event.e == "peace")) {
            (Some(first), Some(last)) => u64::try_from((last.t - first.t) / 1_000_000_000).unwrap_or(0),
            _ => 0,
        };
        let members = || history.members.values().flatten();
        Self {
            rounds: 1,
            seconds: load(&history.nemesis),
            kills: count(kills.len()),
            kills_in_flight: count(in_flight.count()),
            kills_in_recovery: how("recovery"),
            kills_aimed: count(kills.len()).saturating_sub(how("recovery") + how("random")),
            cuts_ext4: if disk == Disk::Ext4 { cuts } else { 0 },
            cuts_xfs: if disk == Disk::Xfs { cuts } else { 0 },
            pauses: count(of("pause").len()),
            connection_cuts: count(of("cut").len()),
            full_disks: count(of("full").len()),
            injected_errors: records(of("errors").iter().map(|event| event.n)),
            acked: of_producers(&|of| records(of.acked.values().flatten().map(|sent| sent.n))),
            unknown: of_producers(&|of| u64::try_from(of.unknown).unwrap_or(0)),
            commits: of_producers(&ends(Fate::Committed)),
            aborts: of_producers(&transactions),
            rolls,
            read: records(history.readings.iter().flat_map(|of| of.seen.values().flatten()).map(|seen| seen.n)),
            group_commits: count(members().filter(|event| event.e == "committed" && event.how == "ok").count()),
            topic_changes: count(history.topics.iter().filter(|event| event.how == "ok").count()),
            ..Self::default()
        }
    }

    /// The same with what was found. A violation is one of a run of records that follow each other, not of each record.
    pub(super) fn with(self, violations: &[Violation]) -> Self {
        let of = |checks: &[&str]| {
            violations.iter().filter(|found| checks.contains(&found.check)).map(|found| found.count).sum()
        };
        Self {
            lost: of(&["lost", "unseen"]),
            duplicated: of(&["duplicates"]),
            aborted_seen: of(&["aborted", "torn"]),
            violations: violations.iter().map(|found| found.count).sum(),
            ..self
        }
    }

    /// Adds those of another run.
    pub(super) fn add(&mut self, other: &Self) {
        let Ok(serde_json::Value::Object(mut sum)) = serde_json::to_value(&*self) else { return };
        let Ok(serde_json::Value::Object(more)) = serde_json::to_value(other) else { return };
        for (name, number) in more {
            let both = sum.get(&name).and_then(serde_json::Value::as_u64).unwrap_or(0) + number.as_u64().unwrap_or(0);
            sum.insert(name, both.into());
        }
        if let Ok(sum) = serde_json::from_value(sum.into()) {
            *self = sum;
        }
    }

    /// What a run of so many seconds must have done to prove anything, and has not.
    pub(super) fn weaknesses(&self) -> Vec<String> {
        let cuts = self.cuts_ext4 + self.cuts_xfs;
        let restarts = self.kills + cuts;
        let minutes = self.seconds / 60;
        let mut weak = Vec::new();
        let mut least = |what: &str, have: u64, need: u64| {
            if have < need {
                weak.push(format!("{have} {what}, at least {need} are needed"));
            }
        };
        least("acknowledged records", self.acked, (minutes * 100_000).clamp(20_000, 1_000_000));
        least("kills and power cuts", restarts, (minutes * 5).clamp(3, 100));
        least("kills with requests in flight", self.kills_in_flight, (self.kills / 3).min(100));
        least("kills in recovery", self.kills_in_recovery, (self.kills / 10).min(20));
        least("rolls", self.rolls, (minutes * 10).clamp(5, 50));
        least("commits", self.commits, (minutes * 40).clamp(10, 1000));
        least("aborts", self.aborts, (minutes * 15).clamp(4, 1000));
        let answered = self.acked + self.unknown;
        least("percent of records with a known end", self.acked * 100 / answered.max(1), 95);
        weak
    }

    /// A line for each number that is not 0, and for those that must be.
    pub(super) fn lines(&self) -> Vec<String> {
        let Ok(serde_json::Value::Object(numbers)) = serde_json::to_value(self) else { return Vec::new() };
        let zeros = ["lost", "duplicated", "aborted_seen", "violations"];
        let shown =
            numbers.iter().filter(|(name, number)| number.as_u64() != Some(0) || zeros.contains(&name.as_str()));
        shown.map(|(name, number)| format!("{:>22}  {number}", name.replace('_', " "))).collect()
    }
}

/// A round in a file of figures, a line each.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Round {
    pub(super) seed: u64,
    /// Whose broker.
    pub(super) broker: String,
    pub(super) figures: Figures,
}

impl Round {
    /// Appends it to a file.
    pub(super) fn append(&self, path: &Path) -> Result<(), TortureError> {
        let io = |source| TortureError::io(path, source);
        let line = serde_json::to_string(self).map_err(|error| io(error.into()))?;
        let mut file = File::options().create(true).append(true).open(path).map_err(io)?;
        file.write_all(format!("{line}\n").as_bytes()).map_err(io)
    }

    /// Those of a file, summed for each broker, with the seeds. A line that is cut off is none.
    pub(super) fn sums(path: &Path) -> Result<BTreeMap<String, (Figures, Vec<u64>)>, TortureError> {
        let text = std::fs::read_to_string(path).map_err(|source| TortureError::io(path, source))?;
        let mut sums: BTreeMap<String, (Figures, Vec<u64>)> = BTreeMap::new();
        for round in text.lines().filter_map(|line| serde_json::from_str::<Self>(line).ok()) {
            let (sum, seeds) = sums.entry(round.broker).or_default();
            sum.add(&round.figures);
            seeds.push(round.seed);
        }
        Ok(sums)
    }
}

/// Whether a producer waited for answers at that moment.
fn is_in_flight(producer: &Producer, t: i64) -> bool {
    let until = |runs: &mut dyn Iterator<Item = &Sent>| records(runs.filter(|sent| sent.t < t).map(|sent| sent.n));
    until(&mut producer.sent.values().flatten()) > until(&mut producer.acked.values().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_summed_and_a_run_that_did_nothing_proves_nothing() {
        let mut sum = Figures { kills: 3, acked: 5, ..Figures::default() };
        sum.add(&Figures { kills: 4, lost: 1, ..Figures::default() });
        assert_eq!(sum, Figures { kills: 7, acked: 5, lost: 1, ..Figures::default() });
        assert!(sum.weaknesses().len() > 4);
        let strong = Figures {
            seconds: 60,
            kills: 30,
            kills_in_flight: 20,
            kills_in_recovery: 5,
            rolls: 100,
            acked: 1_000_000,
            commits: 500,
            aborts: 200,
            ..Figures::default()
        };
        assert_eq!(strong.weaknesses(), Vec::<String>::new());
        assert_eq!(Figures { unknown: 900_000, ..strong }.weaknesses().len(), 1);
    }

    #[test]
    fn rounds_of_a_file_are_summed_for_each_broker() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("figures.jsonl");
        for (seed, broker) in [(1, "tidelog"), (2, "Kafka"), (3, "tidelog")] {
            let figures = Figures { kills: seed, ..Figures::default() };
            Round { seed, broker: broker.to_owned(), figures }.append(&path).unwrap();
        }
        let sums = Round::sums(&path).unwrap();
        assert_eq!(sums["tidelog"], (Figures { kills: 4, ..Figures::default() }, vec![1, 3]));
        assert_eq!(sums["Kafka"].1, [2]);
    }
}
