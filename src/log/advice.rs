//! What to do about a refused request, by the code of its reason. A test compares the texts with docs/log.md.

/// What the reason `code` means, and what to do. `None` if no request is refused for this reason.
pub fn advice(code: &str) -> Option<&'static str> {
    ADVICE.iter().find(|(known, _)| *known == code).map(|(_, text)| *text)
}

/// Why a request was refused, and then what to do. Without a `detail`, the log has the `reason` in its place.
pub(super) fn why(detail: &str, reason: &str) -> String {
    let what = if detail == reason { format!("the request was refused for {reason}") } else { detail.to_owned() };
    plain(&[&sentence(&what), advice(reason).unwrap_or_default()].join(" ")).trim_end().to_owned()
}

/// The text for a page: the names of settings are in quotes, and not in the marks of Markdown.
pub(super) fn plain(text: &str) -> String {
    text.replace('`', "\"")
}

/// The text as a sentence. A name at its beginning, such as a URL, keeps its small letter.
fn sentence(text: &str) -> String {
    let first = text.split(' ').next().unwrap_or_default();
    let is_word = first.trim_end_matches([',', ':', ';']).bytes().all(|b| b.is_ascii_lowercase());
    let mut letters = text.chars();
    let begin = letters.next().filter(|_| is_word).map(|first| first.to_ascii_uppercase());
    let text = begin.map_or_else(|| text.to_owned(), |begin| format!("{begin}{}", letters.as_str()));
    if text.ends_with(['.', '?', '!', '…']) { text } else { format!("{text}.") }
}

