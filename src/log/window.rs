//! The span of time that a call of the API looks at, in whole minutes.

use super::filter::{CLOCKS, OLDEST};
use super::slot;
use crate::database::{Rows, Statement, Value};
use hookgate_verify::UnixTime;
use serde::Deserialize;
use std::time::Duration;

/// The most rows of one table of counts that a call reads: a day of 31 busy destinations, or 31 days of one.
pub const MOST_ROWS: u32 = 45_000;
const SECOND: Duration = Duration::from_secs(1);

/// Whole minutes, from the first to the last. In each statement, `?1` and `?2` are these minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Minutes {
    first: i64,
    last: i64,
}

#[derive(Deserialize)]
struct End {
    slot: i64,
}

impl Minutes {
    /// The minutes from `since` up to `until`, which is not part of it. Without `until` up to now, and without `since` the
    /// last `usual` before. Older minutes than the log keeps are left out. `None` if no minute is left.
    pub fn new(since: Option<UnixTime>, until: Option<UnixTime>, usual: Duration, now: UnixTime) -> Option<Self> {
        let until = until.unwrap_or(now.plus(SECOND)).min(now.plus(CLOCKS));
        let since = since.unwrap_or(until.minus(usual)).max(now.minus(OLDEST));
        (since < until).then(|| Self { first: slot(since), last: slot(until.minus(SECOND)) })
    }

    /// The minutes since `since`, with the minute of `now`.
    pub fn ending(since: UnixTime, now: UnixTime) -> Self {
        Self { first: slot(since), last: slot(now.plus(CLOCKS)) }
    }

    /// The first and the last minute.
    pub fn slots(self) -> (i64, i64) {
        (self.first, self.last)
    }

    /// The beginning of the first minute.
    pub fn since(self) -> UnixTime {
        start(self.first)
    }

    /// The end of the last minute.
    pub fn until(self) -> UnixTime {
        start(self.last.saturating_add(1))
    }

    /// The condition for the newest of these minutes that have at most [`MOST_ROWS`] rows of `table`, so that a call has a
    /// bound.
    pub(super) fn range(table: &str) -> String {
        let cut = format!("SELECT slot + 1 FROM {table} WHERE slot BETWEEN ?1 AND ?2 ORDER BY slot DESC LIMIT 1");
        format!("slot BETWEEN coalesce(({cut} OFFSET {MOST_ROWS}), ?1) AND ?2")
    }

    /// The statement that finds the minute before which [`Minutes::range`] has no rows. See [`partial`] and
    /// [`Minutes::newest`].
    pub(super) fn end(self, table: &str) -> Statement {
        let sql = format!(
            "SELECT slot FROM {table} WHERE slot BETWEEN ?1 AND ?2 ORDER BY slot DESC LIMIT 1 OFFSET {MOST_ROWS}"
        );
        self.statement(sql)
    }

    /// The newest of these minutes that have at most [`MOST_ROWS`] rows, as the answer to [`Minutes::end`] says. With them, a
    /// statement needs no [`Minutes::range`], which walks over the same rows as [`Minutes::end`].
    ///
    /// # Errors
    /// The database has other columns.
    pub(super) fn newest(self, end: Rows) -> Result<Self, String> {
        let first = end.parse::<End>()?.first().map_or(self.first, |end| end.slot.saturating_add(1));
        Ok(Self { first, ..self })
    }

    /// The statement `sql` without other parameters than these minutes.
    pub(super) fn statement(self, sql: impl Into<String>) -> Statement {
        Statement::new(sql, self.values())
    }

    /// The parameters `?1` and `?2`.
    pub(super) fn values(self) -> [Value; 2] {
        [self.first.into(), self.last.into()]
    }
}

/// The end of the minute before which rows are missing, in the answer to [`Minutes::end`]. `None` if no row is missing.
///
/// # Errors
/// The database has other columns.
pub(super) fn partial(rows: Rows) -> Result<Option<UnixTime>, String> {
    Ok(rows.parse::<End>()?.first().map(|end| start(end.slot.saturating_add(1))))
}

/// The time at which the minute `slot` begins.
pub(super) fn start(slot: i64) -> UnixTime {
    UnixTime::from_seconds(slot.saturating_mul(60))
}

/// The condition that `column` is one of `names`, whose parameter is added to `values`. `None` for no names.
pub(super) fn any_of(column: &str, names: &[String], values: &mut Vec<Value>) -> Option<String> {
    if names.is_empty() {
        return None;
    }
    // The list is one parameter, because D1 takes at most 100 parameters.
    values.push(serde_json::json!(names).to_string().into());
    Some(format!("{column} IN (SELECT value FROM json_each(?{}))", values.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_has_whole_minutes_and_no_minute_of_its_end() {
        let now = UnixTime::from_seconds(6000);
        let at = |seconds| Some(UnixTime::from_seconds(seconds));
        let hour = Duration::from_secs(3600);
        assert_eq!(Minutes::new(at(119), at(180), hour, now), Some(Minutes { first: 1, last: 2 }));
        assert_eq!(Minutes::new(at(119), at(181), hour, now), Some(Minutes { first: 1, last: 3 }));
        assert_eq!(Minutes::new(None, None, hour, now), Some(Minutes { first: 40, last: 100 }));
        assert_eq!(Minutes::new(at(60), at(60), hour, now), None);
        assert_eq!(Minutes::new(at(9000), None, hour, now), None);
        assert_eq!(Minutes::new(None, at(i64::MAX), hour, now), Some(Minutes { first: 45, last: 104 }));
    }

    #[test]
    fn a_window_is_not_longer_than_the_log() {
        let now = UnixTime::from_seconds(1_768_480_200);
        let window = Minutes::new(Some(UnixTime::from_seconds(0)), None, Duration::ZERO, now);
        assert_eq!(window.map(|window| window.last.saturating_sub(window.first)), Some(31 * 24 * 60));
    }
}
