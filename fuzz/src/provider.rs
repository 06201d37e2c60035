//! Requests to a source of any preset: a request without the secret is refused, the answer to a handshake is harmless, and a
//! request that the provider signed is authentic with any body.
//!
//! The input is a line with the preset's name; a byte for the method; the query; a line for each header, `name:value`; an
//! empty line; and the body. A line that is no name stands for some preset, so that the fuzzer reaches all of them.

use super::common::{Case, cases};
use super::{ID, NOW, SEED};
use hookgate_verify::native::{Native, RequestHead};
use hookgate_verify::presets;
use hookgate_verify::{Algorithm, HandshakeAnswer, HandshakeStage, Location, SignInput, Signed, Verifier, sign};
use std::sync::Arc;

const URL: &str = "https://hooks.example.com/webhooks/x";
const ACCOUNT: &str = "somebody";
const METHODS: [&str; 4] = ["POST", "GET", "HEAD", "OPTIONS"];

struct Request {
    head: RequestHead,
    body: Vec<u8>,
}

pub fn run(data: &[u8]) {
    let Some(end) = data.iter().position(|byte| *byte == b'\n') else { return };
    let (name, [_, method, rest @ ..]) = data.split_at(end) else { return };
    let number: usize = name.iter().map(|byte| usize::from(*byte)).sum();
    let preset = presets::ALL.iter().find(|preset| preset.name.as_bytes() == name);
    let preset = preset.unwrap_or_else(|| &presets::ALL[number % presets::ALL.len()]);
    let Some(request) = parse(usize::from(*method), rest) else { return };
    let case = cases(preset).next().expect("a form");
    let keys = match preset.scheme.algorithm {
        Algorithm::Public(_) => Vec::new(),
        _ => vec![case.key(SEED)],
    };
    let verifier = Verifier::new(Arc::clone(preset), keys, None).expect("one key");
    let verifier = verifier.with_url(URL.to_owned()).with_account(ACCOUNT.to_owned());

    assert_eq!(passes(&verifier, &request), Ok(false), "{}: without the secret", preset.name);
    for standing in [HandshakeStage::Head, HandshakeStage::Unsigned(&request.body)] {
        if let Some(reply) = verifier.answer_handshake(&request.head, standing, false, |_| false, &Native) {
            harmless(&reply);
            no_oracle(&verifier, &request, &reply);
        }
    }
    if !matches!(preset.scheme.algorithm, Algorithm::Public(_)) {
        honest(&case, &verifier, request);
    }
}

fn parse(method: usize, rest: &[u8]) -> Option<Request> {
    let split = rest.windows(2).position(|pair| pair == b"\n\n")?;
    let head = String::from_utf8_lossy(&rest[..split]).into_owned();
    let mut lines = head.lines();
    let query = lines.next()?.to_owned();
    let header = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    let method = METHODS[method % METHODS.len()].to_owned();
    let headers = lines.filter_map(header).collect();
    Some(Request { head: RequestHead { method, query, headers }, body: rest[split + 2..].to_vec() })
}

/// Whether a request is verified. `Err` if its signature is right and the request is refused for another reason.
fn passes(verifier: &Verifier, request: &Request) -> Result<bool, String> {
    match verifier.receive(&request.head).and_then(|received| received.verify(&request.body, NOW, &Native).map(|_| ()))
    {
        Ok(()) => Ok(true),
        Err(error) if error.is_authentic() => Err(error.to_string()),
        Err(_) => Ok(false),
    }
}

/// The answer has no content that a browser runs, and no secret for the operator.
fn harmless(reply: &HandshakeAnswer) {
    assert!(matches!(reply.status, 200 | 204), "{reply:?}");
    assert_eq!(
        (&reply.secret, &reply.visit),
        (&None, &None),
        "the source is not armed, and the request proves nothing"
    );
    assert!(reply.body.len() < 1024 && !reply.body.contains(['<', '>', '&', '\'']), "{reply:?}");
    for (name, value) in &reply.headers {
        assert!(value.bytes().all(|b| (b' '..=b'~').contains(&b)), "{name}: {value:?}");
    }
    let has = |name: &str, wanted: &str| reply.headers.iter().any(|(n, value)| n == name && value == wanted);
    assert!(has("x-content-type-options", "nosniff") && has("cache-control", "no-store"), "{reply:?}");
}

/// No word of the answer is a valid signature of the question as a body.
fn no_oracle(verifier: &Verifier, request: &Request, reply: &HandshakeAnswer) {
    let asked = form_urlencoded::parse(request.head.query.as_bytes()).map(|(_, value)| value.into_owned());
    for body in asked.chain([request.head.query.clone()]) {
        for word in reply.body.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=_-".contains(c))) {
            for text in [word, word.strip_prefix("sha256=").unwrap_or(word)] {
                for place in &verifier.preset().scheme.locations {
                    let Location::Header(name) = place else { continue };
                    let headers = vec![(name.clone(), text.to_owned())];
                    let head = RequestHead { headers, ..RequestHead::default() };
                    let forged = Request { head, body: body.clone().into_bytes() };
                    assert_eq!(passes(verifier, &forged), Ok(false), "{name}: {text} signs {body}");
                }
            }
        }
    }
}

/// A request that the provider signed is authentic, unless its body cannot be signed.
fn honest(case: &Case, verifier: &Verifier, mut request: Request) {
    let delivery =
        SignInput { variant: case.number, id: ID, now: NOW, url: URL, account: ACCOUNT, body: &request.body };
    let Ok(signed) = sign(case.preset, &case.key(SEED), &case.secret(SEED), delivery) else { return };
    let Signed { query, location: place, .. } = signed.clone();
    if matches!(place, Location::Header(_) | Location::Query(_)) {
        request.head = RequestHead { query, headers: signed.into_headers(), ..RequestHead::default() };
        let verified = verifier
            .receive(&request.head)
            .and_then(|received| received.verify(&request.body, NOW, &Native).map(|_| ()));
        if let Err(error) = verified {
            let later = [
                "too_old", "too_new", "timestamp_malformed", "timestamp_missing", "challenge_replayed",
                "form_ambiguous", "claim_mismatch",
            ];
            // Our signer signs a body with a NUL, and the core refuses it where a hash without a key could be extended.
            let is_extendable = error.to_string().contains("it has a NUL");
            let is_known = error.is_authentic() || is_extendable || later.contains(&error.code());
            assert!(is_known, "{}: {error}", case.preset.name);
        }
    }
}
