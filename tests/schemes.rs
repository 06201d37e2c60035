//! Schemes of one's own, in `[vars.SOURCES.x.scheme]`: what they verify, and what each mistake is told.

#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use hookgate::config::{Bindings, Config};
use hookgate_verify::native::{Native, RequestHead};
use hookgate_verify::{UnixTime, VerifyError};
use serde_json::json;

const ALL: Bindings = Bindings { dedup: true, events: true, claims: true, payloads: true, log: true, rejects: true };
/// 2026-01-15T12:00:00Z
const NOW: UnixTime = UnixTime::from_seconds(1_768_478_400);

fn lookup(name: &str) -> Option<String> {
    match name {
        "SECRET" => Some("a-shared-secret".to_owned()),
        "PUBLIC_URL" => Some("https://hooks.example.com/".to_owned()),
        "ORIGIN" => Some("https://origin.example".to_owned()),
        _ => None,
    }
}

/// The source in this text, as it stands in wrangler.toml.
fn source(text: &str) -> Config {
    let table: toml::Table = text.parse().unwrap_or_else(|error| panic!("{error}"));
    Config::parse(&json!({ "x": table }), ALL, &lookup).expect("a table of sources")
}

/// What becomes of a request to the source in this text: the event's id, or why there is none.
fn verify(text: &str, headers: &[(&str, &str)], body: &str) -> Result<String, VerifyError> {
    let config = source(text);
    let source = config.source("x").unwrap().unwrap_or_else(|error| panic!("{error}"));
    let headers: Vec<(String, String)> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let received = source.verifier.receive(&headers as &Vec<(String, String)>)?;
    Ok(received.verify(body.as_bytes(), NOW, &Native)?.identity().shown().unwrap_or_default())
}

fn mistake(scheme: &str) -> String {
    let text = format!("secrets = [\"SECRET\"]\n[scheme]\n{scheme}");
    source(&text).source("x").unwrap().expect_err(scheme).to_string()
}

/// The README's example. The signatures come from `openssl dgst -sha256 -hmac a-shared-secret`.
const IN_HOUSE: &str = r#"
secrets = ["SECRET"]
[scheme]
algorithm = "hmac-sha256"
signature = { header = "x-acme-signature", prefix = "v1=" }
content = "{timestamp}.{header:x-acme-delivery}.{body}"
timestamp = { header = "x-acme-time" }
id = { header = "x-acme-delivery" }
type = { json = "kind" }
retry_span = "2d"
"#;

#[test]
fn an_in_house_sender_in_ten_lines() {
    let mac = "91eb57dff6894942d28be4d36f33b8fa44ee29cbe94d61fcee06a05604ab9738";
    let body = r#"{"kind":"order.paid"}"#;
    let signature = format!("v1={mac}");
    let headers = [("x-acme-signature", signature.as_str()), ("x-acme-time", "1768478400"), ("x-acme-delivery", "d-1")];
    assert_eq!(verify(IN_HOUSE, &headers, body), Ok("d-1".to_owned()));
    let mut other = headers;
    other[2].1 = "d-2";
    assert_eq!(verify(IN_HOUSE, &other, body).expect_err("another id").code(), "signature_mismatch");
    let config = source(IN_HOUSE);
    let source = config.source("x").unwrap().unwrap();
    assert_eq!(source.dedup_ttl.as_secs(), 7 * 86_400, "longer than it retries");
    assert_eq!(source.verifier.preset().retry_span.as_secs(), 2 * 86_400);
}

#[test]
fn two_lines_are_enough_where_the_body_is_signed_in_hex() {
    let text = "secrets = [\"SECRET\"]\n[scheme]\nsignature = { header = \"x-sig\" }";
    let id = verify(text, &[("x-sig", "4911f37842f5017757ad79bd8b096db967aac58855f7957ffa54f83965b5b34f")], "hello")
        .expect("authentic");
    assert!(id.starts_with("sha256:2cf24dba"), "{id}");
}

#[test]
fn basic_auth_and_tokens_are_schemes_too() {
    let basic = "secrets = [\"SECRET\"]\n[scheme]\nalgorithm = \"basic\"";
    // The secret is `user:password`; here it has no colon, and is sent as it is.
    assert!(verify(basic, &[("authorization", "Basic YS1zaGFyZWQtc2VjcmV0")], "x").is_ok());
    assert_eq!(verify(basic, &[("authorization", "Basic eDp5")], "x").expect_err("other").code(), "signature_mismatch");
    let token = "secrets = [\"SECRET\"]\n[scheme]\nalgorithm = \"token\"\nsignature = { header = \"x-token\" }";
    assert!(verify(token, &[("x-token", "a-shared-secret")], "x").is_ok());
    assert!(verify(token, &[("x-token", "a-shared-secre")], "x").is_err());
}

