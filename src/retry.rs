//! Retries: decides the step after each attempt, from the attempt's number and the destination's answer.

use hookgate_verify::UnixTime;
use std::time::Duration;

/// The delay after the first failed attempt; it doubles with each one.
const FIRST_DELAY: Duration = Duration::from_secs(5);
/// The longest delay between attempts to deliver, unless `Retry-After` asks for more.
const LONGEST_DELAY: Duration = Duration::from_secs(15 * 60);
/// The longest delay that a destination's `Retry-After` can set.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// The longest delay of a queue (Cloudflare Queues, Limits).
const LONGEST_QUEUE_DELAY: Duration = Duration::from_secs(12 * 3600);

/// The retention of a queue without `QUEUE_RETENTION`. Cloudflare's free plan keeps a message for 24 hours (Queues, Limits).
pub const DEFAULT_RETENTION: Duration = Duration::from_secs(24 * 3600);
/// How many times the dead letters' queue retries a message: `max_retries` in wrangler.toml.
pub const LETTER_TRIES: u32 = 100;

/// The shortest and the longest wait of an event whose source is paused. After a resume, no event waits longer than that.
const SHORTEST_WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// How long an event of this age waits until its consumer looks again whether its source is still paused: a quarter of its
/// age. So 50 retries of the queue, as in wrangler.toml, last for the usable part of a day, and 100 for almost three days.
pub fn wait_for_resume(age: Duration) -> Duration {
    age.checked_div(4).unwrap_or(age).clamp(SHORTEST_WAIT, LONGEST_WAIT)
}

/// Whether an event of this age must be given up now, because the next attempt after `delay` would be too close to the end
/// of the queue's `retention`. At its end, the queue deletes the message without a log line.
pub fn is_over(age: Duration, delay: Duration, retention: Duration) -> bool {
    age.saturating_add(delay) > usable(retention)
}

/// The usable part of the retention: five sixths, 20 of 24 hours. The rest is for a queue that is late.
fn usable(retention: Duration) -> Duration {
    retention.saturating_mul(5).checked_div(6).unwrap_or(retention)
}

/// The delay after attempt number `attempt` (from 1) to keep a dead letter. It is as long as possible, with all attempts
/// within the queue's `retention`.
pub fn letter_backoff(attempt: u32, retention: Duration) -> Duration {
    let longest = usable(retention).checked_div(LETTER_TRIES).unwrap_or(FIRST_DELAY).min(LONGEST_QUEUE_DELAY);
    doubled(attempt).min(longest)
}

/// When a destination asks for the next attempt (`Retry-After`: RFC 9110, section 10.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// After this delay.
    Delay(Duration),
    /// At this time.
    Date(UnixTime),
}

impl RetryAfter {
    /// Reads the header's value: a number of seconds, or an HTTP date. `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        // `parse` alone would accept a `+` before the digits.
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            // A number that is too large for an integer is a long delay.
            return Some(Self::Delay(text.parse().map_or(Duration::MAX, Duration::from_secs)));
        }
        UnixTime::from_http_date(text).map(Self::Date)
    }

    fn from(self, now: UnixTime) -> Duration {
        match self {
            Self::Delay(delay) => delay,
            Self::Date(date) => now.until(date),
        }
    }
}

/// The step after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AfterAttempt {
    /// The event is delivered.
    Delivered,
    /// Try again after this delay.
    Retry(Duration),
    /// The event is refused: it goes to the dead letters' queue.
    GiveUp,
}

/// The step after the destination's answer to attempt number `attempt` (from 1). `entropy` is a random number: it spreads
/// retries of events that failed together.
///
/// After 2xx the event is delivered. 408, 409, 425, 429 and each status outside 4xx are retried. Any other 4xx refuses the
/// event.
pub fn after_answer(
    status: u16,
    retry_after: Option<RetryAfter>,
    attempt: u32,
    now: UnixTime,
    entropy: u32,
) -> AfterAttempt {
    match status {
        200..=299 => AfterAttempt::Delivered,
        408 | 409 | 425 | 429 => AfterAttempt::Retry(delay(retry_after, attempt, now, entropy)),
        400..=499 => AfterAttempt::GiveUp,
        _ => AfterAttempt::Retry(delay(retry_after, attempt, now, entropy)),
    }
}

/// The delay after a failed attempt without `Retry-After`. `entropy` is a random number.
pub fn backoff(attempt: u32, entropy: u32) -> Duration {
    let full = doubled(attempt).min(LONGEST_DELAY);
    let quarter = full.as_millis().checked_div(4).and_then(|ms| u64::try_from(ms).ok()).unwrap_or(0);
    let jitter = u64::from(entropy).checked_rem(quarter.saturating_add(1)).unwrap_or(0);
    full.saturating_sub(Duration::from_millis(jitter))
}

fn doubled(attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1).min(16);
    FIRST_DELAY.saturating_mul(1_u32.checked_shl(doublings).unwrap_or(u32::MAX))
}

