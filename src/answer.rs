//! The answers to providers and operators. Bodies are JSON; errors are problem details (RFC 9457).

use crate::config::Success;
use crate::forwarded_headers::MOST_BYTES;
use crate::truncate::beginning;
use hookgate_verify::HandshakeAnswer;
use serde::Serialize;
use std::borrow::Cow;

/// A header's name, lower case, and its value.
pub type Header = (Cow<'static, str>, Cow<'static, str>);

/// An HTTP answer, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers, `cache-control` among them.
    pub headers: Vec<Header>,
    /// The body.
    pub body: String,
}

#[derive(Serialize)]
struct Received<'a> {
    received: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    duplicate: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    filtered: Option<bool>,
    id: &'a str,
}

/// The details of a problem (RFC 9457).
#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub(crate) struct Problem<'a> {
    /// The kind of the problem.
    title: &'a str,
    /// The status code of the answer.
    status: u16,
    /// What is wrong, and what to do.
    detail: &'a str,
}

#[expect(clippy::expect_used, reason = "texts and numbers are JSON, and writing to a text cannot fail")]
fn json(body: &impl Serialize) -> String {
    serde_json::to_string(body).expect("an answer is an object of texts and numbers")
}

const JSON: Header = (Cow::Borrowed("content-type"), Cow::Borrowed("application/json"));
const PROBLEM: Header = (Cow::Borrowed("content-type"), Cow::Borrowed("application/problem+json"));
const NO_STORE: Header = (Cow::Borrowed("cache-control"), Cow::Borrowed("no-store"));
const NO_SNIFF: Header = (Cow::Borrowed("x-content-type-options"), Cow::Borrowed("nosniff"));
/// The longest detail that may quote the request, in bytes.
const LONGEST_DETAIL: usize = 512;
/// How long a provider should wait before a retry, in seconds.
const RETRY_AFTER: (&str, &str) = ("retry-after", "2");

impl Answer {
    /// 200 with a JSON body.
    pub fn ok(body: &impl Serialize) -> Self {
        Self { status: 200, headers: vec![JSON, NO_STORE, NO_SNIFF], body: json(body) }
    }

    /// 204: nobody is signed in.
    pub fn nobody() -> Self {
        Self { status: 204, headers: vec![NO_STORE], body: String::new() }
    }

    /// 200 with a text.
    pub fn text(media_type: &'static str, body: String) -> Self {
        Self { status: 200, headers: vec![("content-type".into(), media_type.into()), NO_STORE, NO_SNIFF], body }
    }

    /// 200: the event `id` is durable now.
    pub fn accepted(id: &str) -> Self {
        Self::ok(&Received { received: true, duplicate: None, filtered: None, id })
    }

    /// 200: the event `id` was already durable.
    pub fn duplicate(id: &str) -> Self {
        Self::ok(&Received { received: true, duplicate: Some(true), filtered: None, id })
    }

    /// 200: the event `id` is of a type that this source does not want.
    pub fn filtered(id: &str) -> Self {
        Self::ok(&Received { received: true, duplicate: None, filtered: Some(true), id })
    }

    /// Changes a success answer to the source's own answer. Accepted, duplicate and filtered events get the same own answer.
    #[must_use]
    pub fn as_configured(self, success: &Success) -> Self {
        match success {
            Success::Json => self,
            Success::Empty => self.without_body(),
            Success::Own { status, body, .. } if body.is_empty() => Self { status: *status, ..self.without_body() },
            Success::Own { status, body, media_type } => Self {
                status: *status,
                headers: vec![("content-type".into(), media_type.clone().into()), NO_STORE, NO_SNIFF],
                body: body.clone(),
            },
        }
    }

    /// This answer without its body, for providers that accept no body. The status stays.
    #[must_use]
    pub fn without_body(mut self) -> Self {
        self.headers.retain(|(name, _)| name != "content-type");
        Self { body: String::new(), ..self }
    }

    /// The answer to a provider's handshake.
    pub fn handshake(reply: HandshakeAnswer) -> Self {
        let headers = reply.headers.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { status: reply.status, headers, body: reply.body }
    }

