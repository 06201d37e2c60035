//! The two things that leave the gateway, as data: the queue message, and the request to the origin.

use crate::config::{Origin, Source};
use crate::dedup::DedupKey;
use crate::webhook::{Key, UnixTime, Verified, presets, sign};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use thiserror::Error;

/// A queue message may have 128,000 bytes, of which Cloudflare takes about 100 for itself (Queues, Limits).
const LARGEST_MESSAGE: usize = 127_800;

/// The text of an [`Event`], small enough for the queue. Nothing else makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message(String);

impl Message {
    /// The JSON text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An event that no queue message can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{bytes} bytes as a queue message, of {LARGEST_MESSAGE}")]
pub struct TooLarge {
    /// Its size as a message.
    pub bytes: usize,
}

/// A verified event on its way: what is queued, and what is forwarded.
///
/// Its text form is one CloudEvents 1.0 JSON object (CloudEvents JSON format, section 3). The body is in
/// `data_base64`, byte for byte. `provider`, `idprovenance`, `dedupkey`, `headers` and `deadreason` are extension
/// attributes; `headers` is a JSON list of name and value, as a text, because attributes have no nested values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event<'e> {
    specversion: Cow<'static, str>,
    id: String,
    source: String,
    #[serde(rename = "type")]
    event_type: String,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    datacontenttype: Option<String>,
    provider: Cow<'static, str>,
    idprovenance: Cow<'static, str>,
    dedupkey: String,
    headers: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    deadreason: Option<String>,
    #[serde(rename = "data_base64", skip_serializing, deserialize_with = "from_base64")]
    body: Cow<'e, [u8]>,
}

/// The type of an event whose provider states none; CloudEvents needs one.
const UNTYPED: &str = "unknown";
const SOURCE_PREFIX: &str = "/webhooks/";

/// Why a queue message is none of ours.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// Not JSON, an attribute is missing, or the body is not base64.
    #[error("not a CloudEvent as this gateway writes it: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Not from `/webhooks/{source}`.
    #[error("its source \"{0}\" is no /webhooks/… path")]
    Source(String),
}

impl<'e> Event<'e> {
    /// The event that `verified` proves, received now, with the request's `headers`.
    pub fn new(
        source: &Source,
        verified: &Verified<'e>,
        key: &DedupKey,
        headers: &[(String, String)],
        now: UnixTime,
    ) -> Self {
        let kept: Vec<_> = headers.iter().filter(|(name, _)| is_forwarded(name)).collect();
        let content_type = headers.iter().find(|(name, _)| name == "content-type").map(|(_, value)| value.clone());
        Self {
            specversion: "1.0".into(),
            id: verified.identity().shown(),
            source: format!("{SOURCE_PREFIX}{}", source.name),
            event_type: verified.event_type().map_or(UNTYPED, |event_type| &event_type.name).to_owned(),
            time: now.to_rfc3339(),
            datacontenttype: content_type,
            provider: source.verifier.preset().name.into(),
            idprovenance: verified.identity().provenance().into(),
            dedupkey: key.to_string(),
            headers: serde_json::to_string(&kept).unwrap_or_default(),
            deadreason: None,
            body: Cow::Borrowed(verified.body()),
        }
    }

    /// The queue message.
    ///
    /// # Errors
    /// [`TooLarge`], where no queue message can hold it.
    pub fn encode(&self) -> Result<Message, TooLarge> {
        let mut text = serde_json::to_string(self).unwrap_or_default();
        // Base64 needs no escaping, and is most of the message: it goes in as it is, before the closing brace.
        text.pop();
        text.push_str(",\"data_base64\":\"");
        STANDARD.encode_string(&self.body, &mut text);
        text.push_str("\"}");
        if text.len() > LARGEST_MESSAGE { Err(TooLarge { bytes: text.len() }) } else { Ok(Message(text)) }
    }

