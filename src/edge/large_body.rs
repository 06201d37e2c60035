//! The permit for large bodies. An isolate has 128 MB of memory, and two copies of a large body exist for a moment. So an
//! isolate has one permit. A request without the permit waits, and the rest of its body stays unread.

use super::milliseconds;
use super::timer::Timer;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use wasm_bindgen::JsValue;
use worker::js_sys::{Function, Promise};
use worker::wasm_bindgen_futures::JsFuture;

/// A body that is larger needs the permit.
pub const LARGE: usize = 1024 * 1024;
/// The largest number of waiters. Another request is refused at once.
const MOST: usize = 32;
/// The longest wait for the permit. The request is then answered 503, and its provider sends it again.
const PATIENCE_MS: u32 = 20_000;

/// Longer than any request holds the permit, even with the slowest upload and forward. The runtime may silently drop a
/// request after its client hung up. A request that has held the permit for longer counts as dropped, and loses the permit.
const LONGEST_HOLD_MS: u64 = 150_000;

thread_local! {
    /// The number of the permit that a request holds, and its start in milliseconds since 1970.
    static HELD: Cell<Option<(u32, u64)>> = const { Cell::new(None) };
    static LAST: Cell<u32> = const { Cell::new(0) };
    static WAITING: RefCell<VecDeque<Rc<Waiter>>> = const { RefCell::new(VecDeque::new()) };
}

/// The permit, by its number. Dropping it passes the permit to the next waiter.
pub struct LargeBodyPermit(u32);

impl LargeBodyPermit {
    fn take() -> Self {
        let number = LAST.get().wrapping_add(1);
        LAST.set(number);
        HELD.set(Some((number, milliseconds())));
        Self(number)
    }
}

impl Drop for LargeBodyPermit {
    fn drop(&mut self) {
        // After `LONGEST_HOLD_MS`, another request may have the permit.
        if HELD.get().is_some_and(|(number, _)| number == self.0) {
            hand_on();
        }
    }
}

struct Waiter {
    state: Cell<State>,
    call: Function,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Waits,
    Has,
    Left,
}

/// Passes the permit to the first waiter that still waits.
fn hand_on() {
    while let Some(next) = WAITING.with_borrow_mut(VecDeque::pop_front) {
        if next.state.get() == State::Waits {
            next.state.set(State::Has);
            // The call resolves a promise, which never throws.
            let _ = next.call.call0(&JsValue::UNDEFINED);
            return;
        }
    }
    HELD.set(None);
}

/// A place in the line of waiters. If it is dropped with the permit, the permit goes to the next waiter.
struct QueuedWaiter(Rc<Waiter>);

impl Drop for QueuedWaiter {
    fn drop(&mut self) {
        // Without this, waiters that gave up would fill the line while one request holds the permit.
        WAITING.with_borrow_mut(|waiting| waiting.retain(|place| !Rc::ptr_eq(place, &self.0)));
        if self.0.state.replace(State::Left) == State::Has {
            hand_on();
        }
    }
}

/// Waits for the permit. `None` if the line of waiters is full, or if the wait takes longer than `PATIENCE_MS`.
pub async fn acquire(timer: &Timer) -> Option<LargeBodyPermit> {
    if HELD.get().is_none_or(|(_, since)| milliseconds().saturating_sub(since) > LONGEST_HOLD_MS) {
        return Some(LargeBodyPermit::take());
    }
    if WAITING.with_borrow(VecDeque::len) >= MOST {
        return None;
    }
    let mut call = None;
    let given = Promise::new(&mut |resolve, _| call = Some(resolve));
    #[expect(clippy::expect_used, reason = "the constructor of a promise calls its executor (ECMA-262, 27.2.3.1)")]
    let call = call.expect("the constructor of a promise calls its executor");
    let queued = QueuedWaiter(Rc::new(Waiter { state: Cell::new(State::Waits), call }));
    WAITING.with_borrow_mut(|waiting| waiting.push_back(Rc::clone(&queued.0)));
    // The result is not used. The waiter's state says whether it has the permit, even after a timeout.
    let _ = timer.within(PATIENCE_MS, JsFuture::from(given)).await;
    // The state becomes `Left`, so that only the permit's own drop passes the permit on.
    (queued.0.state.replace(State::Left) == State::Has).then(LargeBodyPermit::take)
}
