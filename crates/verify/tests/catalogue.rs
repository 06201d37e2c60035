//! Promises of every preset, with every algorithm: a signed request verifies, a request with one changed bit does not, and
//! the preset states its facts.

#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects,
    missing_docs
)]

mod common;

use common::{Case, cases, key_pair, put};
use hookgate_verify::native::{Native, PrivateKey, RequestHead};
use hookgate_verify::presets::{self, about};
use hookgate_verify::{
    Algorithm, Clock, IdLocation, Identity, IdentityRule, Layout, Location, Part, PublicAlgorithm, SignError,
    SignInput, Signed, Signer, TimestampLocation, TypeLocation, UnixTime, Verified, Verifier, VerifyError, Weakness,
    WithoutId, sign,
};
use serde_json::{Map, Value};
use std::sync::Arc;

const SEED: &str = "a-shared-secret";
const URL: &str = "https://hooks.example.com/webhooks/x";
const ACCOUNT: &str = "somebody";
const ID: &str = "evt_1";
/// 2026-01-15T12:00:00Z
const NOW: UnixTime = UnixTime::from_seconds(1_768_478_400);

/// A request as the gateway receives it.
#[derive(Clone)]
struct Sent {
    head: RequestHead,
    body: Vec<u8>,
}

type Sign = Box<dyn Fn(&[u8]) -> Vec<u8>>;

/// A signer and its verifier.
struct Pair {
    signer: Sign,
    verifier: Verifier,
}

struct By<'p>(&'p Pair);

impl Signer for By<'_> {
    fn signature(&self, content: &[u8]) -> Result<Vec<u8>, SignError> {
        Ok((self.0.signer)(content))
    }
}

fn pair(case: &Case, seed: &str) -> Pair {
    let scheme = case.scheme();
    let key = case.key(seed);
    let signer: Sign = match scheme.algorithm {
        Algorithm::Public(algorithm) => {
            let private = PrivateKey::parse(algorithm, key_pair(algorithm).0).expect("a key");
            Box::new(move |content| private.signature(content).expect("signed"))
        }
        _ => {
            let signing = key.clone();
            Box::new(move |content| signing.signature(content).expect("signed"))
        }
    };
    let verifier = Verifier::new(Arc::clone(case.preset), vec![key], None).unwrap();
    let verifier = verifier.with_url(URL.to_owned()).with_account(ACCOUNT.to_owned());
    Pair { signer, verifier }
}

/// A body with all members that the scheme reads or signs.
fn body(case: &Case) -> Vec<u8> {
    let in_form = case.scheme().locations.iter().any(|place| matches!(place, Location::Form(_)));
    if in_form || case.form.content.contains(&Part::SortedForm) {
        return b"b=2&a=1&bt_payload=PG5vdGU%2BaGVsbG88L25vdGU%2B%0A".to_vec();
    }
    let mut body = case.body(ID, NOW, "a.type", Map::from_iter([("note".to_owned(), "abc".into())]));
    if let Some(path) = &case.scheme().account {
        put(&mut body, path.steps(), ACCOUNT.into());
    }
    for part in &case.form.content {
        if let Part::Json(path) = part {
            let unset = case.time_in_body().is_none_or(|(time, _)| time != path)
                && !matches!(&case.scheme().id, IdLocation::Json { path: id, .. } if id == path)
                && !case.scheme().event_type.contains(&TypeLocation::Json(path.clone()));
            if unset {
                put(&mut body, path.steps(), "signed".into());
            }
        }
    }
    body.to_string().into_bytes()
}

fn send(case: &Case, pair: &Pair, seed: &str, body: Vec<u8>) -> Sent {
    let delivery = SignInput { variant: case.number, id: ID, now: NOW, url: URL, account: ACCOUNT, body: &body };
    let signed = sign(case.preset, &By(pair), &case.secret(seed), delivery).expect("signed");
    let Signed { query, location: place, signature, .. } = signed.clone();
    let body = match place {
        Location::Json(path) => {
            let mut value: Value = serde_json::from_slice(&body).unwrap();
            put(&mut value, path.steps(), signature.into());
            value.to_string().into_bytes()
        }
        Location::Form(name) => {
            let given = form_urlencoded::parse(&body).into_owned();
            form_urlencoded::Serializer::new(String::new())
                .extend_pairs(given)
                .append_pair(&name, &signature)
                .finish()
                .into()
        }
        Location::Header(_) | Location::Query(_) => body,
    };
    Sent { head: RequestHead { query, headers: signed.into_headers(), ..RequestHead::default() }, body }
}

