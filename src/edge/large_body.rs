//! Room for large bodies: an isolate has 128 MB, and one large body is held twice for a moment. So one at a time is held;
//! the others wait, unread.

use super::milliseconds;
use super::timer::Timer;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use wasm_bindgen::JsValue;
use worker::js_sys::{Function, Promise};
use worker::wasm_bindgen_futures::JsFuture;

/// What is larger needs room.
pub const LARGE: usize = 1024 * 1024;
/// More than so many never wait at a time.
const MOST: usize = 32;
/// Well within the lease under which a queued event waits.
const PATIENCE_MS: u32 = 20_000;

/// Nobody needs the room for longer: not an upload at its slowest, nor a forward. The runtime may let a task go without a
/// word, some time after its client hung up; whoever has held the room for so long is taken for such a task.
const LONGEST_HOLD_MS: u64 = 150_000;

thread_local! {
    /// The number of the hold, and since when it lasts.
    static HELD: Cell<Option<(u32, u64)>> = const { Cell::new(None) };
    static LAST: Cell<u32> = const { Cell::new(0) };
    static WAITING: RefCell<VecDeque<Rc<Waiter>>> = const { RefCell::new(VecDeque::new()) };
}

/// The room, as long as it is held: the number of the hold.
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
        // Who held it for too long has lost it.
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

/// Gives the room to the first who still waits.
fn hand_on() {
    while let Some(next) = WAITING.with_borrow_mut(VecDeque::pop_front) {
        if next.state.get() == State::Waits {
            next.state.set(State::Has);
            // It resolves a promise, which throws nothing.
            let _ = next.call.call0(&JsValue::UNDEFINED);
            return;
        }
    }
    HELD.set(None);
}

/// A place in the line. Whoever leaves it with the room in hand hands it on.
struct QueuedWaiter(Rc<Waiter>);

impl Drop for QueuedWaiter {
    fn drop(&mut self) {
        // Who gave up takes no place from those who come after: the room may be held for longer than anybody waits.
        WAITING.with_borrow_mut(|waiting| waiting.retain(|place| !Rc::ptr_eq(place, &self.0)));
        if self.0.state.replace(State::Left) == State::Has {
            hand_on();
        }
    }
}

/// Waits for the room; `None` where others have it for too long.
pub async fn acquire(timer: &Timer) -> Option<LargeBodyPermit> {
    if HELD.get().is_none_or(|(_, since)| milliseconds().saturating_sub(since) > LONGEST_HOLD_MS) {
        return Some(LargeBodyPermit::take());
    }
    if WAITING.with_borrow(VecDeque::len) >= MOST {
        return None;
    }
    let mut call = None;
    let given = Promise::new(&mut |resolve, _| call = Some(resolve));
    #[expect(clippy::expect_used, reason = "a promise calls its executor before it is made (ECMA-262, 27.2.3.1)")]
    let call = call.expect("a promise calls its executor before it is made");
    let queued = QueuedWaiter(Rc::new(Waiter { state: Cell::new(State::Waits), call }));
    WAITING.with_borrow_mut(|waiting| waiting.push_back(Rc::clone(&queued.0)));
    // Late or not: the state of its place says who has the room.
    let _ = timer.within(PATIENCE_MS, JsFuture::from(given)).await;
    // From here on the room answers for itself, and the place in the line does not.
    (queued.0.state.replace(State::Left) == State::Has).then(LargeBodyPermit::take)
}
