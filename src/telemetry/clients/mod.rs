//! Metrics that clients push (KIP-714): who may push what and when, and the last values of what was pushed.
//!
//! Owns: the client instances, their subscriptions, the series, and the bounds of it all. Does not know: the wire, sockets,
//! where subscriptions are stored. Behaves as Kafka's ClientMetricsManager with a receiver that is always there.

mod instance;
mod otlp;
mod series;
mod subscription;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::config::ClientAttributes;
use model::{ErrorCode, Tick, TopicId};

use self::instance::Instances;
pub(crate) use self::series::Series;
use self::series::SeriesStore;
use self::subscription::Subscriptions;
use super::metrics::Metrics;

/// The subscriptions as they are stored: by name, each with its configs.
pub(crate) type Configs = Arc<BTreeMap<String, BTreeMap<String, String>>>;

/// The id that a client pushes under, chosen by the first broker that it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ClientInstanceId(TopicId);

impl ClientInstanceId {
    /// The id of these bytes; `None` for those that the protocol keeps for itself.
    pub(crate) fn new(id: TopicId) -> Option<Self> {
        (!id.is_reserved()).then_some(Self(id))
    }

    /// The id that a client says it has; `None` if it has none yet.
    pub(crate) fn known(id: TopicId) -> Option<Self> {
        (!id.is_zero()).then_some(Self(id))
    }

    /// The id as the wire carries it.
    pub(crate) const fn to_wire(self) -> TopicId {
        self.0
    }
}

impl fmt::Display for ClientInstanceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientTelemetryOptions {
    /// `client.telemetry.instances.max`.
    pub(crate) instances_max: usize,
    /// `client.telemetry.series.max`.
    pub(crate) series_max: usize,
}

/// Who asks: the instance, and what is known of the client for the case that the instance is not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker<'a> {
    /// Its id.
    pub(crate) id: ClientInstanceId,
    /// What subscriptions choose by.
    pub(crate) attributes: &'a ClientAttributes,
}

/// What a client is to push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subscription {
    /// The number that its pushes must carry.
    pub(crate) id: i32,
    /// Beginnings of the names of metrics; `*` for all; none for nothing.
    pub(crate) metrics: Vec<String>,
    /// Milliseconds between two pushes.
    pub(crate) interval_ms: i32,
}

/// What a push says besides its metrics.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Push {
    /// The subscription that it follows.
    pub(crate) subscription_id: i32,
    /// Whether it is the client's last.
    pub(crate) is_terminating: bool,
    /// What is wrong with its form, which is told after what is wrong with its time.
    pub(crate) form: Result<(), ErrorCode>,
}

/// Whether a request's instance is new here, so that it is to be forgotten with the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// It was, with the subscriptions of today.
    Before,
    /// Since this request.
    New,
}

/// The clients that push.
#[derive(Debug)]
pub(crate) struct ClientTelemetry {
    metrics: Arc<Metrics>,
    points_max: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    subscriptions: Subscriptions,
    instances: Instances,
    series: SeriesStore,
}

impl ClientTelemetry {
    /// No clients yet.
    pub(crate) fn new(options: ClientTelemetryOptions, metrics: Arc<Metrics>) -> Self {
        let state = State {
            subscriptions: Subscriptions::default(),
            instances: Instances::new(options.instances_max),
            series: SeriesStore::new(options.series_max),
        };
        Self { metrics, points_max: options.series_max, state: Mutex::new(state) }
    }

    /// What the client is to push.
    ///
    /// # Errors
    /// `THROTTLING_QUOTA_EXCEEDED` if it asked or pushed less than its interval ago.
    pub(crate) fn subscribe(
        &self,
        asker: Asker<'_>,
        configs: &Configs,
        now: Tick,
    ) -> (Known, Result<Subscription, ErrorCode>) {
        let mut state = self.lock();
        let State { subscriptions, instances, .. } = &mut *state;
        subscriptions.update(configs);
        let (known, instance) = instances.of(asker, subscriptions, now);
        let answer = instance.take_question(now).map(|()| {
            let wanted = subscriptions.wanted_of(instance.attributes());
            Subscription { id: instance.subscription_id(), metrics: wanted.metrics, interval_ms: wanted.interval_ms }
        });
        drop(state);
        if answer.is_err() {
            self.metrics.client_throttles.count(1);
        }
        (known, answer)
    }

