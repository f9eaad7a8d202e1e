//! A client of KIP-848: one request, in which it says what it owns and hears what to own.

use std::collections::{BTreeMap, BTreeSet};

use coordinator::group::event::{
    Client as Sender, ConsumerGroupHeartbeat, ConsumerGroupHeartbeatReply, TopicPartitions,
};
use coordinator::group::{GroupEvent, Topics};
use model::{ErrorCode, TopicId};

use crate::blobs::Partitions;
use crate::client::{BACKOFF_MS, HEARTBEAT_MS};
use crate::random::Random;
use crate::topics::TestTopics;

/// The longest time that a client takes to give partitions up.
const REVOCATION_MS_MAX: u64 = 6_000;

pub(crate) struct ConsumerClient {
    pub(crate) member_id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) epoch: i32,
    pub(crate) subscription: Subscription,
    pub(crate) is_fenced: bool,
    /// Whether the next request says everything, as after an answer that was lost.
    pub(crate) says_all: bool,
    /// What it reads.
    owned: BTreeSet<(TopicId, i32)>,
    /// What it is to own when it has given up the rest, and when it has.
    revoking: Option<(u64, BTreeSet<(TopicId, i32)>)>,
    is_unsaid: bool,
}

#[derive(Clone)]
pub(crate) enum Subscription {
    Names(BTreeSet<String>),
    /// `t[0-N]`, with N.
    Pattern(u8),
}

impl Subscription {
    pub(crate) fn topics(&self, topics: &TestTopics) -> BTreeSet<String> {
        match self {
            Self::Names(names) => names.clone(),
            Self::Pattern(last) => {
                let is_of =
                    |name: &&str| name.strip_prefix('t').and_then(|n| n.parse().ok()).is_some_and(|n: u8| n <= *last);
                topics.names().filter(is_of).map(str::to_owned).collect()
            }
        }
    }
}

impl ConsumerClient {
    pub(crate) fn new(member_id: String, instance_id: Option<String>, subscription: Subscription) -> Self {
        Self {
            member_id,
            instance_id,
            epoch: 0,
            subscription,
            is_fenced: false,
            says_all: true,
            owned: BTreeSet::new(),
            revoking: None,
            is_unsaid: false,
        }
    }

    pub(crate) fn ask(&mut self, group_id: &str, now_ms: u64) -> GroupEvent {
        if let Some((_, target)) = self.revoking.take_if(|(done_ms, _)| *done_ms <= now_ms) {
            self.owned = target;
            self.is_unsaid = true;
        }
        let says_all = self.says_all || self.epoch == 0;
        let says_owned = says_all || self.is_unsaid;
        (self.says_all, self.is_unsaid) = (false, false);
        let (names, pattern) = match &self.subscription {
            Subscription::Names(names) => (Some(names.iter().cloned().collect()), None),
            Subscription::Pattern(last) => (None, Some(format!("t[0-{last}]"))),
        };
        GroupEvent::ConsumerGroupHeartbeat(ConsumerGroupHeartbeat {
            group_id: group_id.to_owned(),
            member_id: self.member_id.clone(),
            member_epoch: self.epoch,
            instance_id: self.instance_id.clone(),
            rebalance_timeout_ms: if says_all { 20_000 } else { -1 },
            subscribed_topic_names: names.filter(|_| says_all),
            subscribed_topic_regex: pattern.filter(|_| says_all),
            topic_partitions: says_owned.then(|| by_topic(&self.owned)),
            client: Sender { id: "c".to_owned(), host: "/127.0.0.1".to_owned() },
            version: 1,
            ..ConsumerGroupHeartbeat::default()
        })
    }

    pub(crate) fn hear(&mut self, reply: ConsumerGroupHeartbeatReply, random: &mut Random, now_ms: u64) -> u64 {
        match reply.error {
            ErrorCode::None => {}
            ErrorCode::FencedMemberEpoch | ErrorCode::UnknownMemberId | ErrorCode::GroupIdNotFound => {
                self.epoch = 0;
                self.owned.clear();
                self.revoking = None;
                return BACKOFF_MS;
            }
            ErrorCode::FencedInstanceId => {
                self.is_fenced = true;
                return 0;
            }
            ErrorCode::UnreleasedInstanceId | ErrorCode::GroupMaxSizeReached => {
                self.says_all = true;
                return BACKOFF_MS;
            }
            error => panic!("a KIP-848 client was refused with {error:?}: {:?}", reply.error_message),
        }
        self.epoch = reply.member_epoch;
        let Some(assigned) = reply.assignment else { return HEARTBEAT_MS };
        let target: BTreeSet<_> =
            assigned.iter().flat_map(|of| of.partitions.iter().map(|partition| (of.topic_id, *partition))).collect();
        self.revoking = None;
        let gives_up = self.owned.difference(&target).next().is_some();
        if gives_up && random.one_in(2) {
            // It takes its time: until then it owns what it owned, and nothing new.
            self.revoking = Some((now_ms + random.below(REVOCATION_MS_MAX), target));
        } else {
            self.owned = target;
            self.is_unsaid = true;
        }
        HEARTBEAT_MS / 4
    }

    /// Whether it has done what it was told.
    pub(crate) fn is_settled(&self) -> bool {
        self.revoking.is_none()
    }

    /// What it reads, of topics that there are.
    pub(crate) fn owned(&self, topics: &TestTopics) -> Partitions {
        let named =
            self.owned.iter().map(|(id, partition)| topics.by_id(*id).map(|(name, _)| (name.to_owned(), *partition)));
        named.flatten().collect()
    }

    pub(crate) fn leave(&self, group_id: &str) -> Option<GroupEvent> {
        (self.epoch > 0).then(|| {
            GroupEvent::ConsumerGroupHeartbeat(ConsumerGroupHeartbeat {
                group_id: group_id.to_owned(),
                member_id: self.member_id.clone(),
                member_epoch: if self.instance_id.is_some() { -2 } else { -1 },
                instance_id: self.instance_id.clone(),
                rebalance_timeout_ms: -1,
                version: 1,
                ..ConsumerGroupHeartbeat::default()
            })
        })
    }
}

fn by_topic(owned: &BTreeSet<(TopicId, i32)>) -> Vec<TopicPartitions> {
    let mut topics: BTreeMap<TopicId, Vec<i32>> = BTreeMap::new();
    for (topic_id, partition) in owned {
        topics.entry(*topic_id).or_default().push(*partition);
    }
    topics.into_iter().map(|(topic_id, partitions)| TopicPartitions { topic_id, partitions }).collect()
}
