//! The byte budget: how much memory the frames that are still arriving may take, over all connections.
//!
//! Many large frames that arrive at once could each hold a part of the memory and wait for the rest for ever. So as much as the
//! largest frame may have is set aside as a spare place, whose holder needs nothing of the pool that is left: whoever has it gets
//! through, and then the next one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The memory (`queued.max.request.bytes`): a pool of bytes, and the spare place for one frame. Who wants to grow takes from the
/// pool first and waits while it is empty.
#[derive(Clone, Debug)]
pub(crate) struct ByteBudget {
    pool: Arc<Semaphore>,
    spare: Arc<Semaphore>,
    pool_size: u32,
    waiting: Arc<AtomicUsize>,
}

/// A part of the budget; goes back when dropped.
#[derive(Debug, Default)]
pub(crate) struct Share {
    permit: Option<OwnedSemaphorePermit>,
    spare: Option<OwnedSemaphorePermit>,
}

impl Share {
    /// Whether there is anything to give back.
    pub(crate) fn is_held(&self) -> bool {
        self.permit.is_some() || self.is_spare()
    }

    /// Whether it holds the spare place, which others may wait for.
    pub(crate) fn is_spare(&self) -> bool {
        self.spare.is_some()
    }
}

impl ByteBudget {
    /// A budget of `size` bytes, of which the largest frame takes `frame_size_max`; not less than that.
    pub(crate) fn new(size: u32, frame_size_max: u32) -> Self {
        let pool_size = size.saturating_sub(frame_size_max);
        Self {
            pool: Arc::new(Semaphore::new(model::num::usize_from_u32(pool_size))),
            spare: Arc::new(Semaphore::new(1)),
            pool_size,
            waiting: Arc::default(),
        }
    }

    /// Whether somebody waits for bytes: who can do without theirs should give them back.
    pub(crate) fn is_wanted(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Waits until `share` can hold `total` bytes: those of the pool, or the spare place, where any frame has room. Cancel-safe:
    /// a dropped wait took nothing.
    pub(crate) async fn grow_to(&self, share: &mut Share, total: usize) {
        if share.is_spare() {
            return;
        }
        let held = share.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let held = u32::try_from(held).unwrap_or(u32::MAX);
        let total = u32::try_from(total).unwrap_or(u32::MAX);
        let _waits = Waits::begin(&self.waiting);
        // Neither is ever closed, so both always yield a permit.
        tokio::select! {
            biased;
            more = Arc::clone(&self.pool).acquire_many_owned(total.saturating_sub(held)), if total <= self.pool_size => {
                if let Ok(more) = more {
                    match &mut share.permit {
                        Some(permit) => permit.merge(more),
                        none => *none = Some(more),
                    }
                }
            }
            place = Arc::clone(&self.spare).acquire_owned() => *share = Share { permit: None, spare: place.ok() },
        }
    }
}

/// Counts somebody who waits, until dropped.
struct Waits<'a>(&'a AtomicUsize);

impl<'a> Waits<'a> {
    fn begin(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_share_that_is_dropped_lets_the_next_one_in() {
        let budget = ByteBudget::new(300, 200);
        let mut first = Share::default();
        budget.grow_to(&mut first, 80).await;
        let mut spare = Share::default();
        budget.grow_to(&mut spare, 60).await;
        assert!(spare.is_spare() && !budget.is_wanted());
        let mut second = Share::default();
        let wait = budget.grow_to(&mut second, 50);
        tokio::pin!(wait);
        tokio::select! {
            biased;
            () = &mut wait => panic!("120 of 100 bytes were given"),
            () = tokio::task::yield_now() => {}
        }
        assert!(budget.is_wanted());
        drop(first);
        wait.await;
    }

    #[tokio::test]
    async fn frames_that_hold_all_of_the_pool_and_want_more_get_through_one_after_the_other() {
        let budget = ByteBudget::new(300, 200);
        let mut shares: Vec<_> = (0..5).map(|_| Share::default()).collect();
        for share in &mut shares {
            budget.grow_to(share, 20).await;
        }
        let first = shares.first_mut().expect("there are five");
        budget.grow_to(first, 60).await;
        assert!(first.is_spare());
        // What it held is free for the next one only now.
        for mut share in shares {
            budget.grow_to(&mut share, 60).await;
        }
        assert_eq!(budget.pool.available_permits(), 100);
    }

    #[tokio::test]
    async fn a_frame_larger_than_the_pool_has_the_spare_place_and_needs_nothing_else() {
        let budget = ByteBudget::new(300, 200);
        let mut share = Share::default();
        budget.grow_to(&mut share, 80).await;
        budget.grow_to(&mut share, 150).await;
        budget.grow_to(&mut share, 200).await;
        assert!(share.is_spare() && budget.pool.available_permits() == 100);
        drop(share);
        // So does every frame where the budget is the largest frame's, one after the other.
        let budget = ByteBudget::new(200, 200);
        for _ in 0..3 {
            let mut share = Share::default();
            budget.grow_to(&mut share, 20).await;
            assert!(share.is_spare());
        }
    }
}
