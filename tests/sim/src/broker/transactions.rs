//! Shards of transactions, and what they ask for: producer ids, and markers in every partition of a transaction. The steps of
//! `src/coordinators/transactions`.

use std::rc::Rc;

use coordinator::shard::{Outcome, Producer, ReplayError, ReplyTo};
use coordinator::transaction::event::{
    MarkerResult, Markers, MarkersWritten, ProducerIdAndEpoch, TransactionResult, WaitingForId,
};
use coordinator::transaction::{
    TransactionContext, TransactionEffect, TransactionEvent, TransactionReply, TransactionSettings, TransactionShard,
    TransactionVersion,
};
use model::{ErrorCode, LeaderEpoch, Offset, ProducerId, Tick, TopicPartition};
use storage::producers::{EpochRule, Marker, MarkerKind};

use super::Broker;
use super::partition::Partition;
use super::shard::{Decision, Machine};
use crate::bugs::Bug;
use crate::executor::Owner;
use crate::signal::Slot;
use crate::world::Sim;

/// Ms between two looks for transactions that take too long.
const LOOK_INTERVAL_MS: i32 = 300;

/// What came of an effect.
pub(super) enum Report {
    Markers(MarkersWritten),
    ProducerId(WaitingForId, Result<ProducerId, ErrorCode>),
}

impl Machine for TransactionShard {
    type Event = TransactionEvent;
    type Reply = TransactionReply;
    type Effect = TransactionEffect;
    type Report = Report;

    fn new(life: u64) -> Self {
        let epoch = i32::try_from(life).ok().and_then(LeaderEpoch::new);
        Self::new(epoch.unwrap_or(LeaderEpoch::ZERO))
    }

    fn replay(&mut self, key: &[u8], value: Option<&[u8]>, _: Option<Producer>) -> Result<(), ReplayError> {
        self.replay(key, value)
    }

    /// Nothing of a transaction is written here.
    fn replay_marker(&mut self, _: &Sim, _: &Marker) {}

    fn loaded(&mut self, sim: &Sim) -> Decision<Self> {
        with_context(sim, |context| self.loaded(context));
        Outcome::default()
    }

    fn on_event(&mut self, sim: &Sim, mut event: TransactionEvent, reply_to: ReplyTo) -> Decision<Self> {
        if let TransactionEvent::EndTxn(request) = &mut event
            && sim.has(Bug::EndTxnEndsTheNext)
            && let Some(known) = self.get(&request.transactional_id)
        {
            request.producer.epoch = known.producer.producer_epoch.get();
        }
        with_context(sim, |context| self.on_event(context, event, reply_to))
    }

    fn on_time(&mut self, sim: &Sim) -> Decision<Self> {
        with_context(sim, |context| self.on_time(context))
    }

    fn next_deadline(&self) -> Option<Tick> {
        self.next_deadline()
    }

    async fn perform(broker: Rc<Broker>, effect: TransactionEffect) -> Report {
        match effect {
            TransactionEffect::WriteMarkers(markers) => Report::Markers(broker.write_markers(markers).await),
            TransactionEffect::NeedProducerId(waiting) => {
                let id = broker.producer_ids.next().await;
                Report::ProducerId(waiting, id.map(|(id, _)| id))
            }
        }
    }

    fn on_report(&mut self, sim: &Sim, report: Report) -> Decision<Self> {
        with_context(sim, |context| match report {
            Report::Markers(written) => self.on_markers_written(context, &written),
            Report::ProducerId(waiting, Ok(id)) => self.on_producer_id(context, waiting, id),
            Report::ProducerId(waiting, Err(code)) => {
                let reply = |reply_to| (reply_to, TransactionReply::InitProducerId(Err(code)));
                let replies = waiting.reply_to().map(reply).into_iter().collect();
                Outcome { replies, ..Outcome::default() }
            }
        })
    }
}

