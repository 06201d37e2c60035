//! No byte of the signed content can move between two parts of a content, between two variants, or beyond the end of a hash.

use crate::*;
use hookgate_verify::{Algorithm, SignInput, VerificationKey, Weakness, presets, sign};
use sha2::block_api::compress256;
use sha2::{Digest, Sha256};

/// The signature of `content` under the secret of [`own`].
fn mac(content: &str) -> String {
    hex::encode(VerificationKey::new(Algorithm::default(), SEED.as_bytes()).mac(&[content.as_bytes()], &Native))
}

fn code(verifier: &Verifier, head: &RequestHead, body: &str) -> Option<&'static str> {
    crate::code(verifier, head, body.as_bytes())
}

#[test]
fn a_scheme_with_two_parts_that_touch_is_refused() {
    for template in [
        "{header:x}{body}", "{body}{header:x}", "{json:a}{json:b}", "{form:a}{form:b}", "{query:a}{header:b}",
        "{header:a}{body_sha256}{header:b}", "{body}{canonical_json_string}", "{body}.{form}",
        "{header:a}.{header:b}{body}", "{header:x|word}{body}",
        "{header:x|word}-{body}", // the word may contain the literal
        "{method}{body}", "{method}A{body}", "{json:a|any}.{json:b|any}", "{path}{body}", "{listed_headers:x}{body}",
    ] {
        let error = content(template).expect_err(template).to_string();
        assert!(error.contains("SOURCES.s.scheme.content") && error.contains("bytes could move between"), "{error}");
    }
    for template in [
        "{body}", "{header:x}.{body}", "{body}.{header:x}", "{header:x|uuid}{body}", "{header:x|word}.{body}",
        "{method}{url}{body}", "{method} {body}", "{json:a}:{json:b}", "{json:a}", "{header:x}{body_sha256}",
        "{body_sha256}{header:x}",
    ] {
        content(template).unwrap_or_else(|error| panic!("{template}: {error}"));
    }
}

