//! Which broker coordinates what: groups, and transactional ids.

use std::collections::BTreeMap;

use kafka_protocol::messages::FindCoordinatorRequest;

use super::BenchError;
use crate::cli::client::admin::text;
use crate::cli::client::cluster::To;
use crate::cli::client::{ClientError, Cluster};

/// The highest version of `FindCoordinator` that is used: batches of keys since version 4.
const FIND_COORDINATOR_HIGHEST: i16 = 4;
/// Keys that one request asks for.
const FOUND_AT_ONCE: usize = 1000;

/// What has a coordinator.
#[derive(Clone, Copy, Debug)]
pub(super) enum Coordinated {
    /// A group.
    Group,
    /// A transactional id.
    Transaction,
}

/// `count` names that no earlier run has used.
pub(super) fn names(count: u32) -> Vec<String> {
    let run = crate::cli::time::wall_ms();
    (0..count).map(|number| format!("tidelog-bench-{run}-{number}")).collect()
}

/// Groups or transactional ids by the broker that coordinates them; makes the coordinators' topic if there is none yet.
pub(super) fn by_coordinator(
    cluster: &mut Cluster,
    what: Coordinated,
    keys: &[String],
) -> Result<BTreeMap<i32, Vec<String>>, BenchError> {
    let mut found: BTreeMap<i32, Vec<String>> = BTreeMap::new();
    for keys in keys.chunks(FOUND_AT_ONCE) {
        let request = FindCoordinatorRequest::default()
            .with_key_type(match what {
                Coordinated::Group => 0,
                Coordinated::Transaction => 1,
            })
            .with_coordinator_keys(keys.iter().map(|key| text(key)).collect());
        let answer = cluster.retry(|cluster, deadline| {
            let answer = cluster.call(To::Any, &request, FIND_COORDINATOR_HIGHEST, deadline)?;
            for coordinator in &answer.coordinators {
                ClientError::check(coordinator.error_code, || format!("{what:?} {}", coordinator.key.as_str()))?;
            }
            // What is known of the brokers' addresses comes with metadata.
            cluster.metadata(Some(&[]), false, deadline)?;
            Ok(answer)
        })?;
        for coordinator in answer.coordinators {
            found.entry(coordinator.node_id.0).or_default().push(coordinator.key.to_string());
        }
    }
    Ok(found)
}