#[test]
fn a_header_that_came_twice_is_a_list_of_signatures() {
    let mac = "4911f37842f5017757ad79bd8b096db967aac58855f7957ffa54f83965b5b34f";
    let other = "0".repeat(64);
    let text = "secrets = [\"SECRET\"]\n[scheme]\nsignature = { header = \"x-sig\", prefix = [\"\", \"sha256=\"] }";
    let told = |text: &str, value: String| match verify(text, &[("x-sig", &value)], "hello") {
        Ok(_) => "proven",
        Err(error) => error.code(),
    };
    assert_eq!(told(text, format!("sha256={mac}")), "proven");
    assert_eq!(told(text, mac.to_owned()), "proven");
    assert_eq!(told(text, format!("sha256={other}, sha256={mac}")), "proven");
    assert_eq!(told(text, format!("{other} ,sha256={mac}")), "proven");
    assert_eq!(told(text, format!("sha512={other}, sha256={mac}")), "signature_malformed");
    assert_eq!(told(text, format!("sha256=sha256={mac}")), "signature_malformed");
    let single = "secrets = [\"SECRET\"]\n[scheme]\nsignature = { header = \"x-sig\", prefix = \"v1,\" }";
    assert_eq!(told(single, format!("v1,{mac}")), "proven");
    assert_eq!(told(single, format!("v1,{mac}, v1,{mac}")), "signature_malformed");
    let list = "secrets = [\"SECRET\"]\n[scheme]\nsignature = { header = \"x-sig\", list = \",\", field = \"v1\" }";
    assert_eq!(told(list, format!("v1={other}, v0={other},\tv1={mac}")), "proven");
    for (keys, separator) in
        [("list = \";\", field = \"v1\"", ";"), ("list = \" \", assign = \":\", field = \"v1\"", " ")]
    {
        let text = format!("secrets = [\"SECRET\"]\n[scheme]\nsignature = {{ header = \"x-sig\", {keys} }}");
        let assign = if keys.contains("assign") { ":" } else { "=" };
        let (right, wrong) = (format!("v1{assign}{mac}"), format!("v1{assign}{other}"));
        assert_eq!(told(&text, format!("v0{assign}x{separator}{right}, {wrong}")), "proven", "{keys}");
        assert_eq!(told(&text, format!("{wrong}, {right}")), "proven", "{keys}");
        assert_eq!(told(&text, format!("{wrong},{right}")), "signature_malformed", "{keys}");
        assert_eq!(told(&text, format!("{right}, ")), "signature_malformed", "{keys}");
        assert_eq!(told(&text, [wrong.as_str(); 8].join(", ") + ", " + &right), "too_many_signatures", "{keys}");
    }
    // Only a header is a list: in a query a comma is one like any other letter.
    let query = "secrets = [\"SECRET\"]\n[scheme]\nsignature = { query = \"sig\" }";
    let config = source(query);
    let query = format!("sig={mac},{mac}");
    let head = RequestHead { query, ..RequestHead::default() };
    let refused = config.source("x").unwrap().unwrap().verifier.receive(&head).err();
    assert_eq!(refused.map(|error| error.code()), Some("signature_malformed"));
}

#[test]
fn a_list_without_names_that_came_twice_has_one_time() {
    let text = "secrets = [\"SECRET\"]\n[scheme]\nsignature = { header = \"x-sig\", positional = true }\n\
                content = \"{timestamp}.{body}\"\ntimestamp = { field = \"t\" }";
    // `printf 1768478400.hello | openssl dgst -sha256 -hmac a-shared-secret`
    let mac = "152e93889609c5a8a7376f18dce7b37a2ff122c9ac95ab68fefb019521168371";
    let zeros = "0".repeat(64);
    let told = |value: String| match verify(text, &[("x-sig", &value)], "hello") {
        Ok(_) => "proven",
        Err(error) => error.code(),
    };
    assert_eq!(told(format!("1768478400,{mac}")), "proven");
    assert_eq!(told(format!("1768478400,{mac}, 1768478400,{zeros}")), "proven");
    assert_eq!(told(format!("1768478400,{zeros}, 1768478400,{mac}")), "proven");
    assert_eq!(told(format!("1768478400,{mac}, 1768478401,{mac}")), "signature_malformed");
    assert_eq!(told(format!("1768478401,{zeros}, 1768478400,{mac}")), "signature_malformed");
    assert_eq!(told(format!("1768478400,{mac},")), "signature_malformed");
    assert_eq!(told("1768478400, 1768478400".to_owned()), "signature_malformed");
    assert_eq!(told(format!("1768478400,{}", [mac; 9].join(", "))), "too_many_signatures");
}

#[test]
fn a_time_may_be_in_seconds_or_milliseconds() {
    let text = "secrets = [\"SECRET\"]\n[scheme]\nsignature = { header = \"x-sig\" }\n\
                content = \"{timestamp}.{body}\"\ntimestamp = { header = \"x-time\", unit = \"unix\" }";
    // `printf TIME.hello | openssl dgst -sha256 -hmac a-shared-secret`
    let seconds = "152e93889609c5a8a7376f18dce7b37a2ff122c9ac95ab68fefb019521168371";
    let milliseconds = "ffeddd5f1414ce990cef889c9971fc153f873aca3889739d6296c9fb12090866";
    let neither = "4d6a8d697ff149e511164e0bc04abb5678a36e589075882f72d41cf82e7610be";
    let told = |time: &str, mac: &str| match verify(text, &[("x-sig", mac), ("x-time", time)], "hello") {
        Ok(_) => "proven",
        Err(error) => error.code(),
    };
    assert_eq!(told("1768478400", seconds), "proven");
    assert_eq!(told("1768478400123", milliseconds), "proven");
    assert_eq!(told("176847840012", neither), "timestamp_malformed");
    assert_eq!(told("1768478400", milliseconds), "signature_mismatch", "what is signed is the text");
    let touching = "signature = { header = \"x\" }\ncontent = \"{timestamp}{body}\"\ntimestamp = { header = \"t\", unit = \"unix\" }";
    assert!(mistake(touching).contains("bytes could move between {timestamp} and {body}"), "{}", mistake(touching));
    let digits = touching.replace("{timestamp}{body}", "{timestamp}0{body}");
    assert!(mistake(&digits).contains("bytes could move between {timestamp} and 0"), "{}", mistake(&digits));
}

