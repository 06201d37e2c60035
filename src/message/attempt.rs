//! The request of one attempt to deliver an event.

use super::Event;
use crate::config::Destination;
use crate::forwarded_headers::ForwardedHeaders;
use crate::trace;
use hookgate_verify::{HmacKey, UnixTime};

/// A POST to the destination. The sender must not follow redirects.
#[derive(Debug, PartialEq, Eq)]
pub struct AttemptRequest<'f> {
    /// The destination.
    pub origin: &'f Destination,
    /// Every header. Each name is in lower case.
    pub headers: Vec<(String, String)>,
    /// The exact body. Empty if the body is in R2.
    pub body: &'f [u8],
}

impl Event<'_> {
    /// The request that sends this event to `origin`, as attempt number `attempt` (from 1). It has the event's headers that
    /// `forwarded` admits.
    ///
    /// With `signing`, a Standard Webhooks signature is made for each attempt. So the destination accepts the time in the
    /// signature, even if the event waited for hours. A body in R2 is not signed here: the consumer signs it while it reads
    /// it.
    ///
    /// The attempt is a new child in the event's trace: `drawn` is random, and becomes the parent's id in `traceparent`.
    pub fn attempt_request<'f>(
        &'f self,
        forwarded: ForwardedHeaders<'_>,
        origin: &'f Destination,
        attempt: u32,
        signing: Option<&HmacKey>,
        drawn: u64,
        now: UnixTime,
    ) -> AttemptRequest<'f> {
        // A message of the version before has the headers of its trace among the others.
        let is_own = |name: &str| self.traceparent.is_some() && trace::is_header(name);
        let admitted = self.headers.iter().filter(|(name, value)| forwarded.admits(name, value) && !is_own(name));
        let mut headers: Vec<_> = admitted.cloned().collect();
        let mut add = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
        let key = self.dedupkey.to_string();
        add("idempotency-key", &key);
        add("webhook-id", &key);
        if let Some(id) = self.signed_id() {
            add("hookgate-event-id", id);
        }
        add("hookgate-source", &self.source);
        add("hookgate-provider", &self.provider);
        add("hookgate-attempt", &attempt.to_string());
        if self.replay.is_some() {
            add("hookgate-replay", "1");
        }
        if let Some(state) = &self.typestate {
            add("hookgate-type", state);
        }
        if let Some(trace) = self.traceparent {
            add(trace::PARENT, &trace.child(drawn).to_string());
            if let Some(state) = &self.tracestate {
                add(trace::STATE, state.as_str());
            }
        }
        if self.test {
            add("hookgate-test", "1");
        }
        if let Some(signing) = signing.filter(|_| self.payload.is_none()) {
            let [_, timestamp, signature] = signing.standard_webhooks(&key, now, self.body());
            for (name, value) in [timestamp, signature] {
                add(name, &value);
            }
        }
        AttemptRequest { origin, headers, body: self.body() }
    }

    /// The provider's id of the event, if the signature covers the id and a header can contain it unchanged.
    fn signed_id(&self) -> Option<&str> {
        // "signed id", or "signed", a kind of id, and "id": see `Identity::provenance`.
        let signed = self.idprovenance.starts_with("signed ") && self.idprovenance.ends_with(" id");
        // The digest of an id that is too long is not the provider's id.
        let plain = |id: &&str| id.bytes().all(|b| b.is_ascii_graphic()) && !id.starts_with("sha256:");
        Some(self.id.as_str()).filter(|_| signed).filter(plain)
    }
}
