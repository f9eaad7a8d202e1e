//! AddOffsetsToTxn (key 25), versions 0-4. v2 `PRODUCER_FENCED` (KIP-588); v3 flexible; v4 `TRANSACTION_ABORTABLE` (KIP-890).
//! What becomes part of the transaction is the partition of `__consumer_offsets` that the group's offsets are in.

use std::ops::RangeInclusive;
use std::sync::Arc;

use coordinator::transaction::event::{AddPartitions, RawProducer};
use coordinator::transaction::{Partitions, TransactionVersion};
use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::add_offsets_to_txn::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};

use super::{Api, Reply, RequestContext};
use crate::broker::Broker;

/// The first version that knows `PRODUCER_FENCED`.
const FENCED_FROM: i16 = 2;

pub(super) struct AddOffsetsToTxn;

impl Api for AddOffsetsToTxn {
    const KEY: ApiKey = ApiKey::AddOffsetsToTxn;
    const VERSIONS: RangeInclusive<i16> = 0..=4;
    type Request<'frame> = AddOffsetsToTxnRequest<'frame>;
    type Response = AddOffsetsToTxnResponse;

    fn handle(
        broker: &Arc<Broker>,
        context: &RequestContext<'_>,
        request: AddOffsetsToTxnRequest<'_>,
    ) -> Reply<AddOffsetsToTxnResponse> {
        let version = context.version;
        let (broker, group_id) = (Arc::clone(broker), request.group_id.to_owned());
        let transactional_id = request.transactional_id.to_owned();
        let producer = RawProducer { id: request.producer_id, epoch: request.producer_epoch };
        Reply::exclusive(async move {
            let added = match broker.group_partition(&group_id).await {
                Ok(partition) => {
                    let asked = AddPartitions {
                        transactional_id,
                        producer,
                        partitions: Partitions::from_iter([partition]),
                        client_version: TransactionVersion::V0,
                    };
                    broker.coordinators.add_partitions(asked).await
                }
                Err(code) => Err(code),
            };
            let code = match added {
                Ok(()) => ErrorCode::None,
                Err(ErrorCode::ProducerFenced) if version < FENCED_FROM => ErrorCode::InvalidProducerEpoch,
                Err(code) => code,
            };
            AddOffsetsToTxnResponse { error_code: code.code(), ..AddOffsetsToTxnResponse::default() }
        })
    }
}
