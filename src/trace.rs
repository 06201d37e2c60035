//! The trace of an event: W3C Trace Context, Level 1 (<https://www.w3.org/TR/trace-context-1/>).
//!
//! An event belongs to the trace that its request names, or begins a trace. Each attempt is a new child in that trace. The
//! headers of a trace are not signed, so they are outside text: they are read strictly, written again, and decide nothing.
//! An unreadable `traceparent` never refuses a request.

use crate::dedup::DedupKey;
use crate::headers::HeaderLines;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::num::NonZeroU64;

/// The header with the ids of the trace.
pub const PARENT: &str = "traceparent";
/// The header with the state of tracing systems.
pub const STATE: &str = "tracestate";

/// The longest `tracestate` that is sent on, in bytes. Every system must send on at least this length (section 3.3.1.5).
const MOST_STATE: usize = 512;
/// The most members of a `tracestate`, with empty members (section 3.3.1.1).
const MOST_MEMBERS: usize = 32;
/// The longest key and the longest value of a member (sections 3.3.1.3.1 and 3.3.1.3.2).
const MOST_WORD: usize = 256;
/// The caller may have recorded the trace (section 3.2.2.5.1).
const SAMPLED: u8 = 1;

/// Whether `name` is a header of a trace.
pub fn is_header(name: &str) -> bool {
    name.eq_ignore_ascii_case(PARENT) || name.eq_ignore_ascii_case(STATE)
}

/// The id of a trace: 32 hex digits in lower case, never all zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceId(u64, u64);

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}{:016x}", self.0, self.1)
    }
}

impl Serialize for TraceId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// A place in a trace: the trace's id, the id of the parent, and whether the caller may have recorded the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    id: TraceId,
    parent: NonZeroU64,
    is_sampled: bool,
}

impl Trace {
    /// Reads a `traceparent`. A higher version is read as version `00`, as section 3.2.4 demands. `None` if the text is
    /// malformed, if an id is all zero, or if the version is `ff`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(5, '-');
        let version = number(parts.next()?, 2)?;
        let id = parts.next()?;
        let id = TraceId(number(id.get(..16)?, 16)?, number(id.get(16..)?, 16)?);
        let parent = NonZeroU64::new(number(parts.next()?, 16)?)?;
        let flags = number(parts.next()?, 2)?;
        let is_known = match version {
            0 => parts.next().is_none(),
            version => version != 0xff,
        };
        let is_sampled = flags & u64::from(SAMPLED) != 0;
        (is_known && id != TraceId(0, 0)).then_some(Self { id, parent, is_sampled })
    }

    /// A new trace for the event `key`. `drawn` is random: it is the right half of the id, from which samplers draw. The
    /// rest comes from the key, so a new trace costs one random number.
    ///
    /// The trace counts as recorded, because the log has a line for the request and for each attempt. Most destinations
    /// record nothing under a parent that is not recorded.
    pub fn begin(key: &DedupKey, drawn: u64) -> Self {
        let [left, parent] = key.first_words();
        // One id of 2^128 is all zero, which the standard forbids.
        let right = if (left, drawn) == (0, 0) { 1 } else { drawn };
        Self { id: TraceId(left, right), parent: NonZeroU64::new(parent).unwrap_or(NonZeroU64::MIN), is_sampled: true }
    }

    /// The same trace under the parent `drawn`, which is random. Zero is no id, so it becomes one.
    #[must_use]
    pub fn child(self, drawn: u64) -> Self {
        Self { parent: NonZeroU64::new(drawn).unwrap_or(NonZeroU64::MIN), ..self }
    }

    /// The id of the trace.
    pub const fn id(self) -> TraceId {
        self.id
    }
}

/// The `traceparent` of version `00`. Flags that this version does not define are zero.
impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, parent, is_sampled } = self;
        write!(f, "00-{id}-{parent:016x}-0{}", if *is_sampled { SAMPLED } else { 0 })
    }
}