#[test]
fn a_value_that_contains_the_literal_beside_it_is_refused_on_either_side() {
    let after = content("{body}.{header:x-id}").expect("a scheme");
    let before = content("{header:x-id}..{body}").expect("a scheme");
    // The signature is for the id `evt_100` and the body `{"amount":1}`. The second request has another id and body.
    let captured = mac(r#"{"amount":1}.evt_100"#);
    let good = head("", &[("x-sig", &captured), ("x-id", "evt_100")]);
    assert_eq!(code(&after, &good, r#"{"amount":1}"#), None);
    let moved = head("", &[("x-sig", &captured), ("x-id", r#"1}.evt_100"#)]);
    assert_eq!(code(&after, &moved, r#"{"amount":"#), Some("signed_header"));
    let dotted = mac("1.2.3");
    assert_eq!(code(&after, &head("", &[("x-sig", &dotted), ("x-id", "3")]), "1.2"), None, "the body may contain it");
    assert_eq!(code(&after, &head("", &[("x-sig", &dotted), ("x-id", "2.3")]), "1"), Some("signed_header"));
    // The end of the value and the beginning of the literal together make the literal once more.
    let overlap = mac("x...y");
    assert_eq!(code(&before, &head("", &[("x-sig", &overlap), ("x-id", "x")]), ".y"), None);
    assert_eq!(code(&before, &head("", &[("x-sig", &overlap), ("x-id", "x.")]), "y"), Some("signed_header"));
}

#[test]
fn a_time_beside_the_body_has_a_fixed_number_of_digits() {
    let lines = "signature = { header = 'x-sig' }\ncontent = '{timestamp}{body}'\ntimestamp = { header = 'x-time' }";
    let verifier = own_lines(lines).expect("a scheme");
    let signature = mac(&format!("{NOW}5{{}}"));
    let good = head("", &[("x-sig", &signature), ("x-time", &NOW.to_string())]);
    assert_eq!(code(&verifier, &good, "5{}"), None);
    for (time, body) in [(format!("{NOW}5"), "{}"), (NOW.to_string()[..9].to_owned(), "05{}")] {
        let moved = head("", &[("x-sig", &signature), ("x-time", &time)]);
        assert_eq!(code(&verifier, &moved, body), Some("timestamp_malformed"), "{time}");
    }
}

/// The headers of a request to `url`.
fn signed_at_url(case: &Case, url: &str, body: &[u8]) -> Headers {
    let delivery = SignInput { variant: 0, id: ID, now: NOW, url, account: "", body };
    sign(case.preset, &case.key(SEED), "", delivery).expect("signed").into_headers()
}

#[test]
fn the_query_of_a_url_that_touches_the_body_must_be_the_configured_query() {
    for name in ["hubspot_v2", "hubspot_v3", "square", "trello", "twilio", "mandrill"] {
        let case = case(name);
        assert!(case.scheme().pins_query(), "{name}");
        let url = "https://hooks.example.com/webhooks/x?tenant=1";
        let verifier = case.verifier(&[SEED]).with_url(url.to_owned());
        let body = br#"a={"eventId":100,"event_id":"e"}"#;
        let body: &[u8] = if name == "square" { br#"{"event_id":"e"}"# } else { body };
        let headers = signed_at_url(&case, url, body);
        let outcome = |query: &str, body: &[u8]| {
            let request = RequestHead { query: query.to_owned(), headers: headers.clone(), ..RequestHead::default() };
            verifier.receive(&request).and_then(|received| received.verify(body, NOW, &Native).map(drop)).err()
        };
        assert_eq!(outcome("tenant=1", body), None, "{name}");
        // The first byte of the body moves into the query.
        let (first, rest) = body.split_first().expect("a body");
        let error = outcome(&format!("tenant=1{}", char::from(*first)), rest).expect(name);
        assert_eq!(error.code(), "query_mismatch", "{name}: {error}");
        assert!(error.to_string().contains(r#""url" has the query "tenant=1""#), "{error}");
        assert_eq!(outcome("", body).expect(name).code(), "query_mismatch", "{name}");
    }
    for name in ["twilio_json", "contentful", "messagebird_jwt"] {
        assert!(!case(name).scheme().pins_query(), "{name}: no part touches the URL, so the sender chooses the query");
    }
}

#[test]
fn an_escaped_query_is_the_same_query() {
    let case = case("twilio");
    let url = "https://hooks.example.com/webhooks/x?name=O'Brien";
    let headers = signed_at_url(&case, url, b"Body=x");
    let verifier = case.verifier(&[SEED]).with_url(url.to_owned());
    // The Workers runtime escapes the apostrophe.
    for (query, refused) in
        [("name=O'Brien", None), ("name=O%27Brien", None), ("name=O%2527Brien", Some("query_mismatch"))]
    {
        let request = RequestHead { query: query.to_owned(), headers: headers.clone(), ..RequestHead::default() };
        assert_eq!(code(&verifier, &request, "Body=x"), refused, "{query}");
    }
}

#[test]
fn the_content_of_one_variant_is_refused_as_the_content_of_another() {
    let forms = r#"
        [[forms]]
        signature = { header = "x-sig", field = "v1" }
        content = "{timestamp}.{body}"
        timestamp = { field = "t" }
        [[forms]]
        signature = { header = "x-sig" }
    "#;
    let verifier = own_lines(forms).expect("two variants");
    let yesterday = NOW.seconds() - 86_400;
    let captured = mac(&format!("{yesterday}.hello"));
    assert_eq!(
        code(&verifier, &head("", &[("x-sig", &captured)]), &format!("{yesterday}.hello")),
        Some("form_ambiguous")
    );
    assert_eq!(code(&verifier, &head("", &[("x-sig", &mac("hello"))]), "hello"), None);
    let fresh = format!("t={NOW},v1={}", mac(&format!("{NOW}.hello")));
    assert_eq!(code(&verifier, &head("", &[("x-sig", &fresh)]), "hello"), None);
}

#[test]
fn variants_with_indistinguishable_contents_are_refused() {
    for (one, other) in [
        ("content = '{body}'\ntimestamp = { json = 'at' }", "content = '{body}'"),
        ("content = '{header:a}.{body}'", "content = '{header:b}.{body}'"),
        (
            "content = '{timestamp}.{body}'\ntimestamp = { header = 'a' }",
            "content = '{timestamp}.{header:x}.{body}'\ntimestamp = { header = 'b' }",
        ),
    ] {
        let forms = format!(
            "[[forms]]\nsignature = {{ header = 'x-sig', prefix = 'a=' }}\n{one}\n[[forms]]\nsignature = {{ header = 'x-sig', prefix = 'b=' }}\n{other}"
        );
        let error = own_lines(&forms).expect_err("alike").to_string();
        assert!(error.contains("scheme.forms: numbers 0 and 1 can have the same content"), "{error}");
    }
    // Two variants may have the same content: then the content has one meaning.
    let same = "[[forms]]\nsignature = { header = 'x-sig', prefix = 'a=' }\n[[forms]]\nsignature = { header = 'x-sig', encoding = 'base64' }";
    assert!(own_lines(same).is_ok());
}

#[test]
fn the_value_of_a_listed_header_cannot_begin_the_next_header() {
    let lines = "signature = { header = \"x-sig\" }\ncontent = \"{listed_headers:x-list}\\n{body}\"\ntimestamp = { header = \"x-time\" }";
    let verifier = own_lines(lines).expect("a scheme");
    let time = NOW.to_string();
    let list = "x-a,x-b,x-list,x-time";
    let outcome = |signed: &str, a: &str, b: &str| {
        let signature = mac(&format!("{signed};x-list:{list};x-time:{time}\n{{}}"));
        let headers = [("x-sig", signature.as_str()), ("x-list", list), ("x-time", &time), ("x-a", a), ("x-b", b)];
        code(&verifier, &head("", &headers), "{}")
    };
    assert_eq!(outcome("x-a:1;x-b:2", "1", "2"), None);
    assert_eq!(outcome("x-a:1;x-c:0;x-b:2", "1;x-c:0", "2"), None, "x-c is not on the list");
    // The same signed content, cut at two places.
    for (a, b) in [("1", "2;x-b:3"), ("1;x-b:2", "3")] {
        assert_eq!(outcome("x-a:1;x-b:2;x-b:3", a, b), Some("signed_header"), "{a} and {b}");
    }
}

#[test]
fn a_signed_field_of_a_form_or_a_query_must_occur_once() {
    let form = content("{form:p}").expect("a scheme");
    let query = content("{query:p}.{body}").expect("a scheme");
    let (of_form, of_query) = (mac("a"), mac("a.{}"));
    let of_form = head("", &[("x-sig", &of_form)]);
    let of_query = |text: &str| head(text, &[("x-sig", &of_query)]);
    assert_eq!(code(&form, &of_form, "p=a&q=b"), None);
    assert_eq!(code(&query, &of_query("p=a&q=b"), "{}"), None);
    for twice in ["p=a&p=b", "p=b&p=a", "p=a&p=a", "p=a&%70=b"] {
        assert_eq!(code(&form, &of_form, twice), Some("not_canonical"), "{twice}");
        assert_eq!(code(&query, &of_query(twice), "{}"), Some("signed_header"), "{twice}");
    }
}

#[test]
fn a_time_beside_a_signature_in_the_body_is_checked() {
    let lines =
        "signature = { form = 'sig', field = 'v1' }\ncontent = '{timestamp}.{form:p}'\ntimestamp = { field = 't' }";
    let verifier = own_lines(lines).expect("a scheme");
    let body = |time: i64| {
        let signature = format!("t={time},v1={}", mac(&format!("{time}.hello")));
        form_urlencoded::Serializer::new(String::new())
            .append_pair("p", "hello")
            .append_pair("sig", &signature)
            .finish()
    };
    assert_eq!(code(&verifier, &head("", &[]), &body(NOW.seconds())), None);
    assert_eq!(code(&verifier, &head("", &[]), &body(NOW.seconds() - 301)), Some("too_old"));
}

/// The padding that SHA-256 adds to a text of `length` bytes (FIPS 180-4, section 5.1.1).
fn padding(length: usize) -> Vec<u8> {
    let zeros = (119 - length % 64) % 64;
    let bits = u64::try_from(length * 8).expect("a length");
    [&[0x80][..], &vec![0; zeros], &bits.to_be_bytes()].concat()
}

#[test]
fn a_plain_hash_that_was_extended_without_the_secret_is_refused() {
    let preset = presets::find("hubspot_v1").expect("a preset");
    assert_eq!(preset.scheme.weakness(), Some(Weakness::Extendable));
    let key = Secret::new(SEED).unwrap().key(preset.scheme.algorithm, &preset.scheme.secret).unwrap();
    let verifier = Verifier::new(preset, vec![key], None).unwrap();
    let honest = br#"[{"eventId":1}]"#;
    let captured: [u8; 32] = Sha256::digest([SEED.as_bytes(), honest].concat()).into();
    // The attacker knows the captured hash and the length of the secret, and nothing else.
    let length = SEED.len() + honest.len();
    let padding = padding(length);
    let more = br#"[{"eventId":2}]"#;
    let mut state: [u32; 8] =
        std::array::from_fn(|n| u32::from_be_bytes(captured[n * 4..n * 4 + 4].try_into().unwrap()));
    let mut tail = more.to_vec();
    tail.extend(self::padding(length + padding.len() + more.len()));
    let blocks: Vec<[u8; 64]> = tail.chunks_exact(64).map(|block| block.try_into().unwrap()).collect();
    compress256(&mut state, &blocks);
    let forged = state.map(u32::to_be_bytes).concat();
    let body = [honest.as_slice(), &padding, more].concat();
    assert_eq!(forged, Sha256::digest([SEED.as_bytes(), &body].concat()).to_vec(), "the hash is right");
    let code = |signature: &[u8], body: &[u8]| {
        crate::code(&verifier, &head("", &[("x-hubspot-signature", &hex::encode(signature))]), body)
    };
    assert_eq!(code(&captured, honest), None);
    assert_eq!(code(&forged, &body), Some("not_canonical"));
}
