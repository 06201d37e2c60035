//! The errors of own schemes and of presets: mistakes, and settings without effect.

use super::{error, lookup, mistake, source};
use serde_json::json;

/// Lines of an own scheme, and the error. A scheme without `signature` and `algorithm` gets a signature.
const MISTAKES: &[(&str, &str)] = &[
    ("", "SOURCES.x.scheme.signature: is missing: write its location, such as { header = \"x-signature\" }"),
    ("algorithm = 'hmac-sha265'", "scheme.algorithm: \"hmac-sha265\": unknown (did you mean `hmac-sha256`?)"),
    ("signatur = {}", "SOURCES.x.scheme.signatur: unknown key (did you mean `signature`?)"),
    ("signature = { header = 'X-Sig' }", "signature.header: \"X-Sig\": a header name must be in lower case"),
    ("signature = { encoding = 'hex' }", "signature.header: needs one of `header`, `query`, `json` and `form`"),
    (
        "signature = { header = 'a', encoding = 'hxe' }",
        "encoding: \"hxe\": must be one of hex, base64, base64url, text",
    ),
    ("signature = { header = 'a', field = 'v1', assign = '::' }", "assign: \"::\": must be the one character"),
    (
        "signature = { header = 'a' }\ntimestamp = { field = 't' }\ncontent = '{timestamp}{body}'",
        "signature.field: is missing",
    ),
    ("content = '{bdy}'", "scheme.content: \"{bdy}\": has {bdy}, which is not a part (did you mean `body`?)"),
    ("content = '{header:a}{header:b}{body}'", "has two parts side by side that a sender chooses"),
    ("content = '{timestamp}.{body}'", "has {timestamp}, so `timestamp` needs a `header` or a `field`"),
    (
        "timestamp = { header = 'x-time' }",
        "scheme.content: does not cover the timestamp: write {timestamp} where it is signed",
    ),
    ("timestamp = {}", "scheme.timestamp: needs one of `header`, `field`, `json` and `claim`"),
    ("timestamp = { json = 'at' }\ncontent = '{json:id}'", "scheme.timestamp: $.at is not covered by the signature"),
    ("id = { header = 'x-id' }", "scheme.id: the signature does not cover x-id: write {header:x-id} into `content`"),
    ("id = { json = 'id' }\ncontent = '{json:at}'", "scheme.id: the signature does not cover $.id"),
    ("id = {}", "scheme.id: needs one of `header` and `json`"),
    ("id = { json = 'a..b' }", "scheme.id.json: \"a..b\": must be a path of keys"),
    ("account = 'who'\ncontent = '{json:at}'", "scheme.account: \"who\": $.who is not covered by the signature"),
    ("secret = 'rot13'", "scheme.secret: \"rot13\": must be one of utf8, hex, base64"),
    ("keys = { jwks = 'http://keys.example' }", "scheme.keys: needs `jwks`, the https URL of a JSON Web Key Set"),
    ("retry_span = '2'", "scheme.retry_span: \"2\": must be a duration with its unit"),
    ("handshakes = [{ text = '{challenge}' }]", "handshakes[0].challenge: is missing: the answer needs it"),
    (
        "signature = { header = 'a', list = '', field = 'v1' }",
        "signature.list: \"\": must be the one or two characters that separate entries",
    ),
    (
        "handshakes = [{ when = '!json:token=a' }]",
        "handshakes[0].when: \"!json:token=a\": `!` means that the location is empty, so it has no text",
    ),
    (
        "handshakes = [{ method = 'options' }]",
        "handshakes[0].method: \"options\": must be one of GET, HEAD, OPTIONS, POST, PUT",
    ),
    ("handshakes = [{ headers = { x-a = '{challenge}' } }]", "handshakes[0].challenge: is missing: the answer needs"),
    ("handshakes = [{ headers = { X-A = 'b' } }]", "handshakes[0].headers: a header name must be in lower case"),
    ("handshakes = [{ headers = { set-cookie = 'b' } }]", "`set-cookie` is not a header that a reply may set"),
    ("handshakes = [{ headers = { x-a = \"b\\n\" } }]", "handshakes[0].headers: `x-a` must be a text of plain letters"),
    ("handshakes = [{ headers = { x-a = 1 } }]", "handshakes[0].headers: `x-a` must be a text of plain letters"),
    ("answer = 'none'", "scheme.answer: \"none\": must be one of empty"),
    ("answer = {}", "scheme.answer.body: is missing: the body of each answer 200"),
    ("answer = { body = 'x', type = 'x' }", "scheme.answer.type: \"x\": must be a media type"),
    ("answer = { body = 'x', status = 201 }", "scheme.answer.status: unknown key"),
    ("handshakes = [{ installs = true }]", "handshakes[0].challenge: is missing: the answer needs it"),
    ("handshakes = [{ json = { type = 1 } }]", "handshakes[0].json: `type` must be a text in quotes"),
    ("handshakes = [{ text = 'a', json = { b = 'c' } }]", "handshakes[0].text: \"a\": and `json` are two answers"),
    (
        "handshakes = [{ challenge = 'body' }]",
        "handshakes[0].challenge: \"body\": must be header:NAME, query:NAME, json:PATH or form:NAME",
    ),
    ("claims = { iss = 'me' }", "scheme.claims: have no effect: claims are in a signed token"),
    ("claims = { body_hash = 'h' }", "scheme.claims: have no effect: claims are in a signed token"),
    ("claims = { query_body_hash = 'h' }", "is in the query, which the signature does not cover"),
    (
        "claims = { query_body_hash = 'h' }\ncontent = '{url}{body}'",
        "is in the query, which the signature does not cover",
    ),
    ("timestamp = { claim = 'iat' }", "scheme.timestamp: is a claim of a signed token"),
    ("keys = { jwks = 'https://keys.example.com/jwks' }", "scheme.keys: are public keys"),
    (
        "algorithm = 'jwt-hs256'\nsignature = { header = 'a' }\ncontent = '{body}'",
        "scheme.content: \"{body}\": has no effect: a token signs only its own header and claims",
    ),
    (
        "algorithm = 'token'\nsignature = { header = 'a' }\ncontent = '{body}'",
        "scheme.content: \"{body}\": has no effect: the sender sends the secret itself",
    ),
    (
        "algorithm = 'jwt-hs256'\nsignature = { header = 'a' }\nclaims = { body_hash_encoding = 'hex' }",
        "claims.body_hash_encoding: \"hex\": needs `body_hash`",
    ),
    (
        "content = '{header:x-id}.{body}'\nid = { header = 'x-id', missing = 'digest' }",
        "scheme.id.missing: \"digest\": has no effect: each request has the signed header",
    ),
    ("signature = { header = 'a', prefix = 'v1=', field = 'v1' }", "signature.prefix: \"v1=\": has no effect"),
    ("signature = { header = 'a', assign = ':' }", "signature.assign: \":\": has no effect"),
    ("signature = { header = 'a', positional = true, list = ',' }", "signature.list: \",\": has no effect"),
    ("signature = { query = 'a', numbered = true }", "signature.numbered: needs `header`"),
    (
        "signature = { header = 'a' }\n[[scheme.forms]]\nsignature = { header = 'b' }",
        "scheme.signature: has no effect beside `forms`",
    ),
    (
        "[[scheme.forms]]\nsignature = { json = 'a' }\n[[scheme.forms]]\nsignature = { json = 'a', prefix = 'b' }",
        "scheme.forms: must have one element if the signature is in the body",
    ),
];

