//! Ends events that the runtime dropped.
//!
//! The runtime may silently drop an event after its sender hung up. The promise for which the event waits then never
//! settles. Without an end, the event's future would stay in memory as long as the isolate lives, perhaps with a large
//! body.

use futures_util::future::{AbortHandle, abortable};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// The longest life of an event, in milliseconds. The runtime ends a queue's batch and a scheduled event after 15 minutes.
/// A request may live longer only while its sender is connected.
const LONGEST_LIFE: u64 = 20 * 60 * 1000;

thread_local! {
    /// The events in flight by number: the start in milliseconds since 1970, and the handle that ends the event.
    static EVENTS: RefCell<BTreeMap<u32, (u64, AbortHandle)>> = const { RefCell::new(BTreeMap::new()) };
    static LAST: Cell<u32> = const { Cell::new(0) };
}

struct Ended(u32);

impl Drop for Ended {
    fn drop(&mut self) {
        EVENTS.with_borrow_mut(|events| events.remove(&self.0));
    }
}

/// Runs `event`, which begins `now` (milliseconds since 1970). `None` if it was ended. A call of this function also ends
/// each earlier event that is older than `LONGEST_LIFE`.
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
