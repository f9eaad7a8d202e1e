//! Cases with the results that Kafka's assignors give, where those do not hang on the order of a hash map.

use std::collections::{BTreeMap, BTreeSet};

use model::TopicId;

use super::{Assignment, Assignor, GroupSpec, Member};

/// Topics are small numbers here.
type Had<'a> = &'a [(u8, &'a [i32])];

fn topic(number: u8) -> TopicId {
    let mut bytes = [0; 16];
    bytes[15] = number;
    TopicId::from_bytes(bytes)
}

fn assignment(had: Had<'_>) -> Assignment {
    had.iter().map(|(number, partitions)| (topic(*number), partitions.iter().copied().collect())).collect()
}

fn member(topics: &[u8], had: Had<'_>) -> Member {
    Member { instance_id: None, topics: topics.iter().copied().map(topic).collect(), assigned: assignment(had) }
}

fn instance(id: &str, topics: &[u8]) -> Member {
    Member { instance_id: Some(id.to_owned()), ..member(topics, &[]) }
}

fn spec(topics: &[(u8, i32)], members: &[(&str, Member)]) -> GroupSpec {
    GroupSpec {
        topics: topics.iter().map(|(number, count)| (topic(*number), *count)).collect(),
        members: members.iter().map(|(id, member)| ((*id).to_owned(), member.clone())).collect(),
    }
}

#[track_caller]
fn expect(assignor: Assignor, spec: &GroupSpec, expected: &[(&str, Had<'_>)]) {
    let expected: BTreeMap<_, _> = expected.iter().map(|(id, had)| ((*id).to_owned(), assignment(had))).collect();
    assert_eq!(assignor.assign(spec), expected);
}

#[test]
fn a_member_without_topics_gets_nothing() {
    for assignor in [Assignor::Uniform, Assignor::Range] {
        expect(assignor, &spec(&[(1, 3)], &[]), &[]);
        expect(assignor, &spec(&[(1, 3)], &[("A", member(&[], &[]))]), &[("A", &[])]);
        let one_of_two = spec(&[(1, 3)], &[("A", member(&[1], &[])), ("B", member(&[], &[]))]);
        expect(assignor, &one_of_two, &[("A", &[(1, &[0, 1, 2])]), ("B", &[])]);
    }
}

#[test]
fn uniform_with_fewer_partitions_than_members_leaves_the_last_without() {
    let both = [3];
    let members = [("A", member(&both, &[])), ("B", member(&both, &[])), ("C", member(&both, &[]))];
    expect(Assignor::Uniform, &spec(&[(3, 2)], &members), &[("A", &[(3, &[0])]), ("B", &[(3, &[1])]), ("C", &[])]);
}

#[test]
fn uniform_takes_the_surplus_of_an_unbalanced_member() {
    let members =
        [("A", member(&[1, 2], &[(1, &[0, 1]), (2, &[0, 1])])), ("B", member(&[1, 2], &[(1, &[2]), (2, &[2])]))];
    let expected: &[(&str, Had<'_>)] = &[("A", &[(1, &[0, 1]), (2, &[0])]), ("B", &[(1, &[2]), (2, &[1, 2])])];
    expect(Assignor::Uniform, &spec(&[(1, 3), (2, 3)], &members), expected);
}

#[test]
fn uniform_gives_a_new_member_what_balance_takes_from_the_others() {
    let members = [
        ("A", member(&[1, 2], &[(1, &[0, 2]), (2, &[0])])),
        ("B", member(&[1, 2], &[(1, &[1]), (2, &[1, 2])])),
        ("C", member(&[1, 2], &[])),
    ];
    let expected: &[(&str, Had<'_>)] =
        &[("A", &[(1, &[0, 2])]), ("B", &[(1, &[1]), (2, &[1])]), ("C", &[(2, &[0, 2])])];
    expect(Assignor::Uniform, &spec(&[(1, 3), (2, 3)], &members), expected);
}

#[test]
fn uniform_drops_a_topic_that_nobody_subscribes_to_any_more() {
    let members = [("A", member(&[2], &[(1, &[0]), (2, &[0])])), ("B", member(&[2], &[(1, &[1]), (2, &[1])]))];
    expect(Assignor::Uniform, &spec(&[(1, 2), (2, 2)], &members), &[("A", &[(2, &[0])]), ("B", &[(2, &[1])])]);
}

#[test]
fn uniform_balances_members_with_different_topics() {
    let members = [("A", member(&[1, 3], &[])), ("B", member(&[3], &[]))];
    let expected: &[(&str, Had<'_>)] = &[("A", &[(1, &[0, 1, 2]), (3, &[4])]), ("B", &[(3, &[0, 1, 2, 3, 5])])];
    expect(Assignor::Uniform, &spec(&[(1, 3), (3, 6)], &members), expected);

    let members = [("A", member(&[3], &[])), ("B", member(&[3], &[])), ("C", member(&[1], &[]))];
    let expected: &[(&str, Had<'_>)] = &[("A", &[(3, &[0])]), ("B", &[]), ("C", &[(1, &[0, 1])])];
    expect(Assignor::Uniform, &spec(&[(1, 2), (3, 1)], &members), expected);
}

#[test]
fn uniform_with_different_topics_evens_out_topic_by_topic() {
    let members = [
        ("A", member(&[1], &[(1, &[0, 1, 2])])),
        ("B", member(&[1, 2], &[(1, &[3]), (2, &[0])])),
        ("C", member(&[1, 2, 3], &[(1, &[4, 5]), (2, &[1, 2, 3]), (3, &[0, 1, 2, 3])])),
    ];
    let expected: &[(&str, Had<'_>)] = &[
        ("A", &[(1, &[0, 1, 2, 5])]),
        ("B", &[(1, &[3]), (2, &[0, 1, 2, 3])]),
        ("C", &[(1, &[4]), (3, &[0, 1, 2, 3])]),
    ];
    expect(Assignor::Uniform, &spec(&[(1, 6), (2, 4), (3, 4)], &members), expected);

    let members = [
        ("A", member(&[1, 2, 3], &[(1, &[0, 1]), (2, &[0, 1]), (3, &[0, 1])])),
        ("B", member(&[1, 2, 3], &[])),
        ("C", member(&[4], &[(4, &[0])])),
    ];
    let expected: &[(&str, Had<'_>)] =
        &[("A", &[(2, &[0]), (3, &[0, 1])]), ("B", &[(1, &[0, 1]), (2, &[1])]), ("C", &[(4, &[0])])];
    expect(Assignor::Uniform, &spec(&[(1, 2), (2, 2), (3, 2), (4, 1)], &members), expected);
}

#[test]
fn uniform_with_different_topics_spreads_new_partitions() {
    let members = [
        ("A", member(&[1, 3], &[(1, &[0, 1, 2, 3]), (3, &[0, 1])])),
        ("B", member(&[1, 2, 3, 4], &[(2, &[0, 1, 2]), (4, &[0, 1, 2])])),
    ];
    let expected: &[(&str, Had<'_>)] =
        &[("A", &[(1, &[0, 1, 2, 3, 4, 5]), (3, &[0, 1, 2])]), ("B", &[(2, &[0, 1, 2, 3, 4]), (4, &[0, 1, 2])])];
    expect(Assignor::Uniform, &spec(&[(1, 6), (2, 5), (3, 3), (4, 3)], &members), expected);

    let members = [
        ("A", member(&[1], &[(1, &[0, 2]), (2, &[0])])),
        ("B", member(&[1, 2], &[(1, &[1]), (2, &[1, 2])])),
        ("C", member(&[1, 2], &[])),
    ];
    let expected: &[(&str, Had<'_>)] =
        &[("A", &[(1, &[0, 2, 3, 4, 5])]), ("B", &[(1, &[1]), (2, &[1, 2, 6])]), ("C", &[(2, &[0, 3, 4, 5])])];
    expect(Assignor::Uniform, &spec(&[(1, 6), (2, 7)], &members), expected);
}

#[test]
fn uniform_with_different_topics_follows_a_changed_subscription() {
    let members =
        [("A", member(&[1], &[(1, &[0, 2]), (2, &[1, 3])])), ("B", member(&[1, 2], &[(1, &[1]), (2, &[0, 2, 4])]))];
    let expected: &[(&str, Had<'_>)] = &[("A", &[(1, &[0, 1, 2])]), ("B", &[(2, &[0, 1, 2, 3, 4])])];
    expect(Assignor::Uniform, &spec(&[(1, 3), (2, 5)], &members), expected);
}

/// Kafka leaves this at 9, 10 and 11: no single topic is out of balance.
#[test]
fn uniform_balances_over_several_topics() {
    let members = [
        ("A", member(&[1], &[(1, &[0, 1, 2, 3, 4, 5, 6, 7, 8])])),
        ("B", member(&[1, 2], &[(1, &[9, 10, 11, 12, 13]), (2, &[0, 1, 2, 3, 4])])),
        ("C", member(&[2], &[(2, &[5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15])])),
    ];
    let target = Assignor::Uniform.assign(&spec(&[(1, 14), (2, 16)], &members));
    let sizes: Vec<usize> = target.values().map(|of| of.values().map(BTreeSet::len).sum()).collect();
    assert_eq!(sizes, [10, 10, 10]);
}

#[test]
fn range_gives_each_member_a_range_of_every_topic() {
    let members = [("A", member(&[1, 3], &[])), ("B", member(&[1, 3], &[]))];
    let expected: &[(&str, Had<'_>)] = &[("A", &[(1, &[0, 1]), (3, &[0])]), ("B", &[(1, &[2]), (3, &[1])])];
    expect(Assignor::Range, &spec(&[(1, 3), (3, 2)], &members), expected);

    let members = [("A", member(&[1, 3], &[])), ("B", member(&[1, 3], &[])), ("C", member(&[1, 3], &[]))];
    let expected: &[(&str, Had<'_>)] =
        &[("A", &[(1, &[0]), (3, &[0])]), ("B", &[(1, &[1]), (3, &[1])]), ("C", &[(1, &[2])])];
    expect(Assignor::Range, &spec(&[(1, 3), (3, 2)], &members), expected);
}

#[test]
fn range_divides_a_topic_among_its_own_members() {
    let members = [("A", member(&[1, 2], &[])), ("B", member(&[3], &[])), ("C", member(&[2, 3], &[]))];
    let expected: &[(&str, Had<'_>)] =
        &[("A", &[(1, &[0, 1, 2]), (2, &[0, 1])]), ("B", &[(3, &[0])]), ("C", &[(2, &[2]), (3, &[1])])];
    expect(Assignor::Range, &spec(&[(1, 3), (2, 3), (3, 2)], &members), expected);
}

#[test]
fn range_divides_anew_when_a_member_comes() {
    let members = [
        ("A", member(&[1, 2], &[(1, &[0, 1]), (2, &[0, 1])])),
        ("B", member(&[1, 2], &[(1, &[2]), (2, &[2])])),
        ("C", member(&[1, 2], &[])),
    ];
    let expected: &[(&str, Had<'_>)] =
        &[("A", &[(1, &[0, 1]), (2, &[0])]), ("B", &[(1, &[2]), (2, &[1])]), ("C", &[(1, &[3]), (2, &[2])])];
    expect(Assignor::Range, &spec(&[(1, 4), (2, 3)], &members), expected);
}

#[test]
fn range_puts_static_members_first_by_instance_id() {
    let members = [("A", member(&[1], &[])), ("Y", instance("one", &[1])), ("X", instance("two", &[1]))];
    let before = Assignor::Range.assign(&spec(&[(1, 5)], &members));
    assert_eq!(before["Y"], assignment(&[(1, &[0, 1])]));
    assert_eq!(before["X"], assignment(&[(1, &[2, 3])]));
    assert_eq!(before["A"], assignment(&[(1, &[4])]));

    let members = [("A", member(&[1], &[])), ("W", instance("two", &[1])), ("Z", instance("one", &[1]))];
    let after = Assignor::Range.assign(&spec(&[(1, 5)], &members));
    assert_eq!((&after["Z"], &after["W"], &after["A"]), (&before["Y"], &before["X"], &before["A"]));
}