#[test]
fn a_time_in_utc_may_leave_out_its_zone() {
    let text = "secrets = [\"SECRET\"]\n[scheme]\nsignature = { header = \"x-sig\", list = \" \", field = \"v1\" }\n\
                content = \"v1:{timestamp}:{body}\"\ntimestamp = { header = \"x-time\", unit = \"rfc3339-utc\" }";
    // `printf v1:TIME:hello | openssl dgst -sha256 -hmac a-shared-secret`
    let bare = "v1=128fcc163c5c03c8a2fbd8ec8ed08dcf1ef33039e774590e1f156ddac04c269b";
    let zoned = "v1=8a2fe5bc8f577a885d2da70b32c873ce3641e8bcf738934b2ca4364f6a0e91a1";
    let told = |time: &str, mac: &str, body: &str| match verify(text, &[("x-sig", mac), ("x-time", time)], body) {
        Ok(_) => "proven",
        Err(error) => error.code(),
    };
    assert_eq!(told("2026-01-15T12:00:00.551", bare, "hello"), "proven");
    assert_eq!(told("2026-01-15T12:00:00+00:00", zoned, "hello"), "proven");
    assert_eq!(told("2026-01-15T12:00:00", zoned, "00:00:hello"), "signature_mismatch");
    assert_eq!(told("2026-01-15T12:00:00+00", zoned, "00:hello"), "timestamp_malformed");
    assert_eq!(told("2026-01-15T12:00:00.551:hello", bare, ""), "timestamp_malformed");
    assert_eq!(told("2026-01-15T14:00:00+02:00", bare, "hello"), "timestamp_malformed");
    for (content, between) in [
        ("{timestamp}{body}", "{timestamp} and {body}"),
        ("{timestamp}.{body}", "{timestamp} and ."),
        ("{timestamp}+{body}", "{timestamp} and +"),
        ("{timestamp}-{body}", "{timestamp} and -"),
        ("{timestamp}Z{body}", "{timestamp} and Z"),
        ("{timestamp}1{body}", "{timestamp} and 1"),
        ("{header:a|word}{timestamp}:{body}", "{header:a} and {timestamp}"),
    ] {
        let scheme = format!(
            "signature = {{ header = \"x\" }}\ncontent = \"{content}\"\ntimestamp = {{ header = \"t\", unit = \"rfc3339-utc\" }}"
        );
        assert!(mistake(&scheme).contains(&format!("bytes could move between {between}")), "{}", mistake(&scheme));
    }
}

#[test]
fn a_token_may_hold_commas_and_still_come_twice() {
    let lookup =
        |token: &'static str| move |name: &str| if name == "SECRET" { Some(token.to_owned()) } else { lookup(name) };
    let scheme = "algorithm = \"token\"\nsignature = { header = \"x-token\", prefix = \"Bearer \" }";
    let text = format!("secrets = [\"SECRET\"]\n[scheme]\n{scheme}");
    let told = |token: &'static str, value: &str| {
        let table: toml::Table = text.parse().unwrap();
        let lookup = lookup(token);
        let config = Config::parse(&json!({ "x": table }), ALL, &lookup).unwrap();
        let head = vec![("x-token".to_owned(), value.to_owned())];
        let verifier = &config.source("x").unwrap().unwrap().verifier;
        let proven = verifier.receive(&head).and_then(|received| received.verify(b"x", NOW, &Native).map(|_| ()));
        proven.map_or_else(|error| error.code(), |()| "proven")
    };
    assert_eq!(told("a,b, c, and more", "Bearer a,b, c, and more"), "proven");
    assert_eq!(told("a-token-of-a-user", "Bearer another, Bearer a-token-of-a-user"), "proven");
    assert_eq!(told("a-token-of-a-user", "Basic eDp5, Bearer a-token-of-a-user"), "proven");
    assert_eq!(told("a-token-of-a-user", "Bearer a-token, Bearer -of-a-user"), "signature_mismatch");
    assert_eq!(told("a-token-of-a-user", "Bearer a-token-of-a-user,x"), "proven");
    assert_eq!(told("a-token-of-a-user", "Bearer , Bearer"), "signature_mismatch");
    assert_eq!(told("a-token-of-a-user", "another, a-token-of-a-user"), "signature_malformed");
    assert_eq!(told("a-token-of-a-user", ", ,"), "signature_malformed");
    // More elements than a request may have signatures are one token.
    assert_eq!(told("1,2,3,4,5,6,7,8,9,10", "Bearer 1,2,3,4,5,6,7,8,9,10"), "proven");
    let eight = "Bearer wrong-one, ".repeat(7) + "Bearer a-token-of-a-user";
    assert_eq!(told("a-token-of-a-user", &eight), "signature_mismatch");
}

#[test]
fn a_signed_token_that_came_twice_is_refused() {
    // Two `Authorization` headers are no list: RFC 9110, section 11.6.2, allows one.
    let text = "secrets = [\"SECRET\"]\n[scheme]\nalgorithm = \"jwt-hs256\"\nsignature = { header = \"authorization\", prefix = \"Bearer \" }";
    // {"alg":"HS256"} and {}, signed by `openssl dgst -sha256 -hmac a-shared-secret`.
    let token = "Bearer eyJhbGciOiJIUzI1NiJ9.e30.dESkLQSkROGrvno5UUfRyNI_sZ8cszJPfY6Zg_iSH4k";
    assert!(verify(text, &[("authorization", token)], "x").is_ok());
    let twice = verify(text, &[("authorization", &format!("{token}, {token}"))], "x").expect_err("twice");
    assert_eq!(twice.code(), "signature_malformed");
    let several = "algorithm = \"jwt-hs256\"\nsignature = { header = \"authorization\", prefix = [\"Bearer \", \"\"] }";
    assert!(mistake(several).contains("signature.prefix: is one text before a token"), "{}", mistake(several));
    let many = "signature = { header = \"x\", prefix = [\"a\", \"b\", \"c\", \"d\", \"e\"] }";
    assert!(mistake(many).contains("signature.prefix: must be one to 4 texts"), "{}", mistake(many));
}

/// A manifest whose parts a request may lack, and an id that is signed in either case.
const MANIFEST: &str = r#"
secrets = ["SECRET"]
[scheme]
signature = { header = "x-sig", field = "v1" }
timestamp = { field = "ts" }
content = [
    "[id:{lower_query:data.id};][request-id:{header:x-request-id};]ts:{timestamp};",
    "[id:{query:data.id};][request-id:{header:x-request-id};]ts:{timestamp};",
]
id = { header = "x-request-id" }
identity = "content"
"#;

