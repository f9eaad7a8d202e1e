//! Clients that do anything in any order: nobody waits for ever, the counts are right, and the log has what the group is.

use proptest::prelude::*;

use super::driver::{Driver, GROUP, Join};
use crate::group::event::GroupReply;
use crate::group::{Group, GroupShard};
use crate::records::group_metadata::GroupMetadataValue;
use crate::shard::ReplyTo;

/// What clients do.
#[derive(Clone, Debug)]
enum Step {
    /// Somebody without a member id.
    New {
        instance: Option<u8>,
        protocols: u8,
        requires_id: bool,
    },
    Join {
        who: Who,
        protocols: u8,
    },
    /// All members join, with what they said last.
    AllJoin,
    Sync {
        who: Who,
        is_stale: bool,
    },
    /// All members sync but the leader, which does not if the group is unlucky.
    AllSync {
        with_leader: bool,
    },
    Beat {
        who: Who,
    },
    Leave {
        who: Who,
    },
    LeaveInstance(u8),
    Pass {
        ms: u64,
    },
    Restart,
}

/// A client by number: one of the members, or any id that was ever given out; it may say a wrong instance id.
#[derive(Clone, Debug)]
struct Who {
    number: usize,
    is_member: bool,
    wrong_instance: Option<u8>,
}

const PROTOCOLS: [&[(&str, &str)]; 4] =
    [&[("a", "1"), ("b", "1")], &[("b", "1"), ("a", "1")], &[("a", "2")], &[("b", "2"), ("c", "2")]];

fn who() -> impl Strategy<Value = Who> {
    (any::<usize>(), proptest::bool::weighted(0.9), proptest::option::weighted(0.05, 0..2_u8))
        .prop_map(|(number, is_member, wrong_instance)| Who { number, is_member, wrong_instance })
}

/// Mostly the first two, which go together.
fn protocols() -> impl Strategy<Value = u8> {
    prop_oneof![10 => 0..2_u8, 1 => 2..4_u8]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (proptest::option::weighted(0.4, 0..3_u8), protocols(), any::<bool>())
            .prop_map(|(instance, protocols, requires_id)| Step::New { instance, protocols, requires_id }),
        8 => (who(), protocols()).prop_map(|(who, protocols)| Step::Join { who, protocols }),
        6 => Just(Step::AllJoin),
        8 => (who(), proptest::bool::weighted(0.1)).prop_map(|(who, is_stale)| Step::Sync { who, is_stale }),
        6 => proptest::bool::weighted(0.7).prop_map(|with_leader| Step::AllSync { with_leader }),
        4 => who().prop_map(|who| Step::Beat { who }),
        2 => who().prop_map(|who| Step::Leave { who }),
        1 => (0..3_u8).prop_map(Step::LeaveInstance),
        8 => (0..3_000_u64).prop_map(|ms| Step::Pass { ms }),
        1 => (3_000..20_000_u64).prop_map(|ms| Step::Pass { ms }),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..150)
}

/// The clients of one group.
struct Clients {
    driver: Driver,
    /// The ids that were ever given out.
    ids: Vec<String>,
    generation: i32,
    parked: Vec<ReplyTo>,
}

/// A member id and an instance id.
type Name = (String, Option<String>);

impl Clients {
    /// The members, the leader first.
    fn members(&self) -> Vec<Name> {
        let Some(Group::Classic(group)) = self.driver.shard.groups.get(GROUP) else { return Vec::new() };
        let names = group.members.iter().map(|(member_id, member)| (member_id.clone(), member.instance_id.clone()));
        let mut names: Vec<Name> = names.collect();
        names.sort_by_key(|(member_id, _)| !group.is_leader(member_id));
        names
    }

    fn name(&self, who: &Who) -> Name {
        let members = self.members();
        let mut name = if who.is_member && !members.is_empty() {
            members[who.number % members.len()].clone()
        } else if self.ids.is_empty() {
            ("nobody".to_owned(), None)
        } else {
            (self.ids[who.number % self.ids.len()].clone(), None)
        };
        if let Some(instance) = who.wrong_instance {
            name.1 = Some(format!("i{instance}"));
        }
        name
    }

    fn join(&mut self, (member_id, instance_id): Name, protocols: u8, requires_id: bool) {
        let join = Join::new().protocols(PROTOCOLS[usize::from(protocols)]).change(|join| {
            join.member_id = member_id;
            join.instance_id = instance_id;
            join.requires_id = requires_id;
        });
        let to = self.driver.join(&join);
        self.parked.push(to);
    }

    fn sync(&mut self, (member_id, instance_id): Name, generation: i32) {
        let members = self.members();
        let all: Vec<(&str, &str)> = members.iter().map(|(id, _)| (id.as_str(), id.as_str())).collect();
        let to = match instance_id {
            Some(instance_id) if !self.is_leader(&member_id) => {
                self.driver.send_sync_as(&member_id, &instance_id, generation)
            }
            _ => self.driver.sync(&member_id, generation, &all),
        };
        self.parked.push(to);
    }

    fn is_leader(&self, member_id: &str) -> bool {
        self.members().first().is_some_and(|(leader, _)| leader == member_id)
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::New { instance, protocols, requires_id } => {
                let instance_id = instance.map(|instance| format!("i{instance}"));
                self.join((String::new(), instance_id), *protocols, *requires_id);
            }
            Step::Join { who, protocols } => self.join(self.name(who), *protocols, true),
            Step::AllJoin => {
                let names = self.members();
                for name in names {
                    self.join(name, 0, true);
                }
            }
            Step::Sync { who, is_stale } => self.sync(self.name(who), self.generation - i32::from(*is_stale)),
            Step::AllSync { with_leader } => {
                let names = self.members();
                for name in names.into_iter().skip(usize::from(!with_leader)).rev() {
                    self.sync(name, self.generation);
                }
            }
            Step::Beat { who } => {
                let (member_id, instance_id) = self.name(who);
                self.driver.beat_as(&member_id, instance_id.as_deref(), self.generation);
            }
            Step::Leave { who } => {
                let (member_id, instance_id) = self.name(who);
                self.driver.leave(&[(&member_id, instance_id.as_deref())]);
            }
            Step::LeaveInstance(instance) => {
                self.driver.leave(&[("", Some(&format!("i{instance}")))]);
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
                    if !reply.member_id.is_empty() && !self.ids.contains(&reply.member_id) {
                        self.ids.push(reply.member_id.clone());
                    }
                }
                Some(_) => {}
            }
        }
        if let Some(Group::Classic(group)) = self.driver.shard.groups.get(GROUP) {
            self.generation = group.generation;
            group.members.check();
            assert_eq!(group.members.is_empty(), group.leader.is_none(), "somebody leads");
            let waiting = group.members.iter().filter(|(_, member)| member.waits.join.or(member.waits.sync).is_some());
            assert_eq!(waiting.count(), self.parked.len(), "whoever is not answered is waited for");
        }
        if matches!(self.driver.state().as_str(), "Stable" | "Empty") {
            assert!(self.parked.is_empty(), "there is nothing to wait for");
            assert_eq!(hard_state(&self.driver.replayed()), hard_state(&self.driver.shard));
        }
    }
}

/// What must be in the log of a group that does not rebalance.
fn hard_state(shard: &GroupShard) -> Option<GroupMetadataValue> {
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
