//! The laws of assignment, on random groups.

use std::collections::{BTreeMap, BTreeSet};

use model::TopicId;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;

use super::{Assignment, Assignor, GroupSpec, Member};

type Targets = BTreeMap<String, Assignment>;

fn topic(number: u8) -> TopicId {
    TopicId::from_bytes([number + 2; 16])
}

/// Up to eight topics of up to twelve partitions.
fn topics() -> impl Strategy<Value = BTreeMap<TopicId, i32>> {
    vec(0..12_i32, 1..8).prop_map(|counts| (0..).map(topic).zip(counts).collect())
}

/// What a member may claim to have had, also of topics and partitions that are not there.
fn claim() -> impl Strategy<Value = Assignment> {
    btree_map((0..9_u8).prop_map(topic), btree_set(-1..14_i32, 0..8), 0..5)
}

fn member(topics: impl Strategy<Value = BTreeSet<TopicId>>) -> impl Strategy<Value = Member> {
    (prop::option::of("[a-d]{1,3}"), topics, prop_oneof![Just(Assignment::new()), claim()])
        .prop_map(|(instance_id, topics, assigned)| Member { instance_id, topics, assigned })
}

/// Members of the same topics, or each of its own.
fn group() -> impl Strategy<Value = GroupSpec> {
    (topics(), any::<bool>()).prop_flat_map(|(topics, same)| {
        let known: Vec<TopicId> = topics.keys().copied().collect();
        let all: BTreeSet<TopicId> = known.iter().copied().collect();
        let some = prop::sample::subsequence(known.clone(), 0..=known.len())
            .prop_map(move |some| if same { all.clone() } else { some.into_iter().collect() });
        btree_map("[a-z]{1,4}", member(some), 1..12)
            .prop_map(move |members| GroupSpec { members, topics: topics.clone() })
    })
}

/// The group with its targets as what its members have.
fn settled(spec: &GroupSpec, targets: &Targets) -> GroupSpec {
    let mut spec = spec.clone();
    for (id, member) in &mut spec.members {
        member.assigned = targets[id].clone();
    }
    spec
}

fn size(assignment: &Assignment) -> usize {
    assignment.values().map(BTreeSet::len).sum()
}

fn partitions(assignment: &Assignment) -> BTreeSet<(TopicId, i32)> {
    assignment.iter().flat_map(|(topic, of)| of.iter().map(|partition| (*topic, *partition))).collect()
}

/// Every partition of a topic with a subscriber is in exactly one target, of a member that subscribes to it.
fn assert_whole(spec: &GroupSpec, targets: &Targets) {
    assert!(targets.keys().eq(spec.members.keys()));
    let mut seen = BTreeSet::new();
    for (id, target) in targets {
        assert!(target.values().all(|of| !of.is_empty()));
        for (topic, partition) in partitions(target) {
            assert!(spec.members[id].topics.contains(&topic));
            assert!((0..spec.topics[&topic]).contains(&partition));
            assert!(seen.insert((topic, partition)), "{partition} has two members");
        }
    }
    let subscribed: BTreeSet<_> = spec.members.values().flat_map(|member| &member.topics).collect();
    let all: i32 = subscribed.iter().map(|topic| spec.topics[topic]).sum();
    assert_eq!(i32::try_from(seen.len()).unwrap(), all);
}

