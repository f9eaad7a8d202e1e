//! A whole shard against its laws: random lives of transactional producers, old and new, with lost answers, requests that come
//! late or twice, markers that are written in any order, clocks that jump, and crashes that lose what was not durable. A
//! failure names its seed; `SEED=<n> cargo test -p coordinator --test transactions` lives that life again.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails where something is not as it must be"
)]

mod client;
mod driver;
mod laws;
#[path = "../groups/random.rs"]
mod random;
mod world;

use crate::driver::Driver;

/// Lives, and events in each: a quarter of a million together.
const LIVES: u64 = 100;
const EVENTS: u64 = 2_500;

fn live(seed: u64) -> laws::Seen {
    let mut driver = Driver::new(seed);
    driver.live(EVENTS);
    driver.settle();
    driver.world.laws.seen
}

#[test]
fn the_laws_hold_for_a_quarter_of_a_million_events() {
    let only = std::env::var("SEED").ok().map(|seed| seed.parse().expect("SEED is a number"));
    let mut seen = laws::Seen::default();
    for seed in only.map_or(0..LIVES, |seed: u64| seed..seed + 1) {
        let lived = std::panic::catch_unwind(|| live(seed));
        seen.add(&lived.unwrap_or_else(|panic| {
            eprintln!("SEED={seed} repeats this");
            std::panic::resume_unwind(panic)
        }));
    }
    // What never happens shows nothing.
    assert!(only.is_some() || seen.has_everything(), "{seen:?}");
}
