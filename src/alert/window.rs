//! The records of the last hours, as the alerts need them. The caller reads them from the store; nothing here does I/O.

use hookgate_verify::UnixTime;
use std::time::Duration;

/// The recent span, which decides whenever it has enough requests or attempts.
pub const RECENT: Duration = Duration::from_secs(600);
/// The longer span, which includes the recent one. It decides for a source that has few requests.
pub const LONGER: Duration = Duration::from_secs(6 * 3600);
/// The span in which new dead letters count.
pub const DEAD_SPAN: Duration = Duration::from_secs(3600);

/// The records at one time. If the records are off, or if any part of them could not be read, there is no window: an
/// incomplete window would resolve alerts whose cause is still there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Window {
    /// Every configured source, also without any request. An alert of a source that is not here resolves.
    pub sources: Vec<SourceWindow>,
    /// Every destination of a source that had an attempt, has a waiting event or is paused.
    pub destinations: Vec<DestinationWindow>,
}

/// The records of one source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceWindow {
    /// The source's name.
    pub source: String,
    /// All requests of the last [`RECENT`], and the refused ones by reason code.
    pub recent: Counts,
    /// The same of the last [`LONGER`].
    pub longer: Counts,
    /// When the last authentic request came. `None` if none ever came: such a source is not silent.
    pub last_event: Option<UnixTime>,
    /// The longest time between two events that is usual for the source, if the caller knows it. The state learns the
    /// longest time by itself, and needs a week for that.
    pub usual_gap: Option<Duration>,
}

/// The records of one destination of one source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DestinationWindow {
    /// The source's name.
    pub source: String,
    /// The destination, as the operator knows it. Its query is never shown and never stored.
    pub destination: String,
    /// All attempts of the last [`RECENT`], and the failed ones by class: `3xx`, `4xx`, `5xx`, `unreachable`.
    pub recent: Counts,
    /// The same of the last [`LONGER`].
    pub longer: Counts,
    /// The dead letters of the last [`DEAD_SPAN`].
    pub dead: u64,
    /// All dead letters that are kept.
    pub dead_in_all: u64,
    /// When the oldest event that still waits was received. An event of a paused destination does not count.
    pub oldest_waiting: Option<UnixTime>,
    /// Since when the destination is paused. `None` if it is not paused.
    pub paused_since: Option<UnixTime>,
}

/// How many there were, and how many failed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts {
    /// All, with the failed ones.
    pub all: u64,
    /// The failed ones by cause: a reason code, or a class of statuses. Only the first [`Counts::MOST`] are read.
    pub failed: Vec<(String, u64)>,
}

impl Counts {
    /// The most causes that are read from one record.
    pub const MOST: usize = 256;

    /// The causes that are read.
    pub(super) fn causes(&self) -> impl Iterator<Item = (&str, u64)> {
        self.failed.iter().take(Self::MOST).map(|(cause, count)| (cause.as_str(), *count))
    }
}