/// Nobody can shed a partition, directly or over others, to a member with two less: then no assignment is more
/// balanced.
fn assert_balanced(spec: &GroupSpec, targets: &Targets) {
    for (id, target) in targets {
        let mut reached = BTreeSet::from([id]);
        loop {
            let topics: BTreeSet<_> = reached.iter().flat_map(|id| targets[*id].keys()).collect();
            let before = reached.len();
            let shares = |member: &Member| member.topics.iter().any(|topic| topics.contains(topic));
            reached.extend(spec.members.iter().filter(|(_, member)| shares(member)).map(|(id, _)| id));
            if reached.len() == before {
                break;
            }
        }
        for other in reached {
            assert!(size(&targets[other]) + 1 >= size(target), "{id} could pass one on to {other}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_partition_has_one_member_that_subscribes_to_it(spec in group()) {
        assert_whole(&spec, &Assignor::Uniform.assign(&spec));
        assert_whole(&spec, &Assignor::Range.assign(&spec));
    }

    #[test]
    fn uniform_is_as_balanced_as_the_subscriptions_allow(spec in group()) {
        let targets = Assignor::Uniform.assign(&spec);
        assert_balanced(&spec, &targets);
        if spec.common_topics().is_some() {
            let sizes: Vec<usize> = targets.values().map(size).collect();
            prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
        }
    }

    #[test]
    fn what_is_assigned_stays_assigned(spec in group()) {
        for assignor in [Assignor::Uniform, Assignor::Range] {
            let targets = assignor.assign(&spec);
            prop_assert_eq!(assignor.assign(&settled(&spec, &targets)), targets);
        }
    }

    #[test]
    fn uniform_moves_only_what_a_member_leaves_behind(mut spec in group(), who in any::<prop::sample::Index>()) {
        let targets = Assignor::Uniform.assign(&spec);
        spec = settled(&spec, &targets);
        let leaves = spec.members.keys().nth(who.index(spec.members.len())).unwrap().clone();
        let same_topics = spec.common_topics().is_some();
        spec.members.remove(&leaves);
        let after = Assignor::Uniform.assign(&spec);
        assert_whole(&spec, &after);
        assert_balanced(&spec, &after);
        for (id, target) in after.iter().filter(|_| same_topics) {
            prop_assert!(partitions(target).is_superset(&partitions(&targets[id])), "{} gave something up", id);
        }
    }

    #[test]
    fn uniform_moves_only_what_a_new_member_needs(mut spec in group()) {
        let targets = Assignor::Uniform.assign(&spec);
        spec = settled(&spec, &targets);
        let Some(topics) = spec.common_topics().cloned() else { return Ok(()) };
        spec.members.insert("new member".to_owned(), Member { topics, ..Member::default() });
        let after = Assignor::Uniform.assign(&spec);
        assert_whole(&spec, &after);
        for (id, target) in after.iter().filter(|(id, _)| *id != "new member") {
            prop_assert!(partitions(target).is_subset(&partitions(&targets[id])), "{} got something", id);
        }
    }

    #[test]
    fn a_static_member_keeps_its_place_under_another_member_id(mut spec in group()) {
        let ids: BTreeMap<_, _> =
            (0..).map(|place: i32| format!("renamed {place}")).zip(spec.members.keys().cloned().rev()).collect();
        for (place, member) in spec.members.values_mut().enumerate() {
            member.instance_id = Some(format!("instance {place}"));
        }
        let mut renamed = spec.clone();
        renamed.members = ids.iter().map(|(new, old)| (new.clone(), spec.members[old].clone())).collect();
        for assignor in [Assignor::Uniform, Assignor::Range] {
            let (before, after) = (assignor.assign(&spec), assignor.assign(&renamed));
            for (new, old) in &ids {
                prop_assert_eq!(&before[old], &after[new]);
            }
        }
    }

    #[test]
    fn range_co_partitions_topics_of_the_same_size(spec in group()) {
        let subscribers = |topic: &TopicId| -> Vec<_> {
            spec.members.iter().filter(|(_, member)| member.topics.contains(topic)).map(|(id, _)| id).collect()
        };
        let targets = Assignor::Range.assign(&spec);
        for (one, count) in &spec.topics {
            let alike = |other: &TopicId, of: &i32| of == count && subscribers(other) == subscribers(one);
            for (other, _) in spec.topics.iter().filter(|(other, of)| alike(other, of)) {
                for target in targets.values() {
                    prop_assert_eq!(target.get(one), target.get(other));
                }
            }
        }
    }
}