/// Each reason for which a request is refused. A match would need a function of 100 lines.
const ADVICE: &[(&str, &str)] = &[
    (
        "not_found",
        "Correct the URL at the provider, or add a source with this name. At the API, the path does not exist, or \
         no token is configured in `ADMIN_TOKEN`.",
    ),
    (
        "wrong_method",
        "Somebody opened the URL in a browser, or the provider tests it in a way that its preset does not know. \
         If no event is missing, do nothing.",
    ),
    (
        "signature_missing",
        "If the provider sent it, switch signing on there, and check that the source's `provider` is the right \
         one. If not, do nothing.",
    ),
    (
        "signature_malformed",
        "If the provider sent it, check that the source's `provider` is the right one. If not, do nothing.",
    ),
    ("too_many_signatures", "No provider sends so many, so this is a forgery. Do nothing."),
    (
        "signature_mismatch",
        "Compare the secret with the provider's page. Test mode and live mode have different secrets. If the \
         secret is right, look for something before the gateway that changes the body. If the request is forged, \
         do nothing.",
    ),
    (
        "signed_header",
        "The signature covers it, so it must come unchanged. Look for a proxy before the gateway that removes or \
         changes it.",
    ),
    ("query_mismatch", "Write the URL into `url` exactly as the provider has it, with its query."),
    (
        "timestamp_missing",
        "If the provider sent it, check that the source's `provider` is the right one. If not, do nothing.",
    ),
    (
        "timestamp_malformed",
        "If the provider sent it, check that the source's `provider` is the right one. If not, do nothing.",
    ),
    (
        "too_old",
        "Somebody sent an old request again, or the provider sent it late. If the provider is often so late, set \
         a larger `tolerance`.",
    ),
    (
        "too_new",
        "The clock of the sender is wrong. If you run the sender, correct its clock. If not, tell the provider.",
    ),
    ("not_canonical", "The provider sends no such body, so it is not the provider's. Do nothing."),
    (
        "claim_mismatch",
        "Compare the source's `url` and `account` with the provider's page. If both are right, the request was \
         made for somebody else. Do nothing then.",
    ),
    ("challenge_replayed", "This is an attack, and it was refused. Do nothing."),
    ("form_ambiguous", "This is an attack, and it was refused. Do nothing."),
    (
        "no_such_key",
        "The request names a public key that the provider does not publish, so it is usually a forgery. Do \
         nothing.",
    ),
    (
        "keys_unavailable",
        "The provider's host does not give its public keys now. The provider sends the event again, so do \
         nothing. If this continues, look at the provider's status page.",
    ),
    (
        "secret_waits",
        "Read it: the dashboard shows it on the page of the source. Or wait an hour, until it is forgotten.",
    ),
    (
        "too_many_refusals",
        "If the provider sent them, look at the other refused requests of the source: they say what to correct. \
         If not, do nothing.",
    ),
    ("body_too_large", "If the provider sends such bodies, set a larger `max_body`. If not, do nothing."),
    ("body_broken", "The sender broke off, or was too slow. The provider sends the event again, so do nothing."),
    ("busy", "The provider sends the event again, so do nothing. If this happens often, set a smaller `max_body`."),
    ("not_json", "Choose JSON as the format in the provider's settings."),
    (
        "ambiguous_json",
        "The gateway must read this key, and two programs may read two different values. Ask the provider.",
    ),
    (
        "id_unreadable",
        "Check that the source's `provider` is the right one. With a scheme of your own, check its `id`.",
    ),
    ("headers_too_large", "Forward fewer headers: shorten the source's `headers`."),
    (
        "message_too_large",
        "Bind an R2 bucket as `PAYLOADS`. Or set the source's `deliver` to `origin`, so that the event needs no \
         queue.",
    ),
    ("in_flight", "The provider sends the event again, and that request is a duplicate. Do nothing."),
    ("misconfigured", "Correct the key that is named, and deploy again. `cargo hookgate check` shows all mistakes."),
    (
        "claim_failed",
        "The provider sends the event again. If this continues, look at Cloudflare's status page and at the bindings \
         `DEDUP` and `CLAIMS`.",
    ),
    (
        "enqueue_failed",
        "The provider sends the event again. If this continues, look at Cloudflare's status page and at the binding \
         `EVENTS`.",
    ),
    (
        "store_failed",
        "The provider sends the event again. If this continues, look at Cloudflare's status page and at the binding \
         `PAYLOADS`.",
    ),
    ("origin_failed", "Repair the destination. The provider sends the event again."),
    ("handshake_failed", "Let the provider test the endpoint again."),
    (
        "panic",
        "This is a mistake in the gateway: report its text and its place. The provider sends the event again, so \
         nothing is lost.",
    ),
    (
        "unauthorized",
        "Use a token of `ADMIN_TOKEN` or `ADMIN_TOKENS`. If it was not you, somebody guesses tokens, and the \
         gateway limits how often.",
    ),
    ("read_only", "Use a token of the kind `write`, or ask somebody who has one."),
    (
        "cross_site",
        "If it was your own page, serve it from the same host as the API. If not, do nothing: the request was \
         refused.",
    ),
    ("access_failed", "Try again."),
    ("alerts_failed", "Alerts are not watched or not sent now. The next minute tries again."),
    ("audit_failed", "The change was not made. Try again."),
    ("unusable", "Correct the request as this text says, and send it again."),
    ("off", "Add the binding to `wrangler.toml`, and deploy again."),
    ("list_failed", "Try again."),
    ("pause_failed", "Nobody knows whether the change was made. Try again: a second call does no harm."),
    ("redrive_failed", "Try again."),
    ("replay_failed", "The event may be in the queue, so look at its attempts before you try again."),
    ("forget_failed", "Try again."),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigError;
    use crate::forwarded_headers::HeadersTooLarge;
    use crate::message::TooLarge;
    use crate::pipeline::refusal::Refusal;
    use hookgate_verify::{UnixTime, VerifyError};
    use std::time::Duration;

    fn unverified() -> Vec<VerifyError> {
        let (now, hour) = (UnixTime::from_seconds(1_768_480_200), Duration::from_secs(3600));
        let (place, tolerance) = (|| "x-signature".to_owned(), Duration::from_secs(300));
        vec![
            VerifyError::SignatureMissing { place: place() },
            VerifyError::SignatureMalformed { place: place(), problem: "longer than 8 KiB" },
            VerifyError::TooManySignatures { place: place(), max: 8 },
            VerifyError::SignatureMismatch { place: place(), candidates: 1, secrets: 2 },
            VerifyError::SignedHeader { place: place(), problem: "missing" },
            VerifyError::QueryMismatch { query: "a=1".to_owned(), configured: "a=2".to_owned() },
            VerifyError::TimestampMissing { place: place() },
            VerifyError::TimestampMalformed { place: place(), expected: "Unix seconds, digits only" },
            VerifyError::TooOld { signed_at: now.minus(hour), now, age: 3600, tolerance },
            VerifyError::TooNew { signed_at: now.plus(hour), now, ahead: 3600, tolerance },
            VerifyError::NotCanonical { problem: "not JSON at byte 3".to_owned() },
            VerifyError::ClaimMismatch { claim: "aud".to_owned(), problem: "different" },
            VerifyError::ChallengeReplayed,
            VerifyError::VariantAmbiguous,
            VerifyError::NotJson { problem: "expected value at line 1 column 1".to_owned() },
            VerifyError::AmbiguousJson { key: "id".to_owned() },
            VerifyError::IdUnreadable { place: "$.id".to_owned(), problem: "missing" },
        ]
    }

    fn others() -> Vec<Refusal> {
        let problem = "unknown key (did you mean `dedup`?)".to_owned();
        vec![
            Refusal::NotFound,
            Refusal::WrongMethod { allowed: "POST" },
            Refusal::TooMany { because: "signature_mismatch" },
            Refusal::NoSuchKey("https://keys.example/1.pem answered 404".to_owned()),
            Refusal::KeysUnavailable("https://keys.example/jwks answered 503".to_owned()),
            Refusal::SecretPending,
            Refusal::Misconfigured(ConfigError { key: "SOURCES.billing.dedupe".to_owned(), problem }),
            Refusal::Unauthorized("the request has no bearer token"),
            Refusal::ReadOnly,
            Refusal::CrossSite,
            Refusal::Unusable("the parameter limit=many: must be a number from 1 to 200".to_owned()),
            Refusal::BodyTooLarge { limit: 1_048_576 },
            Refusal::BodyBroken("the body ended too early".to_owned()),
            Refusal::MessageTooLarge(TooLarge { bytes: 140_000, limit: 127_000 }),
            Refusal::HeadersTooLarge(HeadersTooLarge { bytes: 20_000 }),
            Refusal::InFlight,
            Refusal::Off { binding: "LOG" },
        ]
    }

    /// A tired reader has the page, and neither a converter of times nor a reader of Markdown.
    #[test]
    fn each_reason_is_told_in_sentences_without_unix_seconds_and_marks() {
        let mut told: Vec<_> = unverified().into_iter().map(Refusal::Unverified).chain(others()).collect();
        for (code, _) in ADVICE {
            if !told.iter().any(|refusal| refusal.code() == *code) {
                told.push(Refusal::Failed { code, problem: "D1: the network connection was lost".to_owned() });
            }
        }
        for refusal in told {
            let why = why(&refusal.detail(), refusal.code());
            println!("{}: {why}", refusal.code());
            assert!(
                why.starts_with(|c: char| c.is_ascii_uppercase() || c == '"') || why.starts_with("https://"),
                "{why}"
            );
            assert!(!why.contains('`') && why.ends_with('.') && !why.contains(".."), "{why}");
            assert!(!why.contains("17684"), "Unix seconds: {why}");
            assert!(advice(refusal.code()).is_some_and(|advice| why.ends_with(&plain(advice))), "{why}");
        }
    }

    #[test]
    fn a_detail_that_was_cut_or_is_missing_still_makes_sentences() {
        assert_eq!(
            why("off", "off"),
            "The request was refused for off. Add the binding to \"wrangler.toml\", and deploy again."
        );
        assert!(why("a long text…", "busy").starts_with("A long text… The provider"));
        assert_eq!(why("max_body is wrong", "unknown"), "max_body is wrong.");
    }
}
