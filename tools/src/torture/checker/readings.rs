//! What readers saw, one against the other and each against the offsets that it was told.

use std::cmp::Ordering;

use super::Findings;
use super::history::{Fate, History, Place, Reading, Seen};
use super::sends::{COMPACTED, DELETING};
use super::spans::{Part, Spans, all};

/// Check 4: an offset has one value, for every reader and for ever.
pub(super) fn one_value(history: &History, findings: &mut Findings<'_>) {
    let Some(base) = history.base() else {
        findings.add(|| "nobody read everything".to_owned());
        return;
    };
    let spans = all(base);
    let nothing = Spans::default();
    let starts = history.starts();
    for reading in history.readings.iter().filter(|reading| !std::ptr::eq(*reading, base)) {
        for bad in &reading.bad {
            findings.add(|| format!("reading {}: {bad}", reading.name));
        }
        for (place, seen) in reading.seen.iter().flat_map(|(place, runs)| runs.iter().map(move |seen| (place, seen))) {
            let start = starts.get(place).copied().unwrap_or(0);
            for part in spans.get(place).unwrap_or(&nothing).parts(seen.off, seen.off + seen.n) {
                if let Some(problem) = difference(place, start, seen, &part) {
                    findings.add(|| format!("reading {}: {}-{} {problem}", reading.name, place.0, place.1));
                }
            }
        }
    }
    base.bad.iter().for_each(|bad| findings.add(|| format!("reading {}: {bad}", base.name)));
}

fn difference(place: &Place, start: i64, seen: &Seen, part: &Part) -> Option<String> {
    match part {
        Part::Found(from, _, other) => {
            let (one, two) = ((seen.producer, seen.seq_at(*from)), (other.producer, other.seq_at(*from)));
            let same = one == two || (seen.producer < 0 && other.producer < 0);
            (!same).then(|| format!("has {one:?} at {from}, where others saw {two:?}"))
        }
        Part::Nothing(_, upto) if *upto <= start && place.0 == DELETING => None,
        Part::Nothing(..) if place.0 == COMPACTED => None,
        Part::Nothing(from, upto) => Some(format!("has offsets {from} to {upto}, which are gone")),
    }
}

/// Check 6: no reader goes back or skips. What lies between two offsets is a marker, was aborted, or was deleted by the rules of
/// its topic.
pub(super) fn polls(history: &History, findings: &mut Findings<'_>) {
    for reading in &history.readings {
        for (place, runs) in &reading.seen {
            for pair in runs.windows(2) {
                let [before, seen] = pair else { continue };
                let next = before.off + before.n;
                let problem = match seen.off.cmp(&next) {
                    Ordering::Less => "went back",
                    Ordering::Greater if is_gapless(reading, place) => "skipped",
                    Ordering::Greater | Ordering::Equal => continue,
                };
                findings.add(|| format!("reading {}: {place:?} {problem} from {next} to {}", reading.name, seen.off));
            }
        }
    }
}

/// Whether everything between its first and its last offset must have been seen.
fn is_gapless(reading: &Reading, place: &Place) -> bool {
    reading.has_markers && !reading.is_committed && place.0 != COMPACTED && place.0 != DELETING
}

/// Check 8: everything up to the end is seen by every reader that came to the end, and every reader came there.
pub(super) fn unseen(history: &History, findings: &mut Findings<'_>) {
    let Some(base) = history.base() else { return };
    for reading in &history.readings {
        if !reading.is_done {
            findings.add(|| format!("reading {}: did not come to the end", reading.name));
        }
    }
    for place in history.places().iter().filter(|(topic, _)| topic != COMPACTED && topic != DELETING) {
        let all = Spans::of(base, place);
        let (start, _, end) = base.offsets.get(place).copied().unwrap_or_default();
        for (from, upto) in gaps(&all, start, end) {
            findings.add(|| format!("reading {}: {place:?} has nothing from {from} to {upto}", base.name));
        }
        for reading in &history.readings {
            let spans = Spans::of(reading, place);
            let is_owed = |fate| !reading.is_committed || fate == Fate::Committed;
            let owed = all.iter().filter(|seen| history.fate(seen).is_some_and(is_owed));
            for (from, upto) in owed.flat_map(|seen| gaps(&spans, seen.off, seen.off + seen.n)) {
                findings.add(|| format!("reading {}: {place:?} lacks {from} to {upto}", reading.name));
            }
        }
    }
}

/// The parts of a span in which nothing was seen.
fn gaps(spans: &Spans, from: i64, upto: i64) -> Vec<(i64, i64)> {
    let gap = |part| match part {
        Part::Nothing(from, upto) => Some((from, upto)),
        Part::Found(..) => None,
    };
    spans.parts(from, upto).into_iter().filter_map(gap).collect()
}
