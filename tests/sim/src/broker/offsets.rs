//! Offsets in transactions: the steps of `src/api/add_offsets_to_txn` and `src/api/txn_offset_commit`.

use std::rc::Rc;

use coordinator::group::event::OffsetCommit;
use coordinator::group::{GroupEvent, GroupReply, GroupShard};
use coordinator::shard::Producer;
use coordinator::transaction::event::{AddPartitions, VerifyPartitions};
use coordinator::transaction::{Partitions, TransactionEvent, TransactionReply, TransactionVersion};
use model::{ErrorCode, ProducerEpoch, ProducerId, TopicPartition};
use storage::producers::{FirstSequence, Verified};

use super::Broker;
use super::produce::{PATIENCE, PATIENCE_PAUSE_US};
use super::shard::{ShardRuntime, stamp};
use crate::wire::{AddOffsets, TxnOffsetCommit};

impl Broker {
    /// Makes a group's partition part of a transaction.
    ///
    /// # Errors
    /// The shard's of the transactional id.
    pub(super) async fn add_offsets(&self, request: AddOffsets) -> Result<TransactionReply, ErrorCode> {
        let AddOffsets { transactional_id, producer, group_id } = request;
        let groups = self.groups_of(&group_id)?;
        let partitions = Partitions::from_iter([groups.partition().log.topic_partition().clone()]);
        let client_version = TransactionVersion::V0;
        let asked = AddPartitions { transactional_id, producer, partitions, client_version };
        self.ask_transactions(TransactionEvent::AddPartitions(asked)).await
    }

    /// Commits offsets in a transaction that has the group's partition, or is given it.
    ///
    /// # Errors
    /// The shards'; `CONCURRENT_TRANSACTIONS` while the transaction before ends.
    pub(super) async fn commit_in_transaction(&self, request: TxnOffsetCommit) -> Result<GroupReply, ErrorCode> {
        let producer = Producer {
            id: ProducerId::new(request.producer.id).ok_or(ErrorCode::InvalidProducerIdMapping)?,
            epoch: ProducerEpoch::new(request.producer.epoch).ok_or(ErrorCode::InvalidProducerEpoch)?,
        };
        let groups = self.groups_of(&request.commit.group_id)?;
        let log = &groups.partition().log;
        for _ in 0..PATIENCE {
            // Anew each time: the markers that were waited for have taken the guard before away.
            let guard = log.begin_verification(&stamp(producer), FirstSequence::Any, self.sim.now().time);
            let answer = match guard {
                Some(_) => self.vouch_for_offsets(&request, log.topic_partition()).await,
                None => Ok(()),
            };
            let is_added = request.client_version == TransactionVersion::V2;
            match answer {
                Ok(()) => {
                    let verified = guard.map_or(Verified::ByOpenTransaction, Verified::By);
                    let commit = OffsetCommit { transaction: Some(producer), ..request.commit };
                    let event = GroupEvent::OffsetCommit(commit);
                    return groups.ask_verified(event, Some((producer, verified))).take().await;
                }
                Err(ErrorCode::ConcurrentTransactions) if is_added => self.sim.sleep(PATIENCE_PAUSE_US).await,
                Err(ErrorCode::ProducerFenced) => return Err(ErrorCode::InvalidProducerEpoch),
                Err(code) => return Err(code),
            }
        }
        Err(ErrorCode::ConcurrentTransactions)
    }

    async fn vouch_for_offsets(&self, request: &TxnOffsetCommit, at: &TopicPartition) -> Result<(), ErrorCode> {
        let (transactional_id, producer) = (request.transactional_id.clone(), request.producer);
        if request.client_version == TransactionVersion::V2 {
            let (partitions, client_version) = (Partitions::from_iter([at.clone()]), request.client_version);
            let asked = AddPartitions { transactional_id, producer, partitions, client_version };
            let reply = self.ask_transactions(TransactionEvent::AddPartitions(asked)).await?;
            let TransactionReply::AddPartitions(added) = reply else { return Err(ErrorCode::UnknownServerError) };
            return added;
        }
        let asked = VerifyPartitions { transactional_id, producer, partitions: vec![at.clone()] };
        let reply = self.ask_transactions(TransactionEvent::VerifyPartitions(asked)).await?;
        let TransactionReply::VerifyPartitions(codes) = reply else { return Err(ErrorCode::UnknownServerError) };
        let refused = codes.into_iter().map(|(_, code)| code).find(|code| *code != ErrorCode::None);
        refused.map_or(Ok(()), Err)
    }

    fn groups_of(&self, group_id: &str) -> Result<Rc<ShardRuntime<GroupShard>>, ErrorCode> {
        super::of_name(&self.groups, group_id).ok_or(ErrorCode::NotCoordinator)
    }
}
