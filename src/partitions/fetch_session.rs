//! Fetch sessions (KIP-227): what a reader asked for before, so that it need only say what changed.
//!
//! Owns: the partitions of each session, their order, the epochs, and the bounds of it all. Does not know: logs.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::{ErrorCode, Tick, TopicId};

/// A session that was not used for this long may make room for another (Kafka's
/// `min.incremental.fetch.session.eviction.ms`, not configurable there either).
const EVICTION_MS_MIN: u64 = 120_000;

/// Which partition a reader means: by name before version 13, by id from then on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PartitionKey {
    /// The topic's id; zero where the reader uses names.
    pub(crate) topic_id: TopicId,
    /// The topic's name; empty where the reader uses ids.
    pub(crate) topic: Arc<str>,
    /// The partition's index as the reader sent it.
    pub(crate) partition: i32,
}

/// What a reader wants of one partition, and what it was told last.
#[derive(Clone, Debug)]
pub(crate) struct SessionPartition {
    /// Which one.
    pub(crate) key: PartitionKey,
    /// Where to read from, as the reader sent it.
    pub(crate) fetch_offset: i64,
    /// The most bytes, as the reader sent it.
    pub(crate) max_bytes: i32,
    /// The leader epoch that the reader knows; -1 for none.
    pub(crate) current_leader_epoch: i32,
    /// The epoch of the last record that the reader has; -1 for none.
    pub(crate) last_fetched_epoch: i32,
    /// The high watermark that it was told last; -1 before.
    pub(crate) told_high_watermark: i64,
    /// The log start offset that it was told last; -1 before.
    pub(crate) told_log_start_offset: i64,
}

/// Why a session cannot be used; the whole answer is this error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SessionError {
    /// There is no such session (any more).
    #[error("the fetch session is not known")]
    NotFound,
    /// The request is not the next one of its session.
    #[error("the fetch session is at another epoch")]
    WrongEpoch,
    /// The session began with names and goes on with ids, or the other way round.
    #[error("the fetch session names topics in another way")]
    NamesAndIds,
}

impl From<SessionError> for ErrorCode {
    fn from(error: SessionError) -> Self {
        match error {
            SessionError::NotFound => Self::FetchSessionIdNotFound,
            SessionError::WrongEpoch => Self::InvalidFetchSessionEpoch,
            SessionError::NamesAndIds => Self::FetchSessionTopicIdError,
        }
    }
}

/// One session.
#[derive(Debug)]
pub(crate) struct FetchSession {
    id: i32,
    /// The epoch that the next request must carry.
    epoch: i32,
    uses_topic_ids: bool,
    /// In the order in which they are read; what had data goes to the end, so that none starves.
    order: BTreeMap<u64, SessionPartition>,
    places: HashMap<PartitionKey, u64>,
    next_place: u64,
}

impl FetchSession {
    fn new(id: i32, uses_topic_ids: bool) -> Self {
        Self { id, epoch: 1, uses_topic_ids, order: BTreeMap::new(), places: HashMap::new(), next_place: 0 }
    }

    /// The partitions in reading order.
    pub(crate) fn partitions(&self) -> impl Iterator<Item = &SessionPartition> {
        self.order.values()
    }

    /// Its id, never 0.
    pub(crate) fn id(&self) -> i32 {
        self.id
    }

    /// The epoch that the next request must carry.
    pub(crate) fn epoch(&self) -> i32 {
        self.epoch
    }

    /// Remembers what the reader is told about a partition; one that `had_data` goes to the end of the order.
    pub(crate) fn told(&mut self, key: &PartitionKey, high_watermark: i64, log_start_offset: i64, had_data: bool) {
        let Some(place) = self.places.get(key).copied() else { return };
        let Some(mut partition) = self.order.remove(&place) else { return };
        partition.told_high_watermark = high_watermark;
        partition.told_log_start_offset = log_start_offset;
        if had_data {
            self.insert_last(partition);
        } else {
            self.order.insert(place, partition);
        }
    }

    fn insert_last(&mut self, partition: SessionPartition) {
        self.places.insert(partition.key.clone(), self.next_place);
        self.order.insert(self.next_place, partition);
        self.next_place += 1;
    }

    fn update(&mut self, changed: Vec<SessionPartition>, forgotten: &[PartitionKey]) {
        for mut partition in changed {
            match self.places.get(&partition.key).and_then(|place| self.order.get_mut(place)) {
                Some(known) => {
                    partition.told_high_watermark = known.told_high_watermark;
                    partition.told_log_start_offset = known.told_log_start_offset;
                    *known = partition;
                }
                None => self.insert_last(partition),
            }
        }
        for key in forgotten {
            if let Some(place) = self.places.remove(key) {
                self.order.remove(&place);
            }
        }
    }
}

