//! FindCoordinator (key 10), versions 0-6. v1 kinds of keys; v3 flexible; v4 many keys at once (KIP-699); v5 and v6 transactions
//! version 2 and share groups.
//! The topic of groups or of transactions is made when the first of them is looked for, and answered when it is there; Kafka
//! answers an error first. Not here: share groups, which come with their coordinator.

use std::ops::RangeInclusive;
use std::sync::Arc;

use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::find_coordinator::{Coordinator, FindCoordinatorRequest, FindCoordinatorResponse};

use super::{Api, Reply, RequestContext};
use crate::broker::Broker;
use crate::metadata::{OFFSETS_TOPIC, TRANSACTIONS_TOPIC};

/// The first version with many keys.
const KEYS_FROM: i16 = 4;
/// The kind of key that names a group.
const GROUP: i8 = 0;
/// The kind of key that names a transactional id.
const TRANSACTION: i8 = 1;

pub(super) struct FindCoordinator;

impl Api for FindCoordinator {
    const KEY: ApiKey = ApiKey::FindCoordinator;
    const VERSIONS: RangeInclusive<i16> = 0..=6;
    type Request<'frame> = FindCoordinatorRequest<'frame>;
    type Response = FindCoordinatorResponse;

    fn handle(
        broker: &Arc<Broker>,
        context: &RequestContext<'_>,
        request: FindCoordinatorRequest<'_>,
    ) -> Reply<FindCoordinatorResponse> {
        let has_keys = context.version >= KEYS_FROM;
        let keys = if has_keys { request.coordinator_keys } else { vec![request.key] };
        let keys: Vec<String> = keys.into_iter().map(str::to_owned).collect();
        let (kind, peer) = (request.key_type, context.peer);
        let find = move |broker: &Broker| {
            let address = broker.address_for(peer.local, peer.listener);
            let coordinators = keys.into_iter().map(|key| look_up(broker, kind, key, &address)).collect();
            if has_keys { many(coordinators) } else { one(coordinators) }
        };
        let missing = topic_of(kind).filter(|topic| broker.metadata.image().topic(topic).is_none());
        let Some(topic) = missing else { return Reply::now(find(broker)) };
        let broker = Arc::clone(broker);
        Reply::exclusive(async move {
            broker.make_internal_topic(topic).await;
            find(&broker)
        })
    }
}

/// Where keys of this kind are kept.
const fn topic_of(kind: i8) -> Option<&'static str> {
    match kind {
        GROUP => Some(OFFSETS_TOPIC),
        TRANSACTION => Some(TRANSACTIONS_TOPIC),
        _ => None,
    }
}

fn look_up(broker: &Broker, kind: i8, key: String, (host, port): &(String, i32)) -> Coordinator {
    let checked = match kind {
        // Also where the topic could not be made: there is no coordinator, now.
        GROUP => broker.coordinators.check_group(&key).map_err(|_| ErrorCode::CoordinatorNotAvailable),
        TRANSACTION => broker.coordinators.check_transactional_id(&key).map_err(|_| ErrorCode::CoordinatorNotAvailable),
        _ => Err(ErrorCode::InvalidRequest),
    };
    match checked {
        Ok(()) => {
            let node_id = broker.metadata.image().broker.node_id;
            let error_message = Some(String::new());
            Coordinator { key, node_id, host: host.clone(), port: *port, error_message, ..Coordinator::default() }
        }
        Err(code) => {
            let error_message = Some(reason(code).to_owned());
            Coordinator { key, node_id: -1, port: -1, error_code: code.code(), error_message, ..Coordinator::default() }
        }
    }
}

fn reason(code: ErrorCode) -> &'static str {
    if code == ErrorCode::InvalidRequest {
        "keys name groups (0) or transactional ids (1)"
    } else {
        "there is no coordinator for it now"
    }
}

fn many(coordinators: Vec<Coordinator>) -> FindCoordinatorResponse {
    FindCoordinatorResponse { coordinators, ..FindCoordinatorResponse::default() }
}

fn one(coordinators: Vec<Coordinator>) -> FindCoordinatorResponse {
    let Coordinator { key: _, node_id, host, port, error_code, error_message } =
        coordinators.into_iter().next().unwrap_or_default();
    // Where there is nothing to complain of, the versions with one key say the name of the code.
    let error_message = error_message.filter(|_| error_code != 0).or_else(|| Some(ErrorCode::None.name().to_owned()));
    FindCoordinatorResponse { node_id, host, port, error_code, error_message, ..FindCoordinatorResponse::default() }
}
