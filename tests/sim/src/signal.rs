//! How tasks wait for each other: a place for one value, and a bell.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// A place where one task leaves a value for another. Clones are the same place.
pub(crate) struct Slot<T>(Rc<Inner<T>>);

struct Inner<T> {
    value: RefCell<Option<T>>,
    waker: RefCell<Option<Waker>>,
}

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T> Slot<T> {
    pub(crate) fn new() -> Self {
        Self(Rc::new(Inner { value: RefCell::new(None), waker: RefCell::new(None) }))
    }

    /// Leaves the value; one that lies there stays.
    pub(crate) fn put(&self, value: T) {
        self.0.value.borrow_mut().get_or_insert(value);
        if let Some(waker) = self.0.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    /// Whether a value lies there.
    pub(crate) fn is_filled(&self) -> bool {
        self.0.value.borrow().is_some()
    }

    /// Waits for the value and takes it.
    pub(crate) async fn take(&self) -> T {
        poll_fn(|context| {
            let value = self.0.value.borrow_mut().take();
            value.map_or_else(
                || {
                    *self.0.waker.borrow_mut() = Some(context.waker().clone());
                    Poll::Pending
                },
                Poll::Ready,
            )
        })
        .await
    }
}

/// Something that many wait for, and that may happen again and again.
#[derive(Default)]
pub(crate) struct Bell {
    rung: Cell<u64>,
    waiting: RefCell<Vec<Waker>>,
}

impl Bell {
    /// Wakes everybody who waits.
    pub(crate) fn ring(&self) {
        self.rung.set(self.rung.get() + 1);
        for waker in self.waiting.take() {
            waker.wake();
        }
    }

    /// Waits for the next time.
    pub(crate) async fn wait(&self) {
        let before = self.rung.get();
        poll_fn(|context| {
            if self.rung.get() > before {
                return Poll::Ready(());
            }
            self.waiting.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}