fn delay(retry_after: Option<RetryAfter>, attempt: u32, now: UnixTime, entropy: u32) -> Duration {
    let asked = retry_after.map(|retry_after| retry_after.from(now)).unwrap_or_default();
    backoff(attempt, entropy).max(asked.min(LONGEST_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_768_478_400);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn delays_double_from_five_seconds_to_a_quarter_of_an_hour() {
        let delays: Vec<u64> = (1..=10).map(|attempt| backoff(attempt, 0).as_secs()).collect();
        assert_eq!(delays, [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]);
        assert_eq!(backoff(u32::MAX, 0), seconds(900));
    }

    #[test]
    fn jitter_takes_away_a_quarter_at_most() {
        let delays: Vec<Duration> = (0..5000).map(|entropy| backoff(2, entropy)).collect();
        assert_eq!(delays.iter().max(), Some(&seconds(10)));
        assert_eq!(delays.iter().min(), Some(&Duration::from_millis(7500)));
    }

    #[test]
    fn retry_after_is_respected_up_to_an_hour() {
        let delay = |retry_after| match after_answer(503, Some(retry_after), 1, NOW, 0) {
            AfterAttempt::Retry(delay) => delay.as_secs(),
            next => panic!("{next:?}"),
        };
        assert_eq!(delay(RetryAfter::Delay(seconds(120))), 120);
        assert_eq!(delay(RetryAfter::Delay(seconds(1))), 5, "never sooner than our own delay");
        assert_eq!(delay(RetryAfter::Delay(seconds(86_400))), 3600);
        assert_eq!(delay(RetryAfter::Date(UnixTime::from_seconds(NOW.seconds() + 120))), 120);
        assert_eq!(delay(RetryAfter::Date(UnixTime::from_seconds(NOW.seconds() - 120))), 5);
        assert_eq!(delay(RetryAfter::Date(UnixTime::from_seconds(i64::MIN))), 5);
        assert_eq!(delay(RetryAfter::Date(UnixTime::from_seconds(i64::MAX))), 3600);
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date_of_http() {
        for (text, seconds) in [("8", 8), (" 0 ", 0), ("86400", 86_400)] {
            assert_eq!(RetryAfter::parse(text), Some(RetryAfter::Delay(Duration::from_secs(seconds))), "{text:?}");
        }
        assert_eq!(RetryAfter::parse(&"9".repeat(40)), Some(RetryAfter::Delay(Duration::MAX)));
        for date in ["Thu, 15 Jan 2026 12:00:00 GMT", "Thursday, 15-Jan-26 12:00:00 GMT", "Thu Jan 15 12:00:00 2026"] {
            assert_eq!(RetryAfter::parse(date), Some(RetryAfter::Date(NOW)), "{date}");
        }
        for text in ["", "-1", "+8", "8.5", "8s", "soon", "2026-01-15T12:00:00Z", "Thu, 15 Jan 2026 12:00:00"] {
            assert_eq!(RetryAfter::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn an_event_is_given_up_before_its_queue_deletes_it() {
        let hours = |hours: u64| seconds(hours * 3600);
        assert!(!is_over(hours(19), hours(1), DEFAULT_RETENTION));
        assert!(is_over(hours(19), hours(1) + seconds(1), DEFAULT_RETENTION));
        assert!(!is_over(hours(79), hours(1), hours(96)), "a queue that keeps messages for four days");
    }

    #[test]
    fn all_attempts_to_keep_a_letter_are_within_the_retention_of_its_queue() {
        for retention in [DEFAULT_RETENTION, seconds(4 * 86_400), seconds(14 * 86_400)] {
            let all: Duration = (1..=LETTER_TRIES).map(|attempt| letter_backoff(attempt, retention)).sum();
            assert!(all < retention, "{all:?} of {retention:?}");
            assert!(all > retention / 2, "the attempts use most of the retention: {all:?} of {retention:?}");
        }
    }

    #[test]
    fn the_retries_of_the_queue_outlast_a_pause() {
        let lasts = |retries: u32| (0..retries).fold(Duration::ZERO, |age, _| age + wait_for_resume(age));
        assert!(lasts(50) > usable(DEFAULT_RETENTION), "{:?}", lasts(50));
        assert!(lasts(100) > seconds(2 * 86_400), "{:?}", lasts(100));
        assert_eq!(
            [0, 20, 60, 14_400, 1_000_000].map(|age| wait_for_resume(seconds(age)).as_secs()),
            [5, 5, 15, 3600, 3600]
        );
    }

    #[test]
    fn an_answer_decides_whether_to_retry() {
        let next = |status| after_answer(status, None, 1, NOW, 0);
        for status in [200, 201, 204, 299] {
            assert_eq!(next(status), AfterAttempt::Delivered, "{status}");
        }
        for status in [301, 307, 408, 409, 425, 429, 500, 502, 503, 504, 599] {
            assert_eq!(next(status), AfterAttempt::Retry(seconds(5)), "{status}");
        }
        for status in [400, 401, 403, 404, 405, 410, 413, 422] {
            assert_eq!(next(status), AfterAttempt::GiveUp, "{status}");
        }
    }
}
