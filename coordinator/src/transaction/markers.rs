//! From a decided end to a complete one: markers are asked for until each partition has its own.

use super::event::{MarkerResult, Markers, MarkersId, MarkersWritten, TransactionEffect};
use super::partitions::Partitions;
use super::{TimerKey, TransactionShard, Turn};

/// Ms after which markers are asked for again that were reported to have failed.
const RETRY_MS: u64 = 100;

impl TransactionShard {
    /// Asks for those markers of a transaction that failed; for all, if none was asked for yet. If it has no partitions, it has
    /// ended.
    pub(super) fn ask_for_markers(&mut self, turn: &mut Turn<'_>, id: &str) {
        let Some(transactional) = self.ids.get_mut(id) else { return };
        let logged = &transactional.logged;
        let Some(result) = logged.ending() else { return };
        if transactional.unmarked.is_empty() {
            self.complete(turn, id);
            return;
        }
        let failed = std::mem::take(&mut transactional.failed);
        let partitions = if transactional.is_asked { failed } else { transactional.unmarked.clone() };
        if partitions.is_empty() {
            return;
        }
        transactional.is_asked = true;
        turn.out.effects.push(TransactionEffect::WriteMarkers(Markers {
            id: MarkersId(transactional.ending),
            transactional_id: id.to_owned(),
            producer: logged.producer,
            coordinator_epoch: self.coordinator_epoch,
            result,
            version: logged.client_version,
            partitions,
        }));
    }

    pub(super) fn markers_written(&mut self, turn: &mut Turn<'_>, written: &MarkersWritten) {
        let id = written.transactional_id.as_str();
        let Some(transactional) = self.ids.get_mut(id) else { return };
        if transactional.logged.ending().is_none() || MarkersId(transactional.ending) != written.id {
            return;
        }
        for (partition, result) in &written.results {
            match result {
                MarkerResult::Written | MarkerResult::TopicDeleted => {
                    transactional.failed.remove(partition);
                    transactional.unmarked.remove(partition);
                }
                MarkerResult::Failed if transactional.unmarked.contains(partition) => {
                    transactional.failed.insert(partition.topic.clone(), partition.partition);
                }
                MarkerResult::Failed => {}
            }
        }
        if transactional.unmarked.is_empty() {
            self.complete(turn, id);
        } else if !transactional.failed.is_empty() {
            self.timers.set(TimerKey::Markers(id.to_owned()), turn.now.tick.after_ms(RETRY_MS).at());
        }
    }

    /// Each partition has its marker.
    fn complete(&mut self, turn: &mut Turn<'_>, id: &str) {
        let Some(transactional) = self.ids.get(id) else { return };
        let step = transactional.logged.completed(turn.now.time);
        let last_epoch = transactional.last_epoch;
        let accepted = self.accept(turn, id, step, last_epoch);
        debug_assert!(accepted.is_ok(), "it is smaller than what the log holds already");
    }

    /// The partitions of a transaction; while it ends, those without a marker.
    pub(super) fn described_partitions(&self, id: &str) -> Partitions {
        match self.ids.get(id) {
            Some(transactional) if transactional.logged.ending().is_some() => transactional.unmarked.clone(),
            Some(transactional) => transactional.logged.partitions.clone(),
            None => Partitions::default(),
        }
    }
}
