//! DescribeTransactions (key 65), version 0 (KIP-664).

use std::ops::RangeInclusive;
use std::sync::Arc;

use coordinator::transaction::event::{DescribeTransaction, DescribedTransaction};
use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::describe_transactions::{
    DescribeTransactionsRequest, DescribeTransactionsResponse, TopicData, TransactionState,
};

use super::{Api, Reply, RequestContext};
use crate::broker::Broker;

pub(super) struct DescribeTransactions;

impl Api for DescribeTransactions {
    const KEY: ApiKey = ApiKey::DescribeTransactions;
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    type Request<'frame> = DescribeTransactionsRequest<'frame>;
    type Response = DescribeTransactionsResponse;

    fn handle(
        broker: &Arc<Broker>,
        _: &RequestContext<'_>,
        request: DescribeTransactionsRequest<'_>,
    ) -> Reply<DescribeTransactionsResponse> {
        let asked = request.transactional_ids.iter().map(|id| {
            let transactional_id = (*id).to_owned();
            (
                transactional_id.clone(),
                broker.coordinators.describe_transaction(DescribeTransaction { transactional_id }),
            )
        });
        let asked: Vec<_> = asked.collect();
        Reply::later(async move {
            let mut transaction_states = Vec::with_capacity(asked.len());
            for (transactional_id, answer) in asked {
                transaction_states.push(match answer.await {
                    Ok(described) => state(transactional_id, &described),
                    Err(code) => failed(transactional_id, code),
                });
            }
            DescribeTransactionsResponse { transaction_states, ..DescribeTransactionsResponse::default() }
        })
    }
}

fn state(transactional_id: String, described: &DescribedTransaction) -> TransactionState {
    let topics = described.partitions.topics().map(|(topic, indexes)| TopicData {
        topic: topic.as_str().to_owned(),
        partitions: indexes.iter().map(|index| index.get()).collect(),
    });
    TransactionState {
        error_code: ErrorCode::None.code(),
        transactional_id,
        transaction_state: described.state.name().to_owned(),
        transaction_timeout_ms: described.timeout_ms,
        transaction_start_time_ms: described.start.get(),
        producer_id: described.producer.producer_id.get(),
        producer_epoch: described.producer.producer_epoch.get(),
        topics: topics.collect(),
    }
}

fn failed(transactional_id: String, code: ErrorCode) -> TransactionState {
    TransactionState { error_code: code.code(), transactional_id, ..TransactionState::default() }
}
