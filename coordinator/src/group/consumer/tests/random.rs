//! Clients do anything in any order, topics change, the process is lost; what must hold always holds, and when everybody
//! comes to rest, everything has one owner.

use std::collections::BTreeSet;

use model::ErrorCode;

use super::driver::{Consumer, Driver, Numbers, hard_state};

const TOPICS: [&str; 4] = ["a1", "a2", "b1", "b2"];
const MEMBERS: usize = 7;

fn subscribed(numbers: &mut Numbers, member_id: &str) -> Consumer {
    match numbers.below(4) {
        0 => Consumer::of_pattern(member_id, ["a.", "b.", ".*", "x"][numbers.below(4)]),
        1 => Consumer::new(member_id, &TOPICS[numbers.below(4)..]),
        _ => Consumer::new(member_id, &TOPICS[..2]),
    }
}

fn step(numbers: &mut Numbers, driver: &mut Driver, members: &mut [Consumer], round: usize) {
    let which = numbers.below(members.len());
    match numbers.below(20) {
        0 => driver.pass(45_000),
        1 => driver.pass(20_000),
        2 => driver.set_topic(TOPICS[numbers.below(4)], 1 + i32::try_from(round % 12).expect("small")),
        3 => driver.delete_topic(TOPICS[numbers.below(4)]),
        4 => driver.restart(),
        5 => {
            let member = &mut members[which];
            let epoch = if member.instance_id.is_some() && numbers.below(2) == 0 { -2 } else { -1 };
            member.leave(driver, epoch);
            member.epoch = 0;
        }
        6 => {
            // Another life, under another id; a static member keeps its instance id.
            let instance_id = members[which].instance_id.clone();
            members[which] = Consumer { instance_id, ..subscribed(numbers, &format!("m{which}-{round}")) };
        }
        7 => {
            // The reply is lost.
            let member = &mut members[which];
            driver.heartbeat(member.next());
            member.has_lost_a_reply = true;
        }
        8 => driver.pass(1_000),
        _ if members[which].epoch == 0 => drop(members[which].join(driver)),
        _ => drop(members[which].beat(driver)),
    }
}

/// Everybody joins or goes on until nothing changes any more.
fn settle(driver: &mut Driver, members: &mut [Consumer]) {
    for _ in 0..60 {
        for member in members.iter_mut() {
            if member.epoch == 0 {
                member.join(driver)
            } else {
                member.beat(driver)
            };
        }
        // Who was forgotten, such as the lives before, is gone by the end of its session.
        driver.pass(1_000);
    }
}

fn assert_all_is_owned_once(driver: &mut Driver, members: &[Consumer]) {
    let mut owned = BTreeSet::new();
    for partition in members.iter().flat_map(|member| &member.owned) {
        assert!(owned.insert(*partition), "{partition:?} is read by two");
    }
    let described = driver.describe();
    assert_eq!((described.state.as_str(), described.members.len()), ("Stable", members.len()));
    let mut wanted = BTreeSet::new();
    for name in TOPICS {
        let reads = |member: &Consumer| match (&member.topics, member.pattern.as_deref()) {
            (Some(topics), _) => topics.iter().any(|topic| topic == name),
            (None, Some(pattern)) => pattern == ".*" || pattern.starts_with(&name[..1]),
            (None, None) => false,
        };
        if let Some((id, partitions)) = crate::group::Topics::by_name(&driver.world, name)
            && members.iter().any(reads)
        {
            wanted.extend((0..partitions).map(|partition| (id, partition)));
        }
    }
    assert_eq!(owned, wanted);
}

#[test]
fn whatever_happens_every_partition_has_one_owner_in_the_end() {
    for seed in 0..40 {
        let mut numbers = Numbers(seed);
        let mut driver = Driver::new(&[("a1", 3), ("b1", 5)]);
        driver.settings.consumer_assignment_interval_ms = [0, 1_000][numbers.below(2)];
        let mut members: Vec<_> = (0..MEMBERS)
            .map(|which| {
                let member = subscribed(&mut numbers, &format!("m{which}"));
                if which < 2 { member.instance(&format!("i{which}")) } else { member }
            })
            .collect();
        for round in 0..300 {
            step(&mut numbers, &mut driver, &mut members, round);
            if round % 10 == 0 {
                assert_eq!(hard_state(&driver.replayed()), hard_state(&driver.shard), "seed {seed}, round {round}");
            }
        }
        settle(&mut driver, &mut members);
        assert_all_is_owned_once(&mut driver, &members);
        assert_eq!(hard_state(&driver.replayed()), hard_state(&driver.shard), "seed {seed}");
        for member in &mut members {
            assert_eq!(member.beat(&mut driver).error, ErrorCode::None);
        }
    }
}
