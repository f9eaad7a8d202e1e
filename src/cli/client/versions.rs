//! Which version of each request to speak: the highest that both sides know.

use std::collections::BTreeMap;

use kafka_protocol::messages::ApiVersionsResponse;
use kafka_protocol::protocol::Request;

use super::ClientError;

/// What one broker advertised.
#[derive(Clone, Debug, Default)]
pub(crate) struct Versions(BTreeMap<i16, (i16, i16)>);

impl Versions {
    /// Keeps the ranges of an answer to `ApiVersions`.
    pub(crate) fn of(response: &ApiVersionsResponse) -> Self {
        Self(response.api_keys.iter().map(|key| (key.api_key, (key.min_version, key.max_version))).collect())
    }

    /// The version to use for `R`, never above `highest`.
    ///
    /// # Errors
    /// [`ClientError::NoCommonVersion`], naming both ranges.
    pub(crate) fn pick<R: Request>(&self, highest: i16, address: &str) -> Result<i16, ClientError> {
        let ours = (R::VERSIONS.min, R::VERSIONS.max.min(highest));
        let theirs = self.0.get(&R::KEY).copied();
        let common = theirs.map(|(min, max)| (min.max(ours.0), max.min(ours.1))).filter(|(min, max)| min <= max);
        match common {
            Some((_, max)) => Ok(max),
            None => Err(ClientError::NoCommonVersion {
                address: address.to_owned(),
                api: api_name(R::KEY),
                theirs: theirs.map_or_else(|| "none".to_owned(), |(min, max)| format!("{min} to {max}")),
                ours: format!("{} to {}", ours.0, ours.1),
            }),
        }
    }
}

/// The name of a request for messages; only those that this client sends.
pub(crate) const fn api_name(key: i16) -> &'static str {
    match key {
        0 => "Produce",
        1 => "Fetch",
        2 => "ListOffsets",
        3 => "Metadata",
        8 => "OffsetCommit",
        9 => "OffsetFetch",
        10 => "FindCoordinator",
        15 => "DescribeGroups",
        16 => "ListGroups",
        18 => "ApiVersions",
        19 => "CreateTopics",
        20 => "DeleteTopics",
        21 => "DeleteRecords",
        22 => "InitProducerId",
        32 => "DescribeConfigs",
        37 => "CreatePartitions",
        42 => "DeleteGroups",
        44 => "IncrementalAlterConfigs",
        47 => "OffsetDelete",
        69 => "ConsumerGroupDescribe",
        74 => "ListConfigResources",
        _ => "a request",
    }
}
