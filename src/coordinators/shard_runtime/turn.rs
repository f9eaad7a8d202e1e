//! What one turn of a shard is to append and to answer: the records of whole events, in as few batches as take them.

use coordinator::group::GroupReply;
use coordinator::shard::Record;
use model::Timestamp;
use model::config::TopicConfig;
use storage::batch::{BatchBuilder, BatchFull, NewRecord, OwnedBatch};

use super::super::handle::AnswerTo;

/// The most bytes that a record has in a batch besides its key and value: six variable-length numbers and the attributes.
const RECORD_OVERHEAD_MAX: usize = 36;

/// A turn.
#[derive(Default)]
pub(super) struct Turn {
    batch: Option<BatchBuilder>,
    /// Answers that rest on the records of `batch` and on all before them.
    pub(super) replies: Vec<(AnswerTo, GroupReply)>,
}

/// Why the records of an event were not added.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// The batch is full: it is to be appended first.
    Now,
    /// No batch takes them all.
    Ever,
}

impl Turn {
    /// Adds the records of one event to the batch: all of them, or none.
    ///
    /// # Errors
    /// [`Unfit`]; the turn is as it was.
    pub(super) fn add(&mut self, records: &[Record], time: Timestamp, config: &TopicConfig) -> Result<(), Unfit> {
        let size_max = usize::try_from(config.max_message_bytes.min(config.segment_bytes)).unwrap_or(0);
        let Some(batch) = &mut self.batch else {
            self.batch = batch_of(records, time, size_max)?;
            return Ok(());
        };
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

    /// The batch, if there is one.
    pub(super) fn take_batch(&mut self) -> Option<OwnedBatch> {
        self.batch.take().map(BatchBuilder::build)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn record(size: usize) -> Record {
        Record { key: vec![1; 4], value: Some(vec![2; size]) }
    }

    fn config(max_message_bytes: i32) -> TopicConfig {
        TopicConfig { max_message_bytes, ..TopicConfig::default() }
    }

    #[test]
    fn records_of_one_event_stay_together() {
        let (mut turn, config, time) = (Turn::default(), config(1000), Timestamp::new(5));
        turn.add(&[record(300), record(300)], time, &config).unwrap();
        assert_eq!(turn.add(&[record(200), record(200)], time, &config), Err(Unfit::Now));
        turn.add(&[record(100)], time, &config).unwrap();
        assert_eq!(turn.take_batch().unwrap().checked().record_count(), 3);
        turn.add(&[record(200), record(200)], time, &config).unwrap();
        assert_eq!(turn.take_batch().unwrap().checked().record_count(), 2);
        assert!(turn.take_batch().is_none());
    }

    #[test]
    fn what_no_batch_takes_is_refused_and_changes_nothing() {
        let (mut turn, config, time) = (Turn::default(), config(1000), Timestamp::new(5));
        assert_eq!(turn.add(&[record(600), record(600)], time, &config), Err(Unfit::Ever));
        assert!(turn.take_batch().is_none());
        turn.add(&[], time, &config).unwrap();
        assert!(turn.take_batch().is_none());
        turn.add(&[record(900)], time, &config).unwrap();
        assert!(turn.take_batch().is_some());
    }
}
