//! The time that retention goes by: the wall clock, as long as that can be believed.
//!
//! A wall clock that jumps ahead by years, or was wrong when the machine started, would have all records of all topics
//! deleted at once. So this time follows it no faster than `log.retention.clock.pace.max` times real time, which monotonic time
//! tells, and starts at the last moment that the data directory remembers. Somebody who reads the log has hours then to set the
//! clock right. Days in which the broker was stopped are caught up with in the same way: what the log gains meanwhile is
//! deleted faster than it comes.

use model::{Tick, Timestamp};
use tracing::warn;

/// How far it may be behind before the operator is told, ms: more than corrections and a machine that slept make.
const WARN_MS: i64 = 24 * 3_600_000;

/// The time for retention.
#[derive(Debug)]
pub(super) struct RetentionClock {
    pace_max: i64,
    now: Timestamp,
    tick: Tick,
    is_behind: bool,
}

impl RetentionClock {
    /// A clock that starts at `last_known`, which cannot lie ahead of the wall clock.
    pub(super) fn new(pace_max: i32, last_known: Option<Timestamp>, (wall, tick): (Timestamp, Tick)) -> Self {
        let now = last_known.map_or(wall, |known| known.min(wall));
        Self { pace_max: i64::from(pace_max.max(1)), now, tick, is_behind: false }
    }

    /// The time by which records may be deleted now.
    pub(super) fn advance(&mut self, wall: Timestamp, tick: Tick) -> Timestamp {
        let elapsed = i64::try_from(tick.as_ms().saturating_sub(self.tick.as_ms())).unwrap_or(i64::MAX);
        self.tick = tick;
        let furthest = self.now.get().saturating_add(elapsed.saturating_mul(self.pace_max));
        self.now = Timestamp::new(furthest).min(wall);
        let behind_ms = wall.ms_since(self.now);
        if behind_ms > WARN_MS && !self.is_behind {
            self.is_behind = true;
            warn!(
                behind_days = behind_ms / 86_400_000,
                retention_time_ms = self.now.get(),
                "the wall clock is far ahead of the last time that the logs know. If it is wrong, set it right now: retention \
                 follows it slowly and deletes what is too old by then"
            );
        }
        self.is_behind &= behind_ms > 0;
        self.now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn wall(hours: i64) -> Timestamp {
        Timestamp::new(1_700_000_000_000 + hours * HOUR)
    }

    fn at(hours: i64) -> (Timestamp, Tick) {
        (wall(hours), Tick::from_ms(u64::try_from(hours * HOUR).unwrap()))
    }

    fn advance(clock: &mut RetentionClock, wall_hours: i64, tick_hours: i64) -> i64 {
        let now = clock.advance(wall(wall_hours), at(tick_hours).1);
        (now.get() - wall(0).get()) / HOUR
    }

    #[test]
    fn it_is_the_wall_clock_while_that_goes_as_clocks_go() {
        let mut clock = RetentionClock::new(24, None, at(0));
        assert_eq!(advance(&mut clock, 1, 1), 1);
        assert_eq!(advance(&mut clock, 5, 2), 5, "a sleep of hours");
        assert_eq!(advance(&mut clock, 3, 3), 3, "set back");
    }

    #[test]
    fn a_jump_of_years_is_followed_at_the_pace() {
        let mut clock = RetentionClock::new(24, None, at(0));
        let years = 10 * 8_766;
        assert_eq!(advance(&mut clock, years, 1), 24);
        assert_eq!(advance(&mut clock, years, 2), 48);
        assert_eq!(advance(&mut clock, 3, 3), 3, "set right again");
        assert_eq!(advance(&mut clock, 4, 4), 4);
    }

    #[test]
    fn after_a_start_it_goes_on_where_the_logs_ended() {
        let mut clock = RetentionClock::new(24, Some(wall(-240)), at(0));
        assert_eq!(advance(&mut clock, 0, 0), -240);
        assert_eq!(advance(&mut clock, 1, 1), -216, "ten days take ten hours");
        assert_eq!(advance(&mut clock, 11, 11), 11);
        let mut ahead = RetentionClock::new(24, Some(wall(500)), at(0));
        assert_eq!(advance(&mut ahead, 1, 1), 1, "a file from the future");
    }
}
