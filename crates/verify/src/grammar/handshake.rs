//! Reads `handshakes`: the requests by which a provider tests an endpoint, and their answers.

use super::ConfigError;
use super::Fields;
use super::header_name;
use crate::{
    Alphabet, Condition, Encoding, Handshake, HandshakeProof, JsonPath, Location, Reply, ReplyBody, ReplyPart,
};

const KEYS: &[&str] = &[
    "method", "when", "proof", "challenge", "alphabet", "installs", "visits", "status", "header", "headers", "text",
    "json",
];

const METHODS: [&str; 5] = ["GET", "HEAD", "OPTIONS", "POST", "PUT"];

const ALPHABETS: &[(&str, Alphabet)] =
    &[("word", Alphabet::Word), ("base64", Alphabet::Base64), ("prose", Alphabet::Prose)];

/// Headers that a reply may not set: hookgate or the runtime writes them.
const NOT_FOR_REPLIES: &[&str] = &[
    "cache-control", "x-content-type-options", "content-type", "content-length", "transfer-encoding", "connection",
    "set-cookie", "location",
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
    let challenge = fields.text("challenge")?.map(|text| location(fields, "challenge", text)).transpose()?;
    let installs = fields.flag("installs")?;
    let status = fields.number("status")?.unwrap_or(200);
    let reply = Reply { status, headers: parse_headers(fields)?, body: parse_body(fields)? };
    if challenge.is_none() && (installs || reply.has_challenge()) {
        let problem = "is missing: the answer needs it; write its location, such as \"json:challenge\"";
        return Err(fields.error("challenge", problem.to_owned()));
    }
    let proof = match fields.text("proof")?.unwrap_or("nothing") {
        "signature" => HandshakeProof::Signature,
        "nothing" => HandshakeProof::Nothing,
        text => HandshakeProof::VerifyToken(location(fields, "proof", text.strip_prefix("token ").unwrap_or(text))?),
    };
    Ok(Handshake {
        method: fields.choice("method", &METHODS.map(|method| (method, method)))?.unwrap_or("POST").to_owned(),
        when: parse_conditions(fields)?,
        proof,
        challenge,
        alphabet: fields.choice("alphabet", ALPHABETS)?.unwrap_or(Alphabet::Word),
        installs,
        visits: fields.path("visits")?,
        reply,
    })
}

/// The conditions in `when`, each with the location that it is about.
fn parse_conditions(fields: &Fields<'_>) -> Result<Vec<(Location, Condition)>, ConfigError> {
    let mut conditions = Vec::new();
    for text in fields.one_or_more("when")? {
        let (at, condition) = match (text.strip_prefix('!'), text.split_once('=')) {
            (Some(_), Some(_)) => {
                let problem = "`!` means that the location is empty, so it has no text: write \"!json:token\"";
                return Err(fields.error("when", problem.to_owned()));
            }
            (Some(at), None) => (at, Condition::Nothing),
            (None, Some((at, wanted))) => (at, Condition::Text(wanted.to_owned())),
            (None, None) => (text, Condition::Any),
        };
        conditions.push((location(fields, "when", at)?, condition));
    }
    Ok(conditions)
}

fn parse_body(fields: &Fields<'_>) -> Result<ReplyBody, ConfigError> {
    match (fields.text("text")?, fields.map("json")?) {
        (Some(_), Some(_)) => Err(fields.error("text", "and `json` are two answers: remove one".to_owned())),
        (Some(text), None) => Ok(ReplyBody::Text(pieces(text))),
        (None, None) => Ok(ReplyBody::Empty),
        (None, Some(json)) => {
            let mut texts = Vec::new();
            for (key, value) in json {
                let problem = || fields.error("json", format!("`{key}` must be a text in quotes"));
                texts.push((key.clone(), pieces(value.as_str().ok_or_else(problem)?)));
            }
            Ok(ReplyBody::Json(texts))
        }
    }
}

/// The headers of a reply: `header` names the header with the challenge, `headers` has names and texts.
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
            return Err(fields.error(
                "headers",
                format!("`{name}` must not contain {{account}}, because an account may be any text"),
            ));
        }
        headers.push(("headers", name, pieces));
    }
    let mut written = Vec::new();
    for (key, name, pieces) in headers {
        let name = header_name(fields, key, name)?;
        if NOT_FOR_REPLIES.contains(&name.as_str()) {
            return Err(fields.error(key, format!("`{name}` is not a header that a reply may set: remove it")));
        }
        written.push((name, pieces));
    }
    Ok(written)
}

fn location(fields: &Fields<'_>, key: &str, text: &str) -> Result<Location, ConfigError> {
    let found = match text.split_once(':') {
        Some(("header", name)) => Some(Location::Header(name.to_owned())),
        Some(("query", name)) => Some(Location::Query(name.to_owned())),
        Some(("json", path)) => JsonPath::parse(path).map(Location::Json),
        Some(("form", name)) => Some(Location::Form(name.to_owned())),
        _ => None,
    };
    found.ok_or_else(|| fields.error(key, "must be header:NAME, query:NAME, json:PATH or form:NAME".to_owned()))
}

/// Splits a text at `{challenge}`, `{mac_hex}`, `{mac_base64}` and `{account}`.
fn pieces(text: &str) -> Vec<ReplyPart> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((literal, tail)) = rest.split_once('{') {
        // An open brace without its closing brace is plain text.
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
