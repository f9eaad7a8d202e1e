//! Describes and lists transactions, and says how old the open ones are.

use model::ErrorCode;

use super::TransactionShard;
use super::event::{DescribeTransaction, DescribedTransaction, ListTransactions, ListedTransaction};
use super::state::TransactionState;
use super::steps::Transaction;
use crate::shard::Now;

/// The transactional ids of a shard whose state is not final, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenTransactions {
    /// Transactions that are under way.
    pub ongoing: usize,
    /// Ms that the oldest of them has been.
    pub oldest_ongoing_ms: i64,
    /// Transactions that are to be committed or aborted: a marker is missing.
    pub preparing: usize,
    /// Ms that the one has been which waits longest.
    pub oldest_preparing_ms: i64,
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

    /// How many transactions are open, and how old the oldest are. Takes time with how many there are.
    #[must_use]
    pub fn open_transactions(&self, now: Now) -> OpenTransactions {
        let mut open = OpenTransactions::default();
        for transactional in self.open.iter().filter_map(|id| self.ids.get(id)) {
            let logged = &transactional.logged;
            if logged.state == TransactionState::Ongoing {
                open.ongoing += 1;
                open.oldest_ongoing_ms = open.oldest_ongoing_ms.max(now.time.ms_since(logged.start));
            } else {
                open.preparing += 1;
                open.oldest_preparing_ms = open.oldest_preparing_ms.max(now.time.ms_since(logged.last_update));
            }
        }
        open
    }

    /// How many transactional ids there are.
    #[must_use]
    pub fn ids_count(&self) -> usize {
        self.ids.len()
    }
}
