//! What one turn of a shard is to append and to answer: the records of whole events, in as few batches as take them.

use coordinator::shard::{Producer, Record};
use model::Timestamp;
use model::config::{CompressionType, TopicConfig};
use storage::batch::{BatchBuilder, BatchFull, CheckedBatch, NewRecord, OwnedBatch, ProducerBatch};
use storage::producers::Verified;

use super::super::handle::{AnswerTo, Vouched};
use super::super::shard::Shard;

/// The most bytes that a record has in a batch besides its key and value: six variable-length numbers and the attributes.
const RECORD_OVERHEAD_MAX: usize = 36;

/// A turn.
pub(super) struct Turn<S: Shard> {
    batch: Option<BatchBuilder>,
    /// Whose transaction the records of `batch` belong to.
    transaction: Option<Vouched>,
    /// Answers that rest on the records of `batch` and on all before them.
    pub(super) replies: Vec<(AnswerTo<S::Reply>, S::Reply)>,
    /// Effects that rest on the same.
    pub(super) effects: Vec<S::Effect>,
}

impl<S: Shard> Default for Turn<S> {
    fn default() -> Self {
        Self { batch: None, transaction: None, replies: Vec::new(), effects: Vec::new() }
    }
}

/// Why the records of an event were not added.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// The batch is full, or another producer's: it is to be appended first.
    Now,
    /// No batch takes them all.
    Ever,
}

impl<S: Shard> Turn<S> {
    /// Adds the records of one event to the batch: all of them, or none.
    ///
    /// # Errors
    /// [`Unfit`]; the turn is as it was.
    pub(super) fn add(
        &mut self,
        (records, transaction): (&[Record], Option<Vouched>),
        time: Timestamp,
        config: &TopicConfig,
    ) -> Result<(), Unfit> {
        let size_max = usize::try_from(config.max_message_bytes.min(config.segment_bytes)).unwrap_or(0);
        let Some(batch) = &mut self.batch else {
            self.batch = batch_of(records, time, size_max)?;
            self.transaction = transaction.filter(|_| self.batch.is_some());
            return Ok(());
        };
        if records.is_empty() {
            return Ok(());
        }
        let producer = |transaction: Option<Vouched>| transaction.map(|vouched| vouched.producer);
        if producer(transaction) != producer(self.transaction) {
            return Err(Unfit::Now);
        }
        let bytes =
            |record: &Record| record.key.len() + record.value.as_ref().map_or(0, Vec::len) + RECORD_OVERHEAD_MAX;
        let added: usize = records.iter().map(bytes).sum();
        if batch.size().saturating_add(added) > size_max {
            return Err(Unfit::Now);
        }
        for record in records {
            // A batch holds 2 GiB, and it was measured.
            batch.push(new_record(record, time)).map_err(|BatchFull| Unfit::Ever)?;
        }
        Ok(())
    }

    /// The batch, if there is one, and what vouches for it.
    pub(super) fn take_batch(&mut self) -> Option<(OwnedBatch, Verified)> {
        let batch = self.batch.take()?;
        Some(match self.transaction.take() {
            Some(Vouched { producer, verified }) => (batch.with_producer(stamp(producer)).build(), verified),
            None => (batch.build(), Verified::ByOpenTransaction),
        })
    }
}

/// A producer's stamp on a batch that is written in its name: without a sequence, because nobody repeats it.
pub(in super::super) const fn stamp(producer: Producer) -> ProducerBatch {
    ProducerBatch {
        id: producer.id,
        epoch: producer.epoch,
        base_sequence: None,
        record_count: 0,
        is_transactional: true,
    }
}

/// A batch of its own for these records; none for none.
fn batch_of(records: &[Record], time: Timestamp, size_max: usize) -> Result<Option<BatchBuilder>, Unfit> {
    let Some((first, others)) = records.split_first() else { return Ok(None) };
    let mut batch = BatchBuilder::new(new_record(first, time)).map_err(|BatchFull| Unfit::Ever)?;
    for record in others {
        batch.push(new_record(record, time)).map_err(|BatchFull| Unfit::Ever)?;
        if batch.size() > size_max {
            return Err(Unfit::Ever);
        }
    }
    if batch.size() > size_max { Err(Unfit::Ever) } else { Ok(Some(batch)) }
}

fn new_record(record: &Record, timestamp: Timestamp) -> NewRecord<'_> {
    NewRecord { timestamp, key: Some(&record.key), value: record.value.as_deref(), ..NewRecord::default() }
}

