//! Several signatures in one header, and the spellings of a time.

use super::{NOW, configured, head, lookup, mac, mistake, outcome, own, verify};
use hookgate_verify::native::Native;

#[test]
fn a_repeated_header_is_a_list_of_signatures() {
    let mac = mac("hello");
    let other = "0".repeat(64);
    let told = |scheme: &str, value: String| outcome(&own(scheme), &[("x-sig", &value)], "hello");
    let prefixed = "signature = { header = 'x-sig', prefix = ['', 'sha256='] }";
    assert_eq!(told(prefixed, format!("sha256={mac}")), "proven");
    assert_eq!(told(prefixed, mac.clone()), "proven");
    assert_eq!(told(prefixed, format!("sha256={other}, sha256={mac}")), "proven");
    assert_eq!(told(prefixed, format!("{other} ,sha256={mac}")), "proven");
    assert_eq!(told(prefixed, format!("sha512={other}, sha256={mac}")), "signature_malformed");
    assert_eq!(told(prefixed, format!("sha256=sha256={mac}")), "signature_malformed");
    let single = "signature = { header = 'x-sig', prefix = 'v1,' }";
    assert_eq!(told(single, format!("v1,{mac}")), "proven");
    assert_eq!(told(single, format!("v1,{mac}, v1,{mac}")), "signature_malformed");
    let list = "signature = { header = 'x-sig', list = ',', field = 'v1' }";
    assert_eq!(told(list, format!("v1={other}, v0={other},\tv1={mac}")), "proven");
    for (keys, separator, assign) in
        [("list = ';', field = 'v1'", ";", "="), ("list = ' ', assign = ':', field = 'v1'", " ", ":")]
    {
        let scheme = format!("signature = {{ header = 'x-sig', {keys} }}");
        let (right, wrong) = (format!("v1{assign}{mac}"), format!("v1{assign}{other}"));
        assert_eq!(told(&scheme, format!("v0{assign}x{separator}{right}, {wrong}")), "proven", "{keys}");
        assert_eq!(told(&scheme, format!("{wrong}, {right}")), "proven", "{keys}");
        assert_eq!(told(&scheme, format!("{wrong},{right}")), "signature_malformed", "{keys}");
        assert_eq!(told(&scheme, format!("{right}, ")), "signature_malformed", "{keys}");
        assert_eq!(told(&scheme, [wrong.as_str(); 8].join(", ") + ", " + &right), "too_many_signatures", "{keys}");
    }
    // Only a header can be a list. In a query, a comma is a letter like any other.
    let query = format!("sig={mac},{mac}");
    let refused = verify(&own("signature = { query = 'sig' }"), &head(&query, &[]), "hello").expect_err("a comma");
    assert_eq!(refused.code(), "signature_malformed");
}

#[test]
fn a_repeated_list_without_names_has_one_time() {
    let scheme = own("signature = { header = 'x-sig', positional = true }\n\
                      content = '{timestamp}.{body}'\ntimestamp = { field = 't' }");
    let mac = mac(&format!("{NOW}.hello"));
    let zeros = "0".repeat(64);
    let told = |value: String| outcome(&scheme, &[("x-sig", &value)], "hello");
    assert_eq!(told(format!("1768478400,{mac}")), "proven");
    assert_eq!(told(format!("1768478400,{mac}, 1768478400,{zeros}")), "proven");
    assert_eq!(told(format!("1768478400,{zeros}, 1768478400,{mac}")), "proven");
    assert_eq!(told(format!("1768478400,{mac}, 1768478401,{mac}")), "signature_malformed");
    assert_eq!(told(format!("1768478401,{zeros}, 1768478400,{mac}")), "signature_malformed");
    assert_eq!(told(format!("1768478400,{mac},")), "signature_malformed");
    assert_eq!(told("1768478400, 1768478400".to_owned()), "signature_malformed");
    assert_eq!(told(format!("1768478400,{}", [mac.as_str(); 9].join(", "))), "too_many_signatures");
}

#[test]
fn a_time_may_be_in_seconds_or_milliseconds() {
    let scheme = own("signature = { header = 'x-sig' }\ncontent = '{timestamp}.{body}'\n\
                      timestamp = { header = 'x-time', unit = 'unix' }");
    let told = |time: &str, signed: &str| {
        outcome(&scheme, &[("x-sig", &mac(&format!("{signed}.hello"))), ("x-time", time)], "hello")
    };
    assert_eq!(told("1768478400", "1768478400"), "proven");
    assert_eq!(told("1768478400123", "1768478400123"), "proven");
    assert_eq!(told("176847840012", "176847840012"), "timestamp_malformed");
    assert_eq!(told("1768478400", "1768478400123"), "signature_mismatch", "the text of the time is signed");
    let touching =
        "signature = { header = 'x' }\ncontent = '{timestamp}{body}'\ntimestamp = { header = 't', unit = 'unix' }";
    assert!(mistake(touching).contains("bytes could move between {timestamp} and {body}"), "{}", mistake(touching));
    let digits = touching.replace("{timestamp}{body}", "{timestamp}0{body}");
    assert!(mistake(&digits).contains("bytes could move between {timestamp} and 0"), "{}", mistake(&digits));
}

#[test]
fn a_time_in_utc_may_have_no_zone() {
    let scheme = own("signature = { header = 'x-sig', list = ' ', field = 'v1' }\ncontent = 'v1:{timestamp}:{body}'\n\
                      timestamp = { header = 'x-time', unit = 'rfc3339-utc' }");
    let (bare, zoned) = ("2026-01-15T12:00:00.551", "2026-01-15T12:00:00+00:00");
    let told = |time: &str, signed: &str, body: &str| {
        let signature = format!("v1={}", mac(&format!("v1:{signed}:hello")));
        outcome(&scheme, &[("x-sig", &signature), ("x-time", time)], body)
    };
    assert_eq!(told(bare, bare, "hello"), "proven");
    assert_eq!(told(zoned, zoned, "hello"), "proven");
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
            "signature = {{ header = 'x' }}\ncontent = '{content}'\ntimestamp = {{ header = 't', unit = 'rfc3339-utc' }}"
        );
        assert!(mistake(&scheme).contains(&format!("bytes could move between {between}")), "{}", mistake(&scheme));
    }
}

#[test]
fn a_token_may_contain_commas_and_its_header_may_be_repeated() {
    let scheme = own("algorithm = 'token'\nsignature = { header = 'x-token', prefix = 'Bearer ' }");
    let told = |token: &str, value: &str| {
        let config = configured(&scheme, |name| if name == "SECRET" { Some(token.to_owned()) } else { lookup(name) });
        let head = head("", &[("x-token", value)]);
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
    // A list with more elements than a request may have signatures is one token.
    assert_eq!(told("1,2,3,4,5,6,7,8,9,10", "Bearer 1,2,3,4,5,6,7,8,9,10"), "proven");
    let eight = "Bearer wrong-one, ".repeat(7) + "Bearer a-token-of-a-user";
    assert_eq!(told("a-token-of-a-user", &eight), "signature_mismatch");
}
