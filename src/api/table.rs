//! The table of APIs: what is served, and how a request of each is run. ApiVersions and the docs follow from it.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use model::wire::{Decode as _, Reader};
use protocol::frame::RequestHeader;
use protocol::{ApiKey, Response, WireError, decode_body};

use super::answer::outgoing;
use super::{Api, CloseReason, ConnectionNotes, Dispatched, Outgoing, Peer, Reply, RequestContext};
use crate::broker::Broker;

/// One API.
pub(crate) struct Row {
    /// Its key.
    pub(crate) key: ApiKey,
    /// The versions that are served.
    pub(crate) versions: RangeInclusive<i16>,
    /// Decodes a request of it, handles it and encodes the answer.
    pub(super) run: fn(&Arc<Broker>, &Incoming<'_>) -> Dispatched,
}

/// A request whose header was read.
pub(super) struct Incoming<'frame> {
    /// The connection it came by.
    pub(super) peer: &'frame Peer,
    /// What is remembered of it.
    pub(super) notes: &'frame ConnectionNotes,
    pub(super) header: RequestHeader<'frame>,
    pub(super) body: &'frame [u8],
    /// Bytes of the frame.
    pub(super) size: usize,
}

macro_rules! apis {
    ($($module:ident::$api:ident;)*) => {
        /// Every API that is served, in the order of the keys.
        pub(crate) const TABLE: &[Row] = &[$(Row {
            key: <super::$module::$api as Api>::KEY,
            versions: <super::$module::$api as Api>::VERSIONS,
            run: run::<super::$module::$api>,
        },)*];
    };
}

apis! {
    produce::Produce;
    fetch::Fetch;
    list_offsets::ListOffsets;
    metadata::Metadata;
    offset_commit::OffsetCommit;
    offset_fetch::OffsetFetch;
    find_coordinator::FindCoordinator;
    join_group::JoinGroup;
    heartbeat::Heartbeat;
    leave_group::LeaveGroup;
    sync_group::SyncGroup;
    describe_groups::DescribeGroups;
    list_groups::ListGroups;
    api_versions::ApiVersions;
    create_topics::CreateTopics;
    delete_topics::DeleteTopics;
    delete_records::DeleteRecords;
    init_producer_id::InitProducerId;
    offset_for_leader_epoch::OffsetForLeaderEpoch;
    add_partitions_to_txn::AddPartitionsToTxn;
    add_offsets_to_txn::AddOffsetsToTxn;
    end_txn::EndTxn;
    write_txn_markers::WriteTxnMarkers;
    txn_offset_commit::TxnOffsetCommit;
    describe_configs::DescribeConfigs;
    alter_configs::AlterConfigs;
    alter_replica_log_dirs::AlterReplicaLogDirs;
    describe_log_dirs::DescribeLogDirs;
    create_partitions::CreatePartitions;
    delete_groups::DeleteGroups;
    elect_leaders::ElectLeaders;
    incremental_alter_configs::IncrementalAlterConfigs;
    alter_partition_reassignments::AlterPartitionReassignments;
    list_partition_reassignments::ListPartitionReassignments;
    offset_delete::OffsetDelete;
    describe_quorum::DescribeQuorum;
    update_features::UpdateFeatures;
    describe_cluster::DescribeCluster;
    describe_producers::DescribeProducers;
    unregister_broker::UnregisterBroker;
    describe_transactions::DescribeTransactions;
    list_transactions::ListTransactions;
    consumer_group_heartbeat::ConsumerGroupHeartbeat;
    consumer_group_describe::ConsumerGroupDescribe;
    get_telemetry_subscriptions::GetTelemetrySubscriptions;
    push_telemetry::PushTelemetry;
    list_config_resources::ListConfigResources;
    describe_topic_partitions::DescribeTopicPartitions;
}

fn decode<A: Api>(body: &[u8], version: i16) -> Result<A::Request<'_>, WireError> {
    if A::PASSES_OVER_TRAILING_BYTES {
        A::Request::decode(&mut Reader::new(body), version)
    } else {
        decode_body(body, version)
    }
}

fn run<A: Api>(broker: &Arc<Broker>, incoming: &Incoming<'_>) -> Dispatched {
    let Incoming { peer, notes, header, body, size } = incoming;
    let (key, version, correlation_id) = (header.api_key, header.api_version, header.correlation_id);
    let request = match decode::<A>(body, version) {
        Ok(request) => request,
        Err(error) => return Dispatched::Close(CloseReason::Body { key, version, error }),
    };
    broker.metrics.requests.add(key, 1);
    broker.metrics.request_bytes.add(key, model::num::u64_from_usize(*size));
    let measured = Measured { broker: Arc::clone(broker), key, began: broker.clock.elapsed() };
    let context = RequestContext { version, peer: **peer, client_id: header.client_id, notes };
    dispatched(A::handle(broker, &context, request), correlation_id, version, measured)
}

/// Frames what a handler gave back.
fn dispatched<R: Response + 'static>(
    reply: Reply<R>,
    correlation_id: i32,
    version: i16,
    measured: Measured,
) -> Dispatched {
    match reply {
        Reply::Now(answer) => {
            let answer = measured.end(outgoing(correlation_id, version, answer));
            answer.map_or_else(Dispatched::Close, Dispatched::Answer)
        }
        Reply::Later(pending) => {
            Dispatched::Later(Box::pin(async move { measured.end(outgoing(correlation_id, version, pending.await)) }))
        }
        Reply::Exclusive(pending) => {
            let answer = async move { measured.end(outgoing(correlation_id, version, pending.await)) };
            Dispatched::Exclusive(Box::pin(answer))
        }
        Reply::Silent => {
            measured.observe();
            Dispatched::Silent
        }
        Reply::Ordered(reply) => {
            Dispatched::Ordered(Box::pin(async move { dispatched(reply.await, correlation_id, version, measured) }))
        }
        Reply::Close(reason) => Dispatched::Close(reason),
    }
}

/// A request whose time runs.
struct Measured {
    broker: Arc<Broker>,
    key: ApiKey,
    began: Duration,
}

impl Measured {
    /// The answer is there.
    fn end(self, answer: Result<Outgoing, CloseReason>) -> Result<Outgoing, CloseReason> {
        self.observe();
        answer
    }

    fn observe(&self) {
        let took = self.broker.clock.elapsed().saturating_sub(self.began);
        self.broker.metrics.request_time.observe(self.key, took);
    }
}
