//! What clients were told of the starts and ends of partitions.

use std::collections::BTreeMap;

use super::Findings;
use super::history::{History, Place};

/// Check 7 and 14: log start, last stable offset and high watermark never fall, and when all is well no transaction is open.
pub(super) fn watermarks(history: &History, findings: &mut Findings<'_>) {
    let mut before: BTreeMap<Place, (i64, i64, i64)> = BTreeMap::new();
    for event in history.watch.iter().filter(|event| event.e == "offsets") {
        let now = (event.start, event.last, event.end);
        let was = before.insert(event.place(), now).unwrap_or_default();
        if now.0 < was.0 || now.1 < was.1 || now.2 < was.2 {
            findings.add(|| format!("{}-{}: from {was:?} to {now:?} (start, last stable, end)", event.topic, event.p));
        }
    }
    let of_kcat: BTreeMap<Place, i64> = history.kcat.iter().map(|event| (event.place(), event.end)).collect();
    for (place, (.., end)) in history.base().iter().flat_map(|base| &base.offsets) {
        let said = of_kcat.get(place);
        if said != Some(end) {
            findings.add(|| format!("{place:?} ends at {end}, kcat says {said:?}"));
        }
    }
    for reading in history.readings.iter().filter(|reading| reading.is_whole) {
        for (place, (start, last, end)) in &reading.offsets {
            if last != end {
                findings
                    .add(|| format!("reading {}: {place:?}: a transaction is open from {last} to {end}", reading.name));
            }
            let was = before.get(place).copied().unwrap_or_default();
            if *start < was.0 || *last < was.1 || *end < was.2 {
                findings.add(|| {
                    format!("reading {}: {place:?} fell from {was:?} to {:?}", reading.name, (start, last, end))
                });
            }
        }
    }
}
