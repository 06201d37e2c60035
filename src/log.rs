//! The log in the D1 database `LOG`: what became of each event and of each refused request.
//!
//! An isolate collects entries in a [`LogBuffer`], and writes many of them at once: the queue's consumer after each batch,
//! and a request a few seconds after its answer. So the log costs an accepted event no call before its answer. A lost entry
//! loses no event: the queue has it.
//!
//! Architecture invariant: no failure of the log changes an answer, an attempt or an acknowledgement.

mod activity;
mod advice;
mod attempts;
mod backlog;
mod body;
mod buffer;
mod deliveries;
mod detail;
mod entry;
mod filter;
mod metrics;
mod page;
mod refused;
mod refused_page;
mod stats;
mod watched;
mod window;

pub use activity::{Activity, LastDay, activity, activity_of, days};
pub use advice::advice;
pub use attempts::{Attempts, Histogram, Latency, Sums};
pub use backlog::{Backlog, QueueState, Waiting, backlog, backlog_of};
pub use body::{BODY, StoredBody};
pub use buffer::LogBuffer;
pub use deliveries::{Delivery, LATENCY_BOUNDS};
pub use detail::{AttemptDetail, EventDetail, detail_of};
pub use entry::{Attempt, EXACT, Entry, EventName, GIVEN_UP, IN_BUCKET, REDACTED, State};
pub use filter::{EventFilter, FilterError, LONGEST_VALUE, MOST_NAMES, OLDEST, time_of};
pub use metrics::{Metrics, metrics, metrics_of};
pub use page::{EventPage, EventSummary, SCANNED, SEARCHED, page_of};
pub use refused::{Refused, SAMPLE_BODY, SAMPLES};
pub use refused_page::{RefusedCount, RefusedCursor, RefusedFilter, RefusedPage, RefusedSample, refused_page_of};
pub use stats::{DestinationStats, SourceStats, Stats, StatsError, StatsPoint, StatsQuery, StatsSpan, stats_of};
pub use watched::{window_of, window_statements};
pub use window::{MOST_ROWS, Minutes};

use hookgate_verify::UnixTime;

/// The minute of `time`, counted from 1970.
pub fn slot(time: UnixTime) -> i64 {
    time.seconds().div_euclid(60)
}