#[test]
fn the_error_of_a_mistake_names_its_key_and_the_remedy() {
    const SIGNED: &str = "signature = { header = 'x-sig' }\n";
    let of_query = "claims = { query_body_hash = 'h' }\ncontent = '{url}'";
    assert_eq!(mistake(&format!("{SIGNED}{of_query}")), "", "the signature covers the query");
    for (scheme, told) in MISTAKES {
        let own = scheme.is_empty()
            || scheme.contains("signature =")
            || scheme.contains("algorithm")
            || scheme.contains("signatur ");
        let error = mistake(&if own { (*scheme).to_owned() } else { format!("{SIGNED}{scheme}") });
        assert!(error.contains(told), "{scheme}\n  told {error}\n  wanted {told}");
    }
}

#[test]
fn a_source_cannot_have_a_provider_and_a_scheme() {
    let both = source("provider = 'github'\nsecrets = ['SECRET']\n[scheme]\nsignature = { header = 'a' }");
    let error = error(&both, lookup);
    assert!(error.contains("and `scheme` both say how requests are signed"), "{error}");
}

#[test]
fn the_error_names_every_other_setting_that_a_provider_needs() {
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
            "SECRET is not a public key of this provider's algorithm",
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
        let error = error(&table, lookup);
        assert!(error.contains(told), "told {error}\n  wanted {told}");
    }
    for table in [
        json!({ "provider": "aws_sns", "account": "arn:aws:sns:eu-central-1:1:t" }),
        json!({ "provider": "asana", "handshake": "armed" }),
        json!({ "provider": "fal" }),
        json!({ "provider": "meta", "secrets": ["SECRET"], "handshake_secret": "SECRET" }),
    ] {
        assert_eq!(error(&table, lookup), "", "{table}");
    }
}
