//! Requests that were encoded once and are sent again and again: as fast as answers come, at a rate, or each once.

use std::collections::VecDeque;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use model::ErrorCode;

use super::super::BenchError;
use super::super::control::{Control, Phase, Schedule, Tally};
use super::super::lane::{Lane, poll_lanes};
use crate::cli::time;

/// The longest sleep without looking at the phase.
const NAP: Duration = Duration::from_millis(20);
/// Seconds that answers may take after the end.
const DRAIN_SECONDS: u64 = 30;
/// Where the correlation id stands in a frame: behind the size, the API key and its version.
const CORRELATION_ID: std::ops::Range<usize> = 8..12;

/// Reads the error code of an answer's body; the frame begins with the response header.
pub(super) type ErrorOf = fn(frame: &[u8], version: i16) -> Result<i16, BenchError>;

/// When requests are sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pace {
    /// The next when the last was answered.
    Closed,
    /// As [`Self::Closed`], but each request once.
    Once,
    /// Each lane one every so often, whatever the answers do.
    Every(Duration),
}

/// A connection and the requests that it repeats in turn.
pub(super) struct CallLane {
    lane: Lane,
    frames: Vec<Vec<u8>>,
    turn: usize,
    correlation_id: i32,
    in_flight: VecDeque<Instant>,
    schedule: Option<Schedule>,
}

impl CallLane {
    /// Frames with their size field, as [`crate::cli::client::connection::frame`] makes them.
    ///
    /// # Errors
    /// The system's, when the socket cannot be made non-blocking.
    pub(super) fn new(socket: TcpStream, frames: Vec<Vec<u8>>) -> Result<Self, BenchError> {
        let lane = Lane::new(socket)?;
        Ok(Self { lane, frames, turn: 0, correlation_id: 0, in_flight: VecDeque::new(), schedule: None })
    }

    fn send(&mut self, due: Instant) {
        let Some(frame) = self.frames.get(self.turn) else { return };
        self.turn += 1;
        self.correlation_id = self.correlation_id.wrapping_add(1) & i32::MAX;
        let mut own = self.lane.buffer();
        own.clear();
        own.extend_from_slice(frame);
        if let Some(place) = own.get_mut(CORRELATION_ID) {
            place.copy_from_slice(&self.correlation_id.to_be_bytes());
        }
        self.lane.queue(own, None);
        self.in_flight.push_back(due);
    }
}

/// One thread's lanes.
pub(super) struct Calls {
    /// The connections.
    pub(super) lanes: Vec<CallLane>,
    /// When they send.
    pub(super) pace: Pace,
    /// How answers are read.
    pub(super) error_of: ErrorOf,
    /// The version of the requests.
    pub(super) version: i16,
}

impl Calls {
    /// Sends until the run ends, or everything was sent once.
    ///
    /// # Errors
    /// A broker that refuses, answers wrongly, or does not answer.
    pub(super) fn work(mut self, control: &Control) -> Result<Tally, BenchError> {
        let mut tally = Tally::new()?;
        let mut drain_since = None;
        if let Pace::Every(interval) = self.pace {
            for lane in &mut self.lanes {
                lane.schedule = Some(Schedule::every(interval));
            }
        }
        loop {
            let phase = control.phase();
            tally.enter(phase);
            let waiting: usize = self.lanes.iter().map(|lane| lane.in_flight.len()).sum();
            if phase == Phase::Drain {
                if waiting == 0 {
                    return Ok(tally);
                }
                let since = *drain_since.get_or_insert_with(time::now);
                if time::now().duration_since(since) > Duration::from_secs(DRAIN_SECONDS) {
                    return Err(BenchError::Silent(waiting, DRAIN_SECONDS));
                }
            } else if !self.fill() && waiting == 0 {
                control.enter(Phase::Drain);
            }
            for lane in &mut self.lanes {
                if lane.lane.unsent() > 0 {
                    lane.lane.flush()?;
                }
            }
            self.wait(control, &mut tally)?;
        }
    }

    /// Queues what may be sent now; false when nothing ever will again.
    fn fill(&mut self) -> bool {
        let (now, once) = (time::now(), matches!(self.pace, Pace::Once));
        let mut has_more = false;
        for lane in &mut self.lanes {
            if lane.turn >= lane.frames.len() {
                if once {
                    continue;
                }
                lane.turn = 0;
            }
            has_more = true;
            match &mut lane.schedule {
                None if lane.in_flight.is_empty() => lane.send(now),
                None => {}
                Some(schedule) => {
                    if let Some(due) = schedule.take(now) {
                        lane.send(due);
                    }
                }
            }
        }
        has_more
    }

    fn wait(&mut self, control: &Control, tally: &mut Tally) -> Result<(), BenchError> {
        let readable = poll_lanes(self.lanes.iter().map(|lane| &lane.lane), self.nap())?;
        let now = time::now();
        let (error_of, version) = (self.error_of, self.version);
        let repeats = !matches!(self.pace, Pace::Every(_));
        for (lane, is_readable) in self.lanes.iter_mut().zip(readable) {
            if !is_readable {
                continue;
            }
            let (in_flight, turn) = (&mut lane.in_flight, &mut lane.turn);
            lane.lane.receive(&mut |frame| {
                let due = in_flight.pop_front();
                let due = due.ok_or_else(|| BenchError::Protocol("an answer that nobody asked for".to_owned()))?;
                let code = error_of(frame, version)?;
                if repeats && is_coming(code) {
                    *turn = turn.saturating_sub(1);
                    return Ok(());
                }
                super::check(code)?;
                let bytes = model::num::u64_from_usize(frame.len());
                control.moved(bytes);
                tally.answered(1, bytes, due, now);
                Ok(())
            })?;
        }
        Ok(())
    }

    /// How long to sleep at most: until something is due, or a moment, so that the end is seen.
    fn nap(&self) -> Duration {
        let now = time::now();
        let due = self.lanes.iter().filter_map(|lane| lane.schedule.as_ref());
        let due = due.map(|schedule| schedule.due().saturating_duration_since(now)).min();
        due.map_or(NAP, |due| due.min(NAP))
    }
}

/// Whether the coordinator will be there in a moment: its partition was just made, or is being loaded.
fn is_coming(code: i16) -> bool {
    let codes = [ErrorCode::CoordinatorLoadInProgress, ErrorCode::CoordinatorNotAvailable, ErrorCode::NotCoordinator];
    codes.iter().any(|coming| coming.code() == code)
}
