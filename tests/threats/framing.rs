//! No byte of what is signed can move: between two parts of a content, between two forms, or past the end of a hash.

use crate::*;
use hookgate::config::{Bindings, Config, ConfigError};
use hookgate_verify::native::RequestHead;
use hookgate_verify::presets;
use hookgate_verify::{Algorithm, Key, Preset, Weakness};
use serde_json::json;
use sha2::block_api::compress256;
use sha2::{Digest, Sha256};

const BINDINGS: Bindings =
    Bindings { dedup: true, events: true, claims: true, payloads: true, log: true, rejects: true };

/// The own scheme with these lines, in a source of its own.
fn own(lines: &str) -> Result<Verifier, ConfigError> {
    let scheme: toml::Table = lines.parse().unwrap_or_else(|error| panic!("{lines}: {error}"));
    let sources = json!({ "x": { "secrets": ["SECRET"], "url": "https://hooks.example.com/x", "scheme": scheme } });
    let lookup = |name: &str| match name {
        "SECRET" => Some(SEED.to_owned()),
        "ORIGIN" => Some("https://origin.example".to_owned()),
        _ => None,
    };
    let config = Config::parse(&sources, BINDINGS, &lookup).expect("a table of sources");
    config.source("x").expect("the source").map(|source| source.verifier.clone()).map_err(Clone::clone)
}

fn content(template: &str) -> Result<Verifier, ConfigError> {
    own(&format!("signature = {{ header = \"x-sig\" }}\ncontent = \"{template}\""))
}

/// Under the secret of [`own`], over `content`.
fn mac(content: &str) -> String {
    hex::encode(Key::new(Algorithm::default(), SEED.as_bytes()).mac(&[content.as_bytes()], &Native))
}

fn code(verifier: &Verifier, head: &RequestHead, body: &str) -> Option<&'static str> {
    verifier.receive(head).and_then(|received| received.verify(body.as_bytes(), NOW, &Native)).err().map(|e| e.code())
}

fn head(query: &str, headers: &[(&str, &str)]) -> RequestHead {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    RequestHead { method: "POST".to_owned(), query: query.to_owned(), headers }
}

#[test]
fn a_scheme_with_two_parts_that_touch_is_refused() {
    for template in [
        "{header:x}{body}",
        "{body}{header:x}",
        "{json:a}{json:b}",
        "{form:a}{form:b}",
        "{query:a}{header:b}",
        "{header:a}{body_sha256}{header:b}",
        "{body}{canonical_json_string}",
        "{body}.{form}",
        "{header:a}.{header:b}{body}",
        "{header:x|word}{body}",
        "{header:x|word}-{body}", // the word can hold the literal
        "{method}{body}",
        "{method}A{body}",
        "{json:a|any}.{json:b|any}",
        "{path}{body}",
        "{listed_headers:x}{body}",
    ] {
        let error = content(template).expect_err(template).to_string();
        assert!(error.contains("SOURCES.x.scheme.content") && error.contains("bytes could move between"), "{error}");
    }
    for template in [
        "{body}",
        "{header:x}.{body}",
        "{body}.{header:x}",
        "{header:x|uuid}{body}",
        "{header:x|word}.{body}",
        "{method}{url}{body}",
        "{method} {body}",
        "{json:a}:{json:b}",
        "{json:a}",
        "{header:x}{body_sha256}",
        "{body_sha256}{header:x}",
    ] {
        content(template).unwrap_or_else(|error| panic!("{template}: {error}"));
    }
}

