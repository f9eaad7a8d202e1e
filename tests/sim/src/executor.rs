//! Tasks and virtual time, on one thread. Tasks run in the order in which they were woken; when none can run, time jumps to
//! the next timer. So the order of everything follows from the seed alone.
//!
//! Owns: tasks, timers, what time it is. Does not know: what tasks do.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// What a task belongs to: those of the broker die with its process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The broker's process.
    Broker,
    /// Clients, the network, whoever breaks things.
    World,
}

type TaskFuture = Pin<Box<dyn Future<Output = ()>>>;

struct Task {
    owner: Owner,
    /// Taken out while it is polled.
    future: Option<TaskFuture>,
    waker: Waker,
}

/// The tasks that were woken.
#[derive(Default)]
struct Ready(Mutex<VecDeque<u64>>);

struct TaskWaker {
    id: u64,
    ready: Arc<Ready>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.ready.0.lock().unwrap_or_else(PoisonError::into_inner).push_back(self.id);
    }
}

/// Tasks, timers and the time.
#[derive(Default)]
pub(crate) struct Executor {
    now_us: Cell<u64>,
    count: Cell<u64>,
    tasks: RefCell<BTreeMap<u64, Task>>,
    timers: RefCell<BTreeMap<(u64, u64), Waker>>,
    ready: Arc<Ready>,
}

impl Executor {
    /// Microseconds since the simulation began.
    pub(crate) fn now_us(&self) -> u64 {
        self.now_us.get()
    }

    /// Begins a task; it runs when its turn comes.
    pub(crate) fn spawn(&self, owner: Owner, future: impl Future<Output = ()> + 'static) {
        let id = self.next();
        let waker = Waker::from(Arc::new(TaskWaker { id, ready: Arc::clone(&self.ready) }));
        waker.wake_by_ref();
        self.tasks.borrow_mut().insert(id, Task { owner, future: Some(Box::pin(future)), waker });
    }

    /// Ends all tasks of `owner` where they stand, also the one that runs now, when it comes to rest.
    pub(crate) fn kill(&self, owner: Owner) {
        let killed: Vec<Task> = {
            let mut tasks = self.tasks.borrow_mut();
            tasks.extract_if(.., |_, task| task.owner == owner).map(|(_, task)| task).collect()
        };
        // Here, where nothing is borrowed: dropping a future runs what it holds.
        drop(killed);
    }

    /// Polls the next task; jumps to the next timer if there is none. Gives the id of the task, or `None` if nothing will ever
    /// happen again.
    pub(crate) fn step(&self) -> Option<u64> {
        loop {
            let next = self.ready.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            if let Some(id) = next {
                if self.poll(id) {
                    return Some(id);
                }
                continue;
            }
            let ((due, _), waker) = self.timers.borrow_mut().pop_first()?;
            self.now_us.set(self.now_us.get().max(due));
            waker.wake();
        }
    }

    /// Polls a task, if it is still there.
    fn poll(&self, id: u64) -> bool {
        let taken =
            self.tasks.borrow_mut().get_mut(&id).and_then(|task| Some((task.future.take()?, task.waker.clone())));
        let Some((mut future, waker)) = taken else { return false };
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        let mut tasks = self.tasks.borrow_mut();
        let done = match (polled, tasks.get_mut(&id)) {
            (Poll::Pending, Some(task)) => {
                task.future = Some(future);
                return true;
            }
            // It was killed meanwhile.
            (Poll::Pending, None) => None,
            (Poll::Ready(()), _) => tasks.remove(&id),
        };
        drop(tasks);
        drop(done);
        true
    }

    /// A future that is ready at `due_us`.
    pub(crate) const fn sleep_until(&self, due_us: u64) -> Sleep<'_> {
        Sleep { executor: self, due_us, key: None }
    }

    fn next(&self) -> u64 {
        self.count.set(self.count.get() + 1);
        self.count.get()
    }
}

/// Waits for a time.
pub(crate) struct Sleep<'a> {
    executor: &'a Executor,
    due_us: u64,
    key: Option<(u64, u64)>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.executor.now_us() >= self.due_us {
            return Poll::Ready(());
        }
        if self.key.is_none() {
            let key = (self.due_us, self.executor.next());
            self.executor.timers.borrow_mut().insert(key, context.waker().clone());
            self.key = Some(key);
        }
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.executor.timers.borrow_mut().remove(&key);
        }
    }
}
