//! Describes, lists and counts transactions, and says how old the open ones are.

use model::ErrorCode;

use super::TransactionShard;
use super::event::{DescribeTransaction, DescribedTransaction, ListTransactions, ListedTransaction};
use super::state::TransactionState;
use super::steps::Transaction;
use crate::shard::Now;

/// The transactional ids of a shard, counted for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransactionCounts {
    /// How many there are, in whatever state.
    pub ids: usize,
    /// Transactions that are under way.
    pub ongoing: CountInState,
    /// Transactions that are to be committed: a marker is missing.
    pub prepare_commit: CountInState,
    /// Transactions that are to be aborted: a marker is missing.
    pub prepare_abort: CountInState,
}

/// The transactions in one state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CountInState {
    /// How many there are.
    pub count: usize,
    /// Ms that the oldest of them has been in the state.
    pub oldest_ms: i64,
}

impl TransactionCounts {
    /// The states that are not final, and what is in them.
    #[must_use]
    pub const fn open(&self) -> [(TransactionState, CountInState); 3] {
        [
            (TransactionState::Ongoing, self.ongoing),
            (TransactionState::PrepareCommit, self.prepare_commit),
            (TransactionState::PrepareAbort, self.prepare_abort),
        ]
    }

    /// Takes in those of another shard.
    pub fn add(&mut self, other: &Self) {
        self.ids += other.ids;
        self.ongoing.add(other.ongoing);
        self.prepare_commit.add(other.prepare_commit);
        self.prepare_abort.add(other.prepare_abort);
    }
}

impl CountInState {
    fn add(&mut self, other: Self) {
        self.count += other.count;
        self.oldest_ms = self.oldest_ms.max(other.oldest_ms);
    }
}

impl TransactionShard {
    pub(super) fn describe_transaction(
        &self,
        request: &DescribeTransaction,
    ) -> Result<DescribedTransaction, ErrorCode> {
        let id = request.transactional_id.as_str();
        if id.is_empty() {
            return Err(ErrorCode::InvalidRequest);
        }
        let logged = self.get(id).ok_or(ErrorCode::TransactionalIdNotFound)?;
        Ok(DescribedTransaction {
            producer: logged.producer,
            state: logged.state,
            timeout_ms: logged.timeout_ms,
            start: logged.start,
            partitions: self.described_partitions(id),
        })
    }

    pub(super) fn list_transactions(&self, now: Now, request: &ListTransactions) -> Vec<ListedTransaction> {
        let wanted = |id: &str, logged: &Transaction| {
            let has_state = request.states.as_ref().is_none_or(|states| states.contains(&logged.state));
            let producer_id = logged.producer.producer_id.get();
            let has_producer = request.producer_ids.is_empty() || request.producer_ids.contains(&producer_id);
            // As in Kafka, what has not begun counts from a millisecond before 1970.
            let lasts_ms = now.time.ms_since(logged.start);
            let is_long = request.duration_ms < 0 || lasts_ms > request.duration_ms;
            has_state && has_producer && is_long && request.pattern.as_ref().is_none_or(|pattern| pattern.matches(id))
        };
        let ids = self.ids.iter().map(|(id, transactional)| (id, &transactional.logged));
        let listed = ids.filter(|(id, logged)| wanted(id, logged)).map(|(id, logged)| ListedTransaction {
            transactional_id: id.clone(),
            producer_id: logged.producer.producer_id,
            state: logged.state,
        });
        listed.collect()
    }

    /// How many transactional ids there are, how many transactions are open, and how old the oldest of those are. Takes time
    /// with how many are open.
    #[must_use]
    pub fn count_transactions(&self, now: Now) -> TransactionCounts {
        let mut counts = TransactionCounts { ids: self.ids.len(), ..TransactionCounts::default() };
        for transactional in self.open.iter().filter_map(|id| self.ids.get(id)) {
            let logged = &transactional.logged;
            let (of_state, since) = match logged.state {
                TransactionState::Ongoing => (&mut counts.ongoing, logged.start),
                TransactionState::PrepareCommit => (&mut counts.prepare_commit, logged.last_update),
                TransactionState::PrepareAbort => (&mut counts.prepare_abort, logged.last_update),
                TransactionState::Empty | TransactionState::CompleteCommit | TransactionState::CompleteAbort => {
                    continue;
                }
            };
            of_state.add(CountInState { count: 1, oldest_ms: now.time.ms_since(since) });
        }
        counts
    }
}