/// What becomes of a request with this query and request id, and this MAC: the event's identity, or why there is none.
fn manifest(query: &str, request_id: Option<&str>, mac: &str) -> Result<String, VerifyError> {
    let config = source(MANIFEST);
    let mut headers = vec![("x-sig".to_owned(), format!("ts=1768478400,v1={mac}"))];
    headers.extend(request_id.map(|id| ("x-request-id".to_owned(), id.to_owned())));
    let head = RequestHead { query: query.to_owned(), headers, ..RequestHead::default() };
    let verifier = &config.source("x").unwrap().unwrap().verifier;
    let shown = verifier.receive(&head)?.verify(b"{}", NOW, &Native)?.identity().shown();
    Ok(shown.unwrap_or_default().chars().take(11).collect())
}

#[test]
fn a_value_in_brackets_may_be_missing_and_is_signed_where_it_is_there() {
    // From `openssl dgst -sha256 -hmac a-shared-secret`.
    let whole = "e5b95de1879ae7c5725626cd2bd79c96c9e1b5ca1f6abf12956b6e9a67d5ef4c";
    let kept = "388f2d5a24a8ef7b01f155b9f50e7c16e001a5d70a39671badaaf37fee060112";
    let no_id = "eaee5e62c245d4fee1b08085260a9feac6391810aa14ab5066ac6da41835fca2";
    let no_request = "65f33e1f40ba566a0904ddcafc36e48856385810405663bee3d1e396b114f97b";
    let bare = "39a029e3f2be0abc3fc96657726de7e89d5205b6f74c0bdb8c8a82be6a1a7ec3";
    let proven = |query, request_id, mac| manifest(query, request_id, mac).map_err(|error| error.code());
    assert_eq!(proven("data.id=ORD01", Some("r1"), whole), Ok("r1".to_owned()));
    assert_eq!(proven("data.id=ORD01", Some("r1"), kept), Ok("r1".to_owned()));
    assert_eq!(proven("", Some("r1"), no_id), Ok("r1".to_owned()));
    assert_eq!(proven("data.id=ORD01", None, no_request).map(|id| id.starts_with("sha256:")), Ok(true));
    assert_eq!(proven("", None, bare).map(|id| id.starts_with("sha256:")), Ok(true));
    // What is there is signed, and what is missing is.
    for (query, request_id, mac) in [
        ("data.id=ORD01", Some("r1"), no_id),
        ("data.id=ORD01", Some("r1"), no_request),
        ("data.id=ORD01", Some("r1"), bare),
        ("", Some("r1"), whole),
        ("data.id=ORD01", None, whole),
        ("", None, whole),
        ("data.id=Ord01", Some("r1"), kept),
    ] {
        assert_eq!(proven(query, request_id, mac), Err("signature_mismatch"), "{query} {request_id:?}");
    }
    // An empty value is none of the sender's, and one that holds a separator could be two.
    assert_eq!(proven("data.id=", Some("r1"), no_id), Err("signed_header"));
    assert_eq!(proven("data.id=ORD01", Some(""), no_request), Err("signed_header"));
    assert_eq!(proven("", Some("r1;ts:1"), bare), Err("signed_header"));
    assert_eq!(
        proven("data.id=a%3Brequest-id:r1", None, "43dda637045f66c93172225107689da762eea3084cb25a8d3f40386d96bd120e"),
        Err("signed_header")
    );
    // It may hold what begins the next bracket.
    assert_eq!(
        proven("data.id=ts:1", None, "08f359a28faf689f8fa61b86232b795ed7b45271ab634ff439bb1a895b5c06d9").map(|_| ()),
        Ok(())
    );
    assert_eq!(proven("data.id=a&data.id=b", Some("r1"), no_id), Err("signed_header"));
}

