//! Members of a consumer group by KIP-848: each joins, takes and gives back what it is told to, and now and then leaves, or falls
//! silent and comes back as another one.

use std::rc::Rc;

use coordinator::group::event::{Client, ConsumerGroupHeartbeat, ConsumerGroupHeartbeatReply, TopicPartitions};
use coordinator::group::{GroupEvent, GroupReply};
use model::ErrorCode;

use crate::network::Link;
use crate::plan::{EVENTS, KEYED, MEMBERS};
use crate::wire::{Request, Response};
use crate::world::Sim;

/// The epochs that join and leave.
const JOINS: i32 = 0;
const LEAVES: i32 = -1;

struct Member {
    sim: Sim,
    link: Link,
    id: String,
    epoch: i32,
    owned: Vec<TopicPartitions>,
}

pub(super) async fn run(sim: Sim, number: u64) {
    let mut member = Member { link: Link::new(&sim), sim, id: String::new(), epoch: JOINS, owned: Vec::new() };
    let mut lives = 0;
    while !member.sim.is_over.get() {
        let (beats, leaves) = member.sim.choose(|random| (random.between(3, 60), random.one_in(2)));
        lives += 1;
        (member.id, member.epoch, member.owned) = (format!("member-{number}-{lives}"), JOINS, Vec::new());
        for _ in 0..beats {
            member.beat().await;
            let sim = Rc::clone(&member.sim);
            sim.pause(1_000, 80_000).await;
            if sim.is_over.get() {
                return;
            }
        }
        if leaves {
            member.epoch = LEAVES;
            member.beat().await;
        }
    }
}

impl Member {
    /// One heartbeat. Who is not known any more begins again.
    async fn beat(&mut self) {
        let is_joining = self.epoch == JOINS;
        let topics = || [EVENTS, KEYED].map(str::to_owned).to_vec();
        let request = ConsumerGroupHeartbeat {
            group_id: MEMBERS.to_owned(),
            member_id: self.id.clone(),
            member_epoch: self.epoch,
            rebalance_timeout_ms: if is_joining { 2_000 } else { -1 },
            subscribed_topic_names: is_joining.then(topics),
            topic_partitions: Some(self.owned.clone()),
            client: Client { id: self.id.clone(), host: "/127.0.0.1".to_owned() },
            version: 1,
            ..ConsumerGroupHeartbeat::default()
        };
        let event = GroupEvent::ConsumerGroupHeartbeat(request);
        let answer = self.link.ask(Request::Group(Box::new(event))).await;
        let Ok(Response::Group(Ok(GroupReply::ConsumerGroupHeartbeat(reply)))) = answer else { return };
        self.take(reply);
    }

    fn take(&mut self, reply: ConsumerGroupHeartbeatReply) {
        if reply.error == ErrorCode::None {
            self.sim.count("heartbeats");
            self.epoch = reply.member_epoch;
            self.owned = reply.assignment.unwrap_or_else(|| std::mem::take(&mut self.owned));
        } else if [ErrorCode::UnknownMemberId, ErrorCode::FencedMemberEpoch].contains(&reply.error) {
            (self.epoch, self.owned) = (JOINS, Vec::new());
        }
    }
}
