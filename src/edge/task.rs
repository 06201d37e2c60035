//! Runs futures on JavaScript's event loop.
//!
//! A task waits for one promise at a time: [`settled`] leaves the promise with the executor, and the executor calls the
//! task again when the promise is settled. The two cells below are sound because an isolate has one thread: between
//! setting one and taking it runs nothing but the poll of one task.

use js_sys::Promise;
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(module = "/src/edge/drive.js")]
extern "C" {
    fn drive(resume: &JsValue, task: usize, waiting: &Promise) -> Promise;
}

thread_local! {
    /// Tasks that wait; a slot is empty while its task is polled.
    static TASKS: RefCell<Slab<Option<Task>>> = const { RefCell::new(Slab::new()) };
    /// From the task to the executor: what it waits for.
    static AWAITED: Cell<Option<Promise>> = const { Cell::new(None) };
    /// From the executor to the task: what became of it.
    static SETTLED: Cell<Option<Result<JsValue, JsValue>>> = const { Cell::new(None) };
    static RESUME: Closure<dyn Fn(usize, JsValue, bool) -> JsValue> = Closure::new(resume);
}

/// Waits for `promise`: what it resolved to, or what it was rejected with.
pub async fn settled(promise: Promise) -> Result<JsValue, JsValue> {
    AWAITED.set(Some(promise));
    // Whatever a task that broke in the middle of its poll left behind is not for this one.
    SETTLED.set(None);
    poll_fn(|_| SETTLED.take().map_or(Poll::Pending, Poll::Ready)).await
}

/// Runs `future`: its output where it need not wait, else a promise of it.
///
/// A panic ends the call into WASM by an exception, so it rejects this task's promise and no other: nothing here is
/// borrowed while a task is polled.
pub fn run(future: impl Future<Output = JsValue> + 'static) -> JsValue {
    let mut task: Task = Box::pin(future);
    match step(&mut task) {
        Step::Done(output) => output,
        Step::Waits(promise) => {
            let id = TASKS.with_borrow_mut(|tasks| tasks.insert(Some(task)));
            RESUME.with(|resume| drive(resume.as_ref(), id, &promise)).into()
        }
    }
}

/// Called by `drive.js`: the promise that task `id` waits for is settled. Returns the next one, or the output.
fn resume(id: usize, value: JsValue, kept: bool) -> JsValue {
    let task = TASKS.with_borrow_mut(|tasks| tasks.get_mut(id).and_then(Option::take));
    let Some(mut task) = task else { return JsValue::UNDEFINED };
    SETTLED.set(Some(if kept { Ok(value) } else { Err(value) }));
    let step = step(&mut task);
    TASKS.with_borrow_mut(|tasks| match step {
        Step::Done(output) => {
            tasks.try_remove(id);
            output
        }
        Step::Waits(promise) => {
            if let Some(slot) = tasks.get_mut(id) {
                *slot = Some(task);
            }
            promise.into()
        }
    })
}

type Task = Pin<Box<dyn Future<Output = JsValue>>>;

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
