//! UpdateFeatures (key 57), versions 0-2. v1 upgrade types and validation; v2 no results of single features (KIP-1022).
//! All features of a request are changed, or none; a refusal is the answer's own.

use std::ops::RangeInclusive;
use std::sync::Arc;

use protocol::ApiKey;
use protocol::messages::update_features::{
    FeatureUpdateKey, UpdatableFeatureResult, UpdateFeaturesRequest, UpdateFeaturesResponse,
};

use super::{Api, Reply, RequestContext};
use crate::broker::Broker;
use crate::metadata::{Direction, FeatureUpdate};

/// The last version whose answers name each feature.
const RESULTS_UPTO: i16 = 1;

pub(super) struct UpdateFeatures;

impl Api for UpdateFeatures {
    const KEY: ApiKey = ApiKey::UpdateFeatures;
    const VERSIONS: RangeInclusive<i16> = 0..=2;
    type Request<'frame> = UpdateFeaturesRequest<'frame>;
    type Response = UpdateFeaturesResponse;

    fn handle(
        broker: &Arc<Broker>,
        context: &RequestContext<'_>,
        request: UpdateFeaturesRequest<'_>,
    ) -> Reply<UpdateFeaturesResponse> {
        let updates: Vec<_> = request.feature_updates.iter().map(parse).collect();
        let has_results = context.version <= RESULTS_UPTO;
        let names: Vec<_> = updates.iter().filter(|_| has_results).map(|update| update.feature.clone()).collect();
        let validate_only = request.validate_only;
        let broker = Arc::clone(broker);
        Reply::exclusive(async move {
            match broker.metadata.update_features(updates, validate_only).await {
                Ok(()) => {
                    let result = |feature| UpdatableFeatureResult { feature, ..UpdatableFeatureResult::default() };
                    let results = names.into_iter().map(result).collect();
                    UpdateFeaturesResponse { results, ..UpdateFeaturesResponse::default() }
                }
                Err(refused) => UpdateFeaturesResponse {
                    error_code: refused.code.code(),
                    error_message: Some(refused.message),
                    ..UpdateFeaturesResponse::default()
                },
            }
        })
    }
}

/// Version 0 has a flag in place of the type, which Kafka does not look at: whatever it says, the update is an upgrade.
fn parse(update: &FeatureUpdateKey<'_>) -> FeatureUpdate {
    let direction = match update.upgrade_type {
        1 => Some(Direction::Upgrade),
        // Safe, unsafe.
        2 | 3 => Some(Direction::Downgrade),
        _ => None,
    };
    FeatureUpdate { feature: update.feature.to_owned(), level: update.max_version_level, direction }
}