fn receive<'s>(pair: &Pair, sent: &'s Sent, now: UnixTime) -> Result<Verified<'s>, VerifyError> {
    pair.verifier.receive(&sent.head)?.verify(&sent.body, now, &Native)
}

/// All variants except those with RSA and SHA-1, which `ring` cannot sign. Vectors prove these.
fn every_case() -> impl Iterator<Item = Case> {
    let signs = |case: &Case| case.scheme().algorithm != Algorithm::Public(PublicAlgorithm::RsaSha1);
    presets::ALL.iter().flat_map(cases).filter(signs)
}

#[test]
fn every_preset_is_found_by_its_name() {
    let names: Vec<&str> = presets::names().collect();
    assert!(names.is_sorted());
    for name in names {
        assert_eq!(presets::find(name).expect(name).name, name);
    }
    assert_eq!(presets::find("nobody"), None);
}

#[test]
fn a_signed_request_verifies() {
    for case in every_case() {
        let name = &case.preset.name;
        let pair = pair(&case, SEED);
        let sent = send(&case, &pair, SEED, body(&case));
        let verified = receive(&pair, &sent, NOW).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(verified.body(), sent.body, "{name}");
        let expected = match &case.scheme().id {
            IdLocation::Json { when: None, .. } if case.scheme().proves_only_sender() => {
                Identity::UnsignedId(ID.into())
            }
            _ => case.identity(ID, &sent.body, verified.identity()),
        };
        if case.scheme().signs_bytes(case.form) {
            assert_eq!(verified.identity(), &expected, "{name}");
        }
        let strong = !matches!(case.scheme().weakness(), Some(Weakness::Unsigned | Weakness::Partial));
        let types = verified.event_types();
        let signed =
            |path: &TypeLocation| matches!(path, TypeLocation::Json(path) if case.scheme().signs(case.form, path));
        if types.shown().is_some() && types.unsigned.is_none() {
            let any = case.scheme().event_type.iter().any(signed);
            assert!(strong || any, "{name}: an unsigned type must be marked as unsigned");
        }
    }
}

#[test]
fn a_repeated_signature_header_counts_once_and_another_time_is_refused() {
    let later = UnixTime::from_seconds(NOW.seconds() + 1);
    let (mut taken, mut timed) = (0, 0);
    for case in every_case() {
        let name = &case.preset.name;
        let pair = pair(&case, SEED);
        let good = send(&case, &pair, SEED, body(&case));
        let is_signature = |header: &str| case.scheme().locations.contains(&Location::Header(header.to_owned()));
        let Some(place) = good.head.headers.iter().position(|(header, _)| is_signature(header)) else { continue };
        let twice = |other: &str| {
            let mut twice = good.clone();
            twice.head.headers[place].1 = format!("{}, {other}", good.head.headers[place].1);
            receive(&pair, &twice, NOW).map(|_| ()).map_err(|error| error.code())
        };
        // Two tokens may name two algorithms, so a repeated token is refused. Its header is mostly `Authorization`, which a
        // request has once (RFC 9110, section 11.6.2).
        let is_token = matches!(case.form.layout, Layout::Jws { .. });
        let expected = if is_token { Err("signature_malformed") } else { Ok(()) };
        assert_eq!(twice(&good.head.headers[place].1), expected, "{name}");
        taken += usize::from(expected.is_ok());
        // Two times in one header show that somebody combined two requests.
        if case.form.timestamp.as_ref().is_some_and(|timestamp| timestamp.at == TimestampLocation::Field) {
            let delivery =
                SignInput { variant: case.number, id: ID, now: later, url: URL, account: ACCOUNT, body: &good.body };
            let other = sign(case.preset, &By(&pair), &case.secret(SEED), delivery).expect("signed");
            assert_eq!(twice(&other.signature), Err("signature_malformed"), "{name}");
            timed += 1;
        }
    }
    assert!(taken > 100 && timed >= 20, "{taken}, {timed}");
}

