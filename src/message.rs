//! The queue message of an event, and the request of an attempt to deliver the event.

mod again;
mod attempt;

pub use attempt::AttemptRequest;

use crate::config::Source;
use crate::dedup::{Acceptance, DedupKey};
use crate::forwarded_headers::ForwardedHeaders;
use crate::headers::HeaderLines;
use crate::redact::Redactions;
use crate::trace::{self, Trace, TraceContext, TraceId, TraceState};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookgate_verify::{UnixTime, Verified};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use thiserror::Error;

/// The largest queue message, in bytes. The limit is 128,000 bytes, and Cloudflare uses about 100 of them (Queues, Limits).
const LARGEST_MESSAGE: usize = 127_900;
/// The largest message of an event that is being accepted. Later steps make the message longer: a dead letter has a reason,
/// and a redrive has a number and a time. The version before accepted 127,800 bytes, which leaves space for a short reason.
const LARGEST_ACCEPTED: usize = LARGEST_MESSAGE - 1_024;
/// The longest reason of a dead letter, in bytes. JSON may need six bytes for each of these bytes.
const LONGEST_REASON: usize = 128;

/// The text of an [`Event`], small enough for the queue. Only [`Event`] makes such a message, and an alert.
///
/// The port encodes the body in base64, because the runtime has a faster encoder than this crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingMessage<'e> {
    text: String,
    body: Option<&'e [u8]>,
}

impl OutgoingMessage<'static> {
    /// The message of an alert's notice, which has at most 20 kB. It is no event.
    pub const fn notice(text: String) -> Self {
        Self { text, body: None }
    }
}

impl OutgoingMessage<'_> {
    /// The JSON text, and the body if the message contains it. With a body, the text ends before the body's base64; the
    /// whole message is the text, the base64 and `"}`.
    pub fn parts(&self) -> (&str, Option<&[u8]>) {
        (&self.text, self.body)
    }

    /// The whole JSON text.
    pub fn into_text(self) -> String {
        let mut text = self.text;
        if let Some(body) = self.body {
            STANDARD.encode_string(body, &mut text);
            text.push_str("\"}");
        }
        text
    }
}

/// The event is too large for a queue message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the event has {bytes} bytes as a queue message, and at most {limit} are allowed")]
pub struct TooLarge {
    /// The size of its message.
    pub bytes: usize,
    /// The largest size.
    pub limit: usize,
}

/// A verified event on its way to its destination.
///
/// The text is one CloudEvents 1.0 JSON object (CloudEvents JSON format, section 3). The body is in `data_base64`, byte for
/// byte. A body that is too large for a message is in R2, under the name `payload`. The attributes `payload`,
/// `payloadbytes`, `provider`, `typestate`, `idprovenance`, `dedupkey`, `acceptance`, `headers`, `firstseen`, `redrive`,
/// `redrivenat`, `replay`, `replayedat`, `test` and `deadreason` are extensions. `headers` is the text of a JSON list of
/// names and values, because an attribute cannot have nested values. `traceparent` and `tracestate` are the Distributed
/// Tracing extension of CloudEvents: the trace with which the event came in, or which began with the event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event<'e> {
    specversion: Cow<'static, str>,
    id: String,
    /// The source's name. The message has its path.
    #[serde(serialize_with = "to_path", deserialize_with = "of_path")]
    source: String,
    #[serde(rename = "type")]
    event_type: String,
    /// [`UNREADABLE`], if the event's type cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    typestate: Option<String>,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    datacontenttype: Option<String>,
    provider: Cow<'static, str>,
    idprovenance: Cow<'static, str>,
    dedupkey: DedupKey,
    /// Names the acceptance. A message of the version before has no acceptance.
    #[serde(skip_serializing_if = "Option::is_none")]
    acceptance: Option<String>,
    #[serde(serialize_with = "to_json_text", deserialize_with = "of_json_text")]
    headers: Vec<(String, String)>,
    /// A message of the version before has no trace. It may have the trace's headers among `headers`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "trace::of_message")]
    traceparent: Option<Trace>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "trace::state_of_message")]
    tracestate: Option<TraceState>,
    /// When a Durable Object first claimed the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    firstseen: Option<String>,
    #[serde(default, skip_serializing_if = "is_zero")]
    redrive: u32,
    /// When the event was redriven last.
    #[serde(skip_serializing_if = "Option::is_none")]
    redrivenat: Option<String>,
    /// Whether the operator sent the event as a test.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    test: bool,
    /// Names the replay. An event that an operator did not send again has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    replay: Option<String>,
    /// When the event was replayed.
    #[serde(skip_serializing_if = "Option::is_none")]
    replayedat: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payloadbytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadreason: Option<String>,
    /// `None` if the body is in R2.
    #[serde(rename = "data_base64", default, skip_serializing, deserialize_with = "of_base64")]
    body: Option<Cow<'e, [u8]>>,
}

