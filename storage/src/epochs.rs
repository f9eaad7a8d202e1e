//! At which offset each leader epoch of a log began (KIP-101), and with it where an epoch ended (KIP-320).
//!
//! Owns: the list and its rules. Does not know: the file it is kept in, and who leads.

use model::{LeaderEpoch, Offset};

/// The epochs of a log, oldest first; both numbers rise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Epochs {
    starts: Vec<(LeaderEpoch, Offset)>,
}

impl Epochs {
    /// Epochs that were read from a file, which has checked their order.
    #[must_use]
    pub(crate) const fn from_sorted(starts: Vec<(LeaderEpoch, Offset)>) -> Self {
        Self { starts }
    }

    /// Every epoch with its start.
    #[must_use]
    pub(crate) fn entries(&self) -> &[(LeaderEpoch, Offset)] {
        &self.starts
    }

    /// The epoch that began last.
    #[must_use]
    pub(crate) fn latest(&self) -> Option<LeaderEpoch> {
        self.starts.last().map(|last| last.0)
    }

    /// The epoch of the record at `offset`; `None` before the first epoch.
    #[must_use]
    pub(crate) fn at(&self, offset: Offset) -> Option<LeaderEpoch> {
        let later = self.starts.partition_point(|(_, start)| *start <= offset);
        later.checked_sub(1).and_then(|place| self.starts.get(place)).map(|(epoch, _)| *epoch)
    }

    /// Whether a record of `epoch` would begin a new one.
    #[must_use]
    pub(crate) fn is_new(&self, epoch: LeaderEpoch) -> bool {
        self.latest().is_none_or(|latest| epoch > latest)
    }

    /// Notes that `epoch` begins at `start`. An epoch that began there and has no record gives way.
    pub(crate) fn begin(&mut self, epoch: LeaderEpoch, start: Offset) {
        if self.is_new(epoch) {
            self.starts.retain(|(_, other)| *other < start);
            self.starts.push((epoch, start));
        }
    }

    /// Forgets epochs that begin at or behind `end`: their records were cut off.
    pub(crate) fn truncate(&mut self, end: Offset) {
        self.starts.retain(|(_, start)| *start < end);
    }

    /// Forgets epochs that ended at or before `start`: their records are deleted. The one that holds on there begins there.
    pub(crate) fn truncate_before(&mut self, start: Offset) {
        let later = self.starts.partition_point(|(_, begin)| *begin <= start);
        if let Some((_, begin)) = later.checked_sub(1).and_then(|place| self.starts.get_mut(place)) {
            *begin = start;
        }
        self.starts.drain(..later.saturating_sub(1));
    }

    /// The largest epoch up to `asked`, and where it ended; `log_end` is where the latest one ends so far. For an epoch
    /// before the first: itself, ending where the first begins. `None` for one that has not begun.
    #[must_use]
    pub(crate) fn end_of(&self, asked: LeaderEpoch, log_end: Offset) -> Option<(LeaderEpoch, Offset)> {
        let later = self.starts.partition_point(|(epoch, _)| *epoch <= asked);
        let next_start = self.starts.get(later).map(|(_, start)| *start);
        match later.checked_sub(1).and_then(|place| self.starts.get(place)) {
            // Ahead of all that is known here: the caller knows something that this log does not.
            Some((epoch, _)) if next_start.is_none() && *epoch < asked => None,
            Some((epoch, _)) => Some((*epoch, next_start.unwrap_or(log_end))),
            None => next_start.map(|start| (asked, start)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(raw: i32) -> LeaderEpoch {
        LeaderEpoch::new(raw).unwrap()
    }

    fn offset(raw: i64) -> Offset {
        Offset::new(raw).unwrap()
    }

    #[test]
    fn an_epoch_ends_where_the_next_begins() {
        let mut epochs = Epochs::default();
        assert_eq!(epochs.end_of(epoch(0), offset(0)), None, "nothing has begun");
        epochs.begin(epoch(2), offset(0));
        epochs.begin(epoch(5), offset(10));
        epochs.begin(epoch(5), offset(12));
        let end = offset(20);
        assert_eq!(epochs.end_of(epoch(1), end), Some((epoch(1), offset(0))), "older than all");
        assert_eq!(epochs.end_of(epoch(2), end), Some((epoch(2), offset(10))));
        assert_eq!(epochs.end_of(epoch(4), end), Some((epoch(2), offset(10))), "the largest up to it");
        assert_eq!(epochs.end_of(epoch(5), end), Some((epoch(5), end)), "the latest");
        assert_eq!(epochs.end_of(epoch(6), end), None, "newer than all");
    }

    #[test]
    fn an_epoch_whose_records_were_deleted_is_not_known_any_more() {
        let mut epochs =
            Epochs::from_sorted(vec![(epoch(1), offset(0)), (epoch(2), offset(10)), (epoch(4), offset(20))]);
        epochs.truncate_before(offset(5));
        assert_eq!(epochs.entries()[0], (epoch(1), offset(5)));
        epochs.truncate_before(offset(15));
        assert_eq!(epochs.entries(), [(epoch(2), offset(15)), (epoch(4), offset(20))]);
        assert_eq!(epochs.end_of(epoch(1), offset(30)), Some((epoch(1), offset(15))), "as one before all others");
        epochs.truncate_before(offset(20));
        assert_eq!(epochs.entries(), [(epoch(4), offset(20))], "the end of an epoch is not in it");
        epochs.truncate_before(offset(30));
        assert_eq!(epochs.entries(), [(epoch(4), offset(30))], "the latest stays");
    }

    #[test]
    fn an_epoch_without_records_gives_way() {
        let mut epochs = Epochs::default();
        epochs.begin(epoch(0), offset(0));
        epochs.begin(epoch(1), offset(7));
        epochs.begin(epoch(2), offset(7));
        assert_eq!(epochs.entries(), [(epoch(0), offset(0)), (epoch(2), offset(7))]);
        epochs.truncate(offset(7));
        assert_eq!(epochs.latest(), Some(epoch(0)));
    }
}