    /// Reads a queue message's text.
    ///
    /// # Errors
    /// [`DecodeError`], where another program wrote it.
    pub fn decode(text: &str) -> Result<Event<'static>, DecodeError> {
        let event: Event<'static> = serde_json::from_slice(text.as_bytes())?;
        if !event.source.starts_with(SOURCE_PREFIX) {
            return Err(DecodeError::Source(event.source));
        }
        Ok(event)
    }

    /// The event as a dead letter, with the reason why.
    pub fn dead(self, reason: String) -> Self {
        Self { deadreason: Some(reason), ..self }
    }

    /// The name of the source it came in at.
    pub fn source(&self) -> &str {
        self.source.strip_prefix(SOURCE_PREFIX).unwrap_or_default()
    }

    /// The provider's id of the event, or its digest.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The event's type; `unknown` where the provider states none.
    pub fn event_type(&self) -> &str {
        &self.event_type
    }

    /// The deduplication key, in hex.
    pub fn key(&self) -> &str {
        &self.dedupkey
    }

    /// The raw body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Why it is a dead letter, where it is one and the gateway gave it up itself.
    pub fn dead_reason(&self) -> Option<&str> {
        self.deadreason.as_deref()
    }

    /// The request that hands this event to `origin`, as attempt number `attempt` (from 1).
    ///
    /// With `signing`, it is signed by Standard Webhooks for this attempt, so that an event which waited long still
    /// passes the origin's own check of freshness.
    pub fn forward<'f>(
        &'f self,
        origin: &'f Origin,
        attempt: u32,
        signing: Option<&Key>,
        now: UnixTime,
    ) -> Forward<'f> {
        let mut headers: Vec<(String, String)> = serde_json::from_slice(self.headers.as_bytes()).unwrap_or_default();
        headers.retain(|(name, _)| is_forwarded(name));
        let mut add = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
        add("idempotency-key", &self.dedupkey);
        add("hookgate-source", self.source());
        add("hookgate-provider", &self.provider);
        add("hookgate-attempt", &attempt.to_string());
        let standard = signing.zip(presets::find("standard_webhooks"));
        let signed = standard.and_then(|(key, preset)| sign(preset, 0, key, &self.dedupkey, now, &self.body).ok());
        for (name, value) in signed.into_iter().flat_map(|signed| signed.headers) {
            add(name, &value);
        }
        Forward { url: origin.as_str(), headers, body: &self.body }
    }
}

/// A POST to the origin, ready to be sent. Redirects are not to be followed.
#[derive(Debug, PartialEq, Eq)]
pub struct Forward<'f> {
    /// Where to.
    pub url: &'f str,
    /// Every header, by lower-case name.
    pub headers: Vec<(String, String)>,
    /// The exact body.
    pub body: &'f [u8],
}

/// Whether a provider's header goes on to the origin: not those of one connection (RFC 9110, section 7.6.1), not
/// those that make a request conditional or another one, not those that say what a proxy or this gateway says.
/// `Connection` itself nominates nothing: a sender could name our own headers there.
fn is_forwarded(name: &str) -> bool {
    const DROPPED: &[&str] = &[
        "accept-encoding",
        "cdn-loop",
        "client-ip",
        "connection",
        "content-length",
        "expect",
        "fastly-client-ip",
        "forwarded",
        "host",
        "idempotency-key",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "range",
        "te",
        "trailer",
        "transfer-encoding",
        "true-client-ip",
        "upgrade",
        "via",
        "webhook-id",
        "webhook-signature",
        "webhook-timestamp",
        "x-client-ip",
        "x-cluster-client-ip",
        "x-http-method-override",
        "x-method-override",
        "x-original-url",
        "x-real-ip",
        "x-rewrite-url",
    ];
    const DROPPED_PREFIXES: &[&str] = &["cf-", "hookgate-", "if-", "mf-", "x-forwarded-"];
    // Many an origin cannot tell `hookgate_source` from `hookgate-source`: CGI writes both the same.
    let name = if name.contains('_') { Cow::Owned(name.replace('_', "-")) } else { Cow::Borrowed(name) };
    !DROPPED.contains(&&*name) && !DROPPED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

fn from_base64<'de, D: Deserializer<'de>>(from: D) -> Result<Cow<'static, [u8]>, D::Error> {
    let text = Cow::<'de, str>::deserialize(from)?;
    STANDARD.decode(text.as_bytes()).map(Cow::Owned).map_err(D::Error::custom)
}
