//! Sends batches to the partitions of one topic, in order, each at most once in the log.
//!
//! One request is in flight at a time and carries the batches of every partition that one broker leads. What fails for
//! a reason that may pass is sent again as the same bytes, so the order holds without any bookkeeping, and with
//! idempotence the broker recognises what it already has.

use std::collections::BTreeMap;

use bytes::Bytes;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::{InitProducerIdRequest, ProduceRequest};
use kafka_protocol::protocol::StrBytes;
use model::{Acks, ErrorCode};

use super::admin::topic_name;
use super::cluster::To;
use super::compression::Codec;
use super::record_batch::{BatchBuilder, Producer};
use super::{ClientError, Cluster};

/// The highest version that names topics; later ones carry ids.
pub(crate) const PRODUCE_HIGHEST: i16 = 12;

/// How to send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProducerOptions {
    /// When an answer comes.
    pub(crate) acks: Acks,
    /// How batches are compressed.
    pub(crate) codec: Codec,
    /// Whether the broker is to recognise batches that it already has.
    pub(crate) idempotent: bool,
}

/// Sends batches of one topic.
#[derive(Debug)]
pub(crate) struct BatchSender {
    topic: String,
    options: ProducerOptions,
    identity: Option<(i64, i16)>,
    leaders: BTreeMap<i32, i32>,
    sequences: BTreeMap<i32, i32>,
}

impl BatchSender {
    /// Finds the topic's partitions, letting the broker create it if it does that, and takes a producer id.
    ///
    /// # Errors
    /// [`ClientError::Refused`] if there is no such topic.
    pub(crate) fn open(cluster: &mut Cluster, topic: &str, options: ProducerOptions) -> Result<Self, ClientError> {
        let identity = if options.idempotent { Some(cluster.retry(init_producer_id)?) } else { None };
        let (leaders, sequences) = (BTreeMap::new(), BTreeMap::new());
        let mut sender = Self { topic: topic.to_owned(), options, identity, leaders, sequences };
        cluster.retry(|cluster, deadline| sender.refresh(cluster, deadline))?;
        Ok(sender)
    }

    /// The partitions of the topic, in order.
    pub(crate) fn partitions(&self) -> Vec<i32> {
        self.leaders.keys().copied().collect()
    }

    /// Sends one batch to each of some partitions and waits until all are acknowledged, as `acks` defines that.
    /// Returns the bytes of the batches as they were sent.
    ///
    /// # Errors
    /// The first batch that is refused for good, or that is not acknowledged in time.
    pub(crate) fn send(
        &mut self,
        cluster: &mut Cluster,
        batches: &BTreeMap<i32, BatchBuilder>,
    ) -> Result<u64, ClientError> {
        let mut waiting: BTreeMap<i32, Bytes> = BTreeMap::new();
        let mut bytes_sent = 0;
        for (partition, builder) in batches {
            let encoded = builder.finish(self.options.codec, self.producer(*partition));
            let encoded =
                encoded.map_err(|detail| ClientError::Malformed { what: "encoding a batch".to_owned(), detail })?;
            bytes_sent += model::num::u64_from_usize(encoded.len());
            waiting.insert(*partition, Bytes::from(encoded));
        }
        cluster.retry(|cluster, deadline| {
            let tried = self.try_send(cluster, &mut waiting, deadline);
            if tried.is_err() {
                // The next attempt asks who leads now; a failure to learn it is the next attempt's failure.
                drop(self.refresh(cluster, deadline));
            }
            tried
        })?;
        for (partition, builder) in batches {
            let sequence = self.sequences.entry(*partition).or_insert(0);
            // Wraps from i32::MAX to 0 (KIP-98).
            *sequence = sequence.wrapping_add(builder.count()) & i32::MAX;
        }
        Ok(bytes_sent)
    }

