//! What to do about a refused request, by the code of its reason. A test compares the texts with docs/log.md.

/// What the reason `code` means, and what to do. `None` if no request is refused for this reason.
pub fn advice(code: &str) -> Option<&'static str> {
    ADVICE.iter().find(|(known, _)| *known == code).map(|(_, text)| *text)
}

/// Each reason for which a request is refused. A match would need a function of 100 lines.
const ADVICE: &[(&str, &str)] = &[
    (
        "not_found",
        "No source has this path. Correct the URL at the provider, or add the source. At `/api`: nothing is there, \
         or `ADMIN_TOKEN` is missing.",
    ),
    (
        "wrong_method",
        "Somebody opened the URL in a browser, or the provider tests it in a way that its preset does not know.",
    ),
    (
        "signature_missing",
        "The request is unsigned. If the provider sent it: switch signing on there, and check `provider`.",
    ),
    ("signature_malformed", "The header has another form. Check `provider`; `detail` names the header."),
    ("too_many_signatures", "More than 8 signatures: no provider sends so many."),
    (
        "signature_mismatch",
        "No secret fits. Compare the secret with the provider's page, and test or live mode. If it fits: something \
         before the gateway changes the body.",
    ),
    ("signed_header", "A header that the signature covers is missing or changed. Look for a proxy before the gateway."),
    ("query_mismatch", "Write `url` with the query that the provider has."),
    ("timestamp_missing", "The signed time is missing. Check `provider`."),
    ("timestamp_malformed", "The signed time has another form. Check `provider`."),
    ("too_old", "A replay, or a retry with an old signature. If genuine retries come late: a larger `tolerance`."),
    ("too_new", "The sender's clock is ahead by more than five minutes."),
    ("not_canonical", "The signed content cannot be made from the body, so it is not the provider's."),
    ("claim_mismatch", "The token is for another endpoint, sender or body. Check `url` and `account`."),
    ("challenge_replayed", "An attack: the signature of a handshake was used for an event."),
    ("form_ambiguous", "An attack: the content would have another meaning in another form of the scheme."),
    ("no_such_key", "The request names a public key that the provider does not publish: usually a forgery."),
    ("keys_unavailable", "The provider's host of public keys does not answer. The provider retries."),
    ("secret_waits", "Read the first secret at `/api/handshakes/{source}`, or wait an hour."),
    (
        "too_many_refusals",
        "More than 100 forged requests in a minute from one address. `detail` begins with the reason.",
    ),
    ("body_too_large", "A larger `max_body`, if the provider sends such bodies."),
    ("body_broken", "The sender broke off, or was too slow."),
    ("busy", "Other large bodies use the memory. A retry succeeds. If it comes often: a smaller `max_body`."),
    ("not_json", "Authentic, but not JSON. Check the format in the provider's settings."),
    ("ambiguous_json", "Authentic, but a key that the gateway reads comes twice. Ask the provider."),
    ("id_unreadable", "Authentic, but without a readable id. Check `provider`, or `id` of your scheme."),
    ("headers_too_large", "Forward fewer `headers`."),
    ("message_too_large", "Bind R2 as `PAYLOADS`, or set `deliver = \"origin\"`."),
    ("in_flight", "Another request is making this event durable. The provider's retry is a duplicate. Nothing to do."),
    ("misconfigured", "`detail` names the key and the mistake. `cargo hookgate check` shows all."),
    ("claim_failed", "KV or the Durable Objects failed. If it stays: the platform's status page, and the binding."),
    ("enqueue_failed", "The queue failed. If it stays: the platform's status page, and the binding `EVENTS`."),
    ("store_failed", "R2 failed. If it stays: the platform's status page, and the binding `PAYLOADS`."),
    ("origin_failed", "With `deliver = \"origin\"`: the destination did not answer 2xx."),
    (
        "handshake_failed",
        "The secret could not be stored, or the provider's confirmation failed. Ask the provider for another test.",
    ),
    ("panic", "A mistake in the gateway: report the text and the place in `detail`. Nothing is lost."),
    (
        "unauthorized",
        "The token is neither in `ADMIN_TOKEN` nor in `ADMIN_TOKENS`. If it was not you: somebody guesses, and is \
         limited.",
    ),
    ("read_only", "The token or the person may only read. Use a token of the kind `write`."),
    (
        "cross_site",
        "A page of another site made the browser of an operator send the request. If it was your own page, serve it \
         from the same host.",
    ),
    ("access_failed", "Cloudflare Access did not state who calls. Try again."),
    (
        "alerts_failed",
        "D1 or the queue failed, so alerts are not watched or not sent. From the cron, a line without an answer. The next \
         minute tries again.",
    ),
    ("audit_failed", "D1 failed, so the change was not made. Try again."),
    ("unusable", "`detail` names the parameter."),
    ("off", "Add the binding in `detail`."),
    ("list_failed", "D1 or the Durable Objects failed. Try again."),
    ("pause_failed", "D1 failed. The change may be made or not. Ask again: a second call changes nothing."),
    ("redrive_failed", "D1 or the queue failed. Try again."),
    (
        "replay_failed",
        "R2 or the queue failed. The event may be in the queue, so look at its attempts before you try again.",
    ),
    ("forget_failed", "KV or the Durable Objects failed. Try again."),
];
