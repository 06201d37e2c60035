//! A provider's tests of an endpoint, as they are written.

use super::super::ConfigError;
use super::super::fields::Fields;
use crate::webhook::{Alphabet, Encoding, Handshake, JsonPath, Piece, Place, Proof, Reply, ReplyBody};

const KEYS: &[&str] =
    &["method", "when", "proof", "challenge", "alphabet", "installs", "visits", "status", "header", "text", "json"];

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
        let (at, wanted) = text.split_once('=').map_or((text, None), |(at, wanted)| (at, Some(wanted.to_owned())));
        when.push((place("when", at)?, wanted));
    }
    let proof = match fields.text("proof")?.unwrap_or("nothing") {
        "signature" => Proof::Signature,
        "nothing" => Proof::Nothing,
        text => Proof::Token(place("proof", text.strip_prefix("token ").unwrap_or(text))?),
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
    let (header, installs) = (fields.text("header")?.map(str::to_owned), fields.flag("installs")?);
    if challenge.is_none() && (installs || header.is_some() || body.has_challenge()) {
        let problem = "is missing: the answer needs it; say where it stands, as \"json:challenge\"";
        return Err(fields.error("challenge", problem.to_owned()));
    }
    Ok(Handshake {
        method: fields.text("method")?.unwrap_or("POST").to_owned(),
        when,
        proof,
        challenge,
        alphabet,
        installs,
        visits: fields.path("visits")?,
        reply: Reply { status, header, body },
    })
}

fn place(text: &str) -> Option<Place> {
    match text.split_once(':')? {
        ("header", name) => Some(Place::Header(name.to_owned())),
        ("query", name) => Some(Place::Query(name.to_owned())),
        ("json", path) => JsonPath::parse(path).map(Place::Json),
        ("form", name) => Some(Place::Form(name.to_owned())),
        _ => None,
    }
}

/// A text with `{challenge}`, `{mac_hex}`, `{mac_base64}` and `{account}` in it.
fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((literal, tail)) = rest.split_once('{') {
        let (name, tail) = tail.split_once('}').unwrap_or((tail, ""));
        pieces.extend((!literal.is_empty()).then(|| Piece::Literal(literal.to_owned())));
        pieces.push(match name {
            "challenge" => Piece::Challenge,
            "mac_hex" => Piece::Mac(Encoding::Hex),
            "mac_base64" => Piece::Mac(Encoding::Base64),
            "account" => Piece::Account,
            other => Piece::Literal(format!("{{{other}}}")),
        });
        rest = tail;
    }
    pieces.extend((!rest.is_empty()).then(|| Piece::Literal(rest.to_owned())));
    pieces
}