#[test]
fn brackets_that_a_request_could_be_read_with_and_without_are_refused() {
    let told = |content: &str| {
        mistake(&format!(
            "signature = {{ header = \"x-sig\" }}\ntimestamp = {{ header = \"x-time\" }}\ncontent = {content}"
        ))
    };
    for content in [
        r#""[id:{query:id};]{timestamp}""#,
        r#""[id:{query:id};]{body}{timestamp}""#,
        r#""{timestamp}[.{header:x};]""#,
        r#""[a{query:id};][a{header:x};]{timestamp}""#,
        r#""[a{query:id};][ab{header:x};]ts{timestamp}""#,
        r#""[ab{query:id};][c{header:x};]a{timestamp}""#,
        r#""{timestamp}.{body}.[a{query:id};]""#,
        r#""{timestamp}.{body}.[a{query:id};]x""#,
        r#""{timestamp}:{header:y}[a{query:id};]b""#,
    ] {
        let error = told(content);
        assert!(
            error.contains("has a bracket with {") && error.contains("nothing tells whether a request lacks it"),
            "{error}"
        );
    }
    assert!(told(r#""[{query:id}]{timestamp}""#).contains("has brackets with something else than a text"));
    assert!(told(r#""[id:{query:id};]""#).contains("has nothing but brackets"));
    for content in [
        r#""{timestamp}.[id:{query:id};].{body}""#,
        r#""{timestamp}.[a{query:id};][b{header:x};]""#,
        r#""[[{timestamp}]].{body}""#,
    ] {
        let text = format!(
            "secrets = [\"SECRET\"]\n[scheme]\nsignature = {{ header = \"x-sig\" }}\ntimestamp = {{ header = \"x-time\" }}\ncontent = {content}"
        );
        if let Err(error) = source(&text).source("x").unwrap() {
            panic!("{content}: {error}");
        }
    }
    let signature = "signature = { header = \"x-sig\" }\n";
    let missing =
        "content = \"[id:{header:x-id};]of:{method} {body}\"\nid = { header = \"x-id\", missing = \"refuse\" }";
    let error = mistake(&format!("{signature}{missing}"));
    assert!(error.contains("id.missing: \"refuse\": would not be looked at: `identity`"), "{error}");
}

#[test]
fn several_contents_of_one_signature_are_tried_and_can_be_told_apart() {
    let text = "secrets = [\"SECRET\"]\n[scheme]\nsignature = { header = \"x-sig\" }\ntimestamp = { header = \"x-time\" }\n\
                content = [\"a:{timestamp}.{body}\", \"b:{header:x-id}:{timestamp}.{body}\"]";
    let told = |id: &str, mac: &str| {
        let mut headers = vec![("x-sig", mac), ("x-time", "1768478400")];
        headers.extend((!id.is_empty()).then_some(("x-id", id)));
        verify(text, &headers, "hello").map(|_| ()).map_err(|error| error.code())
    };
    assert_eq!(told("", "a34fd7d167c321a4177d86be7366d54be11e6daf4a1b6c98c800cc6f3c7e46ab"), Ok(()));
    assert_eq!(told("7", "a34fd7d167c321a4177d86be7366d54be11e6daf4a1b6c98c800cc6f3c7e46ab"), Ok(()));
    assert_eq!(told("7", "6835c1bfeda01161e113fb10120ffcb92ac023a0b9ae53992b055cd1d5707370"), Ok(()));
    assert_eq!(
        told("8", "6835c1bfeda01161e113fb10120ffcb92ac023a0b9ae53992b055cd1d5707370"),
        Err("signature_mismatch")
    );
    assert_eq!(told("", "6835c1bfeda01161e113fb10120ffcb92ac023a0b9ae53992b055cd1d5707370"), Err("signature_mismatch"));
    let signature = "signature = { header = \"x-sig\" }\n";
    for (lines, told) in [
        ("content = []", "scheme.content: must be one to 4 texts"),
        (
            "content = [\"1{body}\", \"2{body}\", \"3{body}\", \"4{body}\", \"5{body}\"]",
            "scheme.content: must be one to 4 texts",
        ),
        ("content = [\"1{body}\", \"2{body}\", \"3{body}\"]", "has more than 2 contents with the body"),
        ("content = [\"1{json:a}\", \"2{json:b}\"]", "{json:$.a} would be read from the body for each"),
        (
            "content = [\"{header:a}.{header:b}\", \"{header:b}.{header:a}\"]",
            "scheme.content: numbers 0 and 1 can be the same text",
        ),
    ] {
        let error = mistake(&format!("{signature}{lines}"));
        assert!(error.contains(told), "{lines}\n  told {error}\n  wanted {told}");
    }
}

#[test]
fn the_audience_of_a_token_is_a_text_or_a_list_of_texts() {
    // {"alg":"HS256"} and the claims named, signed by `openssl dgst -sha256 -hmac a-shared-secret`.
    let hooks = "eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJodHRwczovL2hvb2tzLmV4YW1wbGUuY29tL3dlYmhvb2tzL3gifQ.o8m6ZcaUo6G2h4aXhFVBlKCAKE89GpOGBCH1MauHz88";
    let tokens = [
        (hooks, Ok(())),
        (
            "eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOlsiaHR0cHM6Ly9vdGhlci5leGFtcGxlLyIsImh0dHBzOi8vaG9va3MuZXhhbXBsZS5jb20vd2ViaG9va3MveCJdfQ.Uf8_qdzGHvefFmkFDZKOduwb2pGpUnKUFy08f-5jBzU",
            Ok(()),
        ),
        (
            "eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOlsiaHR0cHM6Ly9vdGhlci5leGFtcGxlLyJdfQ.BEgDQOYeSRM3r3er9_YUASZkQ8jheO1p_6wsIb44VAg",
            Err("claim_mismatch"),
        ),
        ("eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOltdfQ.dPS3O2i3drua3BsgFVa6gpFIpd8utrEjwaoW1EYNZAk", Err("claim_mismatch")),
        (
            "eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOlsiaHR0cHM6Ly9ob29rcy5leGFtcGxlLmNvbS93ZWJob29rcy94IiwxXX0.ZOyg6eXhKVBpsDX51Q6o2xeeXyhFBYXec6BKnNhCapQ",
            Err("claim_mismatch"),
        ),
        (
            "eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOltbImh0dHBzOi8vaG9va3MuZXhhbXBsZS5jb20vd2ViaG9va3MveCJdXX0.ppwyEnLw1iVBbF87y2JTsn6Bc11o8QHhIAHFVZcOYE4",
            Err("claim_mismatch"),
        ),
        (
            "eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOnsiaHR0cHM6Ly9ob29rcy5leGFtcGxlLmNvbS93ZWJob29rcy94IjoxfX0.TIB6nyp8kZ8olPuW-DgWc89E1Y3IeHBn25mJIXFMjTM",
            Err("claim_mismatch"),
        ),
        (
            "eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOlsieCJdLCJhdWQiOlsiaHR0cHM6Ly9ob29rcy5leGFtcGxlLmNvbS93ZWJob29rcy94Il19.cVCq9IJXUIEYmyansZ9cZ4P2dOfEyOoGEeKv1P807Tg",
            Err("claim_mismatch"),
        ),
        (
            "eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJodHRwczovL2hvb2tzLmV4YW1wbGUuY29tL3dlYmhvb2tzL3gvIn0.vbG1sSCIyiKWsQLsD_2t9C-Lp3Fni8gIbgULJJu0Y80",
            Err("claim_mismatch"),
        ),
        (
            "eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJodHRwczovL0hPT0tTLmV4YW1wbGUuY29tL3dlYmhvb2tzL3gifQ._ma4tK19XSx_EieGOu8qBroT6rghLmwNXZC9vndmZqY",
            Err("claim_mismatch"),
        ),
        ("eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiIifQ.sC6_B3SYRsT-XV8sDo2sVPejCcTNR7AfFGyZQsE9nNg", Err("claim_mismatch")),
        ("eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOm51bGx9.k372T-TiB3CZqdPOZMBOJYiTk1ZmFK7fIw_-FkW1xM8", Err("claim_mismatch")),
    ];
    // No audience at all.
    let for_anybody = "eyJhbGciOiJIUzI1NiJ9.e30.dESkLQSkROGrvno5UUfRyNI_sZ8cszJPfY6Zg_iSH4k";
    let scheme = |audience: &str| {
        format!(
            "secrets = [\"SECRET\"]\nurl = \"https://hooks.example.com/webhooks/x\"\n[scheme]\nalgorithm = \"jwt-hs256\"\n\
             signature = {{ header = \"authorization\" }}\nclaims = {{ aud = \"{audience}\" }}"
        )
    };
    let told = |text: &str, token: &str| {
        verify(text, &[("authorization", token)], "{}").map(|_| ()).map_err(|error| error.code())
    };
    assert_eq!(told(&scheme("{url?}"), for_anybody), Ok(()));
    assert_eq!(told(&scheme("{url}"), for_anybody), Err("claim_mismatch"));
    for audience in ["{url}", "{url?}", "https://hooks.example.com/webhooks/x"] {
        for (token, outcome) in tokens {
            assert_eq!(told(&scheme(audience), token), outcome, "{audience} {token}");
        }
    }
    // Without a `url` there is nothing to compare with: PUBLIC_URL may be another name of the host than the provider has.
    let mut table: toml::Table = scheme("{url?}").parse().unwrap();
    table.remove("url");
    let config = Config::parse(&json!({ "x": table }), ALL, &lookup).unwrap();
    let verifier = &config.source("x").unwrap().unwrap().verifier;
    let head = vec![("authorization".to_owned(), tokens[2].0.to_owned())];
    assert!(verifier.receive(&head).unwrap().verify(b"{}", NOW, &Native).is_ok());
    let own = scheme("{url?}").replacen("https://hooks.example.com/webhooks/x", "https://own.example/hook", 1);
    assert_eq!(told(&own, hooks), Err("claim_mismatch"));
    assert_eq!(
        told(
            &own,
            "eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOlsiaHR0cHM6Ly9vd24uZXhhbXBsZS9ob29rIl19.GdMvywihbuLtOR6MdWbojBVnbyN6XoUl1RYKCY8TM9M"
        ),
        Ok(())
    );
}

#[test]
fn a_token_may_name_its_endpoint_and_the_body_s_digest_in_base64url() {
    let text = "secrets = [\"SECRET\"]\n[scheme]\nalgorithm = \"jwt-hs256\"\nsignature = { header = \"x-token\" }\n\
                claims = { sub = \"{url}\", body_hash = \"body\", body_hash_encoding = \"base64url\" }";
    // Signed by Python's hmac under a-shared-secret; the body is `hello`.
    for (token, expected, what) in [
        (
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodHRwczovL2hvb2tzLmV4YW1wbGUuY29tL3dlYmhvb2tzL3giLCJib2R5IjoiTFBKTnVsLXdvdzRtNkRzcXhibmluaHNXSGx3ZnAwSmVjd1F6WXBPTG1DUT0ifQ.XhxfPcv3ubsAI4q87DjRsmFxRE-x4FR6jW4eZCUJ2HI",
            "proven",
            "with padding",
        ),
        (
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodHRwczovL2hvb2tzLmV4YW1wbGUuY29tL3dlYmhvb2tzL3giLCJib2R5IjoiTFBKTnVsLXdvdzRtNkRzcXhibmluaHNXSGx3ZnAwSmVjd1F6WXBPTG1DUSJ9.RJjmj5aARshzwBIgjvSnaj5bUxd1ay93CfinbHLQiyQ",
            "proven",
            "without",
        ),
        (
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodHRwczovL2hvb2tzLmV4YW1wbGUuY29tL3dlYmhvb2tzL3giLCJib2R5IjoiTFBKTnVsLXdvdzRtNkRzcXhibmluaHNXSGx3ZnAwSmVjd1F6WXBPTG1DUT09In0.R-0TUHtjtNH3Plmz2Jp1kV3hnQb-gewvIHXhOJDVPVE",
            "claim_mismatch",
            "more padding than there is",
        ),
        (
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodHRwczovL2hvb2tzLmV4YW1wbGUuY29tL3dlYmhvb2tzL3giLCJib2R5IjoiTFBKTnVsLXdvdzRtNkRzcXhibmluaHNXSGx3ZnAwSmVjd1F6WXBPTG1DIn0.zIICfI4dIAyIuw1xN2pgWuxhLHwlzya1atRUPVDoRCg",
            "claim_mismatch",
            "cut off",
        ),
        (
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodHRwczovL2hvb2tzLmV4YW1wbGUuY29tL3dlYmhvb2tzL3gvIiwiYm9keSI6IkxQSk51bC13b3c0bTZEc3F4Ym5pbmhzV0hsd2ZwMEplY3dRellwT0xtQ1E9In0.gTPJfOm6GUld70_IElGB7nvkv_u7CG-tHu6c4A9WGEY",
            "claim_mismatch",
            "another URL",
        ),
        (
            "eyJhbGciOiJIUzI1NiJ9.eyJib2R5IjoiTFBKTnVsLXdvdzRtNkRzcXhibmluaHNXSGx3ZnAwSmVjd1F6WXBPTG1DUT0ifQ.WOFgYqifj-KIsFH5ge5d0ORrXH-IsOVdPx9rgSKcr9M",
            "claim_mismatch",
            "no URL",
        ),
        (
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOlsiaHR0cHM6Ly9ob29rcy5leGFtcGxlLmNvbS93ZWJob29rcy94Il0sImJvZHkiOiJMUEpOdWwtd293NG02RHNxeGJuaW5oc1dIbHdmcDBKZWN3UXpZcE9MbUNRPSJ9.c_ZSMQA_DfNrRNCO8rzT7ZYfWQ7Eqv22ggRga68geIE",
            "claim_mismatch",
            "a list",
        ),
        (
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodHRwczovL2hvb2tzLmV4YW1wbGUuY29tL3dlYmhvb2tzL3gifQ.nQWm78EiOFzw7jdmJ42XiZJyYj_ZW9Ojo5EE7o8Ne1Q",
            "claim_mismatch",
            "no digest",
        ),
        (
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodHRwczovL2hvb2tzLmV4YW1wbGUuY29tL3dlYmhvb2tzL3giLCJib2R5IjoiIn0.KDdHTCH6cFXFS8xVdpYpgodL-XSz36-Kdl307Id0iGc",
            "claim_mismatch",
            "an empty digest",
        ),
    ] {
        let told = verify(text, &[("x-token", token)], "hello").map_or_else(|error| error.code(), |_| "proven");
        assert_eq!(told, expected, "{what}");
    }
    let proven = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJodHRwczovL2hvb2tzLmV4YW1wbGUuY29tL3dlYmhvb2tzL3giLCJib2R5IjoiTFBKTnVsLXdvdzRtNkRzcXhibmluaHNXSGx3ZnAwSmVjd1F6WXBPTG1DUT0ifQ.XhxfPcv3ubsAI4q87DjRsmFxRE-x4FR6jW4eZCUJ2HI";
    assert_eq!(verify(text, &[("x-token", proven)], "hallo").expect_err("other").code(), "claim_mismatch");
    let table: toml::Table = text.parse().unwrap();
    let no_url = |name: &str| lookup(name).filter(|_| name != "PUBLIC_URL");
    let config = Config::parse(&json!({ "x": table }), ALL, &no_url).unwrap();
    let error = config.source("x").unwrap().expect_err("no URL").to_string();
    assert!(error.contains("SOURCES.x.url: is missing: this provider signs the URL"), "{error}");
}

#[test]
fn a_url_that_is_signed_comes_from_the_configuration() {
    let text = "secrets = [\"SECRET\"]\n[scheme]\nsignature = { header = \"x-sig\" }\ncontent = \"{url}{body}\"";
    let config = source(text);
    assert_eq!(config.source("x").unwrap().unwrap().verifier.url(), "https://hooks.example.com/webhooks/x");
    assert!(
        verify(
            text,
            &[
                ("x-sig", "15585700a1635eebe8491bd89b7174c9f7e6b0445149ce11cfe426eddeae49f4"),
                ("host", "attacker.example")
            ],
            "hello"
        )
        .is_ok()
    );
    let none = Config::parse(&json!({ "x": text.parse::<toml::Table>().unwrap() }), ALL, &|name| {
        lookup(name).filter(|_| name != "PUBLIC_URL")
    });
    let error = none.unwrap().source("x").unwrap().expect_err("no URL").to_string();
    assert!(error.contains("SOURCES.x.url: is missing: this provider signs the URL"), "{error}");
}

#[test]
fn a_mistake_is_told_where_it_stands_and_what_to_write() {
    const SIGNED: &str = "signature = { header = \"x-sig\" }\n";
    for (scheme, told) in [
        ("", "SOURCES.x.scheme.signature: is missing: say where it stands, as { header = \"x-signature\" }"),
        ("algorithm = \"hmac-sha265\"", "scheme.algorithm: \"hmac-sha265\": unknown (did you mean `hmac-sha256`?)"),
        ("signatur = {}", "SOURCES.x.scheme.signatur: unknown key (did you mean `signature`?)"),
        ("signature = { header = \"X-Sig\" }", "signature.header: \"X-Sig\": a header's name is written in lower case"),
        ("signature = { encoding = \"hex\" }", "signature.header: needs one of `header`, `query`, `json` and `form`"),
        (
            "signature = { header = \"a\", encoding = \"hxe\" }",
            "encoding: \"hxe\": must be one of hex, base64, base64url, text",
        ),
        (
            "signature = { header = \"a\", field = \"v1\", assign = \"::\" }",
            "assign: \"::\": must be the one character",
        ),
        (
            "signature = { header = \"a\" }\ntimestamp = { field = \"t\" }\ncontent = \"{timestamp}{body}\"",
            "signature.field: is missing",
        ),
        ("content = \"{bdy}\"", "scheme.content: \"{bdy}\": has {bdy}, which is no part (did you mean `body`?)"),
        ("content = \"{header:a}{header:b}{body}\"", "has two parts side by side that a sender chooses"),
        ("content = \"{timestamp}.{body}\"", "has {timestamp}, and no `timestamp` with a `header` or a `field`"),
        (
            "timestamp = { header = \"x-time\" }",
            "scheme.content: does not cover the timestamp: write {timestamp} where it is signed",
        ),
        ("timestamp = {}", "scheme.timestamp: needs one of `header`, `field`, `json` and `claim`"),
        (
            "timestamp = { json = \"at\" }\ncontent = \"{json:id}\"",
            "scheme.timestamp: $.at is not covered by the signature",
        ),
        (
            "id = { header = \"x-id\" }",
            "scheme.id: the signature does not cover x-id: write {header:x-id} into `content`",
        ),
        ("id = { json = \"id\" }\ncontent = \"{json:at}\"", "scheme.id: the signature does not cover $.id"),
        ("id = {}", "scheme.id: needs one of `header` and `json`"),
        ("id = { json = \"a..b\" }", "scheme.id.json: \"a..b\": must be a path of keys"),
        (
            "account = \"who\"\ncontent = \"{json:at}\"",
            "scheme.account: \"who\": $.who is not covered by the signature",
        ),
        ("secret = \"rot13\"", "scheme.secret: \"rot13\": must be one of utf8, hex, base64"),
        ("keys = { jwks = \"http://keys.example\" }", "scheme.keys: needs `jwks`, the https URL of a JSON Web Key Set"),
        ("retry_span = \"2\"", "scheme.retry_span: \"2\": must be a duration with its unit"),
        ("handshakes = [{ text = \"{challenge}\" }]", "handshakes[0].challenge: is missing: the answer needs it"),
        (
            "signature = { header = \"a\", list = \"\", field = \"v1\" }",
            "signature.list: \"\": must be the one or two characters that separate entries",
        ),
        (
            "handshakes = [{ when = \"!json:token=a\" }]",
            "handshakes[0].when: \"!json:token=a\": a place that must have nothing has no text",
        ),
        (
            "handshakes = [{ method = \"options\" }]",
            "handshakes[0].method: \"options\": must be one of GET, HEAD, OPTIONS, POST, PUT",
        ),
        (
            "handshakes = [{ headers = { x-a = \"{challenge}\" } }]",
            "handshakes[0].challenge: is missing: the answer needs",
        ),
        (
            "handshakes = [{ headers = { X-A = \"b\" } }]",
            "handshakes[0].headers: a header's name is written in lower case",
        ),
        ("handshakes = [{ headers = { set-cookie = \"b\" } }]", "`set-cookie` is not a header that a reply may set"),
        (
            "handshakes = [{ headers = { x-a = \"b\\n\" } }]",
            "handshakes[0].headers: `x-a` must be a text of plain letters",
        ),
        ("handshakes = [{ headers = { x-a = 1 } }]", "handshakes[0].headers: `x-a` must be a text of plain letters"),
        ("answer = \"none\"", "scheme.answer: \"none\": must be one of empty"),
        ("answer = {}", "scheme.answer.body: is missing: what each 200 has"),
        ("answer = { body = \"x\", type = \"x\" }", "scheme.answer.type: \"x\": must be a media type"),
        ("answer = { body = \"x\", status = 201 }", "scheme.answer.status: unknown key"),
        ("handshakes = [{ installs = true }]", "handshakes[0].challenge: is missing: the answer needs it"),
        ("handshakes = [{ json = { type = 1 } }]", "handshakes[0].json: `type` must be a text in quotes"),
        (
            "handshakes = [{ text = \"a\", json = { b = \"c\" } }]",
            "handshakes[0].text: \"a\": and `json` are two answers",
        ),
        (
            "handshakes = [{ challenge = \"body\" }]",
            "handshakes[0].challenge: \"body\": must be header:NAME, query:NAME, json:PATH or form:NAME",
        ),
    ] {
        let own = scheme.is_empty()
            || scheme.contains("signature =")
            || scheme.contains("algorithm")
            || scheme.contains("signatur ");
        let error = mistake(&if own { scheme.to_owned() } else { format!("{SIGNED}{scheme}") });
        assert!(error.contains(told), "{scheme}\n  told {error}\n  wanted {told}");
    }
}

#[test]
fn provider_and_scheme_do_not_go_together() {
    let both = source("provider = \"github\"\nsecrets = [\"SECRET\"]\n[scheme]\nsignature = { header = \"a\" }");
    let error = both.source("x").unwrap().expect_err("both").to_string();
    assert!(error.contains("and `scheme` both say how requests are signed"), "{error}");
}

#[test]
fn what_a_provider_needs_beside_a_secret_is_asked_for() {
    for (table, told) in [
        (json!({ "provider": "aws_sns" }), "SOURCES.x.account: is missing: the provider signs for all its users alike"),
        (json!({ "provider": "asana" }), "SOURCES.x.secrets: name 1 to 4 secrets"),
        (
            json!({ "provider": "meta", "secrets": ["SECRET"], "handshake_secret": "verify me" }),
            "names a Worker secret, such as META_VERIFY_TOKEN",
        ),
        (json!({ "provider": "meta", "secrets": ["SECRET"], "handshake_secret": "UNSET" }), "UNSET is not set"),
        (
            json!({ "provider": "slack", "secrets": ["SECRET"], "handshake": "on" }),
            "handshake: \"on\": must be one of armed",
        ),
        (
            json!({ "provider": "discord", "secrets": ["SECRET"] }),
            "SECRET is not a public key as this provider shows it",
        ),
        (
            json!({ "provider": "twilio", "secrets": ["SECRET"], "url": "a.example/?x=1" }),
            "url: \"a.example/?x=1\": must be the endpoint's URL",
        ),
        (
            json!({ "provider": "twilio_json", "secrets": ["SECRET"], "url": "https://a.example/?x=1" }),
            "url: \"https://a.example/?x=1\": must be without a query",
        ),
    ] {
        let config = Config::parse(&json!({ "x": table }), ALL, &lookup).unwrap();
        let error = config.source("x").unwrap().expect_err(told).to_string();
        assert!(error.contains(told), "told {error}\n  wanted {told}");
    }
    for table in [
        json!({ "provider": "aws_sns", "account": "arn:aws:sns:eu-central-1:1:t" }),
        json!({ "provider": "asana", "handshake": "armed" }),
        json!({ "provider": "fal" }),
        json!({ "provider": "meta", "secrets": ["SECRET"], "handshake_secret": "SECRET" }),
    ] {
        let config = Config::parse(&json!({ "x": table }), ALL, &lookup).unwrap();
        if let Err(error) = config.source("x").unwrap() {
            panic!("{table}: {error}");
        }
    }
}

#[test]
fn a_signed_query_value_may_not_hold_what_separates_it() {
    let text = "secrets = [\"SECRET\"]\n[scheme]\nsignature = { header = \"x-sig\" }\ncontent = \"{query:id}.{body}\"";
    let config = source(text);
    let verifier = &config.source("x").unwrap().unwrap().verifier;
    let code = |query| {
        let headers = vec![("x-sig".to_owned(), "00".repeat(32))];
        verifier
            .receive(&RequestHead { query: str::to_owned(query), headers, ..RequestHead::default() })
            .err()
            .map(|error| error.code())
    };
    assert_eq!(code("id=1"), None);
    assert_eq!(code("id=1.2"), Some("signed_header"));
    assert_eq!(code("id="), Some("signed_header"));
    assert_eq!(code(""), Some("signed_header"));
}