/// A marker on its way.
enum Begun {
    /// It is in the log up to here, and not durable yet.
    Appended(Rc<Partition>, Offset),
    /// The groups' shard, whose partition it is, writes it.
    WithGroups(Slot<Result<(), ErrorCode>>),
}

const fn written(is_written: bool) -> MarkerResult {
    if is_written { MarkerResult::Written } else { MarkerResult::Failed }
}

fn with_context<T>(sim: &Sim, act: impl FnOnce(&TransactionContext<'_>) -> T) -> T {
    let settings = TransactionSettings {
        abort_timed_out_interval_ms: LOOK_INTERVAL_MS,
        version: sim.plan.transaction_version,
        ..TransactionSettings::default()
    };
    act(&TransactionContext { now: sim.now(), settings: &settings })
}

impl Broker {
    /// Writes markers, and says of each what became of it: all are appended before one is waited for.
    async fn write_markers(self: &Rc<Self>, markers: Markers) -> MarkersWritten {
        let ProducerIdAndEpoch { producer_id, producer_epoch } = markers.producer;
        let kind = match markers.result {
            TransactionResult::Commit => MarkerKind::Commit,
            TransactionResult::Abort => MarkerKind::Abort,
        };
        let coordinator_epoch = markers.coordinator_epoch.get();
        let marker = Marker { producer_id, producer_epoch, kind, coordinator_epoch };
        let rule = match markers.version {
            TransactionVersion::V0 | TransactionVersion::V1 => EpochRule::SameOrNewer,
            TransactionVersion::V2 => EpochRule::Newer,
        };
        let begun: Vec<_> = markers.partitions.iter().map(|at| (self.begin_marker(&at, &marker, rule), at)).collect();
        let mut results = Vec::new();
        for (begun, at) in begun {
            let result = match begun {
                Ok(Begun::Appended(partition, end)) => written(partition.committed(end).await.is_ok()),
                Ok(Begun::WithGroups(answer)) => written(answer.take().await.is_ok()),
                Err(result) => result,
            };
            results.push((at, result));
        }
        MarkersWritten { id: markers.id, transactional_id: markers.transactional_id, results }
    }

    fn begin_marker(
        self: &Rc<Self>,
        at: &TopicPartition,
        marker: &Marker,
        rule: EpochRule,
    ) -> Result<Begun, MarkerResult> {
        if self.sim.has(Bug::MarkersAreSkipped) && self.sim.choose(|random| random.one_in(10)) {
            return Err(MarkerResult::Written);
        }
        let partition = self.partitions.get(at).ok_or(MarkerResult::TopicDeleted)?;
        self.sim.count("markers");
        if let Some(groups) = self.groups.iter().find(|groups| groups.partition().log.topic_partition() == at) {
            let (groups, marker, answer) = (Rc::clone(groups), *marker, Slot::new());
            let answer_to = answer.clone();
            self.sim.spawn(Owner::Broker, async move { answer_to.put(groups.end_transaction(&marker, rule).await) });
            return Ok(Begun::WithGroups(answer));
        }
        let appended = partition.append_marker(marker, rule, self.sim.now().time).map_err(|error| {
            // The partition has heard of a newer epoch: nothing of this transaction is open there, and nothing ever will be.
            if ErrorCode::from(&error) == ErrorCode::InvalidProducerEpoch {
                self.sim.count("markers of an older epoch");
                return MarkerResult::Written;
            }
            MarkerResult::Failed
        })?;
        Ok(Begun::Appended(Rc::clone(partition), appended))
    }

    /// Asks the shard of a transactional id.
    ///
    /// # Errors
    /// The shard's.
    pub(super) async fn ask_transactions(&self, event: TransactionEvent) -> Result<TransactionReply, ErrorCode> {
        let id = event.transactional_id().unwrap_or_default();
        let shard = super::of_name(&self.transactions, id).ok_or(ErrorCode::NotCoordinator)?;
        shard.ask(event).take().await
    }
}