    /// One request to each leader; partitions that are acknowledged leave `waiting`.
    fn try_send(
        &self,
        cluster: &mut Cluster,
        waiting: &mut BTreeMap<i32, Bytes>,
        deadline: crate::cli::time::Deadline,
    ) -> Result<(), ClientError> {
        let mut by_leader: BTreeMap<i32, Vec<PartitionProduceData>> = BTreeMap::new();
        for (partition, batch) in waiting.iter() {
            let leader = self.leaders.get(partition).copied().unwrap_or(-1);
            let data = PartitionProduceData::default().with_index(*partition).with_records(Some(batch.clone()));
            by_leader.entry(leader).or_default().push(data);
        }
        for (leader, data) in by_leader {
            let sent: Vec<i32> = data.iter().map(|data| data.index).collect();
            let request = self.request(cluster, data);
            if self.options.acks == Acks::None {
                cluster.send(To::Node(leader), &request, PRODUCE_HIGHEST, deadline)?;
                waiting.retain(|partition, _| !sent.contains(partition));
                continue;
            }
            let answer = cluster.call(To::Node(leader), &request, PRODUCE_HIGHEST, deadline)?;
            for result in answer.responses.iter().flat_map(|topic| &topic.partition_responses) {
                self.acknowledged(result)?;
                waiting.remove(&result.index);
            }
        }
        match waiting.keys().next() {
            None => Ok(()),
            Some(partition) => Err(ClientError::Malformed {
                what: format!("producing to {}-{partition}", self.topic),
                detail: "the answer does not name it".to_owned(),
            }),
        }
    }

    fn acknowledged(&self, result: &PartitionProduceResponse) -> Result<(), ClientError> {
        // The broker already has it: exactly what a retry is for (KIP-98).
        if result.error_code == ErrorCode::DuplicateSequenceNumber.code() {
            return Ok(());
        }
        let own = result.error_message.as_ref().map(|words| words.as_str().to_owned());
        let of_records = result.record_errors.iter().map(|record| {
            let text = record.batch_index_error_message.as_ref().map_or("refused", StrBytes::as_str);
            format!("record {}: {text}", record.batch_index)
        });
        let words = own.into_iter().chain(of_records).collect::<Vec<_>>().join("; ");
        let words = Some(words.as_str()).filter(|words| !words.is_empty());
        ClientError::check_with(result.error_code, words, || format!("producing to {}-{}", self.topic, result.index))
    }

    fn request(&self, cluster: &Cluster, data: Vec<PartitionProduceData>) -> ProduceRequest {
        let acks = match self.options.acks {
            Acks::None => 0,
            Acks::Leader => 1,
            Acks::All => -1,
        };
        let topic = TopicProduceData::default().with_name(topic_name(&self.topic)).with_partition_data(data);
        ProduceRequest::default()
            .with_acks(acks)
            .with_timeout_ms(i32::try_from(cluster.timeout().as_millis()).unwrap_or(i32::MAX))
            .with_topic_data(vec![topic])
    }

    fn producer(&self, partition: i32) -> Option<Producer> {
        let (id, epoch) = self.identity?;
        let base_sequence = self.sequences.get(&partition).copied().unwrap_or(0);
        Some(Producer { id, epoch, base_sequence })
    }

    fn refresh(&mut self, cluster: &mut Cluster, deadline: crate::cli::time::Deadline) -> Result<(), ClientError> {
        let leaders = cluster.leaders(&self.topic, true, deadline)?;
        self.leaders = leaders.into_iter().map(|found| (found.partition, found.leader)).collect();
        Ok(())
    }
}

/// Takes a producer id of its own.
pub(crate) fn init_producer_id(
    cluster: &mut Cluster,
    deadline: crate::cli::time::Deadline,
) -> Result<(i64, i16), ClientError> {
    let request = InitProducerIdRequest::default().with_transactional_id(None).with_transaction_timeout_ms(60_000);
    let answer = cluster.call(To::Any, &request, 5, deadline)?;
    ClientError::check(answer.error_code, || "taking a producer id".to_owned())?;
    Ok((answer.producer_id.0, answer.producer_epoch))
}
