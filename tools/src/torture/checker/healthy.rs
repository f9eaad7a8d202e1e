//! What went on while all was well.

use super::Findings;
use super::history::{Event, History};

/// A window in which nothing was wrong, and how long it is until there must be acknowledgements: clients have to find the broker
/// again. In nanoseconds.
const WINDOW: i64 = 2_500_000_000;
const PATIENCE: i64 = 1_500_000_000;

/// Check 14: in every longer window in which all is well, records are acknowledged; also after a full disk, which nobody mends but
/// by making room.
pub(super) fn healthy(history: &History, findings: &mut Findings<'_>) {
    let mut acked: Vec<i64> =
        history.producers.values().flat_map(|producer| producer.acked.values().flatten()).map(|sent| sent.t).collect();
    acked.sort_unstable();
    for pair in history.nemesis.windows(2) {
        let [begin, end] = pair else { continue };
        if begin.e != "healthy" || end.t - begin.t < WINDOW {
            continue;
        }
        let was_slow = |slow: &Event| slow.t < end.t && begin.t < slow.t + slow.n;
        if history.machine.iter().any(was_slow) {
            continue;
        }
        let from = begin.t + PATIENCE;
        let next = acked.get(acked.partition_point(|t| *t < from));
        if next.is_none_or(|t| *t > end.t) {
            let seconds = (end.t - begin.t) / 1_000_000_000;
            findings.add(|| format!("nothing was acknowledged from {from} on, in {seconds} s in which all was well"));
        }
    }
}
