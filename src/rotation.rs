//! Which secrets of a source prove its requests, so that an operator knows which secret can be deleted.
//!
//! The gateway notes the name of the secret that proved a request, and when. It never notes a value. An isolate notes a name
//! at most once in ten minutes ([`Noted`]).
//!
//! A verdict that a secret can be deleted needs evidence: another secret of the source was noted lately. A database that lost
//! the notes therefore never leads to the deletion of a secret in use.

use hookgate_verify::UnixTime;
use serde::{Serialize, Serializer};
use std::time::Duration;

/// After this time without a match, a secret is unused. A provider's retries may take longer: see [`window`].
const QUIET: Duration = Duration::from_secs(72 * 3600);
/// An isolate notes a name once in this time.
const NOTED: Duration = Duration::from_secs(600);
/// The most names that an isolate remembers. If more are needed, it forgets all, and notes each once more.
const MOST: usize = 4096;

/// The time in which a secret must not match to be unused. `retry_span` is the span of the provider's retries: a provider may
/// sign an event once, and send it again with the old signature.
pub fn window(retry_span: Duration) -> Duration {
    QUIET.max(retry_span)
}

/// When a secret last proved a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The secret's name in `secrets`.
    pub name: String,
    /// When it last proved a request, to about ten minutes.
    pub last_matched: UnixTime,
}

/// What the gateway knows about the secrets of one source.
#[derive(Debug, Clone, Copy)]
pub struct Observed<'a> {
    /// The names in the source's `secrets`.
    pub names: &'a [String],
    /// The noted matches of the source, in any order. Names that are no longer configured do not count.
    pub matches: &'a [Match],
    /// When the gateway began to note matches of the source. If it could not note them for a time: when it began again.
    pub since: UnixTime,
    /// [`window`] of the provider.
    pub window: Duration,
    /// The number of proven requests of the source within `window`, and not before `since`.
    pub events: u64,
    /// The number of requests in that time that were refused with `signature_mismatch`.
    pub mismatches: u64,
    /// The current time.
    pub now: UnixTime,
}

/// Whether a secret is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub enum SecretState {
    /// The secret proved a request lately.
    InUse,
    /// The secret proved no request for long, and another secret did. It can be deleted.
    Unused,
    /// The secret never proved a request, and another secret did, or requests were refused.
    NeverMatched,
    /// Nothing shows whether the secret is used.
    Unknown,
}

/// The verdict on one secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct SecretUse<'a> {
    /// The secret's name.
    pub secret: &'a str,
    /// The verdict.
    pub state: SecretState,
    /// When the secret last proved a request, in RFC 3339, to about ten minutes.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_rfc3339")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String", extend("format" = "date-time")))]
    pub last_matched: Option<UnixTime>,
    /// The verdict and its reason, for people.
    pub text: String,
}

/// The verdict on each secret of a source, in the order of `names`.
pub fn judge<'a>(observed: &Observed<'a>) -> Vec<SecretUse<'a>> {
    observed.names.iter().map(|name| observed.judge(name)).collect()
}

