//! The logs at the end of a run.

use std::collections::BTreeMap;

use model::TopicPartition;
use storage::ReadSpec;

use crate::history::RecordId;
use crate::records::{self, Stored};
use crate::world::Sim;

/// Every partition's log.
pub(crate) type Logs = BTreeMap<TopicPartition, Log>;

/// A log at the end.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) is_compacted: bool,
    pub(crate) delete_retention_ms: i64,
    pub(crate) batches: Vec<Stored>,
    /// The records of our clients: offset and number.
    pub(crate) records: BTreeMap<i64, RecordId>,
}

/// Reads the logs of the broker that is up.
pub(crate) fn read_logs(sim: &Sim) -> Logs {
    let mut logs = Logs::new();
    let Some(broker) = sim.broker() else { return logs };
    for (name, partition) in &broker.partitions {
        let log = &partition.log;
        let (from, upto) = (log.log_start_offset(), log.log_end_offset());
        let slice = log.read(ReadSpec { from, upto, max_bytes: u32::MAX, at_least_one_batch: true });
        let bytes = match slice.map(|slice| slice.read_to_vec()) {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(error)) => {
                sim.wrong(format!("read: {name}: {error}"));
                continue;
            }
            Err(error) => {
                sim.wrong(format!("read: {name}: {error}"));
                continue;
            }
        };
        let batches = records::decode(&bytes);
        let each = batches.iter().flat_map(|batch| &batch.records);
        let own = each.filter(|record| record.offset >= from.get());
        let records = own.filter_map(|record| Some((record.offset, record.id?))).collect();
        let config = log.config();
        let (is_compacted, delete_retention_ms) = (config.cleanup_policy.compact, config.delete_retention_ms);
        let (start, end) = (from.get(), upto.get());
        logs.insert(name.clone(), Log { start, end, is_compacted, delete_retention_ms, batches, records });
    }
    logs
}
