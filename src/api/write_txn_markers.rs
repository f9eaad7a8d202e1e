//! WriteTxnMarkers (key 27), versions 1-2. v2 the version of the transaction (KIP-1228).
//! Markers as a coordinator sends them; here it is `kafka-transactions abort` that does, to end a transaction that hangs. Each is
//! answered when it is durable, and none is skipped: a partition that cannot take one says so, and the sender tries again.

use std::collections::{BTreeSet, HashMap};
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use model::{ErrorCode, Offset, ProducerEpoch, ProducerId, Timestamp};
use protocol::ApiKey;
use protocol::messages::write_txn_markers::{
    WritableTxnMarker, WritableTxnMarkerPartitionResult, WritableTxnMarkerResult, WritableTxnMarkerTopic,
    WritableTxnMarkerTopicResult, WriteTxnMarkersRequest, WriteTxnMarkersResponse,
};
use storage::producers::{EpochRule, Marker, MarkerKind};

use super::{Api, Reply, RequestContext};
use crate::broker::{Broker, Later};
use crate::metadata::{Image, OFFSETS_TOPIC};
use crate::partitions::Partition;

/// The first version of transactions that raises the epoch at each end.
const RAISES_EPOCHS_FROM: i8 = 2;
/// So long an answer waits for its markers: Kafka's `request.timeout.ms`.
const TIMEOUT: Duration = Duration::from_secs(30);

pub(super) struct WriteTxnMarkers;

impl Api for WriteTxnMarkers {
    const KEY: ApiKey = ApiKey::WriteTxnMarkers;
    const VERSIONS: RangeInclusive<i16> = 1..=2;
    type Request<'frame> = WriteTxnMarkersRequest<'frame>;
    type Response = WriteTxnMarkersResponse;

    fn handle(
        broker: &Arc<Broker>,
        _context: &RequestContext<'_>,
        request: WriteTxnMarkersRequest<'_>,
    ) -> Reply<WriteTxnMarkersResponse> {
        let (image, now) = (broker.metadata.image(), broker.clock.now());
        // All are appended before one is waited for: their syncs go on beside each other.
        let mut begun = Vec::new();
        for asked in &request.markers {
            let topics = asked.topics.iter();
            begun.extend(topics.map(|topic| (asked.producer_id, begin_topic(broker, &image, (asked, topic), now))));
        }
        Reply::later(async move {
            let mut expired = std::pin::pin!(tokio::time::sleep(TIMEOUT));
            let mut results = Results::default();
            for (producer_id, topic) in begun {
                let partitions = results.partitions(producer_id, topic.name);
                partitions.extend(topic.refused.into_iter().map(result));
                for (index, written) in topic.written {
                    // Both arms are cancel-safe: a dropped wait is forgotten, and the timer is kept for the next.
                    let code = tokio::select! {
                        biased;
                        code = written.code() => code,
                        () = &mut expired => ErrorCode::RequestTimedOut,
                    };
                    partitions.push(result((index, code)));
                }
            }
            WriteTxnMarkersResponse { markers: results.markers }
        })
    }
}

fn result((partition_index, code): (i32, ErrorCode)) -> WritableTxnMarkerPartitionResult {
    WritableTxnMarkerPartitionResult { partition_index, error_code: code.code() }
}

/// A marker on its way into a partition.
enum Written {
    /// It is in the log up to here, and not durable yet.
    Appended(Arc<Partition>, Offset),
    /// The shard of groups whose partition it is writes it.
    WithGroups(Later<()>),
}

