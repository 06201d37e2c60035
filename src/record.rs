//! The log: one line of JSON for each request and each attempt. A line never has a secret or a body.

use crate::dedup::DedupKey;
use crate::log::Entry;
use crate::message::Event;
use crate::trace::TraceId;
use crate::truncate::beginning;
use hookgate_verify::{EventTypes, TypesFound, Verified};
use serde::{Serialize, Serializer};

/// The outcome of a request, of an attempt, or of other work of the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Authentic, new and durable.
    Accepted,
    /// Authentic, but already durable.
    Duplicate,
    /// Authentic, but the source does not want the type.
    Filtered,
    /// Not authentic, not fresh, or not usable.
    Rejected,
    /// The gateway or one of its stores failed.
    #[default]
    Failed,
    /// The destination accepted the event.
    Delivered,
    /// The attempt failed. Another attempt follows.
    Retried,
    /// The event is a dead letter.
    Dead,
    /// The request was a provider's handshake, and was answered.
    Handshake,
    /// The operator read dead letters, the audit, or a pending secret.
    Listed,
    /// Dead letters were redriven.
    Redriven,
    /// The operator acknowledged an alert.
    Acknowledged,
    /// An event was put into the queue again.
    Replayed,
    /// The hourly run deleted expired data.
    Swept,
    /// A key was forgotten.
    Forgotten,
    /// The operator sent a test event.
    Tested,
    /// The operator stopped the deliveries of a source.
    Paused,
    /// The operator started the deliveries of a source again.
    Resumed,
    /// The gateway learnt which queue has the events, and which has the dead letters.
    Learnt,
    /// A feature is off. This is no verdict on an event.
    Off,
}

impl Verdict {
    /// The name of the verdict, as in the log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Filtered => "filtered",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Delivered => "delivered",
            Self::Retried => "retried",
            Self::Dead => "dead",
            Self::Handshake => "handshake",
            Self::Listed => "listed",
            Self::Redriven => "redriven",
            Self::Replayed => "replayed",
            Self::Swept => "swept",
            Self::Forgotten => "forgotten",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Learnt => "learnt",
            Self::Off => "off",
            Self::Acknowledged => "acknowledged",
            Self::Tested => "tested",
        }
    }
}

/// The longest line, in bytes. A sender cannot write a longer line with one request. The limits below share these bytes.
pub const LONGEST_LINE: usize = 4096;
const LONGEST_DETAIL: usize = 1272;
const LONGEST_TROUBLE: usize = 768;
const LONGEST_NAME: usize = 512;
const LONGEST_WORD: usize = 128;

/// The fields of a log line. A field that does not apply is omitted. A long text is cut.
#[derive(Debug, Default, Serialize)]
pub struct Record {
    /// The outcome.
    pub verdict: Verdict,
    /// The stable code of the reason, if something went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The exact reason, as text for people.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut::<LONGEST_DETAIL, _>")]
    pub detail: Option<String>,
    /// Failures that did not change the verdict.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut::<LONGEST_TROUBLE, _>")]
    pub trouble: Option<String>,
    /// The caller of `/api`: the name of a token, or of a person or a service that Cloudflare Access has let in.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut::<LONGEST_WORD, _>")]
    pub by: Option<String>,
    /// The source's name.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut::<LONGEST_WORD, _>")]
    pub source: Option<String>,
    /// The id of the event, or its digest.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut::<LONGEST_NAME, _>")]
    pub id: Option<String>,
    /// The event's type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none", serialize_with = "cut::<LONGEST_NAME, _>")]
    pub event_type: Option<String>,
    /// The location of the type, if the signature does not cover it: an attacker with a captured request can change it.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut::<LONGEST_WORD, _>")]
    pub type_unsigned: Option<String>,
    /// Why the type cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub type_unreadable: Option<&'static str>,
    /// The deduplication key.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut::<LONGEST_WORD, _>")]
    pub key: Option<String>,
    /// The source of the identity: an id, a digest, or none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provenance: Option<&'static str>,
    /// `weak`, if an attacker with a captured request can make another request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strength: Option<&'static str>,
    /// The size of the body, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_bytes: Option<u64>,
    /// The id of the event's trace (W3C Trace Context), in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<TraceId>,
    /// The number of requests in this line, if it is not 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// The status of our answer to a request, or of the destination's answer to an attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Whether the event is a test event of the operator.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub test: bool,
    /// The number of the attempt, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// The duration, in milliseconds of the wall clock.
    pub ms: u64,
    /// What the database's log gets of this event.
    #[serde(skip)]
    pub entry: Option<Box<Entry>>,
    /// The beginning of a refused request's body, if the log wants a sample.
    #[serde(skip)]
    pub body: Option<Vec<u8>>,
    /// The records of the requests that the gateway sent to itself for this request. Each of them is a line of its own.
    #[serde(skip)]
    pub requests: Vec<Record>,
}

