//! Many members that join one group at once: from the first request until all are in one generation or epoch and every
//! partition has its reader.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;

use super::super::control::{Control, Phase, Tally};
use super::super::coordinators::{Coordinated, by_coordinator, names};
use super::super::report::Report;
use super::super::run::{self, Work};
use super::super::{BenchError, target};
use super::member::Member;
use super::{JoinLoad, Protocol};
use crate::cli::ClientArgs;
use crate::cli::client::connection::Connection;
use crate::cli::time::{self, Deadline};

/// Runs the load. The result's one latency is the time that it took.
pub(in super::super) fn run(client: &ClientArgs, load: &JoinLoad) -> Result<Report, BenchError> {
    let mut cluster = client.cluster();
    target::prepare(&mut cluster, &load.common)?;
    let found = by_coordinator(&mut cluster, Coordinated::Group, &names(1))?;
    let Some((node, group)) = found.iter().find_map(|(node, groups)| Some((node, groups.first()?))) else {
        return Err(BenchError::Protocol("the group has no coordinator".to_owned()));
    };
    let address = cluster.address(*node).unwrap_or_default();
    let mut members = Vec::new();
    for _ in 0..load.members {
        let connection = Connection::open(address, cluster.deadline())?;
        members.push((connection, Member::new(group, &load.common.topic, load.common.partitions, load.protocol)));
    }
    let (arguments, deadline) = (load.clone(), cluster.deadline());
    let work: Work = Box::new(move |control| all_join(control, &arguments, members, deadline));
    let measured = run::run(client, &load.common, vec![work])?;
    target::clean(&mut cluster, &load.common)?;
    let parameters = json!({
        "members": load.members, "partitions": load.common.partitions, "interval_ms": load.interval,
        "protocol": format!("{:?}", load.protocol).to_lowercase(),
    });
    Ok(Report { mode: "join", parameters, measured, check: None })
}

fn all_join(
    control: &Control,
    load: &JoinLoad,
    members: Vec<(Connection, Member)>,
    deadline: Deadline,
) -> Result<Tally, BenchError> {
    while control.phase() == Phase::Warmup {
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut tally = Tally::new()?;
    tally.enter(Phase::Measure);
    let begun = time::now();
    let board = Board::new(members.len(), load.common.partitions);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..)
            .zip(members)
            .map(|(place, (connection, member))| {
                let board = &board;
                scope.spawn(move || {
                    let done = Seat { place, connection, member, deadline }.take_part(board, load);
                    if done.is_err() {
                        board.give_up();
                    }
                    done
                })
            })
            .collect();
        for thread in threads {
            thread.join().map_err(|_| BenchError::Protocol("a member panicked".to_owned()))??;
        }
        Ok::<(), BenchError>(())
    })?;
    tally.answered(1, 0, begun, board.done_at().unwrap_or(begun));
    control.enter(Phase::Drain);
    Ok(tally)
}

/// One member, and where it stands on the board.
struct Seat {
    place: usize,
    connection: Connection,
    member: Member,
    deadline: Deadline,
}

impl Seat {
    /// The member's life until everybody has what they shall have.
    fn take_part(self, board: &Board, load: &JoinLoad) -> Result<(), BenchError> {
        let Self { place, mut connection, mut member, deadline } = self;
        let (connection, member) = (&mut connection, &mut member);
        let nap = Duration::from_millis(u64::from(load.interval));
        let mut tells_all = true;
        let mut is_in = false;
        while !board.is_done() {
            let has_changed = match load.protocol {
                Protocol::Classic if is_in => {
                    is_in = member.beat_classic(connection, deadline)?;
                    !is_in
                }
                Protocol::Classic => {
                    member.join_classic(connection, deadline)?;
                    is_in = true;
                    board.note(place, member.epoch, &member.owned);
                    false
                }
                Protocol::Consumer => {
                    tells_all = member.beat_consumer(connection, tells_all, deadline)?;
                    board.note(place, member.epoch, &member.owned);
                    tells_all
                }
            };
            // News are acted on at once.
            if !has_changed && !deadline.pause(nap) {
                return Err(BenchError::Silent(1, 0));
            }
        }
        Ok(())
    }
}

/// What all members have, as they were told.
struct Board {
    partitions: usize,
    state: Mutex<State>,
}

struct State {
    members: Vec<Option<(i32, Vec<i32>)>>,
    done_at: Option<Instant>,
    is_over: bool,
}

impl Board {
    fn new(members: usize, partitions: i32) -> Self {
        let state = State { members: vec![None; members], done_at: None, is_over: false };
        Self { partitions: usize::try_from(partitions).unwrap_or(0), state: Mutex::new(state) }
    }

    fn note(&self, place: usize, epoch: i32, owned: &[i32]) {
        let mut state = self.lock();
        if let Some(member) = state.members.get_mut(place) {
            *member = Some((epoch, owned.to_vec()));
        }
        if !state.is_over && is_stable(&state.members, self.partitions) {
            state.done_at = Some(time::now());
            state.is_over = true;
        }
    }

    fn is_done(&self) -> bool {
        self.lock().is_over
    }

    fn done_at(&self) -> Option<Instant> {
        self.lock().done_at
    }

    fn give_up(&self) {
        self.lock().is_over = true;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether all are in one epoch and have each partition once.
fn is_stable(members: &[Option<(i32, Vec<i32>)>], partitions: usize) -> bool {
    let first = members.first().and_then(Option::as_ref).map(|(epoch, _)| *epoch);
    let mut owned: BTreeSet<i32> = BTreeSet::new();
    let mut count = 0;
    for member in members {
        let Some((epoch, partitions)) = member else { return false };
        if Some(*epoch) != first {
            return false;
        }
        count += partitions.len();
        owned.extend(partitions);
    }
    owned.len() == partitions && count == partitions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_stable_when_one_epoch_has_each_partition_once() {
        let one = |epoch, owned: &[i32]| Some((epoch, owned.to_vec()));
        assert!(is_stable(&[one(3, &[0, 2]), one(3, &[1])], 3));
        assert!(!is_stable(&[one(3, &[0, 2]), one(2, &[1])], 3));
        assert!(!is_stable(&[one(3, &[0, 2]), one(3, &[2])], 3));
        assert!(!is_stable(&[one(3, &[0, 2]), None], 2));
        assert!(!is_stable(&[one(3, &[0, 1]), one(3, &[1])], 2));
    }
}