impl Serialize for Trace {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// A number of exactly `digits` hex digits in lower case.
fn number(text: &str, digits: usize) -> Option<u64> {
    let plain = text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if plain { u64::from_str_radix(text, 16).ok() } else { None }
}

/// A valid `tracestate` of at most 512 bytes, unchanged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceState(String);

impl TraceState {
    /// Checks a `tracestate`. `None` if the text is too long, has no member, has a key twice, or is malformed.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MOST_STATE {
            return None;
        }
        let members: Vec<&str> = text.split(',').map(|member| member.trim_matches([' ', '\t'])).collect();
        if members.len() > MOST_MEMBERS {
            return None;
        }
        let mut keys = Vec::with_capacity(members.len());
        for member in members.into_iter().filter(|member| !member.is_empty()) {
            let (key, value) = member.split_once('=')?;
            if !is_key(key) || !is_value(value) || keys.contains(&key) {
                return None;
            }
            keys.push(key);
        }
        if keys.is_empty() { None } else { Some(Self(text.to_owned())) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Serialize for TraceState {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

/// Level 2 of the standard allows a digit at the beginning of every key. Level 1 allows it in most keys.
fn is_key(key: &str) -> bool {
    let first = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let plain = |b: u8| first(b) || matches!(b, b'_' | b'-' | b'*' | b'/' | b'@');
    key.len() <= MOST_WORD && key.bytes().next().is_some_and(first) && key.bytes().all(plain)
}

/// A value has no comma, because the members are split there, and no blank at its end.
fn is_value(value: &str) -> bool {
    (1..=MOST_WORD).contains(&value.len()) && value.bytes().all(|b| matches!(b, b' '..=b'~') && b != b'=')
}

/// The trace of an event, and the state of the tracing systems before the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    /// The place at which the event came in.
    pub trace: Trace,
    /// The sender's `tracestate`, if it is valid.
    pub state: Option<TraceState>,
}

impl TraceContext {
    /// The trace that a request names. `None` if it names no valid trace. A `tracestate` without a valid trace does not
    /// count (section 3.3).
    pub fn of(headers: &HeaderLines) -> Option<Self> {
        let value = |wanted: &str| headers.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value);
        let trace = Trace::parse(value(PARENT)?)?;
        Some(Self { trace, state: value(STATE).and_then(TraceState::parse) })
    }

    /// A new trace for the event `key`: see [`Trace::begin`].
    pub fn begin(key: &DedupKey, drawn: u64) -> Self {
        Self { trace: Trace::begin(key, drawn), state: None }
    }
}

/// Reads the `traceparent` of a queue message. An unreadable trace is no reason to give up an event.
///
/// # Errors
/// The attribute is not a text.
pub fn of_message<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Trace>, D::Error> {
    Ok(Trace::parse(&String::deserialize(from)?))
}

/// Reads the `tracestate` of a queue message: see [`of_message`].
///
/// # Errors
/// The attribute is not a text.
pub fn state_of_message<'de, D: Deserializer<'de>>(from: D) -> Result<Option<TraceState>, D::Error> {
    Ok(TraceState::parse(&String::deserialize(from)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    fn read(text: &str) -> Option<String> {
        Trace::parse(text).map(|trace| trace.to_string())
    }

    /// The cases are those of the W3C's own test suite (github.com/w3c/trace-context, test/test.py).
    #[test]
    fn a_traceparent_is_read_as_the_standard_says() {
        let same = |text: String| assert_eq!(read(&text), Some(text.clone()));
        same(format!("00-{ID}-{SPAN}-01"));
        same(format!("00-{ID}-{SPAN}-00"));
        let becomes = |text: &str, flags: &str| {
            assert_eq!(read(text), Some(format!("00-{ID}-{SPAN}-{flags}")), "{text}");
        };
        // Other flags are not defined: they are not sent on.
        becomes(&format!("00-{ID}-{SPAN}-ff"), "01");
        becomes(&format!("00-{ID}-{SPAN}-08"), "00");
        becomes(&format!("00-{ID}-{SPAN}-09"), "01");
        // A higher version may have more after the flags.
        for more in ["", "-", "-what-the-future-will-be-like", "-\u{1f980}"] {
            becomes(&format!("cc-{ID}-{SPAN}-01{more}"), "01");
            becomes(&format!("01-{ID}-{SPAN}-02{more}"), "00");
        }
    }

    #[test]
    fn an_invalid_traceparent_is_no_trace() {
        let zero = "0".repeat(32);
        let zeros = "0".repeat(16);
        let upper = ID.to_uppercase();
        for text in [
            String::new(),
            "-".repeat(55),
            format!("00-{ID}-{SPAN}"),
            format!("00-{ID}-{SPAN}-"),
            format!("00-{ID}-{SPAN}-1"),
            format!("00-{ID}-{SPAN}-001"),
            format!("00-{ID}-{SPAN}-0g"),
            format!("00-{ID}-{SPAN}-01-"),
            format!("00-{ID}-{SPAN}-01-more"),
            format!("cc-{ID}-{SPAN}-01.what-the-future-will-be-like"),
            format!("cc-{ID}-{SPAN}-"),
            format!("ff-{ID}-{SPAN}-01"),
            format!("0-{ID}-{SPAN}-01"),
            format!("000-{ID}-{SPAN}-01"),
            format!("0x-{ID}-{SPAN}-01"),
            format!("+0-{ID}-{SPAN}-01"),
            format!("00-{upper}-{SPAN}-01"),
            format!("00-{ID}-{}-01", SPAN.to_uppercase()),
            format!("00-{zero}-{SPAN}-01"),
            format!("00-{ID}-{zeros}-01"),
            format!("00-{ID}0-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", &ID[1..]),
            format!("00-.{}-{SPAN}-01", &ID[1..]),
            format!("00-+{}-{SPAN}-01", &ID[1..]),
            format!("00-é{}-{SPAN}-01", &ID[2..]),
            format!("00-{}é{}-{SPAN}-01", &ID[..15], &ID[17..]),
            format!("00-{ID}-{SPAN}0-01"),
            format!("00-{ID}-+{}-01", &SPAN[1..]),
            format!(" 00-{ID}-{SPAN}-01"),
            format!("00-{ID}-{SPAN}-01 "),
            // A header that comes twice.
            format!("00-{ID}-{SPAN}-01, 00-{ID}-{SPAN}-01"),
            format!("01-{ID}-{SPAN}-01, 01-{ID}-{SPAN}-01"),
            "0".repeat(100_000),
        ] {
            assert_eq!(read(&text), None, "{text}");
        }
    }

    #[test]
    fn a_child_has_the_trace_and_another_parent() {
        let trace = Trace::parse(&format!("00-{ID}-{SPAN}-00")).expect("valid");
        assert_eq!(trace.child(0xabc).to_string(), format!("00-{ID}-0000000000000abc-00"));
        assert_eq!(trace.child(0).to_string(), format!("00-{ID}-0000000000000001-00"), "zero is no id");
        assert_eq!(trace.child(7).id().to_string(), ID);
    }

    #[test]
    fn a_new_trace_has_valid_ids_whatever_is_drawn() {
        let key = |text: &str| DedupKey::parse(text).expect("a key");
        let begun = |text: &str, drawn| Trace::begin(&key(text), drawn).to_string();
        let text = "69e636b4d7bfef7fe3213ddadb2de3626dc5728d8f708dd761390f6c04326860";
        assert_eq!(begun(text, 2), "00-69e636b4d7bfef7f0000000000000002-e3213ddadb2de362-01");
        assert_ne!(begun(text, 2), begun(text, 3));
        for (text, drawn) in [(text, 0), (text, u64::MAX), (&*"0".repeat(64), 0), (&*"f".repeat(64), 0)] {
            let begun = begun(text, drawn);
            assert_eq!(read(&begun), Some(begun.clone()));
        }
    }

    #[test]
    fn a_valid_tracestate_is_unchanged() {
        let long = format!("{}={}", "k".repeat(255), "v".repeat(256));
        let many: Vec<_> = (0..32).map(|number| format!("bar{number:02}={number:02}")).collect();
        for text in [
            "foo=1",
            "foo=1,bar=2",
            "foo=1, \t bar=2",
            "foo=1,,bar=2",
            ",foo=1,",
            " foo=1\t",
            "foo= 1",
            "1foo=1",
            "foo@=1",
            "a-b_c*d/e@f=1",
            "fw529a3039@dt=FfffffffOGI",
            "0@a=!\"#$%&'()*+-./:;<>?@[\\]^_`{|}~",
            &long,
            &many.join(","),
        ] {
            assert_eq!(TraceState::parse(text).as_ref().map(TraceState::as_str), Some(text));
        }
    }

    #[test]
    fn an_invalid_tracestate_is_dropped_whole() {
        let many: Vec<_> = (0..33).map(|number| format!("b{number:02}=1")).collect();
        for text in [
            "",
            " ",
            ",",
            "foo",
            "foo=",
            "=1",
            "foo =1",
            "FOO=1",
            "foo.bar=1",
            "@foo=1",
            "foo=1=2",
            "foo=bar=baz",
            "foo=1,foo=1",
            "foo=1, foo=2",
            "foo=1;bar=2,baz",
            "foo=\u{e9}",
            "foo=a\tb",
            "foo=\u{7f}",
            "foo=a\r\nb",
            &format!("{}=1", "z".repeat(257)),
            &format!("foo={}", "v".repeat(257)),
            &many.join(","),
            &",".repeat(32),
            &format!("foo={},bar={}", "v".repeat(256), "v".repeat(248)),
        ] {
            assert_eq!(TraceState::parse(text), None, "{text}");
        }
        let fits = format!("foo={},bar={}", "v".repeat(256), "v".repeat(247));
        assert_eq!(fits.len(), 512);
        assert!(TraceState::parse(&fits).is_some());
    }

    #[test]
    fn a_tracestate_counts_only_beside_a_valid_traceparent() {
        let lines = |parent: &str| [(PARENT, parent), (STATE, "a=1")].into_iter().collect::<HeaderLines>();
        let context = TraceContext::of(&lines(&format!("00-{ID}-{SPAN}-01"))).expect("valid");
        assert_eq!(context.state.as_ref().map(TraceState::as_str), Some("a=1"));
        assert_eq!(TraceContext::of(&lines("00-0-0-00")), None);
        assert_eq!(TraceContext::of(&[(STATE, "a=1")].into_iter().collect()), None);
    }
}
