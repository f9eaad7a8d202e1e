//! The simulation in CI: seeds that must all be well, the same seed twice, and mistakes that must be found.
//!
//! `SIM_SEEDS` sets how many seeds are run, `SIM_FIRST` where they begin.

#[cfg(test)]
mod simulation {
    use std::collections::BTreeMap;
    use std::panic::catch_unwind;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU64, Ordering};

    use sim::{Bug, Verdict, run};

    /// Seeds that are run in CI.
    const SEEDS: u64 = 2_000;
    /// Seeds in which a planted mistake must be found.
    const SEEDS_TO_FIND: u64 = 400;
    /// What must have happened in all those seeds, and how often at least, or they prove nothing.
    const MUST_HAPPEN: &[(&str, u64)] = &[
        ("batches acknowledged", 100_000),
        ("batches sent again", 10_000),
        ("cleanings", 10_000),
        ("cleanings that removed markers", 500),
        ("cleanings that removed records", 10_000),
        ("clean stops", 500),
        ("commits acknowledged", 10_000),
        ("commits in transactions", 10_000),
        ("crashes", 1_000),
        ("crashes while starting", 300),
        ("cuts of connections", 300),
        ("duplicates", 1_000),
        ("ends in the middle of a cleaning", 200),
        ("failing syncs", 100),
        ("failing writes", 100),
        ("full disks", 100),
        ("heartbeats", 10_000),
        ("kills", 100),
        ("kills after a failure", 100),
        ("kills in the middle of something", 300),
        ("markers", 10_000),
        ("processors killed", 500),
        ("processors left alone", 500),
        ("processors overtaken by retention", 300),
        ("rounds aborted", 3_000),
        ("rounds committed", 10_000),
        ("shards loaded again", 200),
        ("starts moved by retention", 3_000),
        ("swaps left behind", 60),
        ("tombstones compacted away", 500),
        ("transactional batches refused", 300),
        ("transactions abandoned", 500),
        ("transactions aborted", 3_000),
        ("transactions committed", 10_000),
    ];

    fn setting(name: &str, otherwise: u64) -> u64 {
        std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
    }

    /// Runs the next seeds on every core until there are no more.
    fn on_every_core(seeds: std::ops::Range<u64>, each: impl Fn(u64, Verdict) + Sync) {
        let next = AtomicU64::new(seeds.start);
        let work = || {
            let taken = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
            for seed in taken.take_while(|seed| *seed < seeds.end) {
                let panicked = || Verdict { wrong: vec!["panic: see above".to_owned()], ..Verdict::default() };
                each(seed, catch_unwind(|| run(seed, None)).unwrap_or_else(|_| panicked()));
            }
        };
        let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(work);
            }
        });
    }

    #[test]
    fn no_seed_finds_anything_wrong() {
        let first = setting("SIM_FIRST", 0);
        let (failed, counts) = (Mutex::new(Vec::new()), Mutex::new(BTreeMap::new()));
        let seeds = setting("SIM_SEEDS", SEEDS);
        on_every_core(first..first + seeds, |seed, verdict| {
            let mut counts = counts.lock().unwrap();
            for (what, count) in verdict.counts {
                *counts.entry(what).or_insert(0) += count;
            }
            if !verdict.wrong.is_empty() {
                println!("seed {seed}: {:#?}", verdict.wrong);
                failed.lock().unwrap().push(seed);
            }
        });
        let (failed, counts) = (failed.into_inner().unwrap(), counts.into_inner().unwrap());
        println!("{counts:#?}");
        assert!(failed.is_empty(), "seeds {failed:?}; `cargo xtask sim --seed <n>` repeats one");
        for (what, least) in MUST_HAPPEN {
            let (count, least) = (counts.get(what).copied().unwrap_or(0), least * seeds / SEEDS);
            assert!(count >= least, "{what} happened {count} times in {seeds} seeds, and should have {least} times");
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_run() {
        for seed in 0..20 {
            let (one, other) = (run(seed, None), run(seed, None));
            assert_eq!((one.hash, one.counts), (other.hash, other.counts), "seed {seed}");
        }
        assert_ne!(run(1, None).hash, run(2, None).hash);
    }

    #[test]
    fn every_planted_mistake_is_found() {
        for (bug, checks) in Bug::ALL {
            let is_meant = |wrong: &String| checks.iter().any(|check| wrong.starts_with(&format!("{check}: ")));
            let mut wrong =
                (0..SEEDS_TO_FIND).map(|seed| (seed, run(seed, Some(bug)).wrong.into_iter().find(is_meant)));
            let found = wrong.find_map(|(seed, wrong)| Some((seed, wrong?)));
            let (seed, wrong) = found.unwrap_or_else(|| panic!("{bug:?} was not found in {SEEDS_TO_FIND} seeds"));
            println!("{bug:?} by seed {seed}: {wrong}");
        }
    }
}