    /// 401: the only answer to a request that is not proven authentic and fresh. It never gives the reason.
    pub fn unauthentic() -> Self {
        Self::problem(401, "Not authentic", "The request carries no valid and fresh signature.")
    }

    /// 401 of `/api`: the request has no valid token.
    pub fn unauthorized() -> Self {
        let answer = Self::problem(
            401,
            "Unauthorized",
            "This needs the header `authorization: Bearer` and a token such as ADMIN_TOKEN.",
        );
        answer.with(("www-authenticate", "Bearer"))
    }

    /// 403 of `/api`: the caller is known, and may only read.
    pub fn read_only() -> Self {
        Self::problem(403, "Read only", "This caller may only read. The request needs a token of the kind write.")
    }

    /// 403 of `/api`: a page of another site sent the request with the caller's session of Cloudflare Access.
    pub fn cross_site() -> Self {
        let detail = "A request with a session of Cloudflare Access must come from a page of this host.";
        Self::problem(403, "Cross-site request", detail)
    }

    /// 429: too many requests from this address were refused.
    pub fn too_many_refusals() -> Self {
        let answer = Self::problem(429, "Too many refusals", "Too many requests from this address were refused.");
        answer.with(("retry-after", "60"))
    }

    /// 404: the path names no source and no other endpoint.
    pub fn not_found() -> Self {
        Self::problem(404, "No such source", "Nothing is served at this path.")
    }

    /// 405: `allowed` lists the methods for the header `allow`.
    pub fn wrong_method(allowed: &'static str) -> Self {
        let answer = Self::problem(405, "Method not allowed", "This path does not take the request's method.");
        answer.with(("allow", allowed))
    }

    /// 413: the body is larger than the source's `limit`, in bytes.
    pub fn body_too_large(limit: usize) -> Self {
        Self::problem(413, "Body too large", &format!("This source takes bodies of up to {limit} bytes."))
    }

    /// 413: the body is within the source's limit, but too large for a queue message.
    pub fn message_too_large() -> Self {
        let detail = "The event is authentic, but larger than a queue message may be, about 90 kB of body.";
        Self::problem(413, "Body too large for the queue", detail)
    }

    /// 431: the headers to forward are too large.
    pub fn headers_too_large() -> Self {
        let detail = format!("The event is authentic, but its headers are larger than {MOST_BYTES} bytes.");
        Self::problem(431, "Headers too large", &detail)
    }

    /// 422: the request is authentic, but not usable. `detail` says why. Only the signer of the request gets this answer.
    pub fn unusable(detail: &str) -> Self {
        Self::problem(422, "Authentic, but not usable", &beginning(detail, LONGEST_DETAIL))
    }

    /// The answer of `/api` to a request that cannot be done: the operator gets the exact reason.
    pub fn to_operator(status: u16, title: &str, detail: &str) -> Self {
        let answer = Self::problem(status, title, &beginning(detail, LONGEST_DETAIL));
        if status == 503 { answer.with(RETRY_AFTER) } else { answer }
    }

    /// 500: this source is misconfigured.
    pub fn misconfigured() -> Self {
        Self::problem(500, "Source misconfigured", "The operator's log and `hookgate check` say what is wrong.")
    }

    /// 501: the feature needs `binding`, and the Worker has no such binding.
    pub fn off(binding: &str) -> Self {
        Self::problem(501, "Not switched on", &format!("This needs the binding {binding}."))
    }

    /// 503: another request is making the event durable, and the result is not known yet.
    pub fn in_flight() -> Self {
        let detail = "Another delivery of this event is in flight. Please send it again.";
        Self::problem(503, "Delivery in flight", detail).with(RETRY_AFTER)
    }

    /// 503: the event was not accepted. The provider should retry.
    pub fn unavailable() -> Self {
        let answer = Self::problem(503, "Temporarily unavailable", "The event was not accepted. Please send it again.");
        answer.with(RETRY_AFTER)
    }

    fn problem(status: u16, title: &str, detail: &str) -> Self {
        Self { status, headers: vec![PROBLEM, NO_STORE, NO_SNIFF], body: json(&Problem { title, status, detail }) }
    }

    fn with(mut self, header: (&'static str, &'static str)) -> Self {
        self.headers.push((header.0.into(), header.1.into()));
        self
    }
}
