//! DescribeLogDirs (key 35), versions 1-5. v2 flexible; v3 an error for the whole answer; v4 the room of the volume (KIP-827);
//! v5 cordoned directories (KIP-1066).
//! There is one directory, and nothing is moved between directories.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::sync::Arc;

use model::ErrorCode;
use protocol::ApiKey;
use protocol::messages::describe_log_dirs::{
    DescribeLogDirsPartition, DescribeLogDirsRequest, DescribeLogDirsResponse, DescribeLogDirsResult,
    DescribeLogDirsTopic,
};

use super::{Api, Reply, RequestContext};
use crate::broker::Broker;
use crate::metadata::Topic;

pub(super) struct DescribeLogDirs;

impl Api for DescribeLogDirs {
    const KEY: ApiKey = ApiKey::DescribeLogDirs;
    const VERSIONS: RangeInclusive<i16> = 1..=5;
    type Request<'frame> = DescribeLogDirsRequest<'frame>;
    type Response = DescribeLogDirsResponse;

    fn handle(
        broker: &Arc<Broker>,
        _context: &RequestContext<'_>,
        request: DescribeLogDirsRequest<'_>,
    ) -> Reply<DescribeLogDirsResponse> {
        let image = broker.metadata.image();
        let asked: Option<BTreeSet<(&str, i32)>> = request.topics.as_ref().map(|topics| {
            let each = topics.iter().flat_map(|topic| topic.partitions.iter().map(|index| (topic.topic, *index)));
            each.collect()
        });
        let is_asked = |topic: &Topic, index| match &asked {
            None => true,
            Some(asked) => asked.contains(&(topic.name.as_str(), index)),
        };
        let topics = image.topics().map(|topic| describe(topic, |index| is_asked(topic, index)));
        let result = DescribeLogDirsResult {
            log_dir: broker.data_directory.path().to_owned(),
            topics: topics.filter(|topic| !topic.partitions.is_empty()).collect(),
            ..DescribeLogDirsResult::default()
        };
        let result = match broker.data_directory.space() {
            Ok(space) => DescribeLogDirsResult {
                total_bytes: i64::try_from(space.total).unwrap_or(i64::MAX),
                usable_bytes: i64::try_from(space.usable).unwrap_or(i64::MAX),
                ..result
            },
            Err(error) => {
                tracing::error!(%error, "the room of the data directory is not known");
                let (log_dir, error_code) = (result.log_dir, ErrorCode::KafkaStorageError.code());
                DescribeLogDirsResult { log_dir, error_code, ..DescribeLogDirsResult::default() }
            }
        };
        Reply::now(DescribeLogDirsResponse { results: vec![result], ..DescribeLogDirsResponse::default() })
    }
}

fn describe(topic: &Topic, is_asked: impl Fn(i32) -> bool) -> DescribeLogDirsTopic {
    // A log that cannot be opened has no size that anybody knows.
    let open =
        topic.indexes().zip(&topic.partitions).filter_map(|(index, partition)| Some((index, partition.as_ref()?)));
    let partitions = open.filter(|(index, _)| is_asked(*index)).map(|(partition_index, partition)| {
        let partition_size = i64::try_from(partition.log().size_bytes()).unwrap_or(i64::MAX);
        DescribeLogDirsPartition { partition_index, partition_size, ..DescribeLogDirsPartition::default() }
    });
    DescribeLogDirsTopic { name: topic.name.as_str().to_owned(), partitions: partitions.collect() }
}