#[test]
fn one_changed_bit_of_the_signed_content_is_refused() {
    for case in every_case() {
        let name = &case.preset.name;
        let pair = pair(&case, SEED);
        let good = send(&case, &pair, SEED, body(&case));
        let refused = |sent: &Sent, what: &str| {
            let error = receive(&pair, sent, NOW).err().unwrap_or_else(|| panic!("{name}: {what} passes"));
            assert!(!error.is_authentic(), "{name}: {what}: {error}");
        };
        // Every byte of the body, if the signature covers the bytes.
        if case.scheme().weakness() != Some(Weakness::Unsigned) && case.scheme().signs_bytes(case.form) {
            for place in 0..good.body.len() {
                let mut changed = good.clone();
                changed.body[place] ^= 1;
                refused(&changed, "another body");
            }
        }
        // Every byte of every header.
        for (number, (header, value)) in good.head.headers.iter().enumerate() {
            if matches!(&case.scheme().id, IdLocation::UnsignedHeader(name, _) if name == header) {
                continue;
            }
            for place in 0..value.len() {
                let mut bytes = value.clone().into_bytes();
                bytes[place] ^= 1;
                let Ok(value) = String::from_utf8(bytes) else { continue };
                if value.eq_ignore_ascii_case(&good.head.headers[number].1) {
                    continue;
                }
                let mut changed = good.clone();
                changed.head.headers[number].1 = value;
                refused(&changed, header);
            }
            let mut without = good.clone();
            without.head.headers.remove(number);
            refused(&without, &format!("without {header}"));
        }
        for place in 0..good.head.query.len() {
            let mut changed = good.clone();
            changed.head.query.replace_range(place..=place, "x");
            if changed.head.query != good.head.query {
                refused(&changed, "another query");
            }
        }
    }
}

#[test]
fn a_signature_with_another_secret_is_refused() {
    for case in every_case().filter(|case| !matches!(case.scheme().algorithm, Algorithm::Public(_))) {
        let (mine, theirs) = (pair(&case, SEED), pair(&case, "another-secret"));
        let sent = send(&case, &theirs, "another-secret", body(&case));
        let error = receive(&mine, &sent, NOW).err().unwrap_or_else(|| panic!("{} passes", case.preset.name));
        assert_eq!(error.code(), "signature_mismatch", "{}", case.preset.name);
    }
}

#[test]
fn a_request_is_refused_outside_its_window() {
    for case in every_case() {
        let pair = pair(&case, SEED);
        let sent = send(&case, &pair, SEED, body(&case));
        let Some(timestamp) = &case.form.timestamp else { continue };
        let window = timestamp.tolerance.map_or(300, |tolerance| tolerance.as_secs().cast_signed());
        let past = match timestamp.clock {
            Clock::Request => window,
            Clock::Event => case.preset.retry_span.as_secs().cast_signed() + window,
        };
        let at = |seconds: i64| UnixTime::from_seconds(NOW.seconds() + seconds);
        let code = |now| receive(&pair, &sent, now).err().map(|error| error.code());
        assert_eq!(code(at(past)), None, "{}", case.preset.name);
        assert_eq!(code(at(past + 1)), Some("too_old"), "{}", case.preset.name);
        assert_eq!(code(at(-300)), None, "{}", case.preset.name);
        assert_eq!(code(at(-301)), Some("too_new"), "{}", case.preset.name);
    }
}

#[test]
fn a_signed_url_is_the_configured_url() {
    let mut seen = 0;
    for case in every_case() {
        if !case.scheme().signs_url() {
            continue;
        }
        let mut pair = pair(&case, SEED);
        let sent = send(&case, &pair, SEED, body(&case));
        pair.verifier = pair.verifier.with_url("https://hooks.example.com/webhooks/other".to_owned());
        let error = receive(&pair, &sent, NOW).expect_err("of another endpoint");
        assert!(!error.is_authentic(), "{}: {error}", case.preset.name);
        seen += 1;
    }
    assert!(seen >= 8, "{seen}");
}

