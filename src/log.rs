//! The log in the D1 database `LOG`: what became of each event and of each refused request.
//!
//! An isolate collects entries in a [`LogBuffer`], and writes many of them at once: the queue's consumer after each batch,
//! and a request a few seconds after its answer. So the log costs an accepted event no call before its answer. A lost entry
//! loses no event: the queue has it.
//!
//! Architecture invariant: no failure of the log changes an answer, an attempt or an acknowledgement.

mod buffer;
mod deliveries;
mod detail;
mod entry;
mod filter;
mod page;
mod refused;
mod window;

pub use buffer::LogBuffer;
pub use deliveries::{Delivery, LATENCY_BOUNDS};
pub use detail::{AttemptDetail, EventDetail, detail_of};
pub use entry::{Attempt, EXACT, Entry, EventName, REDACTED, State};
pub use filter::{EventFilter, FilterError, OLDEST};
pub use page::{Cursor, EventPage, EventSummary, SCANNED, SEARCHED, page_of};
pub use refused::{Refused, SAMPLE_BODY, SAMPLES};
pub use window::{window_of, window_statements};

use hookgate_verify::UnixTime;

/// The minute of `time`, counted from 1970.
pub fn slot(time: UnixTime) -> i64 {
    time.seconds().div_euclid(60)
}
