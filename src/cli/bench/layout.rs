//! Where the batches of a partition lie, so that a reader that throws the bytes away still knows which offset comes next.

use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::{BrokerId, FetchRequest};
use model::num::u64_from_usize;

use super::{BenchError, answer};
use crate::cli::client::admin::topic_name;
use crate::cli::client::cluster::To;
use crate::cli::client::consumer::FETCH_HIGHEST;
use crate::cli::client::{ClientError, Cluster};

/// Bytes of an answer while the layout is learned.
const FETCH_BYTES: i32 = 16 << 20;

/// The batches of a partition from one offset to another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    /// Each batch's first offset, and the bytes of those before it; behind the last one the end.
    batches: Vec<(i64, u64)>,
}

impl Layout {
    /// Reads the partition once, from the batch of `begin` up to `end`.
    ///
    /// # Errors
    /// Those of the cluster; [`BenchError::Protocol`] if a part of the log does not come.
    pub(super) fn read(
        cluster: &mut Cluster,
        topic: &str,
        (partition, leader): (i32, i32),
        (begin, end): (i64, i64),
    ) -> Result<Self, BenchError> {
        let (mut layout, mut next, mut position) = (Self::default(), begin, 0);
        while next < end {
            let asked = FetchPartition::default()
                .with_partition(partition)
                .with_fetch_offset(next)
                .with_partition_max_bytes(FETCH_BYTES);
            let request = FetchRequest::default()
                .with_replica_id(BrokerId(-1))
                .with_max_wait_ms(500)
                .with_min_bytes(1)
                .with_max_bytes(FETCH_BYTES)
                .with_session_epoch(-1)
                .with_topics(vec![FetchTopic::default().with_topic(topic_name(topic)).with_partitions(vec![asked])]);
            let records = cluster.retry(|cluster, deadline| {
                let answer = cluster.call(To::Node(leader), &request, FETCH_HIGHEST, deadline)?;
                let found = answer.responses.into_iter().flat_map(|topic| topic.partitions).next().unwrap_or_default();
                ClientError::check(found.error_code, || format!("fetching {topic}-{partition}"))?;
                Ok(found.records.unwrap_or_default())
            })?;
            let came_to = layout.add(&records, &mut position);
            next = came_to.ok_or_else(|| BenchError::Protocol(format!("nothing came from offset {next} on")))?;
        }
        layout.batches.push((next, position));
        Ok(layout)
    }

    /// Adds the whole batches of an answer; the offset behind them, if there are any.
    fn add(&mut self, mut records: &[u8], position: &mut u64) -> Option<i64> {
        let mut next = None;
        while let Ok(span) = answer::batch_span(records) {
            let Some(rest) = records.get(span.bytes..) else { break };
            self.batches.push((span.base_offset, *position));
            *position += u64_from_usize(span.bytes);
            next = Some(span.base_offset + span.offsets);
            records = rest;
        }
        next
    }

    /// The first offset of the batch that a reader who asked for `offset` and got `bytes` must ask for next. The end, or what lies
    /// behind it, is the end.
    pub(super) fn next(&self, offset: i64, bytes: usize) -> i64 {
        let holding = self.batches.partition_point(|(base, _)| *base <= offset).saturating_sub(1);
        let begin = self.batches.get(holding).map_or(0, |(_, position)| *position);
        let reached = begin + u64_from_usize(bytes);
        let behind = self.batches.partition_point(|(_, position)| *position <= reached).saturating_sub(1);
        self.batches.get(behind).map_or(offset, |(base, _)| *base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Batches of 100, 50 and 200 bytes, with 10, 1 and 20 offsets.
    fn layout() -> Layout {
        Layout { batches: vec![(0, 0), (10, 100), (11, 150), (31, 350)] }
    }

    #[test]
    fn the_next_offset_follows_from_the_bytes_that_came() {
        assert_eq!(layout().next(0, 100), 10);
        assert_eq!(layout().next(0, 150), 11);
        assert_eq!(layout().next(5, 100), 10, "an answer begins with the whole batch");
        assert_eq!(layout().next(10, 250), 31);
        assert_eq!(layout().next(0, 120), 10, "a batch that was cut is asked for again");
        assert_eq!(layout().next(11, 10_000), 31);
    }

    #[test]
    fn whole_batches_are_added_and_a_cut_one_is_not() {
        let shape = super::super::template::BatchShape {
            record_bytes: 10,
            records: 3,
            codec: crate::cli::client::compression::Codec::None,
        };
        let batch = shape.encode(0).unwrap();
        let (mut bytes, mut position) = (batch.clone(), 0);
        bytes.extend_from_slice(&batch);
        bytes.truncate(bytes.len() - 1);
        let mut layout = Layout::default();
        assert_eq!(layout.add(&bytes, &mut position), Some(3));
        assert_eq!((layout.batches, position), (vec![(0, 0)], u64_from_usize(batch.len())));
    }
}
