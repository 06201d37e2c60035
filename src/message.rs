//! The queue message, and the request of an attempt to the destination, as data.

use crate::config::{Destination, Source};
use crate::dedup::{Acceptance, DedupKey, digest_of};
use crate::forwarded_headers::ForwardedHeaders;
use crate::headers::HeaderLines;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookgate_verify::{HmacKey, UnixTime, Verified};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::time::Duration;
use thiserror::Error;

/// A queue message may have 128,000 bytes, of which Cloudflare takes about 100 for itself (Queues, Limits).
const LARGEST_MESSAGE: usize = 127_900;
/// What an event may have when it is accepted. Later steps add to it: a dead letter its reason, a redrive its number and
/// time. Versions before this one accepted messages of 127,800 bytes; what is left above them is enough for a short reason.
const LARGEST_ACCEPTED: usize = LARGEST_MESSAGE - 1_024;
/// The longest reason of a dead letter, in bytes. JSON may write each of them as six.
const LONGEST_REASON: usize = 128;

/// The text of an [`Event`], small enough for the queue. Nothing else makes one.
///
/// Most of it is the body in base64, which whoever sends it makes: the runtime does so natively.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingMessage<'e> {
    text: String,
    body: Option<&'e [u8]>,
}

impl OutgoingMessage<'_> {
    /// The JSON text, and the body that stands in it. Where there is one, the text ends where its base64 begins, and
    /// goes on with `"}`.
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

/// An event that no queue message can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{bytes} bytes as a queue message, of {limit}")]
pub struct TooLarge {
    /// Its size as a message.
    pub bytes: usize,
    /// The size that it may have.
    pub limit: usize,
}

/// A verified event on its way: what is queued, and what is forwarded.
///
/// Its text form is one CloudEvents 1.0 JSON object (CloudEvents JSON format, section 3). The body is in
/// `data_base64`, byte for byte, or where no message can hold it, under the name `payload` in R2. That and `provider`,
/// `typestate`, `idprovenance`, `dedupkey`, `acceptance`, `headers`, `firstseen`, `redrive`, `redrivenat`, `payloadbytes` and
/// `deadreason` are extension attributes; `headers` is a JSON list of name and value, as a text, because attributes have no nested values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event<'e> {
    specversion: Cow<'static, str>,
    id: String,
    source: String,
    #[serde(rename = "type")]
    event_type: String,
    /// `unreadable`, where the event's type is.
    #[serde(skip_serializing_if = "Option::is_none")]
    typestate: Option<String>,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    datacontenttype: Option<String>,
    provider: Cow<'static, str>,
    idprovenance: Cow<'static, str>,
    dedupkey: String,
    /// Names the acceptance. Messages of the version before this one have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    acceptance: Option<String>,
    #[serde(serialize_with = "to_json_text", deserialize_with = "of_json_text")]
    headers: Vec<(String, String)>,
    /// When the event was claimed first, where that was in a Durable Object.
    #[serde(skip_serializing_if = "Option::is_none")]
    firstseen: Option<String>,
    #[serde(default, skip_serializing_if = "is_zero")]
    redrive: u32,
    /// When it was redriven last.
    #[serde(skip_serializing_if = "Option::is_none")]
    redrivenat: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payloadbytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadreason: Option<String>,
    /// Nothing while it lies beside the queue.
    #[serde(rename = "data_base64", default, skip_serializing, deserialize_with = "of_base64")]
    body: Option<Cow<'e, [u8]>>,
}

/// The type of an event whose provider states none; CloudEvents needs one.
const UNTYPED: &str = "unknown";
/// What is said of an event whose type cannot be read, in the message and to the origin.
const UNREADABLE: &str = "unreadable";
const SOURCE_PREFIX: &str = "/webhooks/";

/// Why a queue message is not a message of this gateway.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// Not a JSON object, or one that lacks an attribute, or has one that is not what it should be.
    #[error("not a CloudEvent as this gateway writes it: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Not from `/webhooks/{source}`.
    #[error("its source \"{0}\" is no /webhooks/… path")]
    Source(String),
    /// Its body is nowhere, or in two places.
    #[error("it has neither `data_base64` nor `payload`, or both")]
    Body,
    /// Its key is not one of ours.
    #[error("its dedupkey \"{0}\" is not 64 hex digits")]
    Key(String),
}

