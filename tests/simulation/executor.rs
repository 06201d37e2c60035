//! Runs tasks in virtual time, one at a time, in an order that one seed decides.
//!
//! A task waits either for a time or for the output of one other task. The timer or the other task knows the waiting task,
//! so the executor needs no wakers. Each task belongs to a home. If the home is killed, its tasks are dropped.

use super::fakes::random::Random;
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// The group of tasks that are dropped together: the tasks of one isolate, or of the world.
pub type Home = u64;
pub const WORLD: Home = 0;

type TaskId = u64;
type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Milliseconds of virtual time since the run began.
pub type Millis = u64;

pub struct Executor {
    pub random: Random,
    now: Cell<Millis>,
    tasks: RefCell<BTreeMap<TaskId, (Home, Task)>>,
    ready: RefCell<Vec<TaskId>>,
    timers: RefCell<BinaryHeap<Reverse<(Millis, TaskId)>>>,
    current: Cell<TaskId>,
    last: Cell<TaskId>,
    doomed: RefCell<Vec<Home>>,
}

impl Executor {
    pub fn new(seed: u64) -> Rc<Self> {
        Rc::new(Self {
            random: Random::new(seed),
            now: Cell::new(0),
            tasks: RefCell::default(),
            ready: RefCell::default(),
            timers: RefCell::default(),
            current: Cell::new(0),
            last: Cell::new(0),
            doomed: RefCell::default(),
        })
    }

    pub fn now(&self) -> Millis {
        self.now.get()
    }

    pub fn is_idle(&self) -> bool {
        self.tasks.borrow().is_empty()
    }

    pub fn spawn(&self, home: Home, task: impl Future<Output = ()> + 'static) {
        self.last.set(self.last.get() + 1);
        self.tasks.borrow_mut().insert(self.last.get(), (home, Box::pin(task)));
        self.ready.borrow_mut().push(self.last.get());
    }

    /// Spawns `task`. Another task can wait for its output.
    pub fn run<T: 'static>(&self, home: Home, task: impl Future<Output = T> + 'static) -> Output<T> {
        let slot = Rc::new(Slot { value: RefCell::new(None), open: Cell::new(true), waiter: Cell::new(0) });
        self.spawn(home, {
            let guard = Guard(Rc::clone(&slot));
            async move {
                let value = task.await;
                *guard.0.value.borrow_mut() = Some(value);
            }
        });
        Output(slot)
    }

    /// Drops every task of `home` as soon as the running task waits.
    pub fn kill(&self, home: Home) {
        self.doomed.borrow_mut().push(home);
    }

    pub async fn sleep(&self, span: Millis) {
        let until = self.now() + span;
        self.call_at(until);
        poll_fn(|_| if self.now() >= until { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    /// Waits for `output` up to `patience`. `None` if the task was dropped or takes longer.
    pub async fn wait<T>(&self, output: Output<T>, patience: Millis) -> Option<T> {
        let until = self.now() + patience;
        self.call_at(until);
        let slot = output.0;
        poll_fn(|_| {
            slot.waiter.set(self.current.get());
            match slot.value.take() {
                Some(value) => Poll::Ready(Some(value)),
                None if !slot.open.get() || self.now() >= until => Poll::Ready(None),
                None => Poll::Pending,
            }
        })
        .await
    }

    /// Runs all tasks up to the time `until`, or until no task is left, or until `stop` is true.
    pub fn run_until(&self, until: Millis, stop: impl Fn() -> bool) {
        while !stop() {
            let next = {
                let mut ready = self.ready.borrow_mut();
                let count = ready.len();
                (count > 0).then(|| ready.swap_remove(self.random.index(count)))
            };
            if let Some(id) = next {
                self.poll(id);
            } else if !self.advance(until) {
                break;
            }
        }
    }

    fn call_at(&self, when: Millis) {
        self.timers.borrow_mut().push(Reverse((when, self.current.get())));
    }

    /// Advances the clock to the next timer, and makes its tasks ready.
    fn advance(&self, until: Millis) -> bool {
        let mut timers = self.timers.borrow_mut();
        let Some(&Reverse((when, _))) = timers.peek() else { return false };
        if when > until || self.is_idle() {
            return false;
        }
        self.now.set(when.max(self.now()));
        while let Some(&Reverse((at, id))) = timers.peek()
            && at <= when
        {
            timers.pop();
            self.ready.borrow_mut().push(id);
        }
        true
    }

    fn poll(&self, id: TaskId) {
        let Some((home, mut task)) = self.tasks.borrow_mut().remove(&id) else { return };
        self.current.set(id);
        let step = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        let mut gone = Vec::new();
        if step.is_pending() {
            self.tasks.borrow_mut().insert(id, (home, task));
        } else {
            gone.push((home, task));
        }
        let doomed = self.doomed.take();
        if !doomed.is_empty() {
            gone.extend(
                self.tasks.borrow_mut().extract_if(.., |_, (home, _)| doomed.contains(home)).map(|(_, task)| task),
            );
        }
        // A drop wakes the task that waits for the dropped task, so nothing is borrowed here.
        drop(gone);
        self.ready.borrow_mut().extend(WOKEN.take());
    }
}

thread_local! {
    /// The tasks that the end of another task wakes. The guard of a task has no reference to the executor.
    static WOKEN: RefCell<Vec<TaskId>> = const { RefCell::new(Vec::new()) };
}

struct Slot<T> {
    value: RefCell<Option<T>>,
    open: Cell<bool>,
    waiter: Cell<TaskId>,
}

/// The future output of a task.
pub struct Output<T>(Rc<Slot<T>>);

struct Guard<T>(Rc<Slot<T>>);

impl<T> Drop for Guard<T> {
    fn drop(&mut self) {
        self.0.open.set(false);
        WOKEN.with_borrow_mut(|woken| woken.push(self.0.waiter.get()));
    }
}