/// What a request is to read.
pub(crate) enum FetchPlan {
    /// These partitions, all of them in the answer, no session.
    Sessionless(Vec<SessionPartition>),
    /// These partitions, all of them in the answer, and a session if there is room.
    NewSession(Vec<SessionPartition>),
    /// The session's partitions, in the answer what changed.
    Incremental {
        /// The session.
        session: Arc<Mutex<FetchSession>>,
        /// Its partitions now, in reading order.
        partitions: Vec<SessionPartition>,
        /// Its epoch after this request: if it moved on meanwhile, this answer is void.
        epoch: i32,
    },
}

/// The sessions of all readers; bounded by `max.incremental.fetch.session.cache.slots`.
#[derive(Debug)]
pub(crate) struct FetchSessions {
    slots: usize,
    /// Over all sessions; `fetch.session.partitions.max`.
    partitions_max: usize,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sessions: HashMap<i32, Cached>,
    partitions: usize,
}

#[derive(Debug)]
struct Cached {
    session: Arc<Mutex<FetchSession>>,
    used: Tick,
    partitions: usize,
}

impl FetchSessions {
    /// No sessions, room for `slots` with `partitions_max` partitions in all.
    pub(crate) fn new(slots: usize, partitions_max: usize) -> Self {
        Self { slots, partitions_max, state: Mutex::default() }
    }

    /// How many sessions there are, and how many partitions they name.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let state = lock(&self.state);
        (state.sessions.len(), state.partitions)
    }

    /// What the request with this session id and epoch is to read.
    ///
    /// # Errors
    /// [`SessionError`]: the answer is that error and nothing else.
    pub(crate) fn plan(
        &self,
        (id, epoch): (i32, i32),
        uses_topic_ids: bool,
        (asked, forgotten): (Vec<SessionPartition>, &[PartitionKey]),
        now: Tick,
    ) -> Result<FetchPlan, SessionError> {
        let mut state = lock(&self.state);
        if epoch == 0 || epoch == -1 {
            state.remove(id);
            return Ok(if epoch == 0 { FetchPlan::NewSession(asked) } else { FetchPlan::Sessionless(asked) });
        }
        let cached = state.sessions.get_mut(&id).ok_or(SessionError::NotFound)?;
        let shared = Arc::clone(&cached.session);
        let mut session = lock(&shared);
        if session.epoch != epoch {
            return Err(SessionError::WrongEpoch);
        }
        if session.uses_topic_ids != uses_topic_ids {
            return Err(SessionError::NamesAndIds);
        }
        let answer_if_emptied = asked.clone();
        session.update(asked, forgotten);
        let (before, after) = (cached.partitions, session.order.len());
        cached.used = now;
        cached.partitions = after;
        state.partitions = state.partitions.saturating_sub(before) + after;
        if after == 0 {
            state.remove(id);
            return Ok(FetchPlan::Sessionless(answer_if_emptied));
        }
        if state.partitions > self.partitions_max {
            state.remove(id);
            return Err(SessionError::NotFound);
        }
        // KIP-227: after the largest epoch comes 1; 0 and -1 mean something else.
        session.epoch = session.epoch.checked_add(1).unwrap_or(1);
        let partitions = session.partitions().cloned().collect();
        let epoch = session.epoch;
        drop(session);
        Ok(FetchPlan::Incremental { session: shared, partitions, epoch })
    }

    /// Begins a session with these partitions, as the reader was just told about them. 0 when there is no room: the reader
    /// then goes on without.
    pub(crate) fn create(
        &self,
        partitions: Vec<SessionPartition>,
        uses_topic_ids: bool,
        now: Tick,
        random: i32,
    ) -> i32 {
        let mut state = lock(&self.state);
        if state.partitions + partitions.len() > self.partitions_max || !state.make_room(self.slots, now) {
            return 0;
        }
        // Any id but 0 that is free; a random start keeps one reader from guessing another's.
        let mut id = random.max(1);
        while state.sessions.contains_key(&id) {
            id = id.checked_add(1).unwrap_or(1);
        }
        let mut session = FetchSession::new(id, uses_topic_ids);
        session.update(partitions, &[]);
        let count = session.order.len();
        state.partitions += count;
        state.sessions.insert(id, Cached { session: Arc::new(Mutex::new(session)), used: now, partitions: count });
        id
    }
}

impl State {
    fn remove(&mut self, id: i32) {
        if let Some(gone) = self.sessions.remove(&id) {
            self.partitions = self.partitions.saturating_sub(gone.partitions);
        }
    }

    fn make_room(&mut self, slots: usize, now: Tick) -> bool {
        if self.sessions.len() < slots {
            return true;
        }
        let oldest = self.sessions.iter().min_by_key(|(_, cached)| cached.used).map(|(id, cached)| (*id, cached.used));
        match oldest {
            Some((id, used)) if used.after_ms(EVICTION_MS_MIN).is_due(now) => {
                self.remove(id);
                true
            }
            _ => false,
        }
    }
}

/// Sessions are changed by plain assignments that cannot stop half-way, so a poisoned lock still holds a good value.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
