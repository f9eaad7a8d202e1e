//! The life of transactional producers: produce, end, and again, each one step at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use kafka_protocol::messages::{EndTxnRequest, ProduceRequest, ProducerId, TransactionalId};
use model::ErrorCode;

use super::super::BenchError;
use super::super::answer::answer_to;
use super::super::control::{Control, Phase, Tally};
use super::super::lane::{Lane, poll_lanes};
use super::template::TransactionTemplate;
use crate::cli::client::admin::text;
use crate::cli::client::connection::frame;
use crate::cli::time;

/// The longest sleep without looking at the phase.
const NAP: Duration = Duration::from_millis(20);
/// How long a producer waits before it asks again what was refused for a moment. Kafka's own producer waits 20 ms at least; less
/// is for the brokers' good.
const RETRY_PAUSE: Duration = Duration::from_millis(1);
/// Seconds that answers may take after the end.
const DRAIN_SECONDS: u64 = 30;

/// What a producer does next, or waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Produce,
    End,
}

/// A producer and its connection.
#[derive(Debug)]
pub(super) struct ProducerLane {
    lane: Lane,
    transactional_id: String,
    pub(super) template: TransactionTemplate,
    /// Producer id and epoch.
    identity: (i64, i16),
    step: Step,
    is_waiting: bool,
    /// When the step may be taken, after one that was refused for a moment.
    not_before: Option<Instant>,
    /// When the transaction began.
    begun: Instant,
    /// Transactions that it has ended.
    ended: u64,
    correlation_id: i32,
}

impl ProducerLane {
    /// A producer that has begun and sent nothing yet.
    pub(super) fn new(
        lane: Lane,
        transactional_id: String,
        template: TransactionTemplate,
        identity: (i64, i16),
    ) -> Self {
        Self {
            lane,
            transactional_id,
            template,
            identity,
            step: Step::Produce,
            is_waiting: false,
            not_before: None,
            begun: time::now(),
            ended: 0,
            correlation_id: 0,
        }
    }

    /// Between two transactions, with nothing on its way.
    fn is_idle(&self) -> bool {
        self.step == Step::Produce && !self.is_waiting && self.not_before.is_none()
    }

    fn send(&mut self, end_version: i16, abort_every: Option<u64>, now: Instant) -> Result<(), BenchError> {
        self.correlation_id = self.correlation_id.wrapping_add(1) & i32::MAX;
        let request = match self.step {
            Step::Produce => {
                if self.not_before.is_none() {
                    self.begun = now;
                }
                let mut request = self.lane.buffer();
                self.template.request(&mut request, self.correlation_id, self.identity);
                request
            }
            Step::End => {
                let aborts = abort_every.is_some_and(|every| (self.ended + 1).checked_rem(every) == Some(0));
                let (id, epoch) = self.identity;
                let request = EndTxnRequest::default()
                    .with_transactional_id(TransactionalId(text(&self.transactional_id)))
                    .with_producer_id(ProducerId(id))
                    .with_producer_epoch(epoch)
                    .with_committed(!aborts);
                frame(&request, end_version, self.correlation_id).map_err(BenchError::Template)?
            }
        };
        self.lane.queue(request, None);
        (self.is_waiting, self.not_before) = (true, None);
        Ok(())
    }
}

/// One thread's producers.
pub(super) struct Worker<'run> {
    control: &'run Control,
    lanes: Vec<ProducerLane>,
    /// Versions of Produce and of `EndTxn`.
    versions: (i16, i16),
    abort_every: Option<u64>,
    /// Answers that asked to come again in a moment.
    retries: Arc<AtomicU64>,
    tally: Tally,
}

impl<'run> Worker<'run> {
    /// Producers that have begun.
    ///
    /// # Errors
    /// Never in practice: see [`Tally::new`].
    pub(super) fn new(
        control: &'run Control,
        lanes: Vec<ProducerLane>,
        versions: (i16, i16),
        abort_every: Option<u64>,
        retries: Arc<AtomicU64>,
    ) -> Result<Self, BenchError> {
        Ok(Self { control, lanes, versions, abort_every, retries, tally: Tally::new()? })
    }

