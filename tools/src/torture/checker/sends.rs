//! What producers were told.

use std::collections::BTreeMap;

use super::Findings;
use super::history::{Fate, History, Place, Reading, Seen, Sent};
use super::spans::{Part, Spans};

/// How many keys a producer has; the clients count with the same number.
const KEYS_OF_PRODUCER: i64 = 53;
/// The topic that is compacted, and the one that deletes.
pub(super) const COMPACTED: &str = "compact";
pub(super) const DELETING: &str = "short";

/// Check 1 and 11: what was acknowledged is exactly where the acknowledgement said, unless retention or a later record of its key
/// explains that it is not. Nothing else explains it.
pub(super) fn lost(history: &History, findings: &mut Findings<'_>) {
    let starts = history.starts();
    for reading in history.readings.iter().filter(|reading| reading.is_whole) {
        for place in history.places() {
            let spans = Spans::of(reading, &place);
            let (newest, start) = (newest_of_keys(history, &spans, &place), starts.get(&place).copied().unwrap_or(0));
            for (number, producer) in &history.producers {
                let acked = producer.acked.get(&place).map(Vec::as_slice).unwrap_or_default();
                for sent in acked.iter().filter(|sent| is_owed(reading, producer.fate(sent.txn))) {
                    let is_committed = producer.fate(sent.txn) == Fate::Committed;
                    let owed =
                        Owed { reading, place: &place, producer: *number, sent, is_committed, newest: &newest, start };
                    owed.check(&spans, findings);
                }
            }
        }
    }
}

/// Whether a reader has to see it.
fn is_owed(reading: &Reading, fate: Fate) -> bool {
    fate == Fate::Committed || !reading.is_committed
}

/// Records that have to be there.
struct Owed<'h> {
    reading: &'h Reading,
    place: &'h Place,
    producer: i64,
    sent: &'h Sent,
    is_committed: bool,
    /// The number of the newest record of each key, by producer.
    newest: &'h BTreeMap<(i64, i64), i64>,
    /// Where the partition started at the latest.
    start: i64,
}

impl Owed<'_> {
    fn check(&self, spans: &Spans, findings: &mut Findings<'_>) {
        let sent = self.sent;
        for part in spans.parts(sent.off, sent.off + sent.n) {
            match part {
                Part::Found(from, _, seen) => self.check_same(from, &seen, findings),
                Part::Nothing(from, upto) => self.check_explained(from, upto, findings),
            }
        }
    }

    fn check_same(&self, off: i64, seen: &Seen, findings: &mut Findings<'_>) {
        let (wanted, found) = ((self.producer, self.seq_at(off)), (seen.producer, seen.seq_at(off)));
        if found != wanted {
            findings.add(|| format!("{} has {found:?} at {off}, where {wanted:?} was acknowledged", self.at()));
        }
    }

    fn check_explained(&self, from: i64, upto: i64, findings: &mut Findings<'_>) {
        let missing = (from..upto).filter(|off| !self.is_explained(*off)).collect::<Vec<_>>();
        if let Some(first) = missing.first() {
            let (count, producer, seq) = (missing.len(), self.producer, self.seq_at(*first));
            findings
                .add(|| format!("{} lacks {count} from {first}: producer {producer}, from record {seq}", self.at()));
        }
    }

    /// The number of the record that was acknowledged at this offset.
    const fn seq_at(&self, off: i64) -> i64 {
        self.sent.seq + (off - self.sent.off)
    }

    fn at(&self) -> String {
        format!("reading {}: {}-{}", self.reading.name, self.place.0, self.place.1)
    }

    /// Whether a record may be gone.
    fn is_explained(&self, off: i64) -> bool {
        match self.place.0.as_str() {
            DELETING => off < self.start,
            // Compaction also removes what was aborted.
            COMPACTED if !self.is_committed => true,
            COMPACTED => {
                let seq = self.seq_at(off);
                self.newest.get(&(self.producer, seq % KEYS_OF_PRODUCER)).is_some_and(|newest| *newest > seq)
            }
            _ => false,
        }
    }
}

