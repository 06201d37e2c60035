//! The longest life of an event.
//!
//! The runtime may drop an event without a word, some time after its sender hung up. The promise that the event waits for is
//! never settled then, and the event's future, with a body in it perhaps, would stay in memory for as long as the isolate
//! lives.

use futures_util::future::{AbortHandle, abortable};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// In milliseconds. The runtime lets no event live longer than 15 minutes.
const LONGEST_LIFE: u64 = 20 * 60 * 1000;

thread_local! {
    /// By number: when the event began, and what ends it.
    static EVENTS: RefCell<BTreeMap<u32, (u64, AbortHandle)>> = const { RefCell::new(BTreeMap::new()) };
    static LAST: Cell<u32> = const { Cell::new(0) };
}

struct Ended(u32);

impl Drop for Ended {
    fn drop(&mut self) {
        EVENTS.with_borrow_mut(|events| events.remove(&self.0));
    }
}

/// Runs the future of an event that began `now`. Ends those that are too old; nobody waits for them any more.
pub async fn bounded<T>(now: u64, event: impl Future<Output = T>) -> Option<T> {
    let old: Vec<AbortHandle> = EVENTS.with_borrow(|events| {
        let is_old = |began: u64| now.saturating_sub(began) > LONGEST_LIFE;
        events.values().filter(|(began, _)| is_old(*began)).map(|(_, handle)| handle.clone()).collect()
    });
    old.iter().for_each(AbortHandle::abort);
    let number = LAST.get().wrapping_add(1);
    LAST.set(number);
    let (event, handle) = abortable(event);
    EVENTS.with_borrow_mut(|events| events.insert(number, (now, handle)));
    let _ended = Ended(number);
    event.await.ok()
}
