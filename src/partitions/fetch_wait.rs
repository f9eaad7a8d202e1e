//! A fetch that waits for bytes on many partitions at once.

use std::future::poll_fn;
use std::sync::Arc;

use model::IsolationLevel;

use super::partition::Partition;
use super::waiters::WaitCell;

/// Waits until enough bytes became visible on any of its partitions. Forgotten everywhere when dropped.
#[derive(Debug)]
pub(crate) struct FetchWait {
    cell: Arc<WaitCell>,
    partitions: Vec<Arc<Partition>>,
    isolation: IsolationLevel,
}

impl FetchWait {
    /// Begins to listen. The caller looks at the partitions after this, so that nothing is missed, and then says with
    /// [`Self::expect`] how much more it needs.
    pub(crate) fn begin(partitions: Vec<Arc<Partition>>, isolation: IsolationLevel) -> Self {
        let cell = WaitCell::new();
        for partition in &partitions {
            partition.watch(isolation, &cell);
        }
        Self { cell, partitions, isolation }
    }

    /// Says how many bytes must become visible, counted from [`Self::begin`].
    pub(crate) fn expect(&self, missing: u64) {
        self.cell.expect(i64::try_from(missing).unwrap_or(i64::MAX));
    }

    /// Ready when enough became visible, or when the broker wants the fetch to look again. Cancel-safe.
    pub(crate) async fn done(&self) {
        poll_fn(|context| self.cell.poll(context)).await;
    }
}

impl Drop for FetchWait {
    fn drop(&mut self) {
        for partition in &self.partitions {
            partition.forget(self.isolation, &self.cell);
        }
    }
}