#[test]
fn a_value_that_holds_a_literal_beside_it_is_refused_on_either_side() {
    let after = content("{body}.{header:x-id}").expect("a scheme");
    let before = content("{header:x-id}..{body}").expect("a scheme");
    // Signed for id `evt_100` and body `{"amount":1}`, presented as another id and body.
    let sign = |content: &str| mac(content);
    let captured = sign(r#"{"amount":1}.evt_100"#);
    let good = head("", &[("x-sig", &captured), ("x-id", "evt_100")]);
    assert_eq!(code(&after, &good, r#"{"amount":1}"#), None);
    let moved = head("", &[("x-sig", &captured), ("x-id", r#"1}.evt_100"#)]);
    assert_eq!(code(&after, &moved, r#"{"amount":"#), Some("signed_header"));
    let dotted = sign("1.2.3");
    assert_eq!(code(&after, &head("", &[("x-sig", &dotted), ("x-id", "3")]), "1.2"), None, "the free part may hold it");
    assert_eq!(code(&after, &head("", &[("x-sig", &dotted), ("x-id", "2.3")]), "1"), Some("signed_header"));
    // The end of a value and the beginning of the literal make one literal more.
    let overlap = sign("x...y");
    assert_eq!(code(&before, &head("", &[("x-sig", &overlap), ("x-id", "x")]), ".y"), None);
    assert_eq!(code(&before, &head("", &[("x-sig", &overlap), ("x-id", "x.")]), "y"), Some("signed_header"));
}

#[test]
fn a_time_beside_the_body_has_a_fixed_number_of_digits() {
    let lines =
        "signature = { header = \"x-sig\" }\ncontent = \"{timestamp}{body}\"\ntimestamp = { header = \"x-time\" }";
    let verifier = own(lines).expect("a scheme");
    let signature = mac(&format!("{NOW}5{{}}"));
    let good = head("", &[("x-sig", &signature), ("x-time", &NOW.to_string())]);
    assert_eq!(code(&verifier, &good, "5{}"), None);
    for (time, body) in [(format!("{NOW}5"), "{}"), (NOW.to_string()[..9].to_owned(), "05{}")] {
        let moved = head("", &[("x-sig", &signature), ("x-time", &time)]);
        assert_eq!(code(&verifier, &moved, body), Some("timestamp_malformed"), "{time}");
    }
}

#[test]
fn the_query_of_a_url_that_touches_the_body_is_the_configured_one() {
    for name in ["hubspot_v2", "hubspot_v3", "square", "trello", "twilio", "mandrill"] {
        let case = case(name);
        assert!(case.scheme().pins_query(), "{name}");
        let url = "https://hooks.example.com/webhooks/x?tenant=1";
        let verifier = case.verifier(&[SEED]).at(url.to_owned());
        let body = br#"a={"eventId":100,"event_id":"e"}"#;
        let body: &[u8] = if name == "square" { br#"{"event_id":"e"}"# } else { body };
        let delivery = hookgate_verify::Delivery { form: 0, id: ID, now: NOW, url, account: "", body };
        let signed = hookgate_verify::sign(case.preset, &case.key(SEED), "", delivery).expect("signed");
        let headers = signed.into_headers();
        let request =
            |query: &str| RequestHead { query: query.to_owned(), headers: headers.clone(), ..RequestHead::default() };
        let outcome = |query: &str, body: &[u8]| {
            verifier.receive(&request(query)).and_then(|received| received.verify(body, NOW, &Native).map(|_| ())).err()
        };
        assert_eq!(outcome("tenant=1", body), None, "{name}");
        // The first byte of the body moves into the query.
        let (first, rest) = body.split_first().expect("a body");
        let error = outcome(&format!("tenant=1{}", char::from(*first)), rest).expect(name);
        assert_eq!(error.code(), "query_mismatch", "{name}: {error}");
        assert!(error.to_string().contains("write it into `url`"), "{error}");
        assert_eq!(outcome("", body).expect(name).code(), "query_mismatch", "{name}");
    }
    for name in ["twilio_json", "contentful", "messagebird_jwt"] {
        assert!(!case(name).scheme().pins_query(), "{name}: nothing touches the URL, and its query is the sender's");
    }
}

#[test]
fn the_runtime_may_escape_the_query_and_it_is_the_same() {
    let case = case("twilio");
    let url = "https://hooks.example.com/webhooks/x?name=O'Brien";
    let delivery = hookgate_verify::Delivery { form: 0, id: ID, now: NOW, url, account: "", body: b"Body=x" };
    let headers = hookgate_verify::sign(case.preset, &case.key(SEED), "", delivery).expect("signed").into_headers();
    let verifier = case.verifier(&[SEED]).at(url.to_owned());
    for (query, code) in
        [("name=O'Brien", None), ("name=O%27Brien", None), ("name=O%2527Brien", Some("query_mismatch"))]
    {
        let request = RequestHead { query: query.to_owned(), headers: headers.clone(), ..RequestHead::default() };
        let verified = verifier.receive(&request).and_then(|received| received.verify(b"Body=x", NOW, &Native));
        assert_eq!(verified.err().map(|error| error.code()), code, "{query}");
    }
}

#[test]
fn what_one_form_signed_is_refused_in_another() {
    let forms = r#"
        [[forms]]
        signature = { header = "x-sig", field = "v1" }
        content = "{timestamp}.{body}"
        timestamp = { field = "t" }
        [[forms]]
        signature = { header = "x-sig" }
    "#;
    let verifier = own(forms).expect("two forms");
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
fn forms_that_nothing_tells_apart_are_refused() {
    for (one, other) in [
        ("content = \"{body}\"\ntimestamp = { json = \"at\" }", "content = \"{body}\""),
        ("content = \"{header:a}.{body}\"", "content = \"{header:b}.{body}\""),
        (
            "content = \"{timestamp}.{body}\"\ntimestamp = { header = \"a\" }",
            "content = \"{timestamp}.{header:x}.{body}\"\ntimestamp = { header = \"b\" }",
        ),
    ] {
        let forms = format!(
            "[[forms]]\nsignature = {{ header = \"x-sig\", prefix = \"a=\" }}\n{one}\n[[forms]]\nsignature = {{ header = \"x-sig\", prefix = \"b=\" }}\n{other}"
        );
        let error = own(&forms).expect_err("alike").to_string();
        assert!(error.contains("scheme.forms: numbers 0 and 1 can have the same content"), "{error}");
    }
    // The same content, written in two ways, says the same in both.
    let same = "[[forms]]\nsignature = { header = \"x-sig\", prefix = \"a=\" }\n[[forms]]\nsignature = { header = \"x-sig\", encoding = \"base64\" }";
    assert!(own(same).is_ok());
}

#[test]
fn no_value_of_a_listed_header_begins_the_next_one() {
    let lines = "signature = { header = \"x-sig\" }\ncontent = \"{listed_headers:x-list}\\n{body}\"\ntimestamp = { header = \"x-time\" }";
    let verifier = own(lines).expect("a scheme");
    let time = NOW.to_string();
    let list = "x-a,x-b,x-list,x-time";
    let outcome = |signed: &str, a: &str, b: &str| {
        let signature = mac(&format!("{signed};x-list:{list};x-time:{time}\n{{}}"));
        let headers = [("x-sig", signature.as_str()), ("x-list", list), ("x-time", &time), ("x-a", a), ("x-b", b)];
        code(&verifier, &head("", &headers), "{}")
    };
    assert_eq!(outcome("x-a:1;x-b:2", "1", "2"), None);
    assert_eq!(outcome("x-a:1;x-c:0;x-b:2", "1;x-c:0", "2"), None, "which is no listed header");
    // One signed text, cut in two places.
    for (a, b) in [("1", "2;x-b:3"), ("1;x-b:2", "3")] {
        assert_eq!(outcome("x-a:1;x-b:2;x-b:3", a, b), Some("signed_header"), "{a} and {b}");
    }
}

#[test]
fn a_signed_value_of_a_form_or_a_query_stands_once() {
    let form = own("signature = { header = \"x-sig\" }\ncontent = \"{form:p}\"").expect("a scheme");
    let query = own("signature = { header = \"x-sig\" }\ncontent = \"{query:p}.{body}\"").expect("a scheme");
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
fn a_setting_that_nothing_looks_at_is_refused() {
    for (lines, told) in [
        ("claims = { iss = \"me\" }", "scheme.claims: stand in a signed token"),
        ("claims = { body_hash = \"h\" }", "scheme.claims: stand in a signed token"),
        ("claims = { query_body_hash = \"h\" }", "stands in the query, which the signature does not cover"),
        (
            "claims = { query_body_hash = \"h\" }\ncontent = \"{url}{body}\"",
            "stands in the query, which the signature does not cover",
        ),
        ("timestamp = { claim = \"iat\" }", "scheme.timestamp: is a claim of a signed token"),
        ("keys = { jwks = \"https://keys.example.com/jwks\" }", "scheme.keys: are public keys"),
        ("algorithm = \"jwt-hs256\"\ncontent = \"{body}\"", "scheme.content: \"{body}\": would not be looked at"),
        ("algorithm = \"token\"\ncontent = \"{body}\"", "scheme.content: \"{body}\": would not be signed"),
        (
            "algorithm = \"jwt-hs256\"\nclaims = { body_hash_encoding = \"hex\" }",
            "is how `body_hash` is written, which is missing",
        ),
        (
            "content = \"{header:x-id}.{body}\"\nid = { header = \"x-id\", missing = \"digest\" }",
            "scheme.id.missing: \"digest\": would not be looked at",
        ),
    ] {
        let error = own(&format!("signature = {{ header = \"x-sig\" }}\n{lines}")).expect_err(lines).to_string();
        assert!(error.contains(told), "{lines}\n  told {error}\n  wanted {told}");
    }
    for (signature, told) in [
        ("{ header = \"a\", prefix = \"v1=\", field = \"v1\" }", "signature.prefix"),
        ("{ header = \"a\", assign = \":\" }", "signature.assign"),
        ("{ header = \"a\", positional = true, list = \",\" }", "signature.list"),
        ("{ query = \"a\", numbered = true }", "signature.numbered"),
    ] {
        let error = own(&format!("signature = {signature}")).expect_err(signature).to_string();
        assert!(error.contains(told), "{signature}: {error}");
    }
    let both = "signature = { header = \"a\" }\n[[forms]]\nsignature = { header = \"b\" }";
    assert!(own(both).expect_err("both").to_string().contains("with `forms`, each form says this for itself"));
    let in_body = "[[forms]]\nsignature = { json = \"a\" }\n[[forms]]\nsignature = { json = \"a\", prefix = \"b\" }";
    assert!(own(in_body).expect_err("in the body").to_string().contains("only the first would ever be read"));
    assert!(
        own("signature = { header = \"x-sig\" }\nclaims = { query_body_hash = \"h\" }\ncontent = \"{url}\"").is_ok()
    );
}

#[test]
fn a_time_beside_a_signature_in_the_body_counts() {
    let lines = "signature = { form = \"sig\", field = \"v1\" }\ncontent = \"{timestamp}.{form:p}\"\ntimestamp = { field = \"t\" }";
    let verifier = own(lines).expect("a scheme");
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
fn a_plain_hash_that_was_continued_without_the_secret_is_refused() {
    let preset: Arc<Preset> = presets::find("hubspot_v1").expect("a preset");
    assert_eq!(preset.scheme.weakness(), Some(Weakness::Extendable));
    let key = Secret::new(SEED).unwrap().key(preset.scheme.algorithm, &preset.scheme.secret).unwrap();
    let verifier = Verifier::new(preset, vec![key], None).unwrap();
    let honest = br#"[{"eventId":1}]"#;
    let captured: [u8; 32] = Sha256::digest([SEED.as_bytes(), honest].concat()).into();
    // What follows is made from the captured hash and the secret's length alone.
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
    let request = |signature: &[u8]| head("", &[("x-hubspot-signature", &hex::encode(signature))]);
    let code = |signature: &[u8], body: &[u8]| {
        let request = request(signature);
        verifier
            .receive(&request)
            .and_then(|received| received.verify(body, NOW, &Native).map(|_| ()))
            .err()
            .map(|e| e.code())
    };
    assert_eq!(code(&captured, honest), None);
    assert_eq!(code(&forged, &body), Some("not_canonical"));
}

#[test]
fn a_secret_that_can_be_found_by_trying_is_refused() {
    let source = |provider: &str, secret: &'static str| {
        let sources = json!({ "x": { "provider": provider, "secrets": ["SECRET"] } });
        let lookup = move |name: &str| match name {
            "SECRET" => Some(secret.to_owned()),
            "ORIGIN" => Some("https://origin.example".to_owned()),
            _ => None,
        };
        let config = Config::parse(&sources, BINDINGS, &lookup).expect("a table of sources");
        config.source("x").expect("the source").map(|source| source.verifier.shortest_secret()).map_err(Clone::clone)
    };
    assert_eq!(source("github", "12345678"), Ok(Some(8)));
    // Seven bytes, as they are and once decoded.
    for (provider, secret) in
        [("github", "1234567"), ("standard_webhooks", "whsec_MTIzNDU2Nw=="), ("gitlab_token", "1234567")]
    {
        let error = source(provider, secret).expect_err(provider).to_string();
        assert!(error.contains("SECRET has less than 8 bytes") && !error.contains("1234567"), "{error}");
    }
}

#[test]
fn a_token_that_names_its_key_is_tried_with_that_key_alone() {
    use hookgate_verify::{Crypto, Hash, PublicAlgorithm, PublicKey};
    use std::cell::Cell;
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
    let verifier = verifier.at("https://hooks.example.com/webhooks/x".to_owned()).of("somebody".to_owned());
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
fn a_scheme_that_signs_named_members_is_weak() {
    let weakness = |content: &str| {
        let verifier = own(&format!("signature = {{ header = \"x-sig\" }}\ncontent = \"{content}\"")).expect(content);
        verifier.preset().scheme.weakness()
    };
    for content in ["{form:x}", "{lines:ts,amount}", "v1.{lines:ts}", "{json:id}"] {
        assert_eq!(weakness(content), Some(Weakness::Partial), "{content}");
    }
    assert_eq!(weakness("{method}"), Some(Weakness::Unsigned));
    assert_eq!(weakness("{body}"), None);
    for name in ["aws_sns", "aws_sns_v1", "braintree"] {
        assert_eq!(presets::find(name).expect(name).scheme.weakness(), Some(Weakness::Partial), "{name}");
    }
}
