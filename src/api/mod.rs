//! The Kafka API: one file for each request, and the table that lists them. ApiVersions, dispatch and the docs follow
//! from the table.
//!
//! Owns: which APIs are served in which versions, and the frame around each answer. A handler may touch the `Broker`, the
//! codecs and `LogSlice`; never a socket, never another handler.

mod add_offsets_to_txn;
mod add_partitions_to_txn;
mod alter_configs;
mod alter_partition_reassignments;
mod alter_replica_log_dirs;
mod answer;
mod api_versions;
mod client;
mod config_resource;
mod consumer_group_describe;
mod consumer_group_heartbeat;
mod create_partitions;
mod create_topics;
mod delete_groups;
mod delete_records;
mod delete_topics;
mod describe_cluster;
mod describe_configs;
mod describe_groups;
mod describe_log_dirs;
mod describe_producers;
mod describe_quorum;
mod describe_topic_partitions;
mod describe_transactions;
mod elect_leaders;
mod end_txn;
mod fetch;
mod find_coordinator;
mod get_telemetry_subscriptions;
mod heartbeat;
mod incremental_alter_configs;
mod init_producer_id;
mod join_group;
mod judged_commits;
mod leave_group;
mod list_config_resources;
mod list_groups;
mod list_offsets;
mod list_partition_reassignments;
mod list_transactions;
mod metadata;
mod offset_commit;
mod offset_delete;
mod offset_fetch;
mod offset_for_leader_epoch;
mod operations;
mod produce;
mod push_telemetry;
mod sync_group;
mod table;
mod txn_offset_commit;
mod unregister_broker;
mod update_features;
mod write_txn_markers;

pub(crate) use answer::{
    Answer, CloseReason, ConnectionNotes, Dispatched, Outgoing, Peer, Pending, Reply, RequestContext,
};
pub(crate) use table::TABLE;

use std::ops::RangeInclusive;
use std::sync::Arc;

use model::wire::Reader;
use protocol::frame::{HeaderError, RequestHeader};
use protocol::{ApiKey, Decode, Response};

use crate::broker::Broker;

/// One API, at all the versions that it is advertised with.
pub(crate) trait Api {
    /// Which one.
    const KEY: ApiKey;
    /// The versions that are served, all of them whole.
    const VERSIONS: RangeInclusive<i16>;
    /// The decoded request; borrows from the frame.
    type Request<'frame>: Decode<'frame>;
    /// The answer's body.
    type Response: Response + 'static;
    /// Whether bytes behind the body are passed over, as Kafka passes over them. Only where a client in use sends some: else
    /// they are a sign that the two sides read the body differently.
    const PASSES_OVER_TRAILING_BYTES: bool = false;

    /// Handles a request. Runs in the connection's order until it returns; a [`Reply::Later`] completes in the
    /// background, and the answers keep the order of the requests.
    fn handle(broker: &Arc<Broker>, context: &RequestContext<'_>, request: Self::Request<'_>) -> Reply<Self::Response>;
}

/// Handles one frame (without its size field), and counts it if it is refused.
pub(crate) fn dispatch(broker: &Arc<Broker>, peer: &Peer, notes: &ConnectionNotes, frame: &[u8]) -> Dispatched {
    let dispatched = handle(broker, peer, notes, frame);
    if let Dispatched::Close(reason) = &dispatched {
        broker.metrics.requests_refused.add(reason.label(), 1);
    }
    dispatched
}

fn handle(broker: &Arc<Broker>, peer: &Peer, notes: &ConnectionNotes, frame: &[u8]) -> Dispatched {
    let mut reader = Reader::new(frame);
    let header = match RequestHeader::parse(&mut reader) {
        Ok(header) => header,
        // KIP-511: the one request whose version a client cannot know is answered in version 0, whatever it holds.
        Err(HeaderError::UnknownVersion { api_key: ApiKey::ApiVersions, correlation_id, .. }) => {
            return api_versions::unknown_version(correlation_id);
        }
        Err(error) => return Dispatched::Close(CloseReason::Header(error)),
    };
    let (key, version) = (header.api_key, header.api_version);
    let Some(row) = TABLE.iter().find(|row| row.key == key && row.versions.contains(&version)) else {
        return Dispatched::Close(CloseReason::NotServed { key, version });
    };
    let _span = tracing::debug_span!(
        "request",
        api = key.name(),
        version,
        client_id = header.client_id,
        correlation_id = header.correlation_id
    )
    .entered();
    (row.run)(broker, &table::Incoming { peer, notes, header, body: reader.peek(), size: frame.len() })
}
