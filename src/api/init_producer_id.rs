//! InitProducerId (key 22), versions 0-5. v2 flexible; v3 the epoch to go on from (KIP-360); v4 fencing errors.
//! Not here: transactional ids. Until there is a transaction coordinator they are answered with `UNSUPPORTED_VERSION`,
//! which clients take as fatal and show; the broker's log says what is missing.

use std::ops::RangeInclusive;
use std::sync::Arc;

use model::{ErrorCode, ProducerEpoch};
use protocol::ApiKey;
use protocol::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

use super::{Api, Reply, RequestContext};
use crate::broker::Broker;

pub(super) struct InitProducerId;

impl Api for InitProducerId {
    const KEY: ApiKey = ApiKey::InitProducerId;
    const VERSIONS: RangeInclusive<i16> = 0..=5;
    type Request<'frame> = InitProducerIdRequest<'frame>;
    type Response = InitProducerIdResponse;

    fn handle(
        broker: &Arc<Broker>,
        context: &RequestContext<'_>,
        request: InitProducerIdRequest<'_>,
    ) -> Reply<InitProducerIdResponse> {
        match request.transactional_id {
            Some("") => return Reply::now(failed(ErrorCode::InvalidRequest)),
            Some(id) => {
                tracing::warn!(
                    transactional_id = id,
                    client_id = context.client_id,
                    "transactions are not served yet: a producer with a transactional id was refused"
                );
                return Reply::now(failed(ErrorCode::UnsupportedVersion));
            }
            None => {}
        }
        if (request.producer_id == -1) != (request.producer_epoch == -1) {
            return Reply::now(failed(ErrorCode::InvalidRequest));
        }
        // KIP-360: with a null transactional id the answer is a new id, whatever the client had before.
        let broker = Arc::clone(broker);
        Reply::later(async move {
            match broker.metadata.next_producer_id().await {
                Ok(id) => InitProducerIdResponse {
                    producer_id: id.get(),
                    producer_epoch: ProducerEpoch::ZERO.get(),
                    ..InitProducerIdResponse::default()
                },
                Err(refused) => failed(refused.code),
            }
        })
    }
}

fn failed(code: ErrorCode) -> InitProducerIdResponse {
    InitProducerIdResponse {
        error_code: code.code(),
        producer_id: -1,
        producer_epoch: -1,
        ..InitProducerIdResponse::default()
    }
}
