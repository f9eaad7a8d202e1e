//! GetTelemetrySubscriptions (key 71), version 0 (KIP-714). In Kafka only where a plug-in receives the metrics; here always.

use std::ops::RangeInclusive;
use std::sync::Arc;

use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::get_telemetry_subscriptions::{
    GetTelemetrySubscriptionsRequest, GetTelemetrySubscriptionsResponse,
};
use storage::compression::Codec;

use super::{Api, Reply, RequestContext, client};
use crate::broker::Broker;
use crate::telemetry::clients::{Asker, ClientInstanceId, Known, Subscription};

/// What clients may compress with, in Kafka's order: they take the first that they know.
const CODECS: [Codec; 4] = [Codec::Zstd, Codec::Lz4, Codec::Gzip, Codec::Snappy];

pub(super) struct GetTelemetrySubscriptions;

impl Api for GetTelemetrySubscriptions {
    const KEY: ApiKey = ApiKey::GetTelemetrySubscriptions;
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    type Request<'frame> = GetTelemetrySubscriptionsRequest;
    type Response = GetTelemetrySubscriptionsResponse;

    fn handle(
        broker: &Arc<Broker>,
        context: &RequestContext<'_>,
        request: GetTelemetrySubscriptionsRequest,
    ) -> Reply<GetTelemetrySubscriptionsResponse> {
        let id = ClientInstanceId::known(request.client_instance_id).unwrap_or_else(client::client_instance_id);
        let image = broker.metadata.image();
        let asker = Asker { id, attributes: &client::attributes(context, id) };
        let now = broker.clock.tick();
        let (known, subscription) = broker.client_telemetry.subscribe(asker, &image.client_metrics, now);
        if known == Known::New {
            context.notes.set_telemetry_instance(id);
        }
        Reply::now(match subscription {
            Ok(subscription) => answer(id, subscription, image.broker.telemetry_max_bytes),
            Err(code) => refusal(code),
        })
    }
}

fn answer(id: ClientInstanceId, subscription: Subscription, bytes_max: i32) -> GetTelemetrySubscriptionsResponse {
    GetTelemetrySubscriptionsResponse {
        client_instance_id: id.to_wire(),
        subscription_id: subscription.id,
        accepted_compression_types: CODECS.map(Codec::id).to_vec(),
        push_interval_ms: subscription.interval_ms,
        telemetry_max_bytes: bytes_max,
        delta_temporality: true,
        requested_metrics: subscription.metrics,
        ..GetTelemetrySubscriptionsResponse::default()
    }
}

fn refusal(code: ErrorCode) -> GetTelemetrySubscriptionsResponse {
    GetTelemetrySubscriptionsResponse { error_code: code.code(), ..GetTelemetrySubscriptionsResponse::default() }
}
