//! A request that outlives its frame, for the time in which the transaction coordinator is asked about it. Its bytes are
//! copied: the connection reads its next frames into the place of this one. One connection has one such request at most, and what its frame had of the byte
//! budget is the copy's.

use model::TopicId;
use protocol::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};

/// What of a request is needed to append it.
pub(super) struct KeptRequest {
    acks: i16,
    timeout_ms: i32,
    transactional_id: Option<String>,
    topics: Vec<KeptTopic>,
}

struct KeptTopic {
    name: String,
    id: TopicId,
    partitions: Vec<(i32, Option<Vec<u8>>)>,
}

impl KeptRequest {
    /// A copy.
    pub(super) fn of(request: &ProduceRequest<'_>) -> Self {
        let keep = |topic: &TopicProduceData<'_>| KeptTopic {
            name: topic.name.to_owned(),
            id: topic.topic_id,
            partitions: topic
                .partition_data
                .iter()
                .map(|data| (data.index, data.records.map(<[u8]>::to_vec)))
                .collect(),
        };
        let topics = request.topic_data.iter().map(keep).collect();
        let transactional_id = request.transactional_id.map(str::to_owned);
        Self { acks: request.acks, timeout_ms: request.timeout_ms, transactional_id, topics }
    }

    /// When it wants to be answered.
    pub(super) const fn acks(&self) -> i16 {
        self.acks
    }

    /// The request again.
    pub(super) fn borrow(&self) -> ProduceRequest<'_> {
        let topic_data = self.topics.iter().map(KeptTopic::borrow).collect();
        ProduceRequest {
            transactional_id: self.transactional_id.as_deref(),
            acks: self.acks,
            timeout_ms: self.timeout_ms,
            topic_data,
        }
    }
}

impl KeptTopic {
    fn borrow(&self) -> TopicProduceData<'_> {
        let partitions = self.partitions.iter();
        let partition_data =
            partitions.map(|(index, records)| PartitionProduceData { index: *index, records: records.as_deref() });
        TopicProduceData { name: &self.name, topic_id: self.id, partition_data: partition_data.collect() }
    }
}