/// The newest record of each key in a compacted partition. What was aborted does not supersede anything.
fn newest_of_keys(history: &History, spans: &Spans, place: &Place) -> BTreeMap<(i64, i64), i64> {
    let mut newest = BTreeMap::new();
    if place.0 != COMPACTED {
        return newest;
    }
    for seen in spans.iter() {
        if matches!(history.fate(seen), None | Some(Fate::Aborted)) {
            continue;
        }
        // All keys of a longer run are among its last.
        for seq in (seen.seq + (seen.n - KEYS_OF_PRODUCER).max(0))..(seen.seq + seen.n) {
            let key = (seen.producer, seq % KEYS_OF_PRODUCER);
            let entry = newest.entry(key).or_insert(seq);
            *entry = seq.max(*entry);
        }
    }
    newest
}

/// Check 2: what an idempotent or transactional producer sent is there once.
pub(super) fn duplicates(history: &History, findings: &mut Findings<'_>) {
    each_in_base(history, |place, number, runs| {
        let mut sorted = runs.to_vec();
        sorted.sort_by_key(|(seq, ..)| *seq);
        for pair in sorted.windows(2) {
            if let [(seq, n, off), (next, _, other)] = pair
                && seq + n > *next
            {
                findings.add(|| format!("{place:?}: record {next} of producer {number} is at {other} and near {off}"));
            }
        }
    });
}

/// Check 5: offsets rise with the numbers of a producer's records.
pub(super) fn order(history: &History, findings: &mut Findings<'_>) {
    each_in_base(history, |place, number, runs| {
        for pair in runs.windows(2) {
            if let [(seq, ..), (next, _, off)] = pair
                && next < seq
            {
                findings
                    .add(|| format!("{place:?}: record {next} of producer {number} at {off} is behind record {seq}"));
            }
        }
    });
}

/// No producer is refused that was right to go on.
pub(super) fn sequence(history: &History, findings: &mut Findings<'_>) {
    for (number, producer) in &history.producers {
        if let Some(why) = &producer.fatal {
            findings.add(|| format!("producer {number} could not go on: {why}"));
        }
    }
}

/// Runs of each idempotent producer in each partition, as (number, count, offset), by offset.
fn each_in_base(history: &History, mut act: impl FnMut(&Place, i64, &[(i64, i64, i64)])) {
    let Some(base) = history.base() else { return };
    for place in history.places() {
        let mut runs: BTreeMap<i64, Vec<(i64, i64, i64)>> = BTreeMap::new();
        for seen in Spans::of(base, &place).iter() {
            runs.entry(seen.producer).or_default().push((seen.seq, seen.n, seen.off));
        }
        for (number, producer) in &history.producers {
            if let Some(runs) = runs.get(number).filter(|_| producer.is_idempotent()) {
                act(&place, *number, runs);
            }
        }
    }
}

/// What was refused is nowhere, and what was never sent neither.
pub(super) fn refused(history: &History, findings: &mut Findings<'_>) {
    for reading in &history.readings {
        for (place, seen) in reading.seen.iter().flat_map(|(place, runs)| runs.iter().map(move |seen| (place, seen))) {
            if seen.producer < 0 {
                continue;
            }
            let producer = history.producers.get(&seen.producer);
            let was_sent = producer.and_then(|of| of.sent.get(place)).is_some_and(|sent| covers(sent, seen));
            let was_refused = producer.and_then(|of| of.refused.get(place)).is_some_and(|sent| meets(sent, seen));
            if !was_sent || was_refused {
                findings.add(|| {
                    format!("reading {}: {place:?} has {seen:?}, which was refused or never sent", reading.name)
                });
            }
        }
    }
}

/// Whether all of the records are among those.
fn covers(runs: &[Sent], seen: &Seen) -> bool {
    let mut next = seen.seq;
    for sent in runs.iter().skip(runs.partition_point(|sent| sent.seq + sent.n <= seen.seq)) {
        if next >= seen.seq + seen.n || sent.seq > next {
            break;
        }
        next = sent.seq + sent.n;
    }
    next >= seen.seq + seen.n
}

/// Whether any of the records is among those.
fn meets(runs: &[Sent], seen: &Seen) -> bool {
    runs.iter().any(|sent| sent.seq < seen.seq + seen.n && seen.seq < sent.seq + sent.n)
}
