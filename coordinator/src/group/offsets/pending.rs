//! Offsets that were committed in transactions which are still open: hidden until the transaction's marker, then committed or
//! dropped.
//!
//! Of the commits of one partition the one that was recorded last counts, whichever way it was made and whichever transaction
//! ended first: only so the log, which compaction thins out by that order, says the same when it is replayed.

use std::collections::{BTreeMap, BTreeSet};

use model::ProducerId;

use super::store::Committed;
use crate::group::GroupShard;
use crate::records::offset_commit::{OffsetCommitKey, OffsetCommitValue};
use crate::transaction::event::TransactionResult;

/// The offsets of a shard's open transactions.
#[derive(Debug, Default)]
pub(crate) struct PendingOffsets {
    groups: BTreeMap<String, OpenGroup>,
    /// The groups of each transaction.
    producers: BTreeMap<ProducerId, BTreeSet<String>>,
    /// Counts the records, so that two can be told apart by age.
    order: u64,
}

/// What open transactions hold of one group.
#[derive(Debug, Default)]
struct OpenGroup {
    producers: BTreeSet<ProducerId>,
    partitions: BTreeMap<(String, i32), OpenPartition>,
}

/// What open transactions hold of one partition.
#[derive(Debug, Default)]
struct OpenPartition {
    pending: BTreeMap<ProducerId, (u64, Committed)>,
    /// The order of what is committed, if that was recorded after the first of the pending offsets.
    committed: Option<u64>,
}

impl PendingOffsets {
    /// Whether an open transaction has an offset of this partition.
    pub(super) fn has_partition(&self, group_id: &str, topic: &str, partition: i32) -> bool {
        // Most groups have no transaction, and a key is only made for those that have.
        let group = self.groups.get(group_id);
        group.is_some_and(|group| group.partitions.contains_key(&(topic.to_owned(), partition)))
    }

    /// Whether an open transaction has committed for this group.
    pub(in crate::group) fn has_group(&self, group_id: &str) -> bool {
        self.groups.contains_key(group_id)
    }

    /// The partitions of a group with offsets of open transactions.
    pub(super) fn partitions(&self, group_id: &str) -> impl Iterator<Item = (&str, i32)> {
        let partitions = self.groups.get(group_id).into_iter().flat_map(|group| group.partitions.keys());
        partitions.map(|(topic, partition)| (topic.as_str(), *partition))
    }

    /// Every offset, with its group and its topic's name.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &str, &Committed)> {
        self.groups.iter().flat_map(|(group_id, group)| {
            group.partitions.iter().flat_map(move |((topic, _), partition)| {
                partition.pending.values().map(move |(_, committed)| (group_id.as_str(), topic.as_str(), committed))
            })
        })
    }

    /// Notes an offset of a transaction.
    fn put(&mut self, key: &OffsetCommitKey, value: &OffsetCommitValue, producer: ProducerId) {
        self.order += 1;
        let group = self.groups.entry(key.group.clone()).or_default();
        group.producers.insert(producer);
        let partition = group.partitions.entry((key.topic.clone(), key.partition)).or_default();
        partition.pending.insert(producer, (self.order, Committed::new(key.partition, value)));
        self.producers.entry(producer).or_default().insert(key.group.clone());
    }

    /// Notes that an offset was committed outside a transaction, or forgotten: what is pending is older, or forgotten too.
    pub(in crate::group) fn overtake(&mut self, key: &OffsetCommitKey, is_tombstone: bool) {
        let Some(group) = self.groups.get_mut(&key.group) else { return };
        let at = (key.topic.clone(), key.partition);
        if is_tombstone {
            group.partitions.remove(&at);
        } else if let Some(partition) = group.partitions.get_mut(&at) {
            self.order += 1;
            partition.committed = Some(self.order);
        }
    }

    /// Ends a transaction; gives what counts from now on if it was committed.
    fn end(&mut self, producer: ProducerId, result: TransactionResult) -> Vec<(OffsetCommitKey, Committed)> {
        let mut committed = Vec::new();
        for group_id in self.producers.remove(&producer).unwrap_or_default() {
            let Some(group) = self.groups.get_mut(&group_id) else { continue };
            group.producers.remove(&producer);
            group.partitions.retain(|(topic, index), partition| {
                let pending = partition.pending.remove(&producer);
                if let Some((order, offset)) = pending.filter(|_| result == TransactionResult::Commit)
                    && partition.committed.is_none_or(|committed| committed < order)
                {
                    partition.committed = Some(order);
                    let key = OffsetCommitKey { group: group_id.clone(), topic: topic.clone(), partition: *index };
                    committed.push((key, offset));
                }
                !partition.pending.is_empty()
            });
            if group.producers.is_empty() {
                self.groups.remove(&group_id);
            }
        }
        committed
    }
}

impl GroupShard {
    /// An offset was committed in a transaction. A group that is not known becomes a simple one, as with any commit.
    pub(in crate::group) fn apply_pending(
        &mut self,
        key: &OffsetCommitKey,
        value: &OffsetCommitValue,
        producer: ProducerId,
    ) {
        if !self.groups.contains_key(&key.group) {
            self.offsets.begin_group(&key.group);
        }
        self.pending.put(key, value, producer);
    }

    /// Replays the marker that ends a transaction: its offsets count from now on, or never did.
    pub fn end_transaction(&mut self, producer: ProducerId, result: TransactionResult) {
        for (key, committed) in self.pending.end(producer, result) {
            self.offsets.put(&key, committed);
        }
    }
}