    /// Whether the client's push is to be taken.
    ///
    /// # Errors
    /// Kafka's, in Kafka's order: `INVALID_REQUEST` after the last push, `THROTTLING_QUOTA_EXCEEDED` before its time,
    /// `UNKNOWN_SUBSCRIPTION_ID`, then what is wrong with its form.
    pub(crate) fn accept(
        &self,
        asker: Asker<'_>,
        push: Push,
        configs: &Configs,
        now: Tick,
    ) -> (Known, Result<(), ErrorCode>) {
        let mut state = self.lock();
        let State { subscriptions, instances, .. } = &mut *state;
        subscriptions.update(configs);
        let (known, instance) = instances.of(asker, subscriptions, now);
        let answer = instance.take_push(push, now);
        drop(state);
        match answer {
            Err(ErrorCode::ThrottlingQuotaExceeded) => self.metrics.client_throttles.count(1),
            Err(ErrorCode::UnknownSubscriptionId) => self.metrics.client_unknown_subscriptions.count(1),
            Ok(()) | Err(_) => {}
        }
        (known, answer)
    }

    /// Takes the metrics of a push that was accepted: OTLP, decompressed, or why there are none.
    ///
    /// # Errors
    /// The given one, or `INVALID_RECORD` if the bytes are not OTLP: nothing of them is shown then.
    pub(crate) fn export(
        &self,
        asker: Asker<'_>,
        metrics: Result<&[u8], ErrorCode>,
        now: Tick,
    ) -> Result<(), ErrorCode> {
        // Read once to know that all of it can be read, and once more to take it: nothing is held in between.
        let checked = metrics.and_then(|bytes| {
            otlp::read(bytes, &mut |_| {}).map_err(|_| ErrorCode::InvalidRecord)?;
            Ok(bytes)
        });
        let mut state = self.lock();
        let interval_ms = state.instances.note_result(asker.id, checked.err().unwrap_or(ErrorCode::None));
        let Ok(bytes) = checked else {
            self.metrics.client_export_errors.count(1);
            return checked.map(drop);
        };
        state.series.refresh(asker.id, interval_ms, now);
        let mut points_left = self.points_max;
        // The same bytes were read to their end just now.
        let read = otlp::read(bytes, &mut |point| {
            let room = points_left.checked_sub(1).ok_or(super::DroppedPoint::Full);
            points_left = points_left.saturating_sub(1);
            if let Err(reason) = room.and_then(|_| state.series.take(asker, interval_ms, point, now)) {
                self.metrics.client_points_dropped.add(reason, 1);
            }
        });
        drop(state);
        self.metrics.client_exports.count(1);
        self.metrics.client_export_bytes.count(model::num::u64_from_usize(bytes.len()));
        read.map_err(|_| ErrorCode::InvalidRecord)
    }

    /// Forgets an instance with the connection on which it was new, as Kafka does. Its series stay until they expire, so that
    /// a client's last push is seen.
    pub(crate) fn disconnected(&self, id: ClientInstanceId) {
        self.lock().instances.remove(id);
    }

    /// How many clients are managed, and how many series they have pushed.
    pub(crate) fn counts(&self, now: Tick) -> (usize, usize) {
        let mut state = self.lock();
        state.instances.expire(now);
        state.series.expire(now);
        (state.instances.len(), state.series.len())
    }

    /// What was pushed, each name with its series.
    pub(crate) fn series(&self) -> Vec<Series> {
        self.lock().series.all()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Plain assignments, which cannot stop half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
