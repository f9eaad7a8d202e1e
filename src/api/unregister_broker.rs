//! UnregisterBroker (key 64), version 0.
//! There is one broker, which is there: others cannot be unregistered because they are not registered. Kafka unregisters the
//! broker that answers as well, and is a cluster without a broker from then on; here that is refused.

use std::ops::RangeInclusive;
use std::sync::Arc;

use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::unregister_broker::{UnregisterBrokerRequest, UnregisterBrokerResponse};

use super::{Api, Reply, RequestContext};
use crate::broker::Broker;

pub(super) struct UnregisterBroker;

impl Api for UnregisterBroker {
    const KEY: ApiKey = ApiKey::UnregisterBroker;
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    type Request<'frame> = UnregisterBrokerRequest;
    type Response = UnregisterBrokerResponse;

    fn handle(
        broker: &Arc<Broker>,
        _context: &RequestContext<'_>,
        request: UnregisterBrokerRequest,
    ) -> Reply<UnregisterBrokerResponse> {
        let own = broker.metadata.image().broker.node_id;
        let asked = request.broker_id;
        let (code, message) = if asked == own {
            (
                ErrorCode::InvalidRequest,
                format!("broker {own} is the one that answers; it cannot be taken out of its cluster"),
            )
        } else {
            (ErrorCode::BrokerIdNotRegistered, format!("broker {asked} is not registered; the only broker is {own}"))
        };
        Reply::now(UnregisterBrokerResponse {
            error_code: code.code(),
            error_message: Some(message),
            ..UnregisterBrokerResponse::default()
        })
    }
}
