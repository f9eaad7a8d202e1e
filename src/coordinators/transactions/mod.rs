//! Transactions: the shards over `__transaction_state`.

mod markers;
mod patience;
mod questions;
mod settings;

pub(crate) use self::patience::Patience;

use std::sync::Arc;

use coordinator::group::GroupShard;
use coordinator::shard::{Producer, ReplayError, ReplyTo};
use coordinator::transaction::event::{MarkersWritten, WaitingForId};
use coordinator::transaction::{
    TransactionContext, TransactionEffect, TransactionEvent, TransactionReply, TransactionSettings, TransactionShard,
};
use model::config::BrokerConfig;
use model::{ErrorCode, ProducerId, Tick};
use storage::producers::Marker;

use super::handle::Handle;
use super::shard::{Decision, Limits, Performing, Shard, World};
use crate::clock::Clock;
use crate::metadata::{Image, Images, ProducerIds, TRANSACTIONS_TOPIC};
use crate::partitions::Partition;

/// What transactions are ended with, and where new producer ids come from.
#[derive(Clone, Debug)]
pub(super) struct Hands {
    pub(super) images: Images,
    pub(super) clock: Clock,
    pub(super) producer_ids: Arc<ProducerIds>,
    /// Who has the partitions of `__consumer_offsets`.
    pub(super) groups: Arc<Handle<GroupShard>>,
}

/// What came of an effect.
pub(super) enum Report {
    Markers(MarkersWritten),
    ProducerId(WaitingForId, Result<ProducerId, ErrorCode>),
}

impl Shard for TransactionShard {
    const TOPIC: &'static str = TRANSACTIONS_TOPIC;
    const WHAT: &'static str = "transactions";
    const ITEM: &'static str = "transactional id";
    type Event = TransactionEvent;
    type Reply = TransactionReply;
    type Settings = TransactionSettings;
    type Effect = TransactionEffect;
    type Hands = Hands;
    type Report = Report;

    fn new(partition: &Partition) -> Self {
        Self::new(partition.leader_epoch())
    }

    fn limits(config: &BrokerConfig) -> Limits {
        settings::limits(config)
    }

    fn settings(image: &Image) -> TransactionSettings {
        settings::transaction_settings(image)
    }

    fn goes_by_the_same(before: &Image, after: &Image) -> bool {
        settings::are_same(before, after)
    }

    fn key(event: &TransactionEvent) -> Option<&str> {
        event.transactional_id()
    }

    fn while_loading(_: &TransactionEvent) -> Result<TransactionReply, ErrorCode> {
        Err(ErrorCode::CoordinatorLoadInProgress)
    }

    fn replay(&mut self, key: &[u8], value: Option<&[u8]>, _: Option<Producer>) -> Result<(), ReplayError> {
        self.replay(key, value)
    }

    /// Nothing of a transaction is written here.
    fn replay_marker(&mut self, _: &Marker) {}

    fn distrust(&mut self, key: &[u8], problem: &str) -> Option<String> {
        self.distrust(key, problem)
    }

    fn is_damaged(&self, event: &TransactionEvent) -> bool {
        event.transactional_id().is_some_and(|id| self.damage_of(id).is_some())
    }

    fn loaded(&mut self, world: &World<'_, Self>) -> Decision<Self> {
        self.loaded(&context(world));
        Decision::<Self>::default()
    }

    fn on_event(&mut self, world: &World<'_, Self>, event: TransactionEvent, reply_to: ReplyTo) -> Decision<Self> {
        self.on_event(&context(world), event, reply_to)
    }

    fn on_changes(&mut self, _: &World<'_, Self>, _: &Image) -> Option<Decision<Self>> {
        None
    }

    fn on_time(&mut self, world: &World<'_, Self>) -> Decision<Self> {
        self.on_time(&context(world))
    }

    fn next_deadline(&self) -> Option<Tick> {
        self.next_deadline()
    }

    fn perform(hands: &Hands, effect: TransactionEffect) -> Performing<Report> {
        let hands = hands.clone();
        match effect {
            TransactionEffect::WriteMarkers(markers) => {
                Box::pin(async move { Report::Markers(markers::write(&hands, markers).await) })
            }
            TransactionEffect::NeedProducerId(waiting) => Box::pin(async move {
                let id = hands.producer_ids.next().await;
                Report::ProducerId(waiting, id.map_err(|refused| refused.code))
            }),
        }
    }

    fn on_report(&mut self, world: &World<'_, Self>, report: Report) -> Decision<Self> {
        match report {
            Report::Markers(written) => self.on_markers_written(&context(world), &written),
            Report::ProducerId(waiting, Ok(id)) => self.on_producer_id(&context(world), waiting, id),
            Report::ProducerId(waiting, Err(code)) => {
                // Whatever was asked: both questions that wait for an id know this answer.
                let reply = |reply_to| (reply_to, TransactionReply::InitProducerId(Err(code)));
                Decision::<Self> {
                    replies: waiting.reply_to().map(reply).into_iter().collect(),
                    ..Decision::<Self>::default()
                }
            }
        }
    }
}

fn context<'a>(world: &World<'a, TransactionShard>) -> TransactionContext<'a> {
    TransactionContext { now: world.now, settings: world.settings }
}
