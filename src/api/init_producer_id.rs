//! InitProducerId (key 22), versions 0-5. v2 flexible; v3 the epoch to go on from (KIP-360); v4 `PRODUCER_FENCED` (KIP-588); v5
//! `TRANSACTION_ABORTABLE` (KIP-890).
//! Without a transactional id the answer is a new producer id; with one it is the transaction coordinator's.

use std::ops::RangeInclusive;
use std::sync::Arc;

use coordinator::transaction::event::{InitProducerId as Event, ProducerIdAndEpoch, RawProducer};
use model::{ErrorCode, ProducerEpoch};
use protocol::ApiKey;
use protocol::messages::init_producer_id::{InitProducerIdRequest, InitProducerIdResponse};

use super::{Api, Reply, RequestContext};
use crate::broker::Broker;

/// The first version that knows `PRODUCER_FENCED`.
const FENCED_FROM: i16 = 4;

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
        if request.transactional_id == Some("") || (request.producer_id == -1) != (request.producer_epoch == -1) {
            return Reply::now(failed(ErrorCode::InvalidRequest));
        }
        let Some(transactional_id) = request.transactional_id else {
            // KIP-360: with a null transactional id the answer is a new id, whatever the client had before.
            return new_id(broker);
        };
        let expected = RawProducer { id: request.producer_id, epoch: request.producer_epoch };
        let asked = broker.coordinators.init_producer_id(Event {
            transactional_id: transactional_id.to_owned(),
            transaction_timeout_ms: request.transaction_timeout_ms,
            expected: (expected.id != -1).then_some(expected),
            enable_two_phase_commit: false,
            keep_prepared_transaction: false,
        });
        let version = context.version;
        Reply::later(async move {
            match asked.await {
                Ok(producer) => given(producer),
                Err(ErrorCode::ProducerFenced) if version < FENCED_FROM => failed(ErrorCode::InvalidProducerEpoch),
                Err(code) => failed(code),
            }
        })
    }
}

fn new_id(broker: &Arc<Broker>) -> Reply<InitProducerIdResponse> {
    let ids = Arc::clone(broker.metadata.producer_ids());
    Reply::later(async move {
        match ids.next().await {
            Ok(producer_id) => given(ProducerIdAndEpoch { producer_id, producer_epoch: ProducerEpoch::ZERO }),
            Err(refused) => failed(refused.code),
        }
    })
}

fn given(producer: ProducerIdAndEpoch) -> InitProducerIdResponse {
    InitProducerIdResponse {
        producer_id: producer.producer_id.get(),
        producer_epoch: producer.producer_epoch.get(),
        ..InitProducerIdResponse::default()
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
