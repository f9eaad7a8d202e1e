//! Crashes at every point of random scripts, on a disk that loses what was not synced: what was acknowledged is there
//! afterwards, in its place, once; also when the machine stops again while it recovers.
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
    use model::{LeaderEpoch, Offset, Timestamp, TopicId};
    use storage::batch::BatchView;
    use storage::disk::SimulatedDisk;
    use storage::{Appended, Disk, LogManager, PartitionLog, ReadSpec};

    use super::support::*;

    /// Choices of a script.
    struct Random(u64);

    impl Random {
        fn below(&mut self, end: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % end
        }
    }

    /// What a script did to one log, as far as the log has said so.
    #[derive(Default)]
    struct Expected {
        id: u8,
        /// Every batch that was handed to the log: base offset, and its bytes behind the leader epoch.
        sent: Vec<(i64, Vec<u8>)>,
        synced: i64,
        start_acknowledged: i64,
        start_attempted: i64,
        /// The next sequence of the producer.
        sequence: i32,
    }

    /// The topics of a script: those whose creation was acknowledged, and those whose deletion was begun.
    #[derive(Default)]
    struct World {
        logs: BTreeMap<String, Expected>,
        /// By id: a create or a deletion that was begun and not acknowledged, or a deletion that was.
        uncertain: BTreeMap<u8, String>,
        deleted: Vec<u8>,
        next_id: u8,
    }

    fn config() -> Arc<TopicConfig> {
        Arc::new(TopicConfig { segment_bytes: 3_000, index_interval_bytes: 200, ..TopicConfig::default() })
    }

    const DIR: &str = "/data";

    fn id(number: u8) -> TopicId {
        TopicId::from_bytes([number; 16])
    }

    /// Runs a script until it ends or the machine stops; leaves in `world` what was acknowledged.
    fn run(disk: &Arc<dyn Disk>, seed: u64, world: &mut World) -> Option<()> {
        let mut random = Random(seed);
        let mut manager = LogManager::open(Arc::clone(disk), Path::new(DIR), options()).ok()?;
        let mut open: BTreeMap<String, Arc<PartitionLog>> = BTreeMap::new();
        for _ in 0..60 {
            let name = format!("topic{}", random.below(2));
            match (random.below(20), open.get(&name).cloned()) {
                (_, None) => {
                    let log = create(&manager, world, &name)?;
                    open.insert(name, log);
                }
                (0..=9, Some(log)) => append_one(&log, world.logs.get_mut(&name)?, &mut random)?,
                (10..=13, Some(log)) => {
                    let synced = log.sync().ok()?;
                    world.logs.get_mut(&name)?.synced = synced.get();
                }
                (14, Some(log)) => {
                    let synced = log.checkpoint(0).ok()?;
                    world.logs.get_mut(&name)?.synced = synced.get();
                }
                (15, Some(log)) => log.roll_if_due(Timestamp::new(i64::MAX)).map(|_| ()).ok()?,
                (16 | 17, Some(log)) => move_start(&log, world.logs.get_mut(&name)?, &mut random)?,
                (18, Some(log)) => {
                    let expected = world.logs.remove(&name)?;
                    world.uncertain.insert(expected.id, name.clone());
                    open.remove(&name);
                    manager.retire(&log).ok()?;
                    world.uncertain.remove(&expected.id);
                    world.deleted.push(expected.id);
                    manager.remove_aside(&manager.retired(id(expected.id)));
                }
                (_, Some(_)) => {
                    open.clear();
                    manager.close().ok()?;
                    drop(manager);
                    manager = LogManager::open(Arc::clone(disk), Path::new(DIR), options()).ok()?;
                    assert!(manager.was_clean());
                    for (name, expected) in &mut world.logs {
                        let log = manager.open_log(&partition(name), id(expected.id), config(), NOW).ok()?;
                        let end = expected.sent.iter().map(|(base, bytes)| base + records_in(bytes)).max().unwrap_or(0);
                        assert_eq!(log.log_end_offset().get(), end, "a clean stop keeps everything");
                        expected.synced = end;
                        open.insert(name.clone(), log);
                    }
                }
            }
        }
        Some(())
    }

    fn create(manager: &LogManager, world: &mut World, name: &str) -> Option<Arc<PartitionLog>> {
        world.next_id += 1;
        let number = world.next_id;
        world.uncertain.insert(number, name.to_owned());
        let log = manager.create(&partition(name), id(number), config(), NOW).ok()?;
        world.uncertain.remove(&number);
        world.logs.insert(name.to_owned(), Expected { id: number, ..Expected::default() });
        Some(log)
    }

    fn records_in(bytes: &[u8]) -> i64 {
        i64::from(i32::from_be_bytes(bytes[7..11].try_into().unwrap())) + 1
    }

    fn append_one(log: &PartitionLog, expected: &mut Expected, random: &mut Random) -> Option<()> {
        let records = u32::try_from(random.below(4)).unwrap() + 1;
        let size = usize::try_from(random.below(300)).unwrap();
        let tag = u64::try_from(expected.sent.len()).unwrap();
        let bytes = stamped(&batch(tag, records, size), 7, 0, expected.sequence);
        let base = log.log_end_offset().get();
        expected.sent.push((base, bytes[16..].to_vec()));
        let appended = log.append(&checked(&bytes, &config()), epoch(0), NOW).ok()?;
        assert!(matches!(appended, Appended::Written(placed) if placed.base_offset.get() == base));
        expected.sequence += i32::try_from(records).unwrap();
        Some(())
    }

    fn move_start(log: &PartitionLog, expected: &mut Expected, random: &mut Random) -> Option<()> {
        let end = u64::try_from(log.log_end_offset().get()).unwrap();
        let start = i64::try_from(random.below(end + 1)).unwrap();
        expected.start_attempted = expected.start_attempted.max(start);
        if random.below(2) == 0 {
            log.request_log_start(offset(start), NOW).ok()?;
            log.sync().ok()?;
            // Sometimes its segments go later, as in the broker.
            if random.below(2) == 0 {
                log.delete_dead_segments(Timestamp::new(i64::MAX)).ok()?;
            }
        } else {
            log.truncate_before(offset(start), NOW).ok()?;
        }
        expected.start_acknowledged = expected.start_acknowledged.max(start);
        expected.synced = expected.synced.max(log.synced_offset().get());
        Some(())
    }

    /// Opens everything that was acknowledged and compares. `None` if the machine stopped meanwhile.
    fn check(disk: &Arc<dyn Disk>, world: &mut World) -> Option<()> {
        let manager = LogManager::open(Arc::clone(disk), Path::new(DIR), options()).ok()?;
        let found = manager.found().ok()?;
        for log in &found {
            let number = log.topic_id.to_bytes()[0];
            let name = log.topic_partition.topic.as_str();
            let is_known = world.logs.get(name).is_some_and(|expected| expected.id == number);
            assert!(is_known || world.uncertain.contains_key(&number), "{name} with id {number} came back");
            assert!(!world.deleted.contains(&number), "{name} was deleted");
        }
        for (name, expected) in &mut world.logs {
            let found = found.iter().any(|log| log.topic_partition == partition(name));
            assert!(found, "{name} was created, and is gone");
            let opened = manager.open_log(&partition(name), id(expected.id), config(), NOW);
            let log = match opened {
                Ok(log) => log,
                Err(_) if disk.exists(Path::new("/")).is_err() => return None,
                Err(error) => panic!("{name} does not open: {error}"),
            };
            if disk.exists(Path::new("/")).is_err() {
                return None;
            }
            check_log(&log, expected);
        }
        Some(())
    }

    fn check_log(log: &PartitionLog, expected: &mut Expected) {
        let (start, end) = (log.log_start_offset().get(), log.log_end_offset().get());
        assert!(end >= expected.synced, "acknowledged up to {}, the log ends at {end}", expected.synced);
        assert!(
            start >= expected.start_acknowledged && start <= expected.start_attempted,
            "start {start}, acknowledged {}, attempted {}, end {end}",
            expected.start_acknowledged,
            expected.start_attempted
        );
        assert_eq!(log.synced_offset().get(), end);
        let spec = ReadSpec { from: offset(start), upto: offset(end), max_bytes: u32::MAX, at_least_one_batch: true };
        let bytes = log.read(spec).unwrap().read_to_vec().unwrap();
        let mut rest = bytes.as_slice();
        let mut next = None;
        while !rest.is_empty() {
            let view = BatchView::parse(rest).unwrap();
            let base = view.header().base_offset;
            assert!(next.is_none_or(|next| next == base), "offsets go on without a gap");
            let sent = expected.sent.iter().rev().find(|(sent, _)| *sent == base);
            assert_eq!(sent.map(|(_, bytes)| bytes.as_slice()), Some(&view.bytes()[16..]), "the batch at {base}");
            next = Some(view.last_offset().unwrap() + 1);
            rest = &rest[view.size()..];
        }
        assert!(
            next.is_none_or(|next| next == end) && (next.is_some() || start == end),
            "the log ends where its batches do"
        );
        // What survived is durable from now on, acknowledged before or not; the rest was never there.
        expected.sent.retain(|(base, _)| *base < end);
        expected.synced = end;
        expected.start_acknowledged = start;
        check_producer(log, expected, end);
        if end > start {
            assert_eq!(log.epoch_end(LeaderEpoch::ZERO), Some((LeaderEpoch::ZERO, offset(end))));
        }
    }

    /// The last five batches of the producer are known as duplicates with the offsets that they have.
    fn check_producer(log: &PartitionLog, expected: &Expected, end: i64) {
        for (base, bytes) in expected.sent.iter().rev().take(5) {
            let mut whole = vec![0; 8];
            whole.extend((u32::try_from(bytes.len()).unwrap() + 4).to_be_bytes());
            whole.extend([0; 4]);
            whole.extend(bytes);
            let appended = log.append(&checked(&whole, &config()), epoch(0), NOW).unwrap();
            assert!(
                matches!(appended, Appended::Duplicate(placed) if placed.base_offset.get() == *base),
                "{base}: {appended:?}"
            );
        }
        assert_eq!(log.log_end_offset(), Offset::new(end).unwrap());
    }

    fn seeds() -> u64 {
        std::env::var("CRASH_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(6)
    }

    #[test]
    fn a_crash_anywhere_loses_nothing_that_was_acknowledged() {
        for seed in 0..seeds() {
            let whole = SimulatedDisk::new();
            let disk: Arc<dyn Disk> = Arc::new(whole.clone());
            assert!(run(&disk, seed, &mut World::default()).is_some(), "a script runs through");
            let changes = whole.changes();
            for stop in 0..changes {
                crash_at(seed, stop);
            }
        }
    }

    fn crash_at(seed: u64, stop: u64) {
        let context = format!("script {seed}, stopped after {stop} changes");
        let result = std::panic::catch_unwind(|| {
            let simulated = SimulatedDisk::new();
            let disk: Arc<dyn Disk> = Arc::new(simulated.clone());
            let mut world = World::default();
            simulated.halt_after(stop);
            run(&disk, seed, &mut world);
            simulated.crash(seed * 7919 + stop);
            // The machine stops again while it recovers, now and then, and then for good.
            simulated.halt_after(stop % 13);
            let recovered = check(&disk, &mut world);
            simulated.crash(seed * 104_729 + stop);
            assert!(check(&disk, &mut world).is_some(), "recovered before: {}", recovered.is_some());
        });
        assert!(result.is_ok(), "{context}");
    }

    /// One more process: opens the directory and its log, appends a batch, syncs it, moves the start behind the one before and
    /// deletes what is before that; `None` if it comes to its end before.
    fn live_once(disk: &Arc<dyn Disk>, ends_cleanly: bool) -> Option<()> {
        let manager = LogManager::open(Arc::clone(disk), Path::new(DIR), options()).ok()?;
        let log = manager.open_or_create(&partition("t"), id(1), config(), NOW).ok()?;
        let before = log.log_end_offset();
        log.append(&batch(1, 10, 100).checked(), epoch(0), NOW).ok()?;
        log.sync().ok()?;
        log.roll_if_due(Timestamp::new(i64::MAX)).ok()?;
        log.request_log_start(before, NOW).ok()?;
        log.sync().ok()?;
        log.delete_dead_segments(NOW).ok()?;
        if ends_cleanly { manager.close().ok() } else { Some(()) }
    }

    /// What the next process finds after a power cut: whether there was a clean mark, and the log's start and end.
    fn found(disk: &Arc<dyn Disk>) -> (bool, i64, i64) {
        let manager = LogManager::open(Arc::clone(disk), Path::new(DIR), options()).unwrap();
        let log = manager.open_or_create(&partition("t"), id(1), config(), NOW).unwrap();
        (manager.was_clean(), log.log_start_offset().get(), log.log_end_offset().get())
    }

    #[test]
    fn what_a_killed_process_left_in_the_page_cache_is_durable_before_the_next_one_goes_by_it() {
        for (earlier, stop, seed) in (0..3 * 160 * 6).map(|case| (case / 960, case / 6 % 160, case % 6)) {
            kill_and_cut_power(earlier, stop, u64::try_from(seed).unwrap());
        }
    }

    fn kill_and_cut_power(earlier: i64, stop: i64, seed: u64) {
        let simulated = SimulatedDisk::new();
        let disk: Arc<dyn Disk> = Arc::new(simulated.clone());
        for _ in 0..earlier {
            live_once(&disk, true).unwrap();
        }
        // Killed at any change of the disk: what it did is still seen.
        simulated.halt_after(u64::try_from(stop / 2).unwrap());
        let is_killed = live_once(&disk, false).is_none();
        simulated.halt_after(u64::MAX);
        // The next one does the same, or no more than open the log.
        let (start, end) = if stop % 2 == 0 {
            live_once(&disk, false).unwrap();
            (10 * earlier, 10 * (earlier + 1))
        } else {
            let (_, start, end) = found(&disk);
            (start, end)
        };
        simulated.crash(seed);
        let after = found(&disk);
        let case = format!("{earlier} lives, a kill after {} changes ({is_killed}), seed {seed}", stop / 2);
        assert!(!after.0 && after.1 >= start && after.2 >= end, "{case}: {after:?}, not {start}..{end}");
    }
}
