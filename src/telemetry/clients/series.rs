//! The last values of what clients pushed.
//!
//! Bounded: so many series (`client.telemetry.series.max`), each with so much text. A client's series are forgotten when it
//! was silent for as long as an instance may be.

use std::collections::BTreeMap;

use model::{Deadline, Tick};

use super::instance::expiry_ms;
use super::otlp::{Change, Point};
use super::{Asker, ClientInstanceId};
use crate::telemetry::label::DroppedPoint;

/// Bytes of the name and labels of one series.
const TEXT_MAX: usize = 1024;
/// What the names of Kafka's own metrics of clients begin with.
const KAFKA: &str = "org.apache.kafka.";
/// What the names of all clients' metrics are shown with, so that none can be taken for one of the broker's.
const PREFIX: &str = "kafka_client_";

type Labels = BTreeMap<String, String>;

/// What was pushed under one name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Series {
    /// The name that it is shown by.
    pub(crate) name: String,
    /// Whether it only grows.
    pub(crate) is_counter: bool,
    /// The labels and the value of each series.
    pub(crate) points: Vec<(Labels, f64)>,
}

#[derive(Debug)]
struct Family {
    is_counter: bool,
    values: BTreeMap<(ClientInstanceId, Labels), f64>,
}

/// How many series a client has, and when they go.
#[derive(Debug)]
struct Owner {
    series: usize,
    expires: Deadline,
}

/// All of it.
#[derive(Debug)]
pub(super) struct SeriesStore {
    families: BTreeMap<String, Family>,
    owners: BTreeMap<ClientInstanceId, Owner>,
    count: usize,
    max: usize,
}

impl SeriesStore {
    pub(super) fn new(max: usize) -> Self {
        Self { families: BTreeMap::new(), owners: BTreeMap::new(), count: 0, max }
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// A client has pushed: what it pushed before stays, what has expired makes room.
    pub(super) fn refresh(&mut self, client: ClientInstanceId, interval_ms: i32, now: Tick) {
        self.expire(now);
        if let Some(owner) = self.owners.get_mut(&client) {
            owner.expires = now.after_ms(expiry_ms(interval_ms));
        }
    }

    /// Takes one point.
    pub(super) fn take(
        &mut self,
        asker: Asker<'_>,
        interval_ms: i32,
        point: Point<'_>,
        now: Tick,
    ) -> Result<(), DroppedPoint> {
        let is_counter = matches!(point.change, Change::Counter(_) | Change::CounterDelta(_));
        let (name, labels) = describe(asker, &point)?;
        let family = self.families.get(&name);
        if family.is_some_and(|family| family.is_counter != is_counter) {
            return Err(DroppedPoint::OtherKind);
        }
        let key = (asker.id, labels);
        let before = family.and_then(|family| family.values.get(&key).copied());
        let value = changed(point.change, before.unwrap_or(0.0)).ok_or(DroppedPoint::NoValue)?;
        if before.is_none() {
            if self.count >= self.max {
                return Err(DroppedPoint::Full);
            }
            self.count += 1;
            let expires = now.after_ms(expiry_ms(interval_ms));
            self.owners.entry(asker.id).or_insert(Owner { series: 0, expires }).series += 1;
        }
        let family = self.families.entry(name).or_insert_with(|| Family { is_counter, values: BTreeMap::new() });
        family.values.insert(key, value);
        Ok(())
    }

    /// Forgets the series of clients that were silent for too long.
    pub(super) fn expire(&mut self, now: Tick) {
        let gone: Vec<_> = self.owners.extract_if(.., |_, owner| owner.expires.is_due(now)).collect();
        if gone.is_empty() {
            return;
        }
        self.count -= gone.iter().map(|(_, owner)| owner.series).sum::<usize>();
        let owners = &self.owners;
        self.families.retain(|_, family| {
            family.values.retain(|(client, _), _| owners.contains_key(client));
            !family.values.is_empty()
        });
    }

    pub(super) fn all(&self) -> Vec<Series> {
        let series = self.families.iter().map(|(name, family)| Series {
            name: name.clone(),
            is_counter: family.is_counter,
            points: family.values.iter().map(|((_, labels), value)| (labels.clone(), *value)).collect(),
        });
        series.collect()
    }
}

/// The value after a change; `None` where the change is no number that its kind could have.
fn changed(change: Change, before: f64) -> Option<f64> {
    let grows = |number: f64| (number.is_finite() && number >= 0.0).then_some(number);
    match change {
        Change::Gauge(number) => Some(number),
        Change::GaugeDelta(number) => Some(before + number),
        Change::Counter(number) => grows(number),
        Change::CounterDelta(number) => grows(number).map(|number| before + number),
        Change::Nothing => None,
    }
}

/// The name and the labels that a point is shown with. Of two labels that look alike the first counts.
fn describe(asker: Asker<'_>, point: &Point<'_>) -> Result<(String, Labels), DroppedPoint> {
    let sent = point.name.strip_prefix(KAFKA).unwrap_or(point.name);
    // Longer ones are not made into names first.
    let mut room = TEXT_MAX.checked_sub(sent.len()).ok_or(DroppedPoint::TooLong)?;
    let name = format!("{PREFIX}{}{}", clean(sent), clean(point.ending));
    // A counter is shown with this ending, and a gauge with it would look like one.
    let name = name.trim_end_matches("_total").to_owned();
    let mut labels = Labels::new();
    let mut is_too_long = false;
    let mut add = |name: &str, value: String| {
        match room.checked_sub(name.len() + value.len() + 1) {
            Some(left) => room = left,
            None => is_too_long = true,
        }
        // Names that begin with two underscores are Prometheus' own.
        let name = clean(name.trim_start_matches('_'));
        if !is_too_long && !name.is_empty() {
            let name = if name.starts_with(|first: char| first.is_ascii_digit()) { format!("_{name}") } else { name };
            labels.entry(name).or_insert(value);
        }
    };
    add("client_instance_id", asker.id.to_string());
    if let Some(client_id) = &asker.attributes.client_id {
        add("client_id", client_id.clone());
    }
    // They were read once already.
    point.attributes(&mut add).map_err(|_| DroppedPoint::NoValue)?;
    if is_too_long { Err(DroppedPoint::TooLong) } else { Ok((name, labels)) }
}

/// A name with nothing but what Prometheus allows in one.
fn clean(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}
