//! The questions about transactions, each with the answer that belongs to it. Every one returns when the event is in its
//! shard's queue.

use coordinator::transaction::event::{
    AddPartitions, DescribeTransaction, DescribedTransaction, EndTxn, InitProducerId, ListTransactions,
    ListedTransaction, ProducerIdAndEpoch, VerifyPartitions,
};
use coordinator::transaction::{TransactionCounts, TransactionEvent, TransactionReply};
use model::{ErrorCode, TopicPartition};

use super::super::Coordinators;
use super::super::handle::Later;

impl Coordinators {
    /// A producer with a transactional id begins, or goes on after an error.
    pub(crate) fn init_producer_id(&self, request: InitProducerId) -> Later<ProducerIdAndEpoch> {
        flat(self.transactions.ask(TransactionEvent::InitProducerId(request), |reply| {
            if let TransactionReply::InitProducerId(reply) = reply { Some(reply) } else { None }
        }))
    }

    /// Partitions become part of a transaction.
    pub(crate) fn add_partitions(&self, request: AddPartitions) -> Later<()> {
        flat(self.transactions.ask(TransactionEvent::AddPartitions(request), |reply| {
            if let TransactionReply::AddPartitions(reply) = reply { Some(reply) } else { None }
        }))
    }

    /// Are partitions part of the transaction that is under way?
    pub(crate) fn verify_partitions(&self, request: VerifyPartitions) -> Later<Vec<(TopicPartition, ErrorCode)>> {
        self.transactions.ask(TransactionEvent::VerifyPartitions(request), |reply| {
            if let TransactionReply::VerifyPartitions(codes) = reply { Some(codes) } else { None }
        })
    }

    /// A transaction ends.
    pub(crate) fn end_txn(&self, request: EndTxn) -> Later<Option<ProducerIdAndEpoch>> {
        flat(self.transactions.ask(TransactionEvent::EndTxn(request), |reply| match reply {
            TransactionReply::EndTxn(reply) => Some(reply),
            // There was no producer id to be had.
            TransactionReply::InitProducerId(Err(code)) => Some(Err(code)),
            TransactionReply::InitProducerId(Ok(_))
            | TransactionReply::AddPartitions(_)
            | TransactionReply::VerifyPartitions(_)
            | TransactionReply::DescribeTransaction(_)
            | TransactionReply::ListTransactions(_)
            | TransactionReply::CountTransactions(_) => None,
        }))
    }

    /// What is this transaction?
    pub(crate) fn describe_transaction(&self, request: DescribeTransaction) -> Later<DescribedTransaction> {
        flat(self.transactions.ask(TransactionEvent::DescribeTransaction(request), |reply| {
            if let TransactionReply::DescribeTransaction(reply) = reply { Some(reply) } else { None }
        }))
    }

    /// Which transactions are there? Of all shards, or the first error of one.
    pub(crate) fn list_transactions(&self, request: &ListTransactions) -> Later<Vec<ListedTransaction>> {
        let parts = self.transactions.ask_all(
            || TransactionEvent::ListTransactions(request.clone()),
            |reply| if let TransactionReply::ListTransactions(listed) = reply { Some(listed) } else { None },
        );
        Box::pin(async move {
            let mut transactions = Vec::new();
            for part in parts {
                transactions.extend(part.await?);
            }
            Ok(transactions)
        })
    }

    /// How many transactions are there, and how old? Of all shards, or the first error of one.
    pub(crate) fn count_transactions(&self) -> Later<TransactionCounts> {
        let parts = self.transactions.ask_all(
            || TransactionEvent::CountTransactions,
            |reply| if let TransactionReply::CountTransactions(counts) = reply { Some(counts) } else { None },
        );
        Box::pin(async move {
            let mut counts = TransactionCounts::default();
            for part in parts {
                counts.add(&part.await?);
            }
            Ok(counts)
        })
    }
}

/// The shard's own refusal, and that of whoever could not ask it, are the same to a client.
fn flat<T: 'static>(later: Later<Result<T, ErrorCode>>) -> Later<T> {
    Box::pin(async move { later.await? })
}
