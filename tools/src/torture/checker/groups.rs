//! What groups were told of the offsets that they committed.

use std::collections::BTreeMap;

use super::Findings;
use super::history::{Event, History, Place};
use super::sends::{COMPACTED, DELETING};

/// Check 9: what a group has committed is at least what was acknowledged, and something that was asked for; and all that lies before
/// it was read by a member.
pub(super) fn commits(history: &History, findings: &mut Findings<'_>) {
    for (group, events) in &history.members {
        let mut acked: BTreeMap<Place, i64> = BTreeMap::new();
        for event in events.iter().filter(|event| event.e == "committed" && event.how == "ok") {
            let most = acked.entry(event.place()).or_default();
            *most = event.off.max(*most);
        }
        told_less(history, group, events, findings);
        let told = events.iter().filter(|event| event.e == "group").collect::<Vec<_>>();
        if told.is_empty() {
            findings.add(|| format!("group {group} was told nothing"));
        }
        for event in told {
            let least = acked.get(&event.place()).copied().unwrap_or(0);
            let was_asked = events
                .iter()
                .any(|asked| asked.e == "commit" && asked.place() == event.place() && asked.off == event.off);
            if event.off < least || !was_asked {
                findings
                    .add(|| format!("group {group}: {:?} has {}, acknowledged was {least}", event.place(), event.off));
            }
            if event.topic != COMPACTED
                && event.topic != DELETING
                && let Some(gap) = unread(events, &event.place(), event.off)
            {
                findings.add(|| {
                    format!("group {group}: {:?} was committed to {}, nobody read {gap}", event.place(), event.off)
                });
            }
        }
    }
}

/// What a group is told at any time is at least what was acknowledged before it asked.
fn told_less(history: &History, group: &str, events: &[Event], findings: &mut Findings<'_>) {
    let mut acked: BTreeMap<Place, Vec<(i64, i64)>> = BTreeMap::new();
    for event in events.iter().filter(|event| event.e == "committed" && event.how == "ok") {
        acked.entry(event.place()).or_default().push((event.t, event.off));
    }
    for acked in acked.values_mut() {
        acked.sort_unstable();
        let mut most = 0;
        for (_, off) in acked {
            most = most.max(*off);
            *off = most;
        }
    }
    let name = format!("group-{group}");
    for told in history.watch.iter().filter(|event| event.e == "told" && event.how == name) {
        let acked = acked.get(&told.place()).map(Vec::as_slice).unwrap_or_default();
        let before = acked.partition_point(|(t, _)| *t < told.t);
        let least = before.checked_sub(1).and_then(|last| acked.get(last)).map_or(0, |(_, off)| *off);
        if told.off < least {
            findings
                .add(|| format!("group {group}: {:?} was told {}, acknowledged was {least}", told.place(), told.off));
        }
    }
}

/// The first offset before `end` that no member read.
fn unread(events: &[Event], place: &Place, end: i64) -> Option<i64> {
    let mut runs: Vec<(i64, i64)> = events
        .iter()
        .filter(|event| event.e == "read" && event.place() == *place)
        .map(|event| (event.off, event.n))
        .collect();
    runs.sort_unstable();
    let mut next = 0;
    for (off, n) in runs {
        if off > next {
            break;
        }
        next = next.max(off + n);
    }
    (next < end).then_some(next)
}
