//! Limits the time of a wait.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use worker::Delay;

/// The timer of one event. All waits of the event use it, one after the other, because a timer for each wait costs more
/// than most waits.
#[derive(Default)]
pub struct Timer(RefCell<Option<Running>>);

struct Running {
    delay: Pin<Box<Delay>>,
    /// When the delay ends, in milliseconds since 1970.
    due: u64,
}

/// The error of a wait that took longer than its limit, in milliseconds.
pub struct Late(pub u32);

impl std::fmt::Display for Late {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "no answer within {} ms", self.0)
    }
}

impl Timer {
    /// Waits for `future`, up to `milliseconds`.
    pub async fn within<F: Future>(&self, milliseconds: u32, future: F) -> Result<F::Output, Late> {
        let until = super::milliseconds().saturating_add(milliseconds.into());
        let mut future = pin!(future);
        poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => self.poll(until, context).map(|()| Err(Late(milliseconds))),
        })
        .await
    }

    /// Is ready at `until` (milliseconds since 1970). A running delay is kept, and followed by another delay if it ends
    /// earlier.
    fn poll(&self, until: u64, context: &mut Context<'_>) -> Poll<()> {
        let mut running = self.0.borrow_mut();
        running.take_if(|running| running.due > until);
        loop {
            let left = until.saturating_sub(super::milliseconds());
            if left == 0 {
                return Poll::Ready(());
            }
            let running_now = running.get_or_insert_with(|| Running {
                delay: Box::pin(Delay::from(Duration::from_millis(left))),
                due: until,
            });
            ready!(running_now.delay.as_mut().poll(context));
            *running = None;
        }
    }
}
