//! AlterReplicaLogDirs (key 34), versions 1-2. v2 flexible.
//! There is one directory: a replica can only be moved to where it is.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::alter_replica_log_dirs::{
    AlterReplicaLogDirPartitionResult, AlterReplicaLogDirTopicResult, AlterReplicaLogDirsRequest,
    AlterReplicaLogDirsResponse,
};

use super::{Api, Reply, RequestContext};
use crate::broker::Broker;
use crate::metadata::Image;

/// The longest name of a directory, and what Kafka adds to a partition's name while it is moved: a dot, an id and `-future`.
const DIRECTORY_NAME_MAX: usize = 255;
const MOVED_SUFFIX: usize = 40;

pub(super) struct AlterReplicaLogDirs;

impl Api for AlterReplicaLogDirs {
    const KEY: ApiKey = ApiKey::AlterReplicaLogDirs;
    const VERSIONS: RangeInclusive<i16> = 1..=2;
    type Request<'frame> = AlterReplicaLogDirsRequest<'frame>;
    type Response = AlterReplicaLogDirsResponse;

    fn handle(
        broker: &Arc<Broker>,
        _context: &RequestContext<'_>,
        request: AlterReplicaLogDirsRequest<'_>,
    ) -> Reply<AlterReplicaLogDirsResponse> {
        // Of a partition that is named more than once, the last directory counts.
        let mut asked: BTreeMap<&str, BTreeMap<i32, &str>> = BTreeMap::new();
        for dir in &request.dirs {
            for topic in dir.topics.iter().filter(|topic| !topic.partitions.is_empty()) {
                let partitions = topic.partitions.iter().map(|index| (*index, dir.path));
                asked.entry(topic.name).or_default().extend(partitions);
            }
        }
        let image = broker.metadata.image();
        let here = broker.data_directory.path();
        let results = asked.into_iter().map(|(name, partitions)| {
            let judge = |(partition_index, path)| AlterReplicaLogDirPartitionResult {
                partition_index,
                error_code: check(&image, (name, partition_index), path == here)
                    .err()
                    .unwrap_or(ErrorCode::None)
                    .code(),
            };
            let partitions = partitions.into_iter().map(judge).collect();
            AlterReplicaLogDirTopicResult { topic_name: name.to_owned(), partitions }
        });
        let results = results.collect();
        Reply::now(AlterReplicaLogDirsResponse { results, ..AlterReplicaLogDirsResponse::default() })
    }
}

fn check(image: &Image, (name, index): (&str, i32), is_here: bool) -> Result<(), ErrorCode> {
    if format!("{name}-{index}").len() + MOVED_SUFFIX > DIRECTORY_NAME_MAX {
        return Err(ErrorCode::InvalidTopicException);
    }
    if !is_here {
        return Err(ErrorCode::LogDirNotFound);
    }
    let topic = image.topic(name).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    topic.partition(index).map(|_| ())
}
