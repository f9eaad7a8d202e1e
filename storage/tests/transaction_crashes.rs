//! Random transactions in a log that rolls, loses its front, stops and crashes at any point: the last stable offset, the aborted
//! transactions of any range and what is known of the producers are those of a model that keeps every batch, also after the
//! machine stopped, and again after it went on and stopped once more.
//!
//! `CRASH_SEEDS` sets how many scripts are run.

#[cfg(test)]
mod support;

#[cfg(test)]
mod crashes {
    use std::collections::BTreeMap;
    use std::path::Path;
    use std::sync::Arc;

    use model::config::TopicConfig;
    use model::{Offset, Timestamp};
    use storage::disk::SimulatedDisk;
    use storage::producers::{EpochRule, MarkerKind, Verified};
    use storage::{Disk, LogManager, PartitionLog, ReadSpec};

    use super::support::*;

    struct Random(u64);

    impl Random {
        fn below(&mut self, end: i64) -> i64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            i64::try_from((self.0 >> 33) % u64::try_from(end).unwrap()).unwrap()
        }
    }

    #[derive(Clone, Copy, Debug)]
    enum What {
        Data { is_transactional: bool },
        Marker(MarkerKind),
    }

    /// A batch in the log.
    #[derive(Clone, Copy, Debug)]
    struct Entry {
        base: i64,
        last: i64,
        producer: i64,
        epoch: i16,
        what: What,
    }

    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    struct Producer {
        epoch: i16,
        next_sequence: i32,
        open_since: Option<i64>,
    }

    /// Everything that was appended, in order.
    #[derive(Default)]
    struct Model {
        entries: Vec<Entry>,
        synced: i64,
    }

    impl Model {
        fn end(&self) -> i64 {
            self.entries.last().map_or(0, |entry| entry.last + 1)
        }

        fn producers(&self) -> BTreeMap<i64, Producer> {
            let mut producers = BTreeMap::<i64, Producer>::new();
            for entry in &self.entries {
                let producer = producers.entry(entry.producer).or_default();
                if entry.epoch > producer.epoch {
                    (producer.epoch, producer.next_sequence) = (entry.epoch, 0);
                }
                match entry.what {
                    What::Marker(_) => producer.open_since = None,
                    What::Data { is_transactional } => {
                        producer.next_sequence += i32::try_from(entry.last - entry.base + 1).unwrap();
                        producer.open_since = producer.open_since.or(is_transactional.then_some(entry.base));
                    }
                }
            }
            producers
        }

        /// Every transaction with a marker: its producer, its first offset, its marker's offset and kind.
        fn ended(&self) -> Vec<(i64, i64, i64, MarkerKind)> {
            let (mut open, mut ended) = (BTreeMap::new(), Vec::new());
            for entry in &self.entries {
                match entry.what {
                    What::Data { is_transactional: true } => drop(open.entry(entry.producer).or_insert(entry.base)),
                    What::Data { .. } => {}
                    What::Marker(kind) => {
                        let first = open.remove(&entry.producer);
                        ended.extend(first.map(|first| (entry.producer, first, entry.base, kind)));
                    }
                }
            }
            ended
        }

        fn first_unstable(&self, high_watermark: i64) -> Option<i64> {
            let open = self.producers().into_values().filter_map(|producer| producer.open_since);
            let ended = self.ended().into_iter().filter(|ended| ended.2 >= high_watermark).map(|ended| ended.1);
            open.chain(ended).min()
        }

        fn aborted(&self, from: i64, upto: i64) -> Vec<(i64, i64)> {
            let overlaps =
                |ended: &(i64, i64, i64, MarkerKind)| ended.3 == MarkerKind::Abort && ended.2 >= from && ended.1 < upto;
            let ended = self.ended().into_iter().filter(overlaps);
            let mut found: Vec<_> = ended.map(|(producer, first, ..)| (producer, first)).collect();
            found.sort_by_key(|(_, first)| *first);
            found
        }
    }

    fn config() -> Arc<TopicConfig> {
        Arc::new(TopicConfig { segment_bytes: 1_500, index_interval_bytes: 200, ..TopicConfig::default() })
    }

    const DIR: &str = "/data";

    fn open(disk: &Arc<dyn Disk>) -> Option<(LogManager, Arc<PartitionLog>)> {
        let manager = LogManager::open(Arc::clone(disk), Path::new(DIR), options()).ok()?;
        let log = manager.open_or_create(&partition("t"), ID, config(), NOW).ok()?;
        Some((manager, log))
    }

    /// Holds the log against the model.
    fn check(log: &PartitionLog, model: &Model, random: &mut Random) -> Option<()> {
        let high_watermark = log.synced_offset();
        log.release_decided(high_watermark);
        let (start, hw) = (log.log_start_offset().get(), high_watermark.get());
        let unstable = model.first_unstable(hw);
        assert_eq!(log.first_unstable_offset().map(Offset::get), unstable, "high watermark {hw}");
        let stable = unstable.map_or(hw, |unstable| unstable.max(start).min(hw));
        for _ in 0..3 {
            if stable <= start {
                break;
            }
            let from = start + random.below(stable - start);
            let upto = from + 1 + random.below(stable - from);
            let found = log.aborted_transactions(offset(from), offset(upto)).ok()?;
            let found: Vec<_> = found.iter().map(|one| (one.producer_id.get(), one.first_offset.get())).collect();
            assert_eq!(found, model.aborted(from, upto), "aborted from {from} before {upto}, log start {start}");
            check_read(log, model, (from, stable), random)?;
        }
        Some(())
    }

    /// What a reader of committed records is told is what overlaps with the batches that it gets.
    fn check_read(log: &PartitionLog, model: &Model, (from, stable): (i64, i64), random: &mut Random) -> Option<()> {
        let max_bytes = u32::try_from(random.below(2_000)).unwrap();
        let spec = ReadSpec { from: offset(from), upto: offset(stable), max_bytes, at_least_one_batch: true };
        let (slice, aborted) = log.read_committed(spec).ok()?;
        let read = batches(&slice.read_to_vec().ok()?);
        let end = read.last().map_or(from, |(_, last)| last + 1);
        let found: Vec<_> = aborted.iter().map(|one| (one.producer_id.get(), one.first_offset.get())).collect();
        assert_eq!(found, model.aborted(from, end), "read from {from} up to {end}");
        Some(())
    }

    fn check_producers(log: &PartitionLog, model: &Model) {
        let known: BTreeMap<_, _> = log
            .producers()
            .into_iter()
            .map(|state| {
                let next_sequence = state.last_sequence.map_or(0, |last| last.advance(1).get());
                let open_since = state.transaction_start.map(Offset::get);
                (state.id.get(), Producer { epoch: state.epoch.get(), next_sequence, open_since })
            })
            .collect();
        assert_eq!(known, model.producers());
    }

    fn append(log: &PartitionLog, model: &mut Model, is_transactional: bool, random: &mut Random) -> Option<()> {
        let producer = random.below(4);
        let state = model.producers().get(&producer).copied().unwrap_or_default();
        let is_transactional = is_transactional || state.open_since.is_some();
        let records = 1 + random.below(3);
        let owned = batch(1, u32::try_from(records).unwrap(), usize::try_from(random.below(120)).unwrap());
        let stamp = if is_transactional { transactional } else { stamped };
        let bytes = stamp(&owned, producer, state.epoch, state.next_sequence);
        let base = model.end();
        // Also if it fails: some of it may be there after a crash.
        let (last, what) = (base + records - 1, What::Data { is_transactional });
        model.entries.push(Entry { base, last, producer, epoch: state.epoch, what });
        log.append_verified(&checked(&bytes, &config()), Verified::NotAsked, epoch(0), NOW).ok()?;
        Some(())
    }

    fn end(log: &PartitionLog, model: &mut Model, random: &mut Random) -> Option<()> {
        let producer = random.below(4);
        let state = model.producers().get(&producer).copied().unwrap_or_default();
        let kind = if random.below(3) == 0 { MarkerKind::Commit } else { MarkerKind::Abort };
        // Transactions of version 1 keep the epoch.
        let (raised, rule) = if producer == 0 { (0, EpochRule::SameOrNewer) } else { (1, EpochRule::Newer) };
        let (base, new_epoch) = (model.end(), state.epoch + raised);
        let what = What::Marker(kind);
        model.entries.push(Entry { base, last: base, producer, epoch: new_epoch, what });
        let placed = log.append_marker(&marker(producer, new_epoch, kind), rule, epoch(0), NOW).ok()?;
        assert_eq!((placed.base_offset, placed.last_offset), (offset(base), offset(base)), "a marker takes one offset");
        Some(())
    }

    /// Runs a script until it ends or the machine stops.
    fn run(disk: &Arc<dyn Disk>, model: &mut Model, random: &mut Random) -> Option<()> {
        let (mut manager, mut log) = open(disk)?;
        for _ in 0..50 {
            match random.below(20) {
                0..=7 => append(&log, model, random.below(4) > 0, random)?,
                8..=12 => end(&log, model, random)?,
                13 | 14 => model.synced = log.sync().ok()?.get(),
                15 | 16 => model.synced = log.checkpoint(0).ok()?.get(),
                17 => drop(log.roll_if_due(Timestamp::new(i64::MAX)).ok()?),
                18 => {
                    let start = random.below(log.log_end_offset().get() + 1);
                    log.request_log_start(offset(start), NOW).ok()?;
                    model.synced = log.sync().ok()?.get();
                    log.delete_dead_segments(Timestamp::new(i64::MAX)).ok()?;
                }
                _ => {
                    drop(log);
                    manager.close().ok()?;
                    drop(manager);
                    (manager, log) = open(disk)?;
                    assert!(manager.was_clean() && log.log_end_offset().get() == model.end());
                    model.synced = model.end();
                }
            }
            check(&log, model, random)?;
        }
        check_producers(&log, model);
        Some(())
    }

    /// What is there after a crash, and that it is what the model says of it.
    fn recover(disk: &Arc<dyn Disk>, model: &mut Model, random: &mut Random) {
        let manager = LogManager::open(Arc::clone(disk), Path::new(DIR), options()).unwrap();
        let log = manager.open_or_create(&partition("t"), ID, config(), NOW).unwrap();
        let end = log.log_end_offset().get();
        assert!(end >= model.synced, "acknowledged up to {}, the log ends at {end}", model.synced);
        model.entries.retain(|entry| entry.base < end);
        assert_eq!(model.end(), end, "the log ends with a batch");
        model.synced = end;
        check_producers(&log, model);
        for _ in 0..5 {
            check(&log, model, random).unwrap();
        }
    }

    fn seeds() -> u64 {
        std::env::var("CRASH_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(4)
    }

    #[test]
    fn transactions_are_what_they_were_after_a_crash_anywhere() {
        for seed in 0..seeds() {
            let whole = SimulatedDisk::new();
            let disk: Arc<dyn Disk> = Arc::new(whole.clone());
            assert!(run(&disk, &mut Model::default(), &mut Random(seed)).is_some(), "a script runs through");
            for stop in 0..whole.changes() {
                crash_at(seed, stop);
            }
        }
    }

    fn crash_at(seed: u64, stop: u64) {
        let result = std::panic::catch_unwind(|| {
            let simulated = SimulatedDisk::new();
            let disk: Arc<dyn Disk> = Arc::new(simulated.clone());
            let (mut model, mut random) = (Model::default(), Random(seed));
            simulated.halt_after(stop);
            run(&disk, &mut model, &mut random);
            simulated.crash(seed * 7919 + stop);
            recover(&disk, &mut model, &mut random);
            // A second life on the same files, which may reuse offsets and names of the first.
            simulated.halt_after(stop % 41 + 5);
            run(&disk, &mut model, &mut random);
            simulated.crash(seed * 104_729 + stop);
            recover(&disk, &mut model, &mut random);
        });
        assert!(result.is_ok(), "script {seed}, stopped after {stop} changes");
    }
}
