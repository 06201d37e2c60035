//! Runs futures on JavaScript's event loop.
//!
//! A task waits for one promise at a time: [`settled`] leaves the promise with the executor, and the executor calls the
//! task again when the promise is settled. The two cells below are sound because an isolate has one thread: between
//! setting one and taking it runs nothing but the poll of one task.
//!
//! A task that panics ends by itself: [`run`] catches the panic, and its caller says what the output is then. Nothing
//! here is borrowed while a task is polled, so that no other task notices.

use super::log_error;
use crate::record::Record;
use js_sys::{Date, Promise};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use wasm_bindgen::{prelude::*, throw_str};

/// In milliseconds: no event lives longer than 15 minutes, so that a task this old waits for a promise that is never
/// settled.
const LONGEST_LIFE: f64 = 20.0 * 60.0 * 1000.0;

#[wasm_bindgen(module = "/src/edge/drive.js")]
extern "C" {
    /// JavaScript's side of a task: what it waits for, for how long, and who waits for it.
    #[derive(Clone)]
    pub type Work;
    /// `context`: the request's, where the event is one.
    #[wasm_bindgen(constructor)]
    pub fn new(context: &JsValue) -> Work;
    #[wasm_bindgen(method)]
    fn drive(this: &Work, resume: &JsValue, task: u32, waiting: &Promise) -> Promise;
    #[wasm_bindgen(method)]
    fn limit(this: &Work, milliseconds: u32);
    #[wasm_bindgen(method)]
    fn end(this: &Work);
}

thread_local! {
    static TASKS: RefCell<Tasks> = const { RefCell::new(Tasks { next: 0, waiting: Vec::new() }) };
    /// From the task to the executor: what it waits for.
    static AWAITED: Cell<Option<Promise>> = const { Cell::new(None) };
    /// From the executor to the task: what became of it.
    static SETTLED: Cell<Option<Result<JsValue, JsValue>>> = const { Cell::new(None) };
    static RESUME: Closure<dyn Fn(u32, JsValue, bool) -> JsValue> = Closure::new(resume);
}

/// Waits for `promise`: what it resolved to, or what it was rejected with.
pub async fn settled(promise: Promise) -> Result<JsValue, JsValue> {
    AWAITED.set(Some(promise));
    // Whatever a task that broke in the middle of its poll left behind is not for this one.
    SETTLED.set(None);
    poll_fn(|_| SETTLED.take().map_or(Poll::Pending, Poll::Ready)).await
}

/// Waits for `promise` as a part of `work`, but not for longer than `milliseconds`.
pub async fn within(work: &Work, milliseconds: u32, promise: Promise) -> Result<JsValue, JsValue> {
    work.limit(milliseconds);
    settled(promise).await
}

/// Runs `future` as `work`: its output where it need not wait, else a promise of it. Where it panics, the output is
/// `failed()`.
pub fn run(
    work: &Work,
    future: impl Future<Output = JsValue> + 'static,
    failed: impl FnOnce() -> JsValue + 'static,
) -> JsValue {
    let mut task: Task = Box::pin(caught(future, failed));
    match step(&mut task) {
        Step::Done(output) => {
            work.end();
            output
        }
        Step::Waits(promise) => {
            let id = TASKS.with_borrow_mut(|tasks| tasks.insert(task, Date::now()));
            RESUME.with(|resume| work.drive(resume.as_ref(), id, &promise)).into()
        }
    }
}

async fn caught(future: impl Future<Output = JsValue>, failed: impl FnOnce() -> JsValue) -> JsValue {
    let mut future = pin!(future);
    let end = poll_fn(|context| {
        // Whatever the panic left half done is the future's own, and the future is dropped whole, never polled again.
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        polled.map_or_else(|panic| Poll::Ready(Err(panic)), |poll| poll.map(Ok))
    });
    end.await.unwrap_or_else(|panic| {
        log_error(&Record::complaint("panic", told(&*panic).to_owned()).line());
        failed()
    })
}

/// What a panic says, where that is a constant: a text made for the occasion may quote the request.
fn told(panic: &(dyn Any + Send)) -> &'static str {
    panic.downcast_ref().copied().unwrap_or("withheld: its message may quote the request")
}

/// Called by `Work`: the promise that task `id` waits for is settled. Returns the next one, or the output.
fn resume(id: u32, value: JsValue, kept: bool) -> JsValue {
    let waiting = TASKS.with_borrow_mut(|tasks| tasks.take(id));
    // An exception, so that the runtime takes the event for failed, and not for done.
    let Some(Waiting { mut task, since }) = waiting else { throw_str("too late: this event was given up") };
    SETTLED.set(Some(if kept { Ok(value) } else { Err(value) }));
    match step(&mut task) {
        Step::Done(output) => output,
        Step::Waits(promise) => {
            TASKS.with_borrow_mut(|tasks| tasks.waiting.push((id, Waiting { task, since })));
            promise.into()
        }
    }
}

type Task = Pin<Box<dyn Future<Output = JsValue>>>;

/// The tasks that wait, with their numbers: some hundreds at most. Numbers rise, so that none means two tasks.
struct Tasks {
    next: u32,
    waiting: Vec<(u32, Waiting)>,
}

struct Waiting {
    task: Task,
    since: f64,
}

impl Tasks {
    /// Takes a new task, and lets those go whose promise is never settled.
    fn insert(&mut self, task: Task, now: f64) -> u32 {
        self.waiting.retain(|(_, waiting)| now - waiting.since <= LONGEST_LIFE);
        let id = self.next;
        self.next = id.wrapping_add(1);
        self.waiting.push((id, Waiting { task, since: now }));
        id
    }

    fn take(&mut self, id: u32) -> Option<Waiting> {
        let place = self.waiting.iter().position(|(known, _)| *known == id)?;
        Some(self.waiting.swap_remove(place).1)
    }
}

enum Step {
    Done(JsValue),
    Waits(Promise),
}

fn step(task: &mut Task) -> Step {
    let mut context = Context::from_waker(Waker::noop());
    match (task.as_mut().poll(&mut context), AWAITED.take()) {
        (Poll::Ready(output), _) => Step::Done(output),
        (Poll::Pending, Some(promise)) => Step::Waits(promise),
        // Only `settled` waits, and it always says for what.
        (Poll::Pending, None) => Step::Done(JsValue::UNDEFINED),
    }
}