impl<'a> Observed<'a> {
    fn judge(&self, name: &'a str) -> SecretUse<'a> {
        let last_matched = self.last_matched(name);
        let (state, text) = match last_matched {
            Some(last) if self.is_recent(last) => {
                (SecretState::InUse, format!("in use, last matched {} ago", span(last.until(self.now))))
            }
            Some(last) => self.quiet(name, last.until(self.now)),
            None => self.unseen(name),
        };
        SecretUse { secret: name, state, last_matched, text }
    }

    /// The verdict on a secret that matched once, but not within the window.
    fn quiet(&self, name: &str, unused: Duration) -> (SecretState, String) {
        let unused = span(unused);
        let Self { events, .. } = self;
        if self.since.until(self.now) < self.window {
            let since = self.since.to_rfc3339();
            let text = format!("last matched {unused} ago, but matches are noted only since {since}: cannot tell");
            return (SecretState::Unknown, text);
        }
        if self.other_is_in_use(name) {
            let within = span(self.window);
            let text = format!(
                "unused for {unused}, while the source had {events} events in the last {within}: safe to delete"
            );
            return (SecretState::Unused, text);
        }
        let text = match events {
            0 => format!("last matched {unused} ago, and the source had no events lately: cannot tell"),
            events => format!(
                "last matched {unused} ago; the source had {events} events lately, but no match of a secret was \
                    noted: cannot tell"
            ),
        };
        (SecretState::Unknown, text)
    }

    /// The verdict on a secret that never matched.
    fn unseen(&self, name: &str) -> (SecretState, String) {
        let since = self.since.to_rfc3339();
        let Self { events, mismatches, .. } = self;
        if self.other_is_in_use(name) {
            let text = format!("never matched since {since}: wrong value, or the provider does not use it yet");
            return (SecretState::NeverMatched, text);
        }
        match (events, mismatches) {
            (0, 0) => (SecretState::Unknown, format!("no events since {}: cannot tell", self.from().to_rfc3339())),
            (0, mismatches) => {
                let text = format!(
                    "never matched since {since}, and {mismatches} requests were refused with signature_mismatch: \
                        wrong value, or only forgers send"
                );
                (SecretState::NeverMatched, text)
            }
            (events, _) => {
                let text = format!(
                    "the source had {events} events since {}, but no match of a secret was noted: cannot tell",
                    self.from().to_rfc3339()
                );
                (SecretState::Unknown, text)
            }
        }
    }

    /// The beginning of the time in which events are counted.
    fn from(&self) -> UnixTime {
        self.since.max(self.now.minus(self.window))
    }

    fn last_matched(&self, name: &str) -> Option<UnixTime> {
        self.matches.iter().filter(|noted| noted.name == name).map(|noted| noted.last_matched).max()
    }

    fn is_recent(&self, last: UnixTime) -> bool {
        last.until(self.now) < self.window
    }

    /// Whether another configured secret matched within the window.
    fn other_is_in_use(&self, name: &str) -> bool {
        let others = self.names.iter().filter(|other| *other != name);
        others.filter_map(|other| self.last_matched(other)).any(|last| self.is_recent(last))
    }
}

/// A duration for people, rounded down.
fn span(span: Duration) -> String {
    let minutes = span.as_secs() / 60;
    match minutes {
        0 => "less than a minute".to_owned(),
        1..=119 => format!("{minutes} min"),
        120..=14_399 => format!("{} h", minutes / 60),
        _ => format!("{} days", minutes / 1440),
    }
}

#[expect(clippy::ref_option, reason = "serde's signature")]
fn as_rfc3339<S: Serializer>(time: &Option<UnixTime>, to: S) -> Result<S::Ok, S::Error> {
    time.map(UnixTime::to_rfc3339).serialize(to)
}

/// The names that an isolate noted lately. Losing them costs one more note for each.
#[derive(Debug, Default)]
pub struct Noted(Vec<(String, String, UnixTime)>);

impl Noted {
    /// Whether to note now that `secret` of `source` matched. `true` at most once in ten minutes for each secret.
    pub fn is_due(&mut self, source: &str, secret: &str, now: UnixTime) -> bool {
        let found = self.0.binary_search_by(|(s, name, _)| (s.as_str(), name.as_str()).cmp(&(source, secret)));
        let place = match found {
            Ok(place) => place,
            Err(place) => {
                let is_full = self.0.len() >= MOST;
                if is_full {
                    self.0.clear();
                }
                let place = if is_full { 0 } else { place };
                self.0.insert(place, (source.to_owned(), secret.to_owned(), now));
                return true;
            }
        };
        let Some((_, _, noted)) = self.0.get_mut(place) else { return true };
        // A clock may be set back. A note from the future must not silence a secret until then.
        let is_due = noted.until(now).max(now.until(*noted)) >= NOTED;
        if is_due {
            *noted = now;
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_768_480_200); // 2026-01-15T12:30:00Z
    const HOUR: u64 = 3600;

    fn ago(seconds: u64) -> UnixTime {
        NOW.minus(Duration::from_secs(seconds))
    }

    /// The state and the text for the secret OLD of a source with the secrets OLD and NEW, which last matched so many seconds
    /// ago.
    fn old(matches: &[(&str, u64)], since: u64, events: u64, mismatches: u64) -> (SecretState, String) {
        let names = ["OLD", "NEW"].map(str::to_owned);
        judged(&names, matches, since, events, mismatches).remove(0)
    }

    fn judged(
        names: &[String],
        matches: &[(&str, u64)],
        since: u64,
        events: u64,
        mismatches: u64,
    ) -> Vec<(SecretState, String)> {
        let noted = |&(name, seconds): &(&str, u64)| Match { name: name.to_owned(), last_matched: ago(seconds) };
        let matches: Vec<Match> = matches.iter().map(noted).collect();
        let window = window(Duration::ZERO);
        let observed = Observed { names, matches: &matches, since: ago(since), window, events, mismatches, now: NOW };
        judge(&observed).into_iter().map(|verdict| (verdict.state, verdict.text)).collect()
    }

    const MONTH: u64 = 30 * 24 * HOUR;

    #[test]
    fn a_secret_that_matched_lately_is_in_use() {
        for (seconds, told) in [
            (0, "less than a minute"),
            (180, "3 min"),
            (HOUR, "60 min"),
            (50 * HOUR + 59, "50 h"),
            (72 * HOUR - 1, "71 h"),
        ] {
            let verdict = old(&[("OLD", seconds), ("NEW", 60)], MONTH, 10, 0);
            assert_eq!(verdict, (SecretState::InUse, format!("in use, last matched {told} ago")));
        }
        // The note of an isolate whose clock is ahead.
        let names = ["OLD".to_owned()];
        let matches = [Match { name: "OLD".to_owned(), last_matched: NOW.plus(Duration::from_secs(60)) }];
        let window = window(Duration::ZERO);
        let observed =
            Observed { names: &names, matches: &matches, since: NOW, window, events: 0, mismatches: 0, now: NOW };
        assert_eq!(judge(&observed)[0].text, "in use, last matched less than a minute ago");
    }

    #[test]
    fn a_secret_is_safe_to_delete_only_if_another_one_matches() {
        let unused = "unused for 72 h, while the source had 1234 events in the last 72 h: safe to delete";
        let verdict = old(&[("OLD", 72 * HOUR), ("NEW", 60)], MONTH, 1234, 0);
        assert_eq!(verdict, (SecretState::Unused, unused.to_owned()));
        let silent = "last matched 11 days ago, and the source had no events lately: cannot tell";
        let verdict = old(&[("OLD", 11 * 24 * HOUR), ("NEW", 80 * HOUR)], MONTH, 0, 0);
        assert_eq!(verdict, (SecretState::Unknown, silent.to_owned()));
        // Events, but no note: the notes are lost, and the secret may be in use.
        for matches in [vec![("OLD", 80 * HOUR)], vec![("OLD", 80 * HOUR), ("NEW", 80 * HOUR), ("GONE", 60)]] {
            let (state, text) = old(&matches, MONTH, 1234, 0);
            assert_eq!(state, SecretState::Unknown, "{text}");
            assert!(text.contains("no match of a secret was noted: cannot tell"), "{text}");
        }
        let (state, text) = old(&[("OLD", 80 * HOUR), ("NEW", 60)], 71 * HOUR, 1234, 0);
        assert_eq!(
            (state, text.contains("noted only since 2026-01-12T13:30:00Z")),
            (SecretState::Unknown, true),
            "{text}"
        );
        // Two names of one secret are one secret: it is not its own evidence.
        let twice = ["A", "A"].map(str::to_owned);
        assert!(judged(&twice, &[("A", 80 * HOUR)], MONTH, 9, 0).iter().all(|(s, _)| *s == SecretState::Unknown));
    }

    #[test]
    fn a_secret_that_never_matched_is_wrong_or_not_used_yet() {
        let never = "never matched since 2025-12-16T12:30:00Z: wrong value, or the provider does not use it yet";
        assert_eq!(old(&[("NEW", 60)], MONTH, 5, 0), (SecretState::NeverMatched, never.to_owned()));
        let (state, text) = old(&[], HOUR, 0, 17);
        assert_eq!(state, SecretState::NeverMatched);
        assert_eq!(
            text,
            "never matched since 2026-01-15T11:30:00Z, and 17 requests were refused with signature_mismatch: wrong \
                value, or only forgers send"
        );
    }

    #[test]
    fn without_events_nothing_can_be_told() {
        let told = |since: &str| (SecretState::Unknown, format!("no events since {since}: cannot tell"));
        assert_eq!(old(&[], HOUR, 0, 0), told("2026-01-15T11:30:00Z"));
        assert_eq!(old(&[], MONTH, 0, 0), told("2026-01-12T12:30:00Z"), "events are counted within the window");
        assert_eq!(old(&[("NEW", 80 * HOUR)], MONTH, 0, 0).0, SecretState::Unknown);
        let (state, text) = old(&[], HOUR, 3, 9);
        assert_eq!(state, SecretState::Unknown, "{text}");
        assert!(text.starts_with("the source had 3 events since 2026-01-15T11:30:00Z"), "{text}");
        assert!(judged(&[], &[("OLD", 60)], HOUR, 3, 0).is_empty());
    }

    #[test]
    fn a_provider_that_retries_for_long_has_a_longer_window() {
        assert_eq!(window(Duration::from_secs(HOUR)), QUIET);
        assert_eq!(window(Duration::from_secs(MONTH)), Duration::from_secs(MONTH));
    }

    #[test]
    fn a_verdict_is_json_without_a_value() {
        let names = ["OLD".to_owned()];
        let matches = [Match { name: "OLD".to_owned(), last_matched: ago(60) }];
        let observed = Observed {
            names: &names,
            matches: &matches,
            since: ago(MONTH),
            window: window(Duration::ZERO),
            events: 1,
            mismatches: 0,
            now: NOW,
        };
        assert_eq!(
            serde_json::to_value(judge(&observed)).expect("JSON"),
            serde_json::json!([{
                "secret": "OLD", "state": "in_use", "last_matched": "2026-01-15T12:29:00Z",
                "text": "in use, last matched 1 min ago",
            }])
        );
    }

    #[test]
    fn an_isolate_notes_a_name_once_in_ten_minutes() {
        let mut noted = Noted::default();
        let mut due = |source: &str, secret: &str, seconds: u64| {
            noted.is_due(source, secret, NOW.plus(Duration::from_secs(seconds)))
        };
        assert!(due("b", "OLD", 0));
        assert!(!due("b", "OLD", 0));
        assert!(!due("b", "OLD", 599));
        assert!(due("b", "NEW", 1) && due("a", "OLD", 1) && due("c", "OLD", 1), "each name has its own time");
        assert!(due("b", "OLD", 600));
        assert!(!due("b", "OLD", 1199));
        assert!(due("b", "OLD", 0), "the clock was set back");
        assert!(!due("b", "OLD", 1));
    }

    #[test]
    fn an_isolate_remembers_a_bounded_number_of_names() {
        let mut noted = Noted::default();
        for number in 0..MOST {
            assert!(noted.is_due("a", &number.to_string(), NOW));
        }
        assert!(!noted.is_due("a", "0", NOW));
        assert!(noted.is_due("z", "one more", NOW));
        assert_eq!(noted.0.len(), 1);
        assert!(noted.is_due("a", "0", NOW) && !noted.is_due("a", "0", NOW) && !noted.is_due("z", "one more", NOW));
    }
}
