//! Settings that would do nothing, and settings that would protect too little.

use crate::*;
use hookgate_verify::{Crypto, Hash, PublicAlgorithm, PublicKey, Weakness, presets};
use std::cell::Cell;

#[test]
fn a_setting_without_effect_is_refused() {
    for (lines, told) in [
        ("claims = { iss = 'me' }", "scheme.claims: stand in a signed token"),
        ("claims = { body_hash = 'h' }", "scheme.claims: stand in a signed token"),
        ("claims = { query_body_hash = 'h' }", "stands in the query, which the signature does not cover"),
        (
            "claims = { query_body_hash = 'h' }\ncontent = '{url}{body}'",
            "stands in the query, which the signature does not cover",
        ),
        ("timestamp = { claim = 'iat' }", "scheme.timestamp: is a claim of a signed token"),
        ("keys = { jwks = 'https://keys.example.com/jwks' }", "scheme.keys: are public keys"),
        ("algorithm = 'jwt-hs256'\ncontent = '{body}'", "scheme.content: \"{body}\": would not be looked at"),
        ("algorithm = 'token'\ncontent = '{body}'", "scheme.content: \"{body}\": would not be signed"),
        (
            "algorithm = 'jwt-hs256'\nclaims = { body_hash_encoding = 'hex' }",
            "is how `body_hash` is written, which is missing",
        ),
        (
            "content = '{header:x-id}.{body}'\nid = { header = 'x-id', missing = 'digest' }",
            "scheme.id.missing: \"digest\": would not be looked at",
        ),
    ] {
        let error = own_lines(&format!("signature = {{ header = 'x-sig' }}\n{lines}")).expect_err(lines).to_string();
        assert!(error.contains(told), "{lines}\n  told {error}\n  wanted {told}");
    }
    for (signature, told) in [
        ("{ header = 'a', prefix = 'v1=', field = 'v1' }", "signature.prefix"),
        ("{ header = 'a', assign = ':' }", "signature.assign"),
        ("{ header = 'a', positional = true, list = ',' }", "signature.list"),
        ("{ query = 'a', numbered = true }", "signature.numbered"),
    ] {
        let error = own_lines(&format!("signature = {signature}")).expect_err(signature).to_string();
        assert!(error.contains(told), "{signature}: {error}");
    }
    let both = "signature = { header = 'a' }\n[[forms]]\nsignature = { header = 'b' }";
    assert!(own_lines(both).expect_err("both").to_string().contains("with `forms`, each form says this for itself"));
    let in_body = "[[forms]]\nsignature = { json = 'a' }\n[[forms]]\nsignature = { json = 'a', prefix = 'b' }";
    assert!(own_lines(in_body).expect_err("in the body").to_string().contains("only the first would ever be read"));
    assert!(
        own_lines("signature = { header = 'x-sig' }\nclaims = { query_body_hash = 'h' }\ncontent = '{url}'").is_ok()
    );
}

#[test]
fn a_secret_short_enough_to_be_guessed_is_refused() {
    let shortest = |provider: &str, secret: &str| {
        verifier(&json!({ "provider": provider, "secrets": ["SECRET"] }), secret).map(|source| source.shortest_secret())
    };
    assert_eq!(shortest("github", "12345678"), Ok(Some(8)));
    // Seven bytes each; the second secret after it is decoded.
    for (provider, secret) in
        [("github", "1234567"), ("standard_webhooks", "whsec_MTIzNDU2Nw=="), ("gitlab_token", "1234567")]
    {
        let error = shortest(provider, secret).expect_err(provider).to_string();
        assert!(error.contains("SECRET has less than 8 bytes") && !error.contains("1234567"), "{error}");
    }
}

#[test]
fn a_token_that_names_its_key_is_tried_only_with_that_key() {
    struct Counter(Cell<usize>);
    impl Crypto for Counter {
        fn hmac(&self, _: Hash, _: &[u8], _: &[&[u8]]) -> Vec<u8> {
            Vec::new()
        }
        fn digest(&self, _: Hash, _: &[u8]) -> Vec<u8> {
            Vec::new()
        }
        fn verifies(&self, _: PublicAlgorithm, _: &PublicKey, _: &[u8], _: &[u8]) -> bool {
            self.0.set(self.0.get() + 1);
            false
        }
    }
    let verifier = Verifier::new(presets::find("google_pubsub").expect("a preset"), Vec::new(), None).unwrap();
    let verifier =
        verifier.with_url("https://hooks.example.com/webhooks/x".to_owned()).with_account("somebody".to_owned());
    let keys: Vec<PublicKey> = (0..20).map(|n| PublicKey::Jwk(format!(r#"{{"kty":"RSA","kid":"k{n}"}}"#))).collect();
    let tried = |header: &str| {
        use base64::Engine as _;
        let encode = |text: &[u8]| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
        let token = format!("Bearer {}.{}.{}", encode(header.as_bytes()), encode(b"{}"), encode(&[1; 256]));
        let counter = Counter(Cell::new(0));
        let head = head("", &[("authorization", &token)]);
        let received = verifier.receive(&head).expect("a token").with_published(keys.clone());
        assert_eq!(received.verify(b"{}", NOW, &counter).expect_err("forged").code(), "signature_mismatch");
        counter.0.get()
    };
    assert_eq!(tried(r#"{"alg":"RS256","kid":"k7"}"#), 1);
    assert_eq!(tried(r#"{"alg":"RS256","kid":"another"}"#), 0);
    assert_eq!(tried(r#"{"alg":"RS256"}"#), 8, "at most");
}

#[test]
fn a_scheme_that_signs_only_some_members_is_weak() {
    let weakness = |content: &str| crate::content(content).expect(content).preset().scheme.weakness();
    for content in ["{form:x}", "{lines:ts,amount}", "v1.{lines:ts}", "{json:id}"] {
        assert_eq!(weakness(content), Some(Weakness::Partial), "{content}");
    }
    assert_eq!(weakness("{method}"), Some(Weakness::Unsigned));
    assert_eq!(weakness("{body}"), None);
    for name in ["aws_sns", "aws_sns_v1", "braintree"] {
        assert_eq!(presets::find(name).expect(name).scheme.weakness(), Some(Weakness::Partial), "{name}");
    }
}
