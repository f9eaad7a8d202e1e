//! ListTransactions (key 66), versions 0-2 (KIP-664). v1 by age (KIP-994); v2 by a pattern (KIP-1152).

use std::ops::RangeInclusive;
use std::sync::Arc;

use coordinator::transaction::event::{ListTransactions as Event, ListedTransaction};
use coordinator::transaction::{StateFilter, TransactionalIdPattern};
use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::list_transactions::{ListTransactionsRequest, ListTransactionsResponse, TransactionState};

use super::{Api, Reply, RequestContext};
use crate::broker::Broker;

pub(super) struct ListTransactions;

impl Api for ListTransactions {
    const KEY: ApiKey = ApiKey::ListTransactions;
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    type Request<'frame> = ListTransactionsRequest<'frame>;
    type Response = ListTransactionsResponse;

    fn handle(
        broker: &Arc<Broker>,
        _: &RequestContext<'_>,
        request: ListTransactionsRequest<'_>,
    ) -> Reply<ListTransactionsResponse> {
        // An empty pattern is none, as in Kafka.
        let pattern = request.transactional_id_pattern.filter(|pattern| !pattern.is_empty());
        let pattern = match pattern.map(TransactionalIdPattern::compile).transpose() {
            Ok(pattern) => pattern,
            Err(code) => return Reply::now(failed(code)),
        };
        let mut states = std::collections::BTreeSet::new();
        let mut unknown_state_filters = Vec::new();
        for name in &request.state_filters {
            match StateFilter::of_name(name) {
                StateFilter::Known(state) => {
                    states.insert(state);
                }
                StateFilter::Never => {}
                StateFilter::Unknown => unknown_state_filters.push((*name).to_owned()),
            }
        }
        let asked = broker.coordinators.list_transactions(&Event {
            states: (!request.state_filters.is_empty()).then_some(states),
            producer_ids: request.producer_id_filters.iter().copied().collect(),
            duration_ms: request.duration_filter,
            pattern,
        });
        Reply::later(async move {
            match asked.await {
                Ok(listed) => ListTransactionsResponse {
                    unknown_state_filters,
                    transaction_states: listed.into_iter().map(state).collect(),
                    ..ListTransactionsResponse::default()
                },
                Err(code) => failed(code),
            }
        })
    }
}

fn state(listed: ListedTransaction) -> TransactionState {
    TransactionState {
        transactional_id: listed.transactional_id,
        producer_id: listed.producer_id.get(),
        transaction_state: listed.state.name().to_owned(),
    }
}

fn failed(code: ErrorCode) -> ListTransactionsResponse {
    ListTransactionsResponse { error_code: code.code(), ..ListTransactionsResponse::default() }
}
