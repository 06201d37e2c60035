//! JSON Web Tokens and their claims.

use super::{NOW, configured, error, head, lookup, mistake, no_public_url, outcome, own, token};
use hookgate_verify::native::Native;
use serde_json::Value;

#[test]
fn a_signed_token_whose_header_is_repeated_is_refused() {
    // Two `Authorization` headers are no list: RFC 9110, section 11.6.2, allows one.
    let scheme = own("algorithm = 'jwt-hs256'\nsignature = { header = 'authorization', prefix = 'Bearer ' }");
    let token = format!("Bearer {}", token("{}"));
    assert_eq!(outcome(&scheme, &[("authorization", &token)], "x"), "proven");
    assert_eq!(outcome(&scheme, &[("authorization", &format!("{token}, {token}"))], "x"), "signature_malformed");
    let several = "algorithm = 'jwt-hs256'\nsignature = { header = 'authorization', prefix = ['Bearer ', ''] }";
    assert!(
        mistake(several).contains("signature.prefix: must be one text: a token has one prefix"),
        "{}",
        mistake(several)
    );
    let many = "signature = { header = 'x', prefix = ['a', 'b', 'c', 'd', 'e'] }";
    assert!(mistake(many).contains("signature.prefix: must be one to 4 texts"), "{}", mistake(many));
}

#[test]
fn the_audience_of_a_token_is_a_text_or_a_list_of_texts() {
    let url = "https://hooks.example.com/webhooks/x";
    let scheme = |audience: &str| -> Value {
        let mut scheme = own(&format!(
            "algorithm = 'jwt-hs256'\nsignature = {{ header = 'authorization' }}\nclaims = {{ aud = '{audience}' }}"
        ));
        scheme["url"] = url.into();
        scheme
    };
    let told = |source: &Value, claims: &str| outcome(source, &[("authorization", &token(claims))], "{}");
    assert_eq!(told(&scheme("{url?}"), "{}"), "proven", "a token without an audience");
    assert_eq!(told(&scheme("{url}"), "{}"), "claim_mismatch");
    let others = r#"{"aud":["https://other.example/"]}"#;
    for audience in ["{url}", "{url?}", url] {
        for claims in [format!(r#"{{"aud":"{url}"}}"#), format!(r#"{{"aud":["https://other.example/","{url}"]}}"#)] {
            assert_eq!(told(&scheme(audience), &claims), "proven", "{audience} {claims}");
        }
        for claims in [
            others.to_owned(),
            r#"{"aud":[]}"#.to_owned(),
            format!(r#"{{"aud":["{url}",1]}}"#),
            format!(r#"{{"aud":[["{url}"]]}}"#),
            format!(r#"{{"aud":{{"{url}":1}}}}"#),
            format!(r#"{{"aud":["x"],"aud":["{url}"]}}"#),
            format!(r#"{{"aud":"{url}/"}}"#),
            r#"{"aud":"https://HOOKS.example.com/webhooks/x"}"#.to_owned(),
            r#"{"aud":""}"#.to_owned(),
            r#"{"aud":null}"#.to_owned(),
        ] {
            assert_eq!(told(&scheme(audience), &claims), "claim_mismatch", "{audience} {claims}");
        }
    }
    // Without `url`, the audience is not compared: PUBLIC_URL may have another host name than the provider knows.
    let mut no_url = scheme("{url?}");
    no_url.as_object_mut().unwrap().remove("url");
    let config = configured(&no_url, lookup);
    let received =
        config.source("x").unwrap().unwrap().verifier.receive(&head("", &[("authorization", &token(others))]));
    assert!(received.unwrap().verify(b"{}", NOW, &Native).is_ok());
    let mut own = scheme("{url?}");
    own["url"] = "https://own.example/hook".into();
    assert_eq!(told(&own, &format!(r#"{{"aud":"{url}"}}"#)), "claim_mismatch");
    assert_eq!(told(&own, r#"{"aud":["https://own.example/hook"]}"#), "proven");
}

#[test]
fn a_token_may_name_its_endpoint_and_the_digest_of_the_body_in_base64url() {
    let scheme = own("algorithm = 'jwt-hs256'\nsignature = { header = 'x-token' }\n\
                      claims = { sub = '{url}', body_hash = 'body', body_hash_encoding = 'base64url' }");
    let told = |claims: &str, body: &str| outcome(&scheme, &[("x-token", &token(claims))], body);
    let url = "https://hooks.example.com/webhooks/x";
    // SHA-256 of `hello`.
    let digest = "LPJNul-wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ";
    let claims = |url: &str, digest: &str| format!(r#"{{"sub":"{url}","body":"{digest}"}}"#);
    for (claims, expected, what) in [
        (claims(url, &format!("{digest}=")), "proven", "with padding"),
        (claims(url, digest), "proven", "without padding"),
        (claims(url, &format!("{digest}==")), "claim_mismatch", "too much padding"),
        (claims(url, &digest[..42]), "claim_mismatch", "one letter too few"),
        (claims(&format!("{url}/"), digest), "claim_mismatch", "another URL"),
        (format!(r#"{{"body":"{digest}="}}"#), "claim_mismatch", "no URL"),
        (format!(r#"{{"sub":["{url}"],"body":"{digest}="}}"#), "claim_mismatch", "a list"),
        (format!(r#"{{"sub":"{url}"}}"#), "claim_mismatch", "no digest"),
        (claims(url, ""), "claim_mismatch", "an empty digest"),
    ] {
        assert_eq!(told(&claims, "hello"), expected, "{what}");
    }
    assert_eq!(told(&claims(url, digest), "hallo"), "claim_mismatch");
    let error = error(&scheme, no_public_url);
    assert!(error.contains("SOURCES.x.url: is missing: this provider signs the URL"), "{error}");
}
