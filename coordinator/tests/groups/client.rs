//! What both kinds of clients have in common, as the groups' driver sees them.

use coordinator::group::{GroupEvent, GroupReply};
use coordinator::shard::ReplyTo;

use crate::blobs::Partitions;
use crate::classic::ClassicClient;
use crate::consumer::ConsumerClient;
use crate::random::Random;
use crate::topics::TestTopics;

/// Ms between two heartbeats.
pub(crate) const HEARTBEAT_MS: u64 = 2_000;
/// Ms that a client waits before it tries again what was refused.
pub(crate) const BACKOFF_MS: u64 = 500;

/// A client: it asks for one thing at a time, and hears of its fate when the coordinator has crashed.
pub(crate) struct Client {
    pub(crate) group_id: String,
    pub(crate) waits_for: Option<ReplyTo>,
    pub(crate) next_ms: u64,
    pub(crate) kind: Kind,
}

pub(crate) enum Kind {
    Classic(ClassicClient),
    Consumer(ConsumerClient),
}

impl Client {
    /// What it asks for now.
    pub(crate) fn ask(&mut self, topics: &TestTopics, now_ms: u64) -> GroupEvent {
        self.next_ms = now_ms + HEARTBEAT_MS;
        match &mut self.kind {
            Kind::Classic(client) => client.ask(&self.group_id, topics),
            Kind::Consumer(client) => client.ask(&self.group_id, now_ms),
        }
    }

    /// What it makes of the answer, and when it goes on.
    pub(crate) fn hear(&mut self, reply: GroupReply, random: &mut Random, now_ms: u64) {
        self.waits_for = None;
        let goes_on_in_ms = match (&mut self.kind, reply) {
            (Kind::Classic(client), reply) => client.hear(reply),
            (Kind::Consumer(client), GroupReply::ConsumerGroupHeartbeat(reply)) => client.hear(reply, random, now_ms),
            (Kind::Consumer(_), reply) => panic!("a KIP-848 client got {reply:?}"),
        };
        self.next_ms = now_ms + goes_on_in_ms;
    }

    /// The answer will never come.
    pub(crate) fn lose(&mut self, now_ms: u64) {
        self.waits_for = None;
        self.next_ms = now_ms + BACKOFF_MS;
        if let Kind::Consumer(client) = &mut self.kind {
            client.says_all = true;
        }
    }

    /// The request with which it leaves, if it is in the group.
    pub(crate) fn leave(&self) -> Option<GroupEvent> {
        match &self.kind {
            Kind::Classic(client) => client.leave(&self.group_id),
            Kind::Consumer(client) => client.leave(&self.group_id),
        }
    }

    pub(crate) fn member_id(&self) -> &str {
        match &self.kind {
            Kind::Classic(client) => &client.member_id,
            Kind::Consumer(client) => &client.member_id,
        }
    }

    pub(crate) fn instance_id(&self) -> Option<&String> {
        match &self.kind {
            Kind::Classic(client) => client.instance_id.as_ref(),
            Kind::Consumer(client) => client.instance_id.as_ref(),
        }
    }

    /// Its generation or epoch, if it is in the group for all that it knows.
    pub(crate) fn epoch(&self) -> Option<i32> {
        match &self.kind {
            Kind::Classic(client) => client.is_in().then_some(client.generation),
            Kind::Consumer(client) => (client.epoch > 0).then_some(client.epoch),
        }
    }

    /// Whether it was told that another has its instance id: it goes away.
    pub(crate) fn is_fenced(&self) -> bool {
        match &self.kind {
            Kind::Classic(client) => client.is_fenced,
            Kind::Consumer(client) => client.is_fenced,
        }
    }

    /// What it reads, for all that it knows, of topics that there are.
    pub(crate) fn owned(&self, topics: &TestTopics) -> Partitions {
        match &self.kind {
            Kind::Classic(client) => client.owned.intersection(&topics.partitions(&client.topics)).cloned().collect(),
            Kind::Consumer(client) => client.owned(topics),
        }
    }

    /// What it would like to read.
    pub(crate) fn wanted(&self, topics: &TestTopics) -> Partitions {
        match &self.kind {
            Kind::Classic(client) => topics.partitions(&client.topics),
            Kind::Consumer(client) => topics.partitions(&client.subscription.topics(topics)),
        }
    }
}
