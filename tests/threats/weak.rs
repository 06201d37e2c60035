//! Weak settings, and the cost of a forged token.

use crate::*;
use hookgate_verify::{Crypto, Hash, PublicAlgorithm, PublicKey, Weakness, presets};
use std::cell::Cell;

#[test]
fn a_secret_short_enough_to_be_guessed_is_refused() {
    let shortest = |provider: &str, secret: &str| {
        verifier(&json!({ "provider": provider, "secrets": ["SECRET"] }), secret).map(|source| source.shortest_secret())
    };
    assert_eq!(shortest("github", "12345678"), Ok(Some(8)));
    // Each secret has seven bytes, the second one after decoding.
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