/// The type of an event without a type. CloudEvents needs one.
const UNTYPED: &str = "unknown";
/// Marks an event whose type cannot be read, in the message and in the header `hookgate-type`.
const UNREADABLE: &str = "unreadable";
const SOURCE_PREFIX: &str = "/webhooks/";

/// Why a text is not a queue message of this gateway.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// The text is not a JSON object, or an attribute is missing or invalid.
    #[error("not a CloudEvent of this gateway: {0}")]
    Malformed(#[from] serde_json::Error),
    /// The message has no body, or two bodies, or a body in R2 without a size.
    #[error("it needs either `data_base64`, or `payload` and `payloadbytes`")]
    Body,
}

impl<'e> Event<'e> {
    /// The verified event, accepted at `now` as `acceptance`, in the trace `context`. `headers` are the headers of the
    /// request.
    pub fn new(
        source: &Source,
        verified: &Verified<'e>,
        (key, acceptance): (&DedupKey, Acceptance),
        headers: &HeaderLines,
        TraceContext { trace, state }: TraceContext,
        now: UnixTime,
    ) -> Self {
        let forwarded = source.forwarded_headers();
        let kept = headers.iter().filter(|(name, value)| forwarded.admits(name, value) && !trace::is_header(name));
        let headers: Vec<_> = kept.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let content_type = headers.iter().find(|(name, _)| name == "content-type");
        Self {
            specversion: "1.0".into(),
            id: key.id_of(verified.identity()),
            source: source.name.to_string(),
            event_type: verified.event_types().shown().unwrap_or_else(|| UNTYPED.to_owned()),
            typestate: verified.event_types().are_unreadable().then(|| UNREADABLE.to_owned()),
            time: now.to_rfc3339(),
            datacontenttype: content_type.map(|(_, value)| value.clone()),
            provider: source.verifier.preset().name.clone().into(),
            idprovenance: verified.identity().provenance().into(),
            dedupkey: *key,
            acceptance: Some(acceptance.to_string()),
            headers,
            traceparent: Some(trace),
            tracestate: state,
            firstseen: None,
            redrive: 0,
            redrivenat: None,
            test: false,
            replay: None,
            replayedat: None,
            payload: None,
            payloadbytes: None,
            deadreason: None,
            body: Some(Cow::Borrowed(verified.body())),
        }
    }

