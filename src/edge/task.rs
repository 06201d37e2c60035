//! Runs futures on JavaScript's event loop.
//!
//! A task waits for one promise at a time: [`settled`] leaves the promise with the executor, and the executor calls the
//! task again when the promise is settled. The two cells below are sound because an isolate has one thread: between
//! setting one and taking it runs nothing but the poll of one task.
//!
//! A task that panics, or traps, breaks off where it is, and JavaScript does what is left to do: see `work.js`. Nothing
//! here is borrowed while a task is polled, so that those that wait in the same instance go on.

use js_sys::Promise;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use wasm_bindgen::{prelude::*, throw_str};

/// In milliseconds: no event lives longer than 15 minutes, so that a task this old waits for a promise that is never
/// settled.
const LONGEST_LIFE: f64 = 20.0 * 60.0 * 1000.0;

#[wasm_bindgen]
extern "C" {
    /// JavaScript's side of a task: what it waits for, for how long, and who waits for it.
    #[derive(Clone)]
    pub type Work;
    /// What it waits for next is given up after so long.
    #[wasm_bindgen(method)]
    pub fn limit(this: &Work, milliseconds: u32);
}

thread_local! {
    /// The tasks that wait, by their numbers, which JavaScript gives them: some hundreds at most.
    static TASKS: RefCell<Vec<(u32, Waiting)>> = const { RefCell::new(Vec::new()) };
    /// From the task to the executor: what it waits for.
    static AWAITED: Cell<Option<Promise>> = const { Cell::new(None) };
    /// From the executor to the task: what became of it.
    static SETTLED: Cell<Option<Result<JsValue, JsValue>>> = const { Cell::new(None) };
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

/// Runs `future` as the task with this number: its output where it need not wait, else the first promise it waits for.
/// `now` in milliseconds.
pub fn run(number: u32, now: f64, future: impl Future<Output = JsValue> + 'static) -> JsValue {
    // Lets those go whose promise is never settled.
    TASKS.with_borrow_mut(|tasks| tasks.retain(|(_, waiting)| now - waiting.since <= LONGEST_LIFE));
    go_on(number, Waiting { task: Box::pin(future), since: now })
}

/// The promise that this task waits for is settled: the next one, or the output.
#[wasm_bindgen]
pub fn resume(number: u32, value: JsValue, kept: bool) -> JsValue {
    let Some(waiting) = TASKS.with_borrow_mut(|tasks| take(tasks, number)) else {
        throw_str("too late: this event was given up");
    };
    SETTLED.set(Some(if kept { Ok(value) } else { Err(value) }));
    go_on(number, waiting)
}

type Task = Pin<Box<dyn Future<Output = JsValue>>>;

struct Waiting {
    task: Task,
    since: f64,
}

fn take(tasks: &mut Vec<(u32, Waiting)>, number: u32) -> Option<Waiting> {
    let place = tasks.iter().position(|(known, _)| *known == number)?;
    Some(tasks.swap_remove(place).1)
}

fn go_on(number: u32, mut waiting: Waiting) -> JsValue {
    let mut context = Context::from_waker(Waker::noop());
    match (waiting.task.as_mut().poll(&mut context), AWAITED.take()) {
        (Poll::Ready(output), _) => output,
        (Poll::Pending, Some(promise)) => {
            TASKS.with_borrow_mut(|tasks| tasks.push((number, waiting)));
            promise.into()
        }
        // Only `settled` waits, and it always says for what.
        (Poll::Pending, None) => JsValue::UNDEFINED,
    }
}