#[test]
fn every_preset_is_described_and_signs_its_id() {
    for preset in presets::ALL.iter() {
        let name = &preset.name;
        let about = about(name).expect("described");
        assert!(about.secret_at.len() > 5 && !about.title.is_empty(), "{name}");
        assert!(preset.retry_span.as_secs() > 0, "{name}");
        let body_is_open = preset.scheme.weakness().is_some();
        let signed = |case: &Case| case.form.content.iter().any(|part| *part != Part::Jws);
        let warned = !body_is_open
            || matches!(preset.scheme.algorithm, Algorithm::StaticToken)
            || about.notes.iter().any(|note| note.to_lowercase().contains("signed"));
        assert!(warned, "{name} is weak, and its notes do not give the reason");
        for case in cases(preset) {
            // The signature covers the id.
            if let IdLocation::SignedHeader(header) = &preset.scheme.id {
                assert!(case.form.content.contains(&Part::Header(header.clone())), "{name}");
            }
            if matches!(preset.scheme.id, IdLocation::Json { .. }) && !preset.scheme.proves_only_sender() {
                assert!(preset.scheme.signs_body(case.form) || signed(&case), "{name}");
            }
            assert!(!matches!(case.form.layout, Layout::Jws { .. }) || case.form.content == [Part::Jws], "{name}");
        }
    }
}

#[test]
fn every_preset_states_the_identity_of_its_events_and_the_reason() {
    for preset in presets::ALL.iter() {
        let (name, scheme) = (&preset.name, &preset.scheme);
        assert!(!scheme.leaves_identity_open(), "{name} does not state the identity of an event without an id");
        let by_rule = match &scheme.id {
            IdLocation::SignedHeader(header) => preset.scheme.may_lack(header),
            IdLocation::UnsignedHeader(_, missing) | IdLocation::Json { missing, .. } => *missing == WithoutId::ByRule,
            IdLocation::Nowhere => true,
        };
        let why = match &scheme.identity {
            IdentityRule::Unstated => continue,
            IdentityRule::Content { differs } | IdentityRule::Digest { differs, .. } => differs,
            IdentityRule::None { why } => why,
        };
        assert!(by_rule, "{name} has a rule without effect");
        assert!(why.len() > 1, "{name} does not give the reason: {why:?}");
        // The signed content differs between two requests only if it has a time.
        if matches!(scheme.identity, IdentityRule::Content { .. }) {
            assert!(preset.scheme.variants.iter().all(|form| form.timestamp.is_some()), "{name} signs no time");
        }
        if let IdLocation::UnsignedHeader(header, _) = &scheme.id {
            assert!(scheme.proves_only_sender(), "{name}: {header} proves nothing");
        }
    }
}

#[test]
fn only_these_unsigned_headers_split_an_identity() {
    let split = |preset: &Arc<hookgate_verify::Preset>| match &preset.scheme.identity {
        IdentityRule::Digest { split: Some(header), .. } => Some((preset.name.clone(), header.clone())),
        _ => None,
    };
    let found: Vec<_> = presets::ALL.iter().filter_map(split).collect();
    let expected = [
        ("bitbucket", "x-event-key"),
        ("contentful", "x-contentful-topic"),
        ("hookdeck", "x-hookdeck-eventid"),
        ("lago", "x-lago-unique-key"),
        ("mongodb_atlas", "x-mms-event"),
        ("qstash", "upstash-message-id"),
        ("sentry", "request-id"),
        ("shopify", "x-shopify-topic"),
        ("twilio", "i-twilio-idempotency-token"),
        ("twilio_json", "i-twilio-idempotency-token"),
        ("twilio_shared_key", "i-twilio-idempotency-token"),
        ("twilio_shared_key_json", "i-twilio-idempotency-token"),
        ("woocommerce", "x-wc-webhook-topic"),
    ];
    assert_eq!(found, expected.map(|(name, header)| (name.to_owned(), header.to_owned())));
}
