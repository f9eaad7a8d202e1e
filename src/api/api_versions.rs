//! ApiVersions (key 18), versions 0-5. v1 throttle time; v3 flexible, software names and features (KIP-511, KIP-584); v4
//! features that begin at level 0; v5 the cluster and node that the client believes to talk to (KIP-1242).
//! An unknown version is answered in version 0 with error 35, whatever its body holds.

use std::ops::RangeInclusive;
use std::sync::Arc;

use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::api_versions::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};

use super::answer::outgoing;
use super::{Api, Dispatched, Reply, RequestContext, TABLE};
use crate::broker::Broker;
use crate::metadata::{FEATURES, Image};

pub(super) struct ApiVersions;

impl Api for ApiVersions {
    const KEY: ApiKey = ApiKey::ApiVersions;
    const VERSIONS: RangeInclusive<i16> = 0..=5;
    type Request<'frame> = ApiVersionsRequest<'frame>;
    type Response = ApiVersionsResponse;

    fn handle(
        broker: &Arc<Broker>,
        context: &RequestContext<'_>,
        request: ApiVersionsRequest<'_>,
    ) -> Reply<ApiVersionsResponse> {
        let names = [request.client_software_name, request.client_software_version];
        let refused = if context.version >= 3 && !names.iter().all(|name| is_software_name(name)) {
            Err(ErrorCode::InvalidRequest)
        } else {
            check_destination(broker, request.cluster_id, request.node_id)
        };
        if refused.is_ok() {
            // Before v3 nobody says; that is remembered as well.
            context.notes.set_software(request.client_software_name, request.client_software_version);
        }
        Reply::now(match refused {
            Ok(()) => describe(&broker.metadata.image(), context.version),
            Err(code) => ApiVersionsResponse { error_code: code.code(), ..ApiVersionsResponse::default() },
        })
    }
}

/// A client may say which cluster and which node of it it believes to have reached: both, or neither (KIP-1242). One that
/// is wrong begins anew with its bootstrap servers.
fn check_destination(broker: &Broker, cluster_id: Option<&str>, node_id: i32) -> Result<(), ErrorCode> {
    match (cluster_id, node_id) {
        (None, -1) => Ok(()),
        (None, _) | (Some(_), -1) => Err(ErrorCode::InvalidRequest),
        (Some(cluster_id), node_id) => {
            let is_here = cluster_id == broker.cluster_id && node_id == broker.metadata.image().broker.node_id;
            if is_here { Ok(()) } else { Err(ErrorCode::RebootstrapRequired) }
        }
    }
}

/// Letters and digits, and `-` and `.` between them (KIP-511).
fn is_software_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return false };
    let inside = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() && bytes.iter().all(inside)
}

fn describe(image: &Image, version: i16) -> ApiVersionsResponse {
    // Before v4 clients take a feature that begins at level 0 for an error (KAFKA-17492).
    let shown = FEATURES.iter().filter(|feature| version >= 4 || *feature.supported.start() > 0);
    let supported_features = shown.map(|feature| SupportedFeatureKey {
        name: feature.name.to_owned(),
        min_version: *feature.supported.start(),
        max_version: *feature.supported.end(),
    });
    let in_force = FEATURES.iter().map(|feature| (feature.name, image.features.level(feature.name)));
    // At level 0 a feature is off.
    let finalized_features = in_force.filter(|(_, level)| *level > 0).map(|(name, level)| FinalizedFeatureKey {
        name: name.to_owned(),
        max_version_level: level,
        min_version_level: level,
    });
    ApiVersionsResponse {
        api_keys: served(),
        supported_features: supported_features.collect(),
        finalized_features_epoch: image.offset.get(),
        finalized_features: finalized_features.collect(),
        ..ApiVersionsResponse::default()
    }
}

fn served() -> Vec<ApiVersion> {
    let row = |row: &super::table::Row| ApiVersion {
        api_key: row.key.code(),
        // KAFKA-18659: librdkafka takes a Produce range that does not begin at 0 for a broker without Produce.
        min_version: if row.key == ApiKey::Produce { 0 } else { *row.versions.start() },
        max_version: *row.versions.end(),
    };
    TABLE.iter().map(row).collect()
}

/// The answer to an ApiVersions request of an unknown version.
pub(super) fn unknown_version(correlation_id: i32) -> Dispatched {
    let own = served().into_iter().filter(|api| api.api_key == ApiKey::ApiVersions.code()).collect();
    let body = ApiVersionsResponse {
        error_code: ErrorCode::UnsupportedVersion.code(),
        api_keys: own,
        ..ApiVersionsResponse::default()
    };
    outgoing(correlation_id, 0, body.into()).map_or_else(Dispatched::Close, Dispatched::Answer)
}