impl<'e> Event<'e> {
    /// The event that `verified` proves, accepted now as `acceptance`, with the request's `headers`.
    pub fn new(
        source: &Source,
        verified: &Verified<'e>,
        (key, acceptance): (&DedupKey, Acceptance),
        headers: &HeaderLines,
        now: UnixTime,
    ) -> Self {
        let forwarded = source.forwarded();
        let kept = headers.iter().filter(|(name, value)| forwarded.admits(name, value));
        let headers: Vec<_> = kept.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let content_type = headers.iter().find(|(name, _)| name == "content-type");
        Self {
            specversion: "1.0".into(),
            id: key.id_of(verified.identity()),
            source: format!("{SOURCE_PREFIX}{}", source.name),
            event_type: verified.event_types().shown().unwrap_or_else(|| UNTYPED.to_owned()),
            typestate: verified.event_types().are_unreadable().then(|| UNREADABLE.to_owned()),
            time: now.to_rfc3339(),
            datacontenttype: content_type.map(|(_, value)| value.clone()),
            provider: source.verifier.preset().name.clone().into(),
            idprovenance: verified.identity().provenance().into(),
            dedupkey: key.to_string(),
            acceptance: Some(acceptance.to_string()),
            headers,
            firstseen: None,
            redrive: 0,
            redrivenat: None,
            payload: None,
            payloadbytes: None,
            deadreason: None,
            body: Some(Cow::Borrowed(verified.body())),
        }
    }

