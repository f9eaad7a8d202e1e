//! Clients that do anything in any order: nobody waits for ever, the counts are right, and the log has what the group is.

use proptest::prelude::*;

use super::driver::{Driver, GROUP, Join};
use crate::group::event::GroupReply;
use crate::group::{Group, GroupShard};
use crate::shard::ReplyTo;

/// What a client does. Numbers choose among the ids that were ever given out, or among instance ids.
#[derive(Clone, Debug)]
enum Step {
    Join { known: Option<usize>, instance: Option<u8>, protocols: u8, requires_id: bool },
    Sync { known: usize, instance: Option<u8>, is_stale: bool },
    Beat { known: usize },
    Leave { known: Option<usize>, instance: Option<u8> },
    Pass { ms: u64 },
    Restart,
}

const PROTOCOLS: [&[(&str, &str)]; 4] =
    [&[("a", "1"), ("b", "1")], &[("b", "1"), ("a", "1")], &[("a", "2")], &[("b", "2"), ("c", "2")]];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let instance = || proptest::option::weighted(0.3, 0..2_u8);
    let step = prop_oneof![
        6 => (proptest::option::weighted(0.7, any::<usize>()), instance(), 0..4_u8, any::<bool>())
            .prop_map(|(known, instance, protocols, requires_id)| Step::Join { known, instance, protocols, requires_id }),
        6 => (any::<usize>(), instance(), proptest::bool::weighted(0.1))
            .prop_map(|(known, instance, is_stale)| Step::Sync { known, instance, is_stale }),
        2 => any::<usize>().prop_map(|known| Step::Beat { known }),
        2 => (proptest::option::of(any::<usize>()), instance()).prop_map(|(known, instance)| Step::Leave { known, instance }),
        4 => (0..20_000_u64).prop_map(|ms| Step::Pass { ms }),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..80)
}

/// The clients of one group.
struct Clients {
    driver: Driver,
    ids: Vec<String>,
    generation: i32,
    parked: Vec<ReplyTo>,
}

impl Clients {
    fn id(&self, known: usize) -> String {
        if self.ids.is_empty() { "nobody".to_owned() } else { self.ids[known % self.ids.len()].clone() }
    }

    fn take(&mut self, step: &Step) {
        let name = |instance: &Option<u8>| instance.map(|instance| format!("i{instance}"));
        match step {
            Step::Join { known, instance, protocols, requires_id } => {
                let join = Join::new().protocols(PROTOCOLS[usize::from(*protocols)]).change(|join| {
                    join.member_id = known.map_or_else(String::new, |known| self.id(known));
                    join.instance_id = name(instance);
                    join.requires_id = *requires_id;
                });
                let to = self.driver.join(&join);
                self.parked.push(to);
            }
            Step::Sync { known, instance, is_stale } => {
                let id = self.id(*known);
                let generation = self.generation - i32::from(*is_stale);
                let to = if let Some(instance) = name(instance) {
                    self.driver.send_sync_as(&id, &instance, generation)
                } else {
                    let all: Vec<(&str, &str)> = self.ids.iter().map(|id| (id.as_str(), id.as_str())).collect();
                    self.driver.sync(&id, generation, &all)
                };
                self.parked.push(to);
            }
            Step::Beat { known } => {
                let id = self.id(*known);
                self.driver.beat(&id, self.generation);
            }
            Step::Leave { known, instance } => {
                let id = known.map_or_else(String::new, |known| self.id(known));
                self.driver.leave(&[(&id, name(instance).as_deref())]);
            }
            Step::Pass { ms } => self.driver.pass(*ms),
            Step::Restart => {
                self.driver.restart();
                self.parked.clear();
            }
        }
        self.look();
    }

    /// Clients learn from replies; the group is looked at from the outside and from the inside.
    fn look(&mut self) {
        for to in std::mem::take(&mut self.parked) {
            match self.driver.reply(to) {
                None => self.parked.push(to),
                Some(GroupReply::JoinGroup(reply)) => {
                    self.generation = self.generation.max(reply.generation_id);
                    if !reply.member_id.is_empty() && !self.ids.contains(&reply.member_id) {
                        self.ids.push(reply.member_id.clone());
                    }
                }
                Some(_) => {}
            }
        }
        if let Some(Group::Classic(group)) = self.driver.shard.groups.get(GROUP) {
            group.members.check();
            assert_eq!(group.members.is_empty(), group.leader.is_none(), "somebody leads");
        }
        if matches!(self.driver.state().as_str(), "Stable" | "Empty") {
            let live = hard_state(&self.driver.shard);
            assert_eq!(hard_state(&self.driver.replayed()), live);
        }
    }
}

/// What must be in the log of a group that does not rebalance.
fn hard_state(shard: &GroupShard) -> Option<crate::records::group_metadata::GroupMetadataValue> {
    match shard.groups.get(GROUP) {
        Some(Group::Classic(group)) => Some(group.value()),
        _ => None,
    }
}

proptest! {
    #[test]
    fn nobody_waits_for_ever_and_the_log_has_what_the_group_is(steps in steps()) {
        let mut clients = Clients { driver: Driver::new(), ids: Vec::new(), generation: 0, parked: Vec::new() };
        for step in &steps {
            clients.take(step);
        }
        clients.driver.pass(3_600_000);
        clients.look();
        prop_assert!(clients.parked.is_empty(), "nobody is answered at {:?}", clients.parked);
        prop_assert!(matches!(clients.driver.state().as_str(), "Empty" | "Dead"), "all sessions are over");
        prop_assert_eq!(clients.driver.shard.next_deadline(), None, "no timer is left");
    }
}
