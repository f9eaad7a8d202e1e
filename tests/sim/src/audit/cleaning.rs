//! Compaction: what is left has its old offsets and its old content; what is gone was superseded, aborted, or a tombstone whose time
//! was over; and nothing changes that is not stable, or too young, or in the active segment.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use model::config::TopicConfig;
use model::{Offset, Timestamp};
use storage::producers::MarkerKind;
use storage::{Disk, PartitionLog};

use super::{ends, read};
use crate::records::{Stored, StoredRecord};
use crate::world::Sim;

/// A log before it is cleaned.
pub(crate) struct Cleaning {
    batches: Vec<Stored>,
    ends: BTreeMap<i64, Option<(MarkerKind, i64)>>,
    /// Nothing changes from here on: something is open here, or not durable, or the active segment begins.
    end: i64,
    now: Timestamp,
    min_lag_ms: i64,
}

impl Cleaning {
    /// Looks at a log before it is cleaned; `None` if it cannot be read.
    pub(crate) fn begin(sim: &Sim, log: &PartitionLog, high: Offset, now: Timestamp) -> Option<Self> {
        let batches = read(log)?;
        let ends = ends(&batches);
        let high = high.get();
        let is_open = |end: &Option<(MarkerKind, i64)>| end.is_none_or(|(_, marker)| marker >= high);
        let open = ends.iter().find(|(_, end)| is_open(end)).map_or(high, |(first, _)| *first);
        let end = open.min(high).min(active_base(sim, log)?);
        let TopicConfig { min_compaction_lag_ms: min_lag_ms, .. } = *log.config();
        Some(Self { batches, ends, end, now, min_lag_ms })
    }

    /// What is wrong with what the cleaning left. `clean_to`: everything below is clean, if the cleaning came to its end.
    pub(crate) fn judge(&self, sim: &Sim, log: &PartitionLog, clean_to: Option<Offset>) -> Vec<String> {
        let Some(after) = read(log) else { return Vec::new() };
        let start = log.log_start_offset().get();
        let mut wrong = Vec::new();
        wrong.extend(self.changed(&after, start));
        wrong.extend(self.invented(&after));
        wrong.extend(self.gone(sim, &after, start));
        wrong.extend(self.judged_anew(&after));
        wrong.extend(clean_to.and_then(|clean_to| left_over(&after, clean_to.get())));
        wrong
    }

    /// A batch that must stay as it is, and does not.
    fn changed(&self, after: &[Stored], start: i64) -> Option<String> {
        let left: BTreeSet<(i64, u64)> = after.iter().map(|batch| (batch.base_offset, batch.digest)).collect();
        let changed =
            |batch: &&Stored| !left.contains(&(batch.base_offset, batch.digest)) && batch.last_offset >= start;
        self.batches.iter().filter(changed).find_map(|batch| {
            let (offset, end) = (batch.base_offset, self.end);
            let age_ms = self.now.ms_since(Timestamp::new(batch.max_timestamp));
            let is_young = age_ms >= 0 && age_ms < self.min_lag_ms;
            (batch.last_offset >= end || is_young)
                .then(|| format!("the batch at {offset}, {age_ms} ms old, has changed; nothing may from {end} on"))
        })
    }

    /// A record that was not there before, or elsewhere; a batch whose checksum is wrong.
    fn invented(&self, after: &[Stored]) -> Option<String> {
        let before: BTreeMap<i64, u64> =
            self.batches.iter().flat_map(|batch| &batch.records).map(|record| (record.offset, record.digest)).collect();
        let behind = self.batches.last().map_or(0, |last| last.last_offset + 1);
        after.iter().filter(|batch| batch.base_offset < behind).find_map(|batch| {
            if !batch.crc_is_right {
                return Some(format!("the checksum of the batch at {} is wrong", batch.base_offset));
            }
            let new = |record: &&StoredRecord| before.get(&record.offset) != Some(&record.digest);
            let offset = batch.records.iter().find(new)?.offset;
            Some(format!("there is another record at {offset} than before"))
        })
    }