impl Written {
    async fn code(self) -> ErrorCode {
        match self {
            Self::Appended(partition, end) => match partition.committed(end).await {
                Ok(()) => ErrorCode::None,
                Err(_) if partition.is_retired() => ErrorCode::UnknownTopicOrPartition,
                Err(_) => ErrorCode::KafkaStorageError,
            },
            Self::WithGroups(later) => match later.await {
                Ok(()) => ErrorCode::None,
                // Words that a coordinator of transactions does not know.
                Err(
                    ErrorCode::CoordinatorNotAvailable
                    | ErrorCode::CoordinatorLoadInProgress
                    | ErrorCode::NotCoordinator,
                ) => ErrorCode::NotLeaderOrFollower,
                Err(code) => code,
            },
        }
    }
}

/// The markers of one producer in one topic. Those that are refused are kept apart, and small: a request can name partitions that
/// are not there without end.
struct BegunTopic {
    name: String,
    refused: Vec<(i32, ErrorCode)>,
    written: Vec<(i32, Written)>,
}

fn begin_topic(
    broker: &Broker,
    image: &Image,
    (asked, topic): (&WritableTxnMarker<'_>, &WritableTxnMarkerTopic<'_>),
    now: Timestamp,
) -> BegunTopic {
    let mut begun = BegunTopic { name: topic.name.to_owned(), refused: Vec::new(), written: Vec::new() };
    // A partition that is named twice gets one marker.
    let indexes: BTreeSet<i32> = topic.partition_indexes.iter().copied().collect();
    for index in indexes {
        match begin(broker, image, asked, ((topic.name, index), now)) {
            Ok(written) => begun.written.push((index, written)),
            Err(code) => begun.refused.push((index, code)),
        }
    }
    begun
}

fn begin(
    broker: &Broker,
    image: &Image,
    asked: &WritableTxnMarker<'_>,
    ((name, index), now): ((&str, i32), Timestamp),
) -> Result<Written, ErrorCode> {
    let topic = image.topic(name).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let partition = topic.partition(index)?;
    let marker = Marker {
        producer_id: ProducerId::new(asked.producer_id).ok_or(ErrorCode::InvalidRequest)?,
        producer_epoch: ProducerEpoch::new(asked.producer_epoch).ok_or(ErrorCode::InvalidProducerEpoch)?,
        kind: if asked.transaction_result { MarkerKind::Commit } else { MarkerKind::Abort },
        coordinator_epoch: asked.coordinator_epoch,
    };
    let raises = asked.transaction_version >= RAISES_EPOCHS_FROM;
    let rule = if raises { EpochRule::Newer } else { EpochRule::SameOrNewer };
    if name == OFFSETS_TOPIC {
        return Ok(Written::WithGroups(broker.coordinators.end_transaction_of_groups(index, marker, rule)));
    }
    let placed = partition.append_marker(&marker, rule, now).map_err(|error| ErrorCode::from(&error))?;
    let end = placed.last_offset.checked_add(1).unwrap_or(placed.last_offset);
    Ok(Written::Appended(Arc::clone(partition), end))
}

/// The answer in the making: each producer once, and each of its topics once, as Kafka gives them.
#[derive(Default)]
struct Results {
    markers: Vec<WritableTxnMarkerResult>,
    /// Where each producer stands, and each of its topics.
    places: HashMap<i64, (usize, HashMap<String, usize>)>,
}

impl Results {
    /// What is answered of a topic's partitions.
    fn partitions(&mut self, producer_id: i64, name: String) -> &mut Vec<WritableTxnMarkerPartitionResult> {
        let markers = &mut self.markers;
        let (place, topics) = self.places.entry(producer_id).or_insert_with(|| {
            markers.push(WritableTxnMarkerResult { producer_id, topics: Vec::new() });
            (markers.len() - 1, HashMap::new())
        });
        #[expect(clippy::indexing_slicing, reason = "it was pushed there")]
        let marker = &mut markers[*place];
        let topic = *topics.entry(name).or_insert_with_key(|name| {
            marker.topics.push(WritableTxnMarkerTopicResult { name: name.clone(), partitions: Vec::new() });
            marker.topics.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "it was pushed there")]
        let topic = &mut marker.topics[topic];
        &mut topic.partitions
    }
}
