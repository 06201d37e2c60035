//! One line of the log per request and per forward: structured JSON, never a secret or a body.

use crate::dedup::DedupKey;
use crate::message::Event;
use crate::truncate::beginning;
use hookgate_verify::{EventTypes, TypesFound, Verified};
use serde::{Serialize, Serializer};

/// What came of a request or of a forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Authentic, new and durable.
    Accepted,
    /// Authentic, and durable before.
    Duplicate,
    /// Authentic, but of a type that is not wanted.
    Filtered,
    /// Not authentic, not fresh, or not usable.
    Rejected,
    /// Something of ours failed.
    #[default]
    Failed,
    /// The origin has the event.
    Delivered,
    /// The forward failed, and will be tried again.
    Retried,
    /// The event is a dead letter.
    Dead,
    /// A provider's test of the endpoint, answered.
    Handshake,
    /// Dead letters, or a secret that waits, were shown.
    Listed,
    /// Dead letters were put into the queue again.
    Redriven,
    /// What was no longer needed was deleted.
    Swept,
    /// A key was forgotten.
    Forgotten,
    /// The gateway learnt which queue is which.
    Learnt,
    /// Not a verdict on any event: a feature is switched off.
    Off,
}

/// The longest line, in bytes: no sender makes the log larger than this for each of its requests. The texts share it.
pub const LONGEST_LINE: usize = 4096;
const LONGEST_DETAIL: usize = 1472;
const LONGEST_TROUBLE: usize = 768;
const LONGEST_NAME: usize = 512;
const LONGEST_WORD: usize = 128;

/// The fields of a log line; those that do not apply are left out. Texts that are too long are cut.
#[derive(Debug, Default, Serialize)]
pub struct Record {
    /// What came of it.
    pub verdict: Verdict,
    /// The stable name of the reason, where it is not simply well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The exact reason, for people.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut::<LONGEST_DETAIL, _>")]
    pub detail: Option<String>,
    /// What failed besides, and changed nothing in what came of it.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut::<LONGEST_TROUBLE, _>")]
    pub trouble: Option<String>,
    /// The source's name.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut::<LONGEST_WORD, _>")]
    pub source: Option<String>,
    /// The event's id, or its digest.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut::<LONGEST_NAME, _>")]
    pub id: Option<String>,
    /// The event's type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none", serialize_with = "cut::<LONGEST_NAME, _>")]
    pub event_type: Option<String>,
    /// Where the type stands, where no signature covers it: who captured the request may change it.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut::<LONGEST_WORD, _>")]
    pub type_unsigned: Option<String>,
    /// Why the type cannot be read, where it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub type_unreadable: Option<&'static str>,
    /// The deduplication key.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "cut::<LONGEST_WORD, _>")]
    pub key: Option<String>,
    /// Where the id comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provenance: Option<&'static str>,
    /// `weak`, where the signature does not cover the body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strength: Option<&'static str>,
    /// The body's size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_bytes: Option<u64>,
    /// How many requests this line stands for, where it is not one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Our answer's status, or the origin's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Which attempt to forward this was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// How long it took, in milliseconds of the wall clock.
    pub ms: u64,
}

impl Record {
    /// What is wrong with the gateway itself, in no request in particular.
    pub fn complaint(reason: &'static str, detail: String) -> Self {
        Self { verdict: Verdict::Failed, reason: Some(reason), detail: Some(detail), ..Self::default() }
    }

    /// What the gateway does not do, for want of a binding.
    pub fn off(feature: &str) -> Self {
        Self { verdict: Verdict::Off, detail: Some(format!("without the binding {feature}")), ..Self::default() }
    }

    /// Notes which event a message carries.
    pub fn of(&mut self, event: &Event<'_>) {
        self.source = Some(event.source().to_owned());
        self.id = Some(event.id().to_owned());
        self.event_type = Some(event.event_type().to_owned());
        self.key = Some(event.key().to_string());
        self.body_bytes = Some(event.body_bytes());
    }

    /// Notes which event a proven request carries.
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

    /// Notes that `events` wants none of its types, and what decided that.
    pub fn filtered(&mut self) {
        let named = self.event_type.as_deref().map_or("it states no type".to_owned(), |name| format!("it is {name}"));
        let by = self.type_unsigned.as_deref().map(|place| format!(", decided by the unsigned {place}"));
        self.verdict = Verdict::Filtered;
        self.detail = Some(format!("`events` does not want it: {named}{}", by.unwrap_or_default()));
    }

    /// Notes why it did not go well.
    pub fn refused(&mut self, verdict: Verdict, reason: &'static str, detail: String) {
        self.verdict = verdict;
        self.reason = Some(reason);
        self.detail = Some(detail);
    }

    /// Notes what failed besides.
    pub fn trouble(&mut self, what: &'static str, problem: String) {
        self.trouble = Some(format!("{what}: {problem}"));
    }

    /// What refusals are counted against: the source, or the part of the service that is no source.
    pub fn place(&self) -> &str {
        self.source.as_deref().unwrap_or("/api")
    }

    /// The line, of [`LONGEST_LINE`] at most.
    #[expect(clippy::expect_used, reason = "texts and numbers are JSON, and writing to a text cannot fail")]
    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("a record is an object of texts and numbers")
    }
}

// Serde hands over a reference to the field.
#[expect(clippy::ref_option, reason = "serde's signature")]
fn cut<const MOST: usize, S: Serializer>(text: &Option<String>, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&beginning(text.as_deref().unwrap_or_default(), MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every text as long as a sender likes, every number as long as it can be.
    #[test]
    fn no_line_is_longer_than_it_may_be() {
        for letter in ["x", "\"", "\u{1}", "€", "🦀"] {
            let text = || Some(letter.repeat(100_000));
            let record = Record {
                verdict: Verdict::Handshake,
                reason: Some("a_reason_as_long_as_the_longest_that_there_is"),
                detail: text(),
                trouble: text(),
                source: text(),
                id: text(),
                event_type: text(),
                type_unsigned: text(),
                type_unreadable: Some("the header is missing, or is not UTF-8"),
                key: text(),
                provenance: Some("a provenance as long as any"),
                strength: Some("weak"),
                body_bytes: Some(u64::MAX),
                count: Some(u64::MAX),
                status: Some(u16::MAX),
                attempt: Some(u32::MAX),
                ms: u64::MAX,
            };
            let line = record.line();
            assert!((3000..=LONGEST_LINE).contains(&line.len()), "{letter:?}: {}", line.len());
            assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok());
        }
    }
}