    /// A record that is gone without a reason.
    fn gone(&self, sim: &Sim, after: &[Stored], start: i64) -> Option<String> {
        let left: BTreeSet<i64> = after.iter().flat_map(|batch| &batch.records).map(|record| record.offset).collect();
        let newest = self.newest();
        let mut removed = 0_u64;
        let found = self.batches.iter().find_map(|batch| {
            let horizon = batch.delete_horizon.filter(|horizon| *horizon <= self.now.get());
            batch.records.iter().filter(|it| it.offset >= start && !left.contains(&it.offset)).find_map(|record| {
                removed += 1;
                let newest = record.key.as_deref().and_then(|key| newest.get(key)).copied();
                let is_old = newest.is_some_and(|newest| newest > record.offset);
                let has_reason = self.is_aborted(batch) || is_old || (record.is_tombstone && horizon.is_some());
                if has_reason && !is_old && record.is_tombstone {
                    sim.count("tombstones compacted away");
                }
                (!has_reason).then(|| {
                    let (offset, horizon) = (record.offset, batch.delete_horizon);
                    format!("the record at {offset} is gone; its key is last at {newest:?}, horizon {horizon:?}")
                })
            })
        });
        if removed > 0 {
            sim.count("cleanings that removed records");
        }
        let markers = |batches: &[Stored]| batches.iter().filter(|batch| batch.marker.is_some()).count();
        let is_before = |batch: &&Stored| self.batches.last().is_some_and(|last| batch.base_offset <= last.base_offset);
        let markers_left = markers(&after.iter().filter(is_before).cloned().collect::<Vec<_>>());
        if markers_left < markers(&self.batches) {
            sim.count("cleanings that removed markers");
        }
        found
    }

    /// The newest offset of each key in what may be cleaned, aborted records aside.
    fn newest(&self) -> BTreeMap<&[u8], i64> {
        let batches = self.batches.iter().filter(|batch| batch.last_offset < self.end && !self.is_aborted(batch));
        let records = batches.flat_map(|batch| &batch.records);
        records.filter_map(|record| Some((record.key.as_deref()?, record.offset))).collect()
    }

    fn is_aborted(&self, batch: &Stored) -> bool {
        matches!(self.ends.get(&batch.base_offset), Some(Some((MarkerKind::Abort, _))))
    }

    /// A transaction that ends otherwise now, because its marker is gone before it.
    fn judged_anew(&self, after: &[Stored]) -> Option<String> {
        ends(after).into_iter().find_map(|(offset, end)| {
            let before = self.ends.get(&offset).copied().flatten()?;
            (end != Some(before))
                .then(|| format!("the transactional batch at {offset} had the end {before:?}, and has {end:?} now"))
        })
    }
}

/// Where the active segment begins, as the names of the files say.
fn active_base(sim: &Sim, log: &PartitionLog) -> Option<i64> {
    let directory = Path::new(crate::broker::DATA_DIRECTORY).join(log.topic_partition().to_string());
    let names = sim.disk.read_directory(&directory).ok()?;
    names.iter().filter_map(|entry| entry.name.strip_suffix(".log")?.parse().ok()).max()
}

/// A key of which two records are left where everything is clean.
fn left_over(after: &[Stored], clean_to: i64) -> Option<String> {
    let ends = ends(after);
    let counts = |batch: &&Stored| !matches!(ends.get(&batch.base_offset), Some(Some((MarkerKind::Abort, _)) | None));
    let is_plain = |batch: &&Stored| !batch.is_transactional || counts(batch);
    let mut seen = BTreeMap::new();
    let records = after.iter().filter(is_plain).flat_map(|batch| &batch.records);
    records.filter(|record| record.offset < clean_to).find_map(|record| {
        let before = seen.insert(record.key.as_deref(), record.offset)?;
        let offset = record.offset;
        Some(format!("a key is at {before} and at {offset}, and everything is clean below {clean_to}"))
    })
}
