//! A provider's tests of an endpoint, as they are written.

use super::ConfigError;
use super::Fields;
use super::header_name;
use crate::{
    Alphabet, Condition, Encoding, Handshake, HandshakeProof, JsonPath, Location, Reply, ReplyBody, ReplyPart,
};

const KEYS: &[&str] = &[
    "method",
    "when",
    "proof",
    "challenge",
    "alphabet",
    "installs",
    "visits",
    "status",
    "header",
    "headers",
    "text",
    "json",
];

/// The methods that tests come with.
const METHODS: &[&str] = &["GET", "HEAD", "OPTIONS", "POST", "PUT"];

/// The headers of every answer, and what a runtime writes itself.
const NOT_FOR_REPLIES: &[&str] = &[
    "cache-control",
    "x-content-type-options",
    "content-type",
    "content-length",
    "transfer-encoding",
    "connection",
    "set-cookie",
    "location",
];

/// Reads the tables under `handshakes`.
pub(super) fn parse(fields: &Fields<'_>, into: &mut Vec<Handshake>) -> Result<(), ConfigError> {
    for (number, table) in fields.tables("handshakes")?.unwrap_or_default().iter().enumerate() {
        let path = fields.key(&format!("handshakes[{number}]"));
        into.push(parse_one(&Fields::of(&path, table, KEYS)?)?);
    }
    Ok(())
}

fn parse_one(fields: &Fields<'_>) -> Result<Handshake, ConfigError> {
    let place = |key: &str, text: &str| {
        place(text)
            .ok_or_else(|| fields.error(key, "must be header:NAME, query:NAME, json:PATH or form:NAME".to_owned()))
    };
    let mut when = Vec::new();
    for text in fields.one_or_more("when")? {
        when.push(match (text.strip_prefix('!'), text.split_once('=')) {
            (Some(_), Some(_)) => {
                let problem = "a place that must have nothing has no text: write \"!json:token\"";
                return Err(fields.error("when", problem.to_owned()));
            }
            (Some(at), None) => (place("when", at)?, Condition::Nothing),
            (None, Some((at, wanted))) => (place("when", at)?, Condition::Text(wanted.to_owned())),
            (None, None) => (place("when", text)?, Condition::Any),
        });
    }
    let proof = match fields.text("proof")?.unwrap_or("nothing") {
        "signature" => HandshakeProof::Signature,
        "nothing" => HandshakeProof::Nothing,
        text => HandshakeProof::VerifyToken(place("proof", text.strip_prefix("token ").unwrap_or(text))?),
    };
    let alphabet = match fields.choice("alphabet", &["word", "base64", "prose"])? {
        Some("base64") => Alphabet::Base64,
        Some("prose") => Alphabet::Prose,
        _ => Alphabet::Word,
    };
    let body = match (fields.text("text")?, fields.map("json")?) {
        (Some(text), None) => ReplyBody::Text(pieces(text)),
        (None, Some(json)) => {
            let mut texts = Vec::new();
            for (key, value) in json {
                let Some(text) = value.as_str() else {
                    return Err(fields.error("json", format!("`{key}` must be a text in quotes")));
                };
                texts.push((key.clone(), pieces(text)));
            }
            ReplyBody::Json(texts)
        }
        (None, None) => ReplyBody::Empty,
        (Some(_), Some(_)) => return Err(fields.error("text", "and `json` are two answers: take one out".to_owned())),
    };
    let status = fields.number("status")?.unwrap_or(200);
    let challenge = fields.text("challenge")?.map(|text| place("challenge", text)).transpose()?;
    let installs = fields.flag("installs")?;
    let reply = Reply { status, headers: parse_headers(fields)?, body };
    if challenge.is_none() && (installs || reply.has_challenge()) {
        let problem = "is missing: the answer needs it; say where it stands, as \"json:challenge\"";
        return Err(fields.error("challenge", problem.to_owned()));
    }
    Ok(Handshake {
        method: fields.choice("method", METHODS)?.unwrap_or("POST").to_owned(),
        when,
        proof,
        challenge,
        alphabet,
        installs,
        visits: fields.path("visits")?,
        reply,
    })
}

/// The headers of a reply: `header` has the challenge, `headers` what is written there.
fn parse_headers(fields: &Fields<'_>) -> Result<Vec<(String, Vec<ReplyPart>)>, ConfigError> {
    let header = fields.text("header")?.map(|name| ("header", name, vec![ReplyPart::Challenge]));
    let mut headers: Vec<(&str, &str, Vec<ReplyPart>)> = header.into_iter().collect();
    for (name, value) in fields.map("headers")?.into_iter().flatten() {
        let plain = |text: &&str| text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        let Some(text) = value.as_str().filter(plain) else {
            return Err(fields.error("headers", format!("`{name}` must be a text of plain letters, in quotes")));
        };
        let pieces = pieces(text);
        if pieces.contains(&ReplyPart::Account) {
            return Err(fields.error("headers", format!("`{name}` must have no {{account}}, which may be any text")));
        }
        headers.push(("headers", name, pieces));
    }
    let mut written = Vec::new();
    for (key, name, pieces) in headers {
        let name = header_name(fields, key, name)?;
        if NOT_FOR_REPLIES.contains(&name.as_str()) {
            return Err(fields.error(key, format!("`{name}` is not a header that a reply may set: take it out")));
        }
        written.push((name, pieces));
    }
    Ok(written)
}

fn place(text: &str) -> Option<Location> {
    match text.split_once(':')? {
        ("header", name) => Some(Location::Header(name.to_owned())),
        ("query", name) => Some(Location::Query(name.to_owned())),
        ("json", path) => JsonPath::parse(path).map(Location::Json),
        ("form", name) => Some(Location::Form(name.to_owned())),
        _ => None,
    }
}

/// A text with `{challenge}`, `{mac_hex}`, `{mac_base64}` and `{account}` in it.
fn pieces(text: &str) -> Vec<ReplyPart> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((literal, tail)) = rest.split_once('{') {
        // A brace that never closes is answered as it stands.
        let Some((name, tail)) = tail.split_once('}') else { break };
        pieces.extend((!literal.is_empty()).then(|| ReplyPart::Literal(literal.to_owned())));
        pieces.push(match name {
            "challenge" => ReplyPart::Challenge,
            "mac_hex" => ReplyPart::Mac(Encoding::Hex),
            "mac_base64" => ReplyPart::Mac(Encoding::Base64),
            "account" => ReplyPart::Account,
            other => ReplyPart::Literal(format!("{{{other}}}")),
        });
        rest = tail;
    }
    pieces.extend((!rest.is_empty()).then(|| ReplyPart::Literal(rest.to_owned())));
    pieces
}
