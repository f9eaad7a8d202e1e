//! The last step to balance: a member that has more than another can shed a partition along a path of members, each of
//! which passes one on of a topic that it shares with the next.
//!
//! An assignment in which no path leads from a member to one with two partitions less is the most balanced there is
//! (the optimal semi-matchings of Harvey, Ladner, Lovász and Tamir, 2003). Who cannot reach such a member is done, and
//! so are all that it reaches: they are never looked at again.

#![expect(clippy::indexing_slicing, reason = "members and topics are places in vectors of the balance")]

use std::collections::BTreeSet;

use super::heterogeneous::Balance;

/// How many subscriptions are looked at, at most: some tens of milliseconds. A group that needs more is left as
/// balanced as it then is; the next assignment goes on from there.
const STEPS_MAX: usize = 10_000_000;

/// A search for paths. Marks are the number of the search that set them, so that none must be cleared.
struct Search {
    number: usize,
    member_marks: Vec<usize>,
    topic_marks: Vec<usize>,
    /// How each member was reached: from whom, by which topic.
    from: Vec<(usize, usize)>,
    steps: usize,
}

/// The mark of what no search looks at any more.
const DONE: usize = usize::MAX;

pub(super) fn even_out(balance: &mut Balance) {
    let members = balance.loads.len();
    let mut search = Search {
        number: 0,
        member_marks: vec![0; members],
        topic_marks: vec![0; balance.topics.len()],
        from: vec![(0, 0); members],
        steps: 0,
    };
    let mut by_load: BTreeSet<(usize, usize)> = balance.loads.iter().copied().zip(0..).collect();
    while let Some((load, member)) = by_load.pop_last() {
        if load < 2 || search.steps > STEPS_MAX {
            break;
        }
        if search.member_marks[member] == DONE {
            continue;
        }
        if let Some(last) = search.run(balance, member) {
            by_load.remove(&(balance.loads[last], last));
            let mut taker = last;
            while taker != member {
                let (giver, topic) = search.from[taker];
                balance.shift(topic, giver, taker);
                taker = giver;
            }
            by_load.insert((balance.loads[last], last));
            by_load.insert((balance.loads[member], member));
        }
    }
}

impl Search {
    /// The nearest member that `start` can shed a partition to; none, and all that were reached are done.
    fn run(&mut self, balance: &Balance, start: usize) -> Option<usize> {
        self.number += 1;
        self.member_marks[start] = self.number;
        let mut reached = vec![start];
        let mut topics = Vec::new();
        let mut next = 0;
        while let Some(giver) = reached.get(next).copied() {
            next += 1;
            for topic in balance.held[giver].keys().copied() {
                if self.topic_marks[topic] >= self.number {
                    continue;
                }
                self.topic_marks[topic] = self.number;
                topics.push(topic);
                let known = reached.len();
                self.reach(balance, (giver, topic), &mut reached);
                let is_light = |taker: &&usize| balance.loads[**taker] + 2 <= balance.loads[start];
                if let Some(taker) = reached[known..].iter().find(is_light) {
                    return Some(*taker);
                }
            }
        }
        for member in reached {
            self.member_marks[member] = DONE;
        }
        for topic in topics {
            self.topic_marks[topic] = DONE;
        }
        None
    }

    /// Adds the subscribers of a topic that were not reached yet.
    fn reach(&mut self, balance: &Balance, (giver, topic): (usize, usize), reached: &mut Vec<usize>) {
        let subscribers = &balance.topics[topic].subscribers;
        self.steps += subscribers.len();
        for taker in subscribers.iter().copied() {
            if self.member_marks[taker] < self.number {
                self.member_marks[taker] = self.number;
                self.from[taker] = (giver, topic);
                reached.push(taker);
            }
        }
    }
}