    /// The queue message of an event that is being accepted.
    ///
    /// # Errors
    /// [`TooLarge`], if the message leaves no space for the attributes that later steps add.
    pub fn encode(&self) -> Result<OutgoingMessage<'_>, TooLarge> {
        self.encode_within(LARGEST_ACCEPTED)
    }

    /// The queue message of a dead letter, or of a redriven or replayed event.
    ///
    /// # Errors
    /// [`TooLarge`]. Every accepted event has space for these attributes, so only a message of another program is too large.
    pub fn encode_again(&self) -> Result<OutgoingMessage<'_>, TooLarge> {
        self.encode_within(LARGEST_MESSAGE)
    }

    fn encode_within(&self, limit: usize) -> Result<OutgoingMessage<'_>, TooLarge> {
        let mut text = self.head();
        let body = self.body.as_deref();
        let mut bytes = text.len();
        if let Some(body) = body {
            text.pop();
            text.push_str(",\"data_base64\":\"");
            let coded = body.len().div_ceil(3).saturating_mul(4);
            bytes = text.len().saturating_add(coded).saturating_add(2);
        }
        if bytes > limit { Err(TooLarge { bytes, limit }) } else { Ok(OutgoingMessage { text, body }) }
    }

    /// Reads the text of a queue message.
    ///
    /// # Errors
    /// [`DecodeError`], if another program wrote the text.
    pub fn decode(text: &str) -> Result<Event<'static>, DecodeError> {
        // All of the Worker reads bytes: `from_str` would add a second reader of JSON, of 8 kB gzipped.
        let event: Event<'static> = serde_json::from_slice(text.as_bytes())?;
        event.with_one_body()
    }

    /// The event of a queue message whose text without its body is `head`. Without `body`, the body must be in R2.
    ///
    /// # Errors
    /// [`DecodeError`], if `head` is not such a text, or if there is not exactly one body.
    pub fn rebuilt(head: &str, body: Option<Vec<u8>>) -> Result<Event<'static>, DecodeError> {
        let event: Event<'static> = serde_json::from_slice(head.as_bytes())?;
        Event { body: body.map(Cow::Owned), ..event }.with_one_body()
    }

    fn with_one_body(self) -> Result<Self, DecodeError> {
        match (&self.body, &self.payload, self.payloadbytes) {
            (Some(_), None, None) | (None, Some(_), Some(_)) => Ok(self),
            _ => Err(DecodeError::Body),
        }
    }

    /// The event with the time at which a Durable Object first claimed it.
    pub fn claimed(self, first_seen: UnixTime) -> Self {
        Self { firstseen: Some(first_seen.to_rfc3339()), ..self }
    }

    /// The event as a test of the operator, if `is_test`.
    pub fn marked_as_test(self, is_test: bool) -> Self {
        Self { test: is_test, ..self }
    }

    /// Whether the operator sent the event as a test.
    pub fn is_test(&self) -> bool {
        self.test
    }

    /// The event with its body in R2, under `name`.
    pub fn spilled(self, name: String) -> Self {
        Self { payloadbytes: Some(self.body_bytes()), payload: Some(name), body: None, ..self }
    }

    /// The queue message without the body.
    #[expect(clippy::expect_used, reason = "texts and numbers are JSON, and writing to a text cannot fail")]
    pub fn head(&self) -> String {
        serde_json::to_string(self).expect("an event is an object of texts and numbers")
    }

    /// Whether a Durable Object claimed the event.
    pub fn was_claimed(&self) -> bool {
        self.firstseen.is_some()
    }

    /// The name of the body in R2. `None` if the message contains the body.
    pub fn payload(&self) -> Option<&str> {
        self.payload.as_deref()
    }

    /// The name of the event's source.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The provider's id of the event, or its digest.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The event's type. `unknown` if the event has no type.
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// The deduplication key.
    pub fn key(&self) -> DedupKey {
        self.dedupkey
    }

    /// The id of the event's trace. `None` for a message of the version before.
    pub fn trace(&self) -> Option<TraceId> {
        self.traceparent.map(Trace::id)
    }

    /// When the event was received, in RFC 3339.
    pub fn received(&self) -> &str {
        &self.time
    }

    /// The body's size in bytes, in the message or in R2.
    pub fn body_bytes(&self) -> u64 {
        self.payloadbytes.unwrap_or_else(|| u64::try_from(self.body().len()).unwrap_or(u64::MAX))
    }

    /// The raw body. Empty if the body is in R2.
    #[expect(clippy::expect_used, reason = "`new`, `spilled` and `decode` leave a body or a payload in each event")]
    pub fn body(&self) -> &[u8] {
        match self.payload {
            Some(_) => &[],
            None => self.body.as_deref().expect("an event without a payload has a body"),
        }
    }

    /// Why the event is a dead letter. Only the gateway writes a reason: an event that the queue gave up has none. A reason
    /// may be empty.
    pub fn dead_reason(&self) -> Option<&str> {
        self.deadreason.as_deref()
    }

    /// The queue message without the body, and with the headers that `redactions` leaves. `true` if that is all of them.
    pub fn head_for_log(&self, redactions: &Redactions) -> (String, bool) {
        if self.headers.iter().all(|(name, value)| redactions.header(name, value) == value) {
            return (self.head(), true);
        }
        let mut shown = self.clone();
        for (name, value) in &mut shown.headers {
            *value = redactions.header(name, value).to_owned();
        }
        let content_type = shown.datacontenttype.as_deref();
        shown.datacontenttype = content_type.map(|value| redactions.header("content-type", value).to_owned());
        (shown.head(), false)
    }

    /// Drops the headers that `forwarded` does not admit. An older version queued more headers, and some of them were
    /// secrets: a dead letter must not keep them.
    pub fn keep_only(&mut self, forwarded: ForwardedHeaders<'_>) {
        self.headers.retain(|(name, value)| forwarded.admits(name, value));
    }
}

// Serde passes a reference.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn of_base64<'e, 'de, D: Deserializer<'de>>(from: D) -> Result<Option<Cow<'e, [u8]>>, D::Error> {
    let body = STANDARD.decode(String::deserialize(from)?).map_err(D::Error::custom)?;
    Ok(Some(Cow::Owned(body)))
}

fn to_json_text<S: Serializer>(headers: &[(String, String)], to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&serde_json::to_string(headers).map_err(S::Error::custom)?)
}

fn of_json_text<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<(String, String)>, D::Error> {
    serde_json::from_slice(String::deserialize(from)?.as_bytes()).map_err(D::Error::custom)
}

fn to_path<S: Serializer>(source: &str, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&format_args!("{SOURCE_PREFIX}{source}"))
}

fn of_path<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let path = String::deserialize(from)?;
    let name = path.strip_prefix(SOURCE_PREFIX);
    name.map(str::to_owned).ok_or_else(|| D::Error::custom(format!("the source \"{path}\" is not a path /webhooks/…")))
}
