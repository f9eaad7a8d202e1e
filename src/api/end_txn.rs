//! EndTxn (key 26), versions 0-5. v2 `PRODUCER_FENCED` (KIP-588); v3 flexible; v4 `TRANSACTION_ABORTABLE`; v5 the producer's next
//! epoch (KIP-890).
//! Answered when the end is decided and durable; the markers follow, and the next transaction waits for them.

use std::ops::RangeInclusive;
use std::sync::Arc;

use coordinator::transaction::TransactionVersion;
use coordinator::transaction::event::{EndTxn as Event, RawProducer, TransactionResult};
use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::end_txn::{EndTxnRequest, EndTxnResponse};

use super::{Api, Reply, RequestContext};
use crate::broker::Broker;

/// The first version that knows `PRODUCER_FENCED`.
const FENCED_FROM: i16 = 2;
/// The first version whose clients take a new epoch from the answer.
const BUMPS_FROM: i16 = 5;

pub(super) struct EndTxn;

impl Api for EndTxn {
    const KEY: ApiKey = ApiKey::EndTxn;
    const VERSIONS: RangeInclusive<i16> = 0..=5;
    type Request<'frame> = EndTxnRequest<'frame>;
    type Response = EndTxnResponse;

    fn handle(broker: &Arc<Broker>, context: &RequestContext<'_>, request: EndTxnRequest<'_>) -> Reply<EndTxnResponse> {
        let version = context.version;
        let asked = broker.coordinators.end_txn(Event {
            transactional_id: request.transactional_id.to_owned(),
            producer: RawProducer { id: request.producer_id, epoch: request.producer_epoch },
            result: if request.committed { TransactionResult::Commit } else { TransactionResult::Abort },
            client_version: if version >= BUMPS_FROM { TransactionVersion::V2 } else { TransactionVersion::V0 },
        });
        Reply::later(async move {
            match asked.await {
                Ok(None) => EndTxnResponse::default(),
                Ok(Some(next)) => EndTxnResponse {
                    producer_id: next.producer_id.get(),
                    producer_epoch: next.producer_epoch.get(),
                    ..EndTxnResponse::default()
                },
                Err(ErrorCode::ProducerFenced) if version < FENCED_FROM => failed(ErrorCode::InvalidProducerEpoch),
                Err(code) => failed(code),
            }
        })
    }
}

fn failed(code: ErrorCode) -> EndTxnResponse {
    EndTxnResponse { error_code: code.code(), ..EndTxnResponse::default() }
}
