//! Runs futures on JavaScript's event loop.
//!
//! A task waits for one promise at a time: [`settled`] leaves the promise with the executor, and the executor calls the
//! task again when the promise is settled. The two cells below are sound because an isolate has one thread: between
//! setting one and taking it runs nothing but the poll of one task.

use js_sys::Promise;
use slab::Slab;
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
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

/// Runs `future`: its output where it need not wait, else a promise of it. Where it panics, `broken` is called with
/// the reason and its output counts; the other tasks go on.
pub fn run(future: impl Future<Output = JsValue> + 'static, broken: impl FnOnce(&str) -> JsValue + 'static) -> JsValue {
    let task = Task { future: Box::pin(future), broken: Box::new(broken) };
    match task.step() {
        Step::Done(output) => output,
        Step::Waits(task, promise) => {
            let id = TASKS.with_borrow_mut(|tasks| tasks.insert(Some(task)));
            RESUME.with(|resume| drive(resume.as_ref(), id, &promise)).into()
        }
    }
}

/// Called by `drive.js`: the promise that task `id` waits for is settled. Returns the next one, or the output.
fn resume(id: usize, value: JsValue, kept: bool) -> JsValue {
    let task = TASKS.with_borrow_mut(|tasks| tasks.get_mut(id).and_then(Option::take));
    let Some(task) = task else { return JsValue::UNDEFINED };
    SETTLED.set(Some(if kept { Ok(value) } else { Err(value) }));
    let step = task.step();
    TASKS.with_borrow_mut(|tasks| match step {
        Step::Done(output) => {
            tasks.try_remove(id);
            output
        }
        Step::Waits(task, promise) => {
            if let Some(slot) = tasks.get_mut(id) {
                *slot = Some(task);
            }
            promise.into()
        }
    })
}

struct Task {
    future: Pin<Box<dyn Future<Output = JsValue>>>,
    broken: Box<dyn FnOnce(&str) -> JsValue>,
}

enum Step {
    Done(JsValue),
    Waits(Task, Promise),
}

impl Task {
    fn step(mut self) -> Step {
        let mut context = Context::from_waker(Waker::noop());
        let polled = catch_unwind(AssertUnwindSafe(|| self.future.as_mut().poll(&mut context)));
        match (polled, AWAITED.take()) {
            (Ok(Poll::Ready(output)), _) => Step::Done(output),
            (Ok(Poll::Pending), Some(promise)) => Step::Waits(self, promise),
            (Ok(Poll::Pending), None) => Step::Done((self.broken)("a task waits for nothing")),
            (Err(panic), _) => Step::Done((self.broken)(reason(&*panic))),
        }
    }
}

fn reason(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a text")
}
