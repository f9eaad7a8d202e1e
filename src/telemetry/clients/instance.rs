//! The client instances: when each asked and pushed last, and what it may do next. Kafka's rules, one by one.

use std::collections::BTreeMap;

use model::config::ClientAttributes;
use model::{Deadline, ErrorCode, Tick};

use super::subscription::Subscriptions;
use super::{Asker, ClientInstanceId, Known, Push};

/// An instance that is silent for three of its intervals is forgotten, but not before this many milliseconds.
const EXPIRY_MS_MIN: u64 = 60_000;

/// One client.
#[derive(Debug)]
pub(super) struct Instance {
    attributes: ClientAttributes,
    subscription_id: i32,
    /// The subscriptions that `subscription_id` follows from.
    version: u64,
    interval_ms: i32,
    asked: Option<Tick>,
    pushed: Option<Tick>,
    is_terminating: bool,
    last_error: ErrorCode,
    expires: Deadline,
    /// When it was used last, among all.
    turn: u64,
}

impl Instance {
    fn new(id: ClientInstanceId, attributes: ClientAttributes, subscriptions: &Subscriptions) -> Self {
        let wanted = subscriptions.wanted_of(&attributes);
        Self {
            subscription_id: wanted.id(id),
            attributes,
            version: subscriptions.version(),
            interval_ms: wanted.interval_ms,
            asked: None,
            pushed: None,
            is_terminating: false,
            last_error: ErrorCode::None,
            expires: Tick::default().after_ms(0),
            turn: 0,
        }
    }

    pub(super) fn attributes(&self) -> &ClientAttributes {
        &self.attributes
    }

    pub(super) fn subscription_id(&self) -> i32 {
        self.subscription_id
    }

    /// Whether a question for the subscription is answered now.
    pub(super) fn take_question(&mut self, now: Tick) -> Result<(), ErrorCode> {
        if self.is_over(self.asked.max(self.pushed), now) {
            self.asked = Some(now);
        } else if !matches!(
            self.last_error,
            // Who was told so is to ask at once.
            ErrorCode::UnknownSubscriptionId | ErrorCode::UnsupportedCompressionType
        ) {
            return Err(ErrorCode::ThrottlingQuotaExceeded);
        }
        self.last_error = ErrorCode::None;
        Ok(())
    }

    /// Whether a push is taken now.
    pub(super) fn take_push(&mut self, push: Push, now: Tick) -> Result<(), ErrorCode> {
        let result = self.check_push(push, now);
        self.last_error = result.err().unwrap_or(ErrorCode::None);
        // Of a push that was refused as well.
        self.is_terminating = push.is_terminating;
        result
    }

    fn check_push(&mut self, push: Push, now: Tick) -> Result<(), ErrorCode> {
        if self.is_terminating {
            return Err(ErrorCode::InvalidRequest);
        }
        // The first push after a question comes at any time: clients wait for half to one and a half of the interval.
        let is_in_time = self.asked > self.pushed || self.is_over(self.pushed, now);
        if is_in_time {
            self.pushed = Some(now);
        } else if !push.is_terminating {
            return Err(ErrorCode::ThrottlingQuotaExceeded);
        }
        if push.subscription_id != self.subscription_id {
            return Err(ErrorCode::UnknownSubscriptionId);
        }
        push.form
    }

    /// Whether the interval has passed since then.
    fn is_over(&self, since: Option<Tick>, now: Tick) -> bool {
        since.is_none_or(|since| since.after_ms(u64::from(self.interval_ms.unsigned_abs())).is_due(now))
    }
}

/// Milliseconds of silence after which a client with this interval is forgotten.
pub(super) fn expiry_ms(interval_ms: i32) -> u64 {
    EXPIRY_MS_MIN.max(3 * u64::from(interval_ms.unsigned_abs()))
}

/// The clients that are managed, bounded by `client.telemetry.instances.max`.
#[derive(Debug)]
pub(super) struct Instances {
    by_id: BTreeMap<ClientInstanceId, Instance>,
    /// The ids in the order in which they were used last.
    by_turn: BTreeMap<u64, ClientInstanceId>,
    next_turn: u64,
    max: usize,
    /// Before this nobody looks for instances that have expired.
    next_expiry: Deadline,
}

/// Milliseconds between two looks for what has expired.
const EXPIRY_LOOK_MS: u64 = 1000;

impl Instances {
    pub(super) fn new(max: usize) -> Self {
        let next_expiry = Tick::default().after_ms(0);
        Self { by_id: BTreeMap::new(), by_turn: BTreeMap::new(), next_turn: 0, max, next_expiry }
    }

    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The client's instance, made anew if it is not known or if subscriptions have changed since.
    pub(super) fn of(&mut self, asker: Asker<'_>, subscriptions: &Subscriptions, now: Tick) -> (Known, &mut Instance) {
        if self.next_expiry.is_due(now) {
            self.expire(now);
            self.next_expiry = now.after_ms(EXPIRY_LOOK_MS);
        }
        let before = self.remove(asker.id);
        let (known, mut instance) = match before {
            Some(instance) if instance.expires.is_due(now) => {
                (Known::New, Instance::new(asker.id, asker.attributes.clone(), subscriptions))
            }
            Some(instance) if instance.version == subscriptions.version() => (Known::Before, instance),
            // It is still the same client, whatever connection it comes by.
            Some(instance) => (Known::New, Instance::new(asker.id, instance.attributes, subscriptions)),
            None => (Known::New, Instance::new(asker.id, asker.attributes.clone(), subscriptions)),
        };
        while self.by_id.len() >= self.max.max(1)
            && let Some((_, silent_longest)) = self.by_turn.pop_first()
        {
            self.by_id.remove(&silent_longest);
        }
        instance.expires = now.after_ms(expiry_ms(instance.interval_ms));
        instance.turn = self.next_turn;
        self.by_turn.insert(self.next_turn, asker.id);
        self.next_turn += 1;
        (known, self.by_id.entry(asker.id).insert_entry(instance).into_mut())
    }

    /// Notes what became of a push that was accepted; gives the client's interval.
    pub(super) fn note_result(&mut self, id: ClientInstanceId, error: ErrorCode) -> i32 {
        match self.by_id.get_mut(&id) {
            Some(instance) => {
                instance.last_error = error;
                instance.interval_ms
            }
            // It was forgotten meanwhile.
            None => 0,
        }
    }

    pub(super) fn remove(&mut self, id: ClientInstanceId) -> Option<Instance> {
        let instance = self.by_id.remove(&id)?;
        self.by_turn.remove(&instance.turn);
        Some(instance)
    }

    /// Forgets those that were silent for too long.
    pub(super) fn expire(&mut self, now: Tick) {
        let by_turn = &mut self.by_turn;
        self.by_id.retain(|_, instance| {
            let stays = !instance.expires.is_due(now);
            if !stays {
                by_turn.remove(&instance.turn);
            }
            stays
        });
    }
}