    /// Works until the run ends, and then until every transaction has its end.
    ///
    /// # Errors
    /// A broker that refuses, answers wrongly, or does not answer.
    pub(super) fn work(mut self) -> Result<Tally, BenchError> {
        let mut drain_since = None;
        loop {
            let phase = self.control.phase();
            self.tally.enter(phase);
            let now = time::now();
            let is_over = phase == Phase::Drain;
            if is_over {
                let busy = self.lanes.iter().filter(|lane| !lane.is_idle()).count();
                if busy == 0 {
                    return Ok(self.tally);
                }
                if now.duration_since(*drain_since.get_or_insert(now)) > Duration::from_secs(DRAIN_SECONDS) {
                    return Err(BenchError::Silent(busy, DRAIN_SECONDS));
                }
            }
            for lane in &mut self.lanes {
                let is_due = !lane.is_waiting && lane.not_before.is_none_or(|moment| moment <= now);
                if is_due && !(is_over && lane.is_idle()) {
                    lane.send(self.versions.1, self.abort_every, now)?;
                }
                if lane.lane.unsent() > 0 {
                    lane.lane.flush()?;
                }
            }
            self.wait()?;
        }
    }

    fn wait(&mut self) -> Result<(), BenchError> {
        let due = self.lanes.iter().filter_map(|lane| lane.not_before).min();
        let nap = due.map_or(NAP, |due| due.saturating_duration_since(time::now()).min(NAP));
        let readable = poll_lanes(self.lanes.iter().map(|lane| &lane.lane), nap)?;
        let now = time::now();
        let (control, tally, versions, retries) = (self.control, &mut self.tally, self.versions, &self.retries);
        for (lane, is_readable) in self.lanes.iter_mut().zip(readable) {
            if !is_readable {
                continue;
            }
            let ProducerLane { lane, template, identity, step, is_waiting, not_before, begun, ended, .. } = lane;
            lane.receive(&mut |frame| {
                *is_waiting = false;
                let (code, next) = match *step {
                    Step::Produce => (produced(frame, versions.0)?, *identity),
                    Step::End => {
                        let answer = answer_to::<EndTxnRequest>(frame, versions.1)?;
                        (answer.error_code, (answer.producer_id.0, answer.producer_epoch))
                    }
                };
                if passes(code) {
                    retries.fetch_add(1, Ordering::Relaxed);
                    *not_before = Some(now + RETRY_PAUSE);
                    return Ok(());
                }
                if code != ErrorCode::None.code() {
                    return Err(BenchError::Refused(code));
                }
                *step = match *step {
                    Step::Produce => Step::End,
                    Step::End => {
                        (*identity, *ended) = (next, *ended + 1);
                        control.moved(template.bytes);
                        tally.answered(template.records, template.bytes, *begun, now);
                        Step::Produce
                    }
                };
                Ok(())
            })?;
        }
        Ok(())
    }
}

/// The first error of the partitions, or none. One that passes counts less than one that does not: what the others have taken
/// already they recognise when it is sent again.
fn produced(frame: &[u8], version: i16) -> Result<i16, BenchError> {
    let answer = answer_to::<ProduceRequest>(frame, version)?;
    let partitions = answer.responses.iter().flat_map(|topic| &topic.partition_responses);
    let errors = partitions.map(|partition| partition.error_code).filter(|code| *code != ErrorCode::None.code());
    let errors: Vec<i16> = errors.collect();
    let worst = errors.iter().find(|code| !passes(**code)).or(errors.first());
    Ok(worst.copied().unwrap_or(ErrorCode::None.code()))
}

/// Whether the same request may be taken in a moment: the transaction before is not wholly ended, or the coordinator is loading.
fn passes(code: i16) -> bool {
    let codes = [
        ErrorCode::ConcurrentTransactions,
        ErrorCode::CoordinatorLoadInProgress,
        ErrorCode::CoordinatorNotAvailable,
        ErrorCode::NotCoordinator,
        ErrorCode::NotEnoughReplicas,
    ];
    codes.iter().any(|passing| passing.code() == code)
}