/// The batch as it is appended. One that would be too large when it is compressed stays as it is.
pub(super) fn in_codec<'a>(
    batch: &'a OwnedBatch,
    compression_type: CompressionType,
    config: &TopicConfig,
) -> CheckedBatch<'a> {
    if compression_type == CompressionType::Producer {
        return batch.checked();
    }
    let config = TopicConfig { compression_type, ..config.clone() };
    batch.checked().in_codec_of(&config).unwrap_or_else(|_| batch.checked())
}

#[cfg(test)]
mod tests {
    use coordinator::group::GroupShard;
    use model::{ProducerEpoch, ProducerId};
    use storage::compression::Codec;

    use super::*;

    fn record(size: usize) -> Record {
        Record { key: vec![1; 4], value: Some(vec![2; size]) }
    }

    fn config(max_message_bytes: i32) -> TopicConfig {
        TopicConfig { max_message_bytes, ..TopicConfig::default() }
    }

    #[test]
    fn records_of_one_event_stay_together() {
        let (mut turn, config, time) = (Turn::<GroupShard>::default(), config(1000), Timestamp::new(5));
        turn.add((&[record(300), record(300)], None), time, &config).unwrap();
        assert_eq!(turn.add((&[record(200), record(200)], None), time, &config), Err(Unfit::Now));
        turn.add((&[record(100)], None), time, &config).unwrap();
        assert_eq!(turn.take_batch().unwrap().0.checked().record_count(), 3);
        turn.add((&[record(200), record(200)], None), time, &config).unwrap();
        assert_eq!(turn.take_batch().unwrap().0.checked().record_count(), 2);
        assert!(turn.take_batch().is_none());
    }

    #[test]
    fn what_no_batch_takes_is_refused_and_changes_nothing() {
        let (mut turn, config, time) = (Turn::<GroupShard>::default(), config(1000), Timestamp::new(5));
        assert_eq!(turn.add((&[record(600), record(600)], None), time, &config), Err(Unfit::Ever));
        assert!(turn.take_batch().is_none());
        turn.add((&[], None), time, &config).unwrap();
        assert!(turn.take_batch().is_none());
        turn.add((&[record(900)], None), time, &config).unwrap();
        assert!(turn.take_batch().is_some());
    }

    #[test]
    fn a_batch_is_compressed_unless_it_would_be_too_large_then() {
        let (mut turn, time) = (Turn::<GroupShard>::default(), Timestamp::new(5));
        turn.add((&[record(300), record(300)], None), time, &config(1000)).unwrap();
        let (batch, _) = turn.take_batch().unwrap();
        let of = |compression_type, config: &TopicConfig| in_codec(&batch, compression_type, config).codec();
        assert_eq!(of(CompressionType::Producer, &config(1000)), Codec::None);
        assert_eq!(of(CompressionType::Zstd, &config(1000)), Codec::Zstd);
        assert_eq!(of(CompressionType::Zstd, &config(62)), Codec::None);
        let compressed = in_codec(&batch, CompressionType::Lz4, &config(1000));
        let header = compressed.header_at(model::Offset::ZERO, model::LeaderEpoch::ZERO);
        let bytes = [header.as_slice(), compressed.payload()].concat();
        assert!(bytes.len() < batch.to_vec().len());
        let view = storage::batch::BatchView::parse(&bytes).unwrap();
        assert!(view.crc_is_right());
        assert_eq!(
            view.records(storage::batch::DecompressionLimits::bytes(1000)).next_record().unwrap().unwrap().record.value,
            Some([2; 300].as_slice())
        );
    }

    #[test]
    fn records_of_two_producers_are_two_batches() {
        let (mut turn, config, time) = (Turn::<GroupShard>::default(), config(1000), Timestamp::new(5));
        let of = |id| Vouched {
            producer: Producer { id: ProducerId::new(id).unwrap(), epoch: ProducerEpoch::new(3).unwrap() },
            verified: Verified::NotAsked,
        };
        turn.add((&[record(10)], Some(of(7))), time, &config).unwrap();
        turn.add((&[record(10)], Some(of(7))), time, &config).unwrap();
        turn.add((&[], None), time, &config).unwrap();
        assert_eq!(turn.add((&[record(10)], Some(of(8))), time, &config), Err(Unfit::Now));
        assert_eq!(turn.add((&[record(10)], None), time, &config), Err(Unfit::Now));
        let (batch, verified) = turn.take_batch().unwrap();
        let stamp = *batch.checked().producer().unwrap();
        assert_eq!((stamp.id.get(), stamp.epoch.get(), stamp.is_transactional), (7, 3, true));
        assert_eq!(verified, Verified::NotAsked);
        turn.add((&[record(10)], None), time, &config).unwrap();
        assert!(turn.take_batch().unwrap().0.checked().producer().is_none());
    }
}
