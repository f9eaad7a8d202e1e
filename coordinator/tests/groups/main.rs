//! A whole shard against simple models: random lives of groups with every kind of client, with crashes and replays. A failure
//! names its seed; `SEED=<n> cargo test -p coordinator --test groups` lives that life again.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::default_trait_access,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails where something is not as it must be"
)]

mod blobs;
mod classic;
mod client;
mod committed;
mod consumer;
mod driver;
mod laws;
mod random;
mod topics;
mod world;

use crate::driver::Driver;

/// Lives, and events in each: a million together.
const LIVES: u64 = 100;
const EVENTS: u64 = 10_000;
/// Parts of a life, each of which ends with everybody at rest.
const PARTS: u64 = 4;

fn live(seed: u64) -> u64 {
    let mut driver = Driver::new(seed);
    for _ in 0..PARTS {
        driver.live(EVENTS / PARTS);
        driver.settle();
    }
    driver.world.events
}

#[test]
fn the_laws_hold_for_a_million_events() {
    let only = std::env::var("SEED").ok().map(|seed| seed.parse().expect("SEED is a number"));
    let mut events = 0;
    for seed in only.map_or(0..LIVES, |seed: u64| seed..seed + 1) {
        let lived = std::panic::catch_unwind(|| live(seed));
        events += lived.unwrap_or_else(|panic| {
            eprintln!("SEED={seed} repeats this");
            std::panic::resume_unwind(panic)
        });
    }
    assert!(only.is_some() || events >= LIVES * EVENTS, "{events} events");
}
