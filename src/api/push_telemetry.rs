//! PushTelemetry (key 72), version 0 (KIP-714): metrics of a client, in OpenTelemetry's form. They are shown with the broker's.

use std::io::Read as _;
use std::ops::RangeInclusive;
use std::sync::Arc;

use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::push_telemetry::{PushTelemetryRequest, PushTelemetryResponse};
use storage::compression::{Codec, decompress};

use super::{Api, Reply, RequestContext, client};
use crate::broker::Broker;
use crate::telemetry::clients::{Asker, ClientInstanceId, Known, Push};

pub(super) struct PushTelemetry;

impl Api for PushTelemetry {
    const KEY: ApiKey = ApiKey::PushTelemetry;
    const VERSIONS: RangeInclusive<i16> = 0..=0;
    type Request<'frame> = PushTelemetryRequest<'frame>;
    type Response = PushTelemetryResponse;

    fn handle(
        broker: &Arc<Broker>,
        context: &RequestContext<'_>,
        request: PushTelemetryRequest<'_>,
    ) -> Reply<PushTelemetryResponse> {
        let code = take(broker, context, &request).err().unwrap_or(ErrorCode::None);
        Reply::now(PushTelemetryResponse { error_code: code.code(), ..PushTelemetryResponse::default() })
    }
}

fn take(broker: &Broker, context: &RequestContext<'_>, request: &PushTelemetryRequest<'_>) -> Result<(), ErrorCode> {
    let id = ClientInstanceId::new(request.client_instance_id).ok_or(ErrorCode::InvalidRequest)?;
    let asker = Asker { id, attributes: &client::attributes(context, id) };
    let image = broker.metadata.image();
    let bytes_max = usize::try_from(image.broker.telemetry_max_bytes).unwrap_or(0);
    let codec = u8::try_from(request.compression_type).ok().and_then(Codec::from_id);
    let form = match codec {
        None => Err(ErrorCode::UnsupportedCompressionType),
        Some(_) if request.metrics.len() > bytes_max => Err(ErrorCode::TelemetryTooLarge),
        Some(codec) => Ok(codec),
    };
    let push =
        Push { subscription_id: request.subscription_id, is_terminating: request.terminating, form: form.map(drop) };
    let now = broker.clock.tick();
    let (known, accepted) = broker.client_telemetry.accept(asker, push, &image.client_metrics, now);
    if known == Known::New {
        context.notes.set_telemetry_instance(id);
    }
    accepted?;
    if request.metrics.is_empty() {
        return Ok(());
    }
    let metrics = form.and_then(|codec| decompressed(codec, request.metrics, bytes_max));
    broker.client_telemetry.export(asker, metrics.as_deref().map_err(|code| *code), now)
}

/// The metrics as they were before the client compressed them; never more than may be sent uncompressed. Kafka 4.4 says of
/// more what it says of metrics that cannot be read.
fn decompressed(codec: Codec, bytes: &[u8], bytes_max: usize) -> Result<Vec<u8>, ErrorCode> {
    if codec == Codec::None {
        return Ok(bytes.to_vec());
    }
    let limit = model::num::u64_from_usize(bytes_max);
    let mut metrics = Vec::new();
    let stream = decompress(codec, bytes, limit).map_err(|_| ErrorCode::InvalidRecord)?;
    stream.take(limit + 1).read_to_end(&mut metrics).map_err(|_| ErrorCode::InvalidRecord)?;
    if metrics.len() > bytes_max { Err(ErrorCode::InvalidRecord) } else { Ok(metrics) }
}