impl Record {
    /// A problem of the gateway itself, without a request.
    pub fn complaint(reason: &'static str, detail: String) -> Self {
        Self { verdict: Verdict::Failed, reason: Some(reason), detail: Some(detail), ..Self::default() }
    }

    /// A feature that is off because its binding is missing.
    pub fn off(feature: &str) -> Self {
        Self { verdict: Verdict::Off, detail: Some(format!("without the binding {feature}")), ..Self::default() }
    }

    /// Writes down the event of a queue message.
    pub fn of(&mut self, event: &Event<'_>) {
        self.source = Some(event.source().to_owned());
        self.id = Some(event.id().to_owned());
        self.event_type = Some(event.event_type().to_owned());
        self.key = Some(event.key().to_string());
        self.body_bytes = Some(event.body_bytes());
        self.trace = event.trace();
        self.test = event.is_test();
    }

    /// Writes down the event of a proven request.
    pub fn proven(&mut self, verified: &Verified<'_>, id: &str, key: &DedupKey) {
        self.id = Some(id.to_owned());
        let EventTypes { found, unsigned } = verified.event_types();
        self.event_type = verified.event_types().shown();
        self.type_unsigned.clone_from(unsigned);
        self.type_unreadable = match found {
            TypesFound::Unreadable(problem) => Some(problem),
            TypesFound::Named(_) | TypesFound::Absent => None,
        };
        self.key = Some(key.to_string());
        self.provenance = Some(verified.identity().provenance());
    }

    /// Writes down that `events` wants none of the types, and which unsigned header decided, if one did.
    pub fn filtered(&mut self) {
        let named = self.event_type.as_deref().map_or("it states no type".to_owned(), |name| format!("it is {name}"));
        let by = self.type_unsigned.as_deref().map(|place| format!(", decided by the unsigned {place}"));
        self.verdict = Verdict::Filtered;
        self.detail = Some(format!("`events` does not want it: {named}{}", by.unwrap_or_default()));
    }

    /// Writes down the verdict and the reason of a failure.
    pub fn refused(&mut self, verdict: Verdict, reason: &'static str, detail: String) {
        self.verdict = verdict;
        self.reason = Some(reason);
        self.detail = Some(detail);
    }

    /// Adds a failure that did not change the verdict. Earlier failures stay in the text.
    pub fn trouble(&mut self, what: &'static str, problem: String) {
        let earlier = self.trouble.take().map(|earlier| format!("{earlier}; "));
        self.trouble = Some(format!("{}{what}: {problem}", earlier.unwrap_or_default()));
    }

    /// The place for which refusals are counted: the name of the source, or `/api`.
    pub fn place(&self) -> &str {
        self.source.as_deref().unwrap_or("/api")
    }

    /// The line: at most [`LONGEST_LINE`] bytes.
    #[expect(clippy::expect_used, reason = "texts and numbers are JSON, and writing to a text cannot fail")]
    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("a record is an object of texts and numbers")
    }
}

#[expect(clippy::ref_option, reason = "serde's signature")]
fn cut<const MOST: usize, S: Serializer>(text: &Option<String>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&beginning(text.as_deref().unwrap_or_default(), MOST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Trace;

    #[test]
    fn a_second_trouble_does_not_hide_the_first() {
        let mut record = Record::default();
        record.trouble("one", "first".to_owned());
        record.trouble("two", "second".to_owned());
        assert_eq!(record.trouble.as_deref(), Some("one: first; two: second"));
    }

    /// Every text is very long, and every number is the largest one.
    #[test]
    fn no_line_is_longer_than_it_may_be() {
        for letter in ["x", "\"", "\u{1}", "€", "🦀"] {
            let text = || Some(letter.repeat(100_000));
            let record = Record {
                verdict: Verdict::Handshake,
                reason: Some("a_reason_as_long_as_the_longest_that_there_is"),
                detail: text(),
                trouble: text(),
                by: text(),
                source: text(),
                id: text(),
                event_type: text(),
                type_unsigned: text(),
                type_unreadable: Some("the header is missing, or is not UTF-8"),
                key: text(),
                provenance: Some("a provenance as long as any"),
                strength: Some("weak"),
                body_bytes: Some(u64::MAX),
                trace: Trace::parse(&format!("00-{}-{}-01", "f".repeat(32), "f".repeat(16))).map(Trace::id),
                count: Some(u64::MAX),
                status: Some(u16::MAX),
                test: true,
                attempt: Some(u32::MAX),
                ms: u64::MAX,
                entry: None,
                body: None,
                requests: Vec::new(),
            };
            let line = record.line();
            assert!((3000..=LONGEST_LINE).contains(&line.len()), "{letter:?}: {}", line.len());
            assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok());
        }
    }
}
