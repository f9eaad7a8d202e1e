//! How many partitions there may be, and how many may be made and deleted in a second: a client that does nothing else would
//! keep the metadata thread and the disk from everybody.
//!
//! Owns: the tokens. Does not know: topics, requests, the log.

use model::{ErrorCode, Tick};

use super::topics::Refused;
use crate::telemetry::TopicLimit;

/// Seconds whose tokens are saved up, as by Kafka's quota (`quota.window.num` windows of a second, KIP-599).
const SAVED_SECONDS: i64 = 11;
/// A partition's price: in a millisecond as many tokens come as partitions in a second.
const PRICE: i64 = 1000;

/// `max.broker.partitions` and `controller.mutation.rate.max`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Partitions in all.
    pub(super) partitions_max: i32,
    /// Partitions made or deleted in a second.
    pub(super) rate_max: i32,
}

/// What may still come now.
#[derive(Debug)]
pub(super) struct Bounds {
    limits: Limits,
    tokens: i64,
    filled_at: Tick,
}

impl Bounds {
    /// Nothing was made yet.
    pub(super) fn new(limits: Limits, now: Tick) -> Self {
        let mut this = Self { limits, tokens: 0, filled_at: now };
        this.tokens = this.tokens_max();
        this
    }

    /// Judges `partitions` more beside the `present` ones.
    ///
    /// # Errors
    /// The limit and a refusal: `POLICY_VIOLATION`. Nothing is taken.
    pub(super) fn check_room(&self, present: i64, partitions: i32) -> Result<(), (TopicLimit, Refused)> {
        let max = i64::from(self.limits.partitions_max);
        if present.saturating_add(i64::from(partitions)) <= max {
            return Ok(());
        }
        let message =
            format!("there are {present} partitions; max.broker.partitions={max} has no room for {partitions} more");
        Err((TopicLimit::Partitions, Refused::new(ErrorCode::PolicyViolation, message)))
    }

    /// Takes the tokens of so many partitions that are made or deleted. As by Kafka's quota, whoever finds any left gets all that
    /// he asks for, and those after him wait for it.
    ///
    /// # Errors
    /// The limit and a refusal: `THROTTLING_QUOTA_EXCEEDED`, with the time after which there are tokens again. Nothing is taken.
    pub(super) fn take(&mut self, partitions: i32, now: Tick) -> Result<(), (TopicLimit, Refused)> {
        let rate = i64::from(self.limits.rate_max.max(1));
        let elapsed = i64::try_from(now.as_ms().saturating_sub(self.filled_at.as_ms())).unwrap_or(i64::MAX);
        self.tokens = self.tokens.saturating_add(elapsed.saturating_mul(rate)).min(self.tokens_max());
        self.filled_at = now;
        if self.tokens > 0 {
            self.tokens = self.tokens.saturating_sub(i64::from(partitions).saturating_mul(PRICE));
            return Ok(());
        }
        // So long until one token is there.
        let wait_ms = i32::try_from(1 + (-self.tokens).checked_div(rate).unwrap_or(0)).unwrap_or(i32::MAX);
        let message = format!(
            "more partitions are made and deleted than controller.mutation.rate.max={rate} in a second; try again in {wait_ms} ms"
        );
        let refused = Refused::new(ErrorCode::ThrottlingQuotaExceeded, message);
        Err((TopicLimit::Rate, Refused { throttle_time_ms: wait_ms, ..refused }))
    }

    fn tokens_max(&self) -> i64 {
        i64::from(self.limits.rate_max.max(1)) * SAVED_SECONDS * PRICE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bounds(rate_max: i32) -> Bounds {
        Bounds::new(Limits { partitions_max: 100, rate_max }, Tick::from_ms(0))
    }

    #[test]
    fn more_come_in_a_burst_and_so_many_a_second_afterwards() {
        let mut bounds = bounds(10);
        let mut made = 0;
        for ms in 0..60_000 {
            made += i32::from(bounds.take(1, Tick::from_ms(ms)).is_ok());
        }
        assert!((700..=711).contains(&made), "{made} in a minute: 60 times 10, and the first 11 seconds' at once");
    }

    #[test]
    fn one_request_may_take_more_than_there_is_and_others_are_told_how_long_they_wait() {
        let mut bounds = bounds(10);
        bounds.take(1000, Tick::from_ms(0)).unwrap();
        let (limit, refused) = bounds.take(1, Tick::from_ms(1_000)).unwrap_err();
        // 1000 were taken of 110, and 10 came back.
        assert_eq!(
            (limit, refused.code, refused.throttle_time_ms),
            (TopicLimit::Rate, ErrorCode::ThrottlingQuotaExceeded, 88_001)
        );
        assert!(bounds.take(1, Tick::from_ms(1_000 + 88_000)).is_err());
        bounds.take(1, Tick::from_ms(1_000 + 88_001)).unwrap();
    }

    #[test]
    fn there_are_so_many_partitions_and_no_more() {
        let bounds = bounds(10);
        bounds.check_room(90, 10).unwrap();
        let (limit, refused) = bounds.check_room(90, 11).unwrap_err();
        assert_eq!((limit, refused.code), (TopicLimit::Partitions, ErrorCode::PolicyViolation));
        assert!(refused.message.contains("max.broker.partitions=100"), "{}", refused.message);
    }
}
