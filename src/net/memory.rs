//! The byte budget: how much memory the frames that are still arriving may take, over all connections.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A pool of bytes (`queued.max.request.bytes`). Who wants to grow takes from it first and waits while it is empty.
#[derive(Clone, Debug)]
pub(crate) struct ByteBudget {
    pool: Arc<Semaphore>,
    size: u32,
}

/// A part of the budget; goes back when dropped.
#[derive(Debug, Default)]
pub(crate) struct Share {
    permit: Option<OwnedSemaphorePermit>,
}

impl ByteBudget {
    /// A pool of `size` bytes.
    pub(crate) fn new(size: u32) -> Self {
        Self { pool: Arc::new(Semaphore::new(model::num::usize_from_u32(size))), size }
    }

    /// Waits until `share` can hold `total` bytes. A wish for more than the whole pool waits for the whole pool, so that
    /// a frame that is allowed by its own limit always gets through in the end.
    pub(crate) async fn grow_to(&self, share: &mut Share, total: usize) {
        let held = share.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let held = u32::try_from(held).unwrap_or(u32::MAX);
        let more = u32::try_from(total).unwrap_or(u32::MAX).min(self.size).saturating_sub(held);
        // The pool is never closed, so this always yields a permit.
        if let Ok(more) = Arc::clone(&self.pool).acquire_many_owned(more).await {
            match &mut share.permit {
                Some(permit) => permit.merge(more),
                none => *none = Some(more),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_share_that_is_dropped_lets_the_next_one_in() {
        let budget = ByteBudget::new(100);
        let mut first = Share::default();
        budget.grow_to(&mut first, 80).await;
        let mut second = Share::default();
        let wait = budget.grow_to(&mut second, 50);
        tokio::pin!(wait);
        tokio::select! {
            biased;
            () = &mut wait => panic!("120 of 100 bytes were given"),
            () = tokio::task::yield_now() => {}
        }
        drop(first);
        wait.await;
    }

    #[tokio::test]
    async fn a_wish_for_more_than_the_pool_gets_the_pool() {
        let budget = ByteBudget::new(100);
        let mut share = Share::default();
        budget.grow_to(&mut share, 1000).await;
        budget.grow_to(&mut share, 1000).await;
        assert_eq!(budget.pool.available_permits(), 0);
    }
}