    /// The queue message of an event that is being accepted.
    ///
    /// # Errors
    /// [`TooLarge`], where no queue message can hold it with what later steps add.
    pub fn encode(&self) -> Result<OutgoingMessage<'_>, TooLarge> {
        self.encode_within(LARGEST_ACCEPTED)
    }

    /// The queue message of an event that was accepted before: a dead letter, or one that is redriven.
    ///
    /// # Errors
    /// [`TooLarge`], which no message of this gateway is: each was accepted with room for this.
    pub fn encode_again(&self) -> Result<OutgoingMessage<'_>, TooLarge> {
        self.encode_within(LARGEST_MESSAGE)
    }

    #[expect(clippy::expect_used, reason = "texts and numbers are JSON, and writing to a text cannot fail")]
    fn encode_within(&self, limit: usize) -> Result<OutgoingMessage<'_>, TooLarge> {
        let mut text = serde_json::to_string(self).expect("an event is an object of texts and numbers");
        let body = self.body.as_deref().filter(|_| self.payload.is_none());
        let mut bytes = text.len();
        if let Some(body) = body {
            text.pop();
            text.push_str(",\"data_base64\":\"");
            let coded = body.len().div_ceil(3).saturating_mul(4);
            bytes = text.len().saturating_add(coded).saturating_add(2);
        }
        if bytes > limit { Err(TooLarge { bytes, limit }) } else { Ok(OutgoingMessage { text, body }) }
    }

    /// Reads a queue message's text.
    ///
    /// # Errors
    /// [`DecodeError`], where another program wrote it.
    pub fn decode(text: &str) -> Result<Event<'static>, DecodeError> {
        // All of the Worker reads bytes: `from_str` would add a second reader of JSON, of 8 kB gzipped.
        let event: Event<'static> = serde_json::from_slice(text.as_bytes())?;
        if !event.source.starts_with(SOURCE_PREFIX) {
            return Err(DecodeError::Source(event.source));
        }
        if event.payload.is_some() == event.body.is_some() {
            return Err(DecodeError::Body);
        }
        if DedupKey::parse(&event.dedupkey).is_none() {
            return Err(DecodeError::Key(event.dedupkey));
        }
        Ok(event)
    }

    /// The event as one that was claimed exactly, first at `first_seen`.
    pub fn claimed(self, first_seen: UnixTime) -> Self {
        Self { firstseen: Some(first_seen.to_rfc3339()), ..self }
    }

    /// The event with its body beside the queue, under `name`.
    pub fn spilled(self, name: String) -> Self {
        Self { payloadbytes: Some(self.body_bytes()), payload: Some(name), body: None, ..self }
    }

    /// The event as a dead letter, with as much of the reason as its message has room for.
    pub fn dead(self, reason: &str) -> Self {
        let cut = |most: usize| reason.get(..reason.floor_char_boundary(most)).unwrap_or(reason).to_owned();
        let mut dead = Self { deadreason: Some(cut(LONGEST_REASON)), ..self };
        if let Err(TooLarge { bytes, limit }) = dead.encode_again() {
            // Accepted by the version before this one, which left no room for a reason. The mark of a dead letter is the
            // attribute, and not what it says.
            let over = bytes.saturating_sub(limit);
            let kept = dead.deadreason.as_ref().map_or(0, String::len).saturating_sub(over);
            dead.deadreason = Some(cut(kept));
        }
        dead
    }

    /// The dead letter as an event that is to be delivered once more, redriven at `now`.
    pub fn redriven(self, now: UnixTime) -> Self {
        let redrive = self.redrive.saturating_add(1);
        Self { deadreason: None, redrive, redrivenat: Some(now.to_rfc3339()), ..self }
    }

    /// How often it was redriven.
    pub fn redrives(&self) -> u32 {
        self.redrive
    }

    /// Whether it was a dead letter once.
    pub fn is_redriven(&self) -> bool {
        self.redrive > 0
    }

    /// How long it has been on its way: since it was accepted, or redriven last. Nothing where that cannot be read.
    pub fn age(&self, now: UnixTime) -> Duration {
        let began = UnixTime::from_rfc3339(self.redrivenat.as_ref().unwrap_or(&self.time));
        began.map_or(Duration::ZERO, |began| began.until(now))
    }

    /// The name under which its delivery is claimed: one for each acceptance of the event, and for each redrive.
    pub fn claim_name(&self) -> String {
        let acceptance = self.acceptance.as_deref().or(self.firstseen.as_deref());
        format!("{}/{}/{}", self.dedupkey, acceptance.unwrap_or_default(), self.redrive)
    }

    /// The id of its dead letter, 64 hex digits: one for each acceptance of an event, however often it dies.
    pub fn letter_id(&self) -> String {
        hex::encode(match &self.acceptance {
            Some(acceptance) => digest_of(&[b"letter", self.dedupkey.as_bytes(), acceptance.as_bytes()]),
            // As the version before this one named the letters of its messages.
            None => {
                let payload = self.payload.as_deref().unwrap_or_default();
                digest_of(&[self.claim_name().as_bytes(), payload.as_bytes(), self.body()])
            }
        })
    }

    /// Whether it was claimed exactly when it was accepted.
    pub fn was_claimed(&self) -> bool {
        self.firstseen.is_some()
    }

    /// Where its body lies, where that is not in the message.
    pub fn payload(&self) -> Option<&str> {
        self.payload.as_deref()
    }

    /// The name of the source it came in at.
    pub fn source(&self) -> &str {
        self.source.strip_prefix(SOURCE_PREFIX).unwrap_or_default()
    }

    /// The provider's id of the event, or its digest.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The provider's id of the event, where the signature covers it and a header can carry it as it stands.
    fn signed_id(&self) -> Option<&str> {
        // "signed id", perhaps with the kind of id between the two words: see `Identity::provenance`.
        let signed = self.idprovenance.starts_with("signed ") && self.idprovenance.ends_with(" id");
        // An id that is too long is shown as its digest, which is not the provider's.
        let plain = |id: &&str| id.bytes().all(|b| b.is_ascii_graphic()) && !id.starts_with("sha256:");
        Some(self.id.as_str()).filter(|_| signed).filter(plain)
    }

    /// The event's type; `unknown` where the provider states none.
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// The deduplication key, in hex.
    pub fn key(&self) -> &str {
        &self.dedupkey
    }

    /// When it was received, in RFC 3339.
    pub fn received(&self) -> &str {
        &self.time
    }

    /// The body's size, wherever it lies.
    pub fn body_bytes(&self) -> u64 {
        self.payloadbytes.or_else(|| u64::try_from(self.body().len()).ok()).unwrap_or_default()
    }

    /// The raw body. Empty if the body is in R2.
    pub fn body(&self) -> &[u8] {
        self.body.as_deref().unwrap_or_default()
    }

    /// Why it is a dead letter. There is a reason, perhaps an empty one, if and only if the gateway gave it up itself.
    pub fn dead_reason(&self) -> Option<&str> {
        self.deadreason.as_deref()
    }

    /// Drops the headers that `forwarded` does not admit: an older version queued more, secrets among them, and a dead letter
    /// would keep those.
    pub fn keep_only(&mut self, forwarded: ForwardedHeaders<'_>) {
        self.headers.retain(|(name, value)| forwarded.admits(name, value));
    }

    /// The request that sends this event to `origin`, as attempt number `attempt` (from 1), with those of its headers that
    /// `forwarded` admits.
    ///
    /// With `signing`, it is signed by Standard Webhooks for this attempt, so that an event which waited long still
    /// passes the destination's check of freshness. A body in R2 is signed later, when it is read.
    pub fn forward<'f>(
        &'f self,
        forwarded: ForwardedHeaders<'_>,
        origin: &'f Destination,
        attempt: u32,
        signing: Option<&HmacKey>,
        now: UnixTime,
    ) -> AttemptRequest<'f> {
        let admitted = self.headers.iter().filter(|(name, value)| forwarded.admits(name, value));
        let mut headers: Vec<_> = admitted.cloned().collect();
        let mut add = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
        add("idempotency-key", &self.dedupkey);
        add("webhook-id", &self.dedupkey);
        if let Some(id) = self.signed_id() {
            add("hookgate-event-id", id);
        }
        add("hookgate-source", self.source());
        add("hookgate-provider", &self.provider);
        add("hookgate-attempt", &attempt.to_string());
        if let Some(state) = &self.typestate {
            add("hookgate-type", state);
        }
        if let Some(key) = signing.filter(|_| self.payload.is_none()) {
            let [_, timestamp, signature] = key.standard_webhooks(&self.dedupkey, now, self.body());
            for (name, value) in [timestamp, signature] {
                add(name, &value);
            }
        }
        AttemptRequest { origin, headers, body: self.body() }
    }
}

/// A POST to the destination, ready to be sent. Redirects must not be followed.
#[derive(Debug, PartialEq, Eq)]
pub struct AttemptRequest<'f> {
    /// The destination.
    pub origin: &'f Destination,
    /// Every header, by lower-case name.
    pub headers: Vec<(String, String)>,
    /// The exact body. Empty if the body is in R2.
    pub body: &'f [u8],
}

// Serde hands over a reference.
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
