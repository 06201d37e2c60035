//! Reads schemes: from the presets' files, and from `[vars.SOURCES.x.scheme]` for the user's own senders.
//!
//! A scheme may only use signed material: a time, an id or a header that the signature does not cover is refused here,
//! before any request.

pub mod answer;
mod claims;
mod error;
mod fields;
mod handshake;
mod identity;
mod signed;
pub mod span;
mod template;

pub use error::ConfigError;
pub use fields::{Fields, did_you_mean};

use crate::{
    Algorithm, Clock, Encoding, Framing, Hash, Layout, Location, MAX_SIGNATURES, Part, Preset, PublicAlgorithm, Scheme,
    SecretEncoding, TimeUnit, Timestamp, TimestampLocation, Variant,
};
use serde_json::Value;
use std::time::Duration;
use template::Template;

const SCHEME_KEYS: &[&str] = &[
    "algorithm", "secret", "signature", "content", "timestamp", "forms", "id", "identity", "type", "claims", "keys",
    "account", "retry_span", "tries_within", "repeats", "handshakes", "headers", "answer",
];
const FORM_KEYS: &[&str] = &["signature", "content", "timestamp"];
const SIGNATURE_KEYS: &[&str] =
    &["header", "query", "json", "form", "numbered", "prefix", "list", "assign", "field", "positional", "encoding"];
const TIMESTAMP_KEYS: &[&str] = &["header", "field", "json", "claim", "unit", "clock", "tolerance"];

const ENCODINGS: &[(&str, Encoding)] = &[
    ("hex", Encoding::Hex),
    ("base64", Encoding::Base64),
    ("base64url", Encoding::Base64Url),
    ("text", Encoding::Text),
];

const UNITS: &[(&str, TimeUnit)] = &[
    ("seconds", TimeUnit::Seconds),
    ("milliseconds", TimeUnit::Milliseconds),
    ("unix", TimeUnit::Unix),
    ("rfc3339", TimeUnit::Rfc3339),
    ("rfc3339-utc", TimeUnit::Rfc3339Utc),
    ("http-date", TimeUnit::HttpDate),
];

const CLOCKS: &[(&str, Clock)] = &[("delivery", Clock::Request), ("event", Clock::Event)];

/// How long a sender retries if its scheme does not say so.
const DEFAULT_RETRY_SPAN: Duration = Duration::from_secs(24 * 3600);

/// The most contents of one signature. Each content is hashed with each key.
const MOST_CONTENTS: usize = 4;

/// The most prefixes of one signature. Each element of a header is compared with each prefix.
const MOST_PREFIXES: usize = 4;

/// The algorithms by name, and whether the signature is a signed token.
const ALGORITHMS: &[(&str, Algorithm, bool)] = &[
    ("hmac-sha256", Algorithm::Hmac(Hash::Sha256), false),
    ("hmac-sha1", Algorithm::Hmac(Hash::Sha1), false),
    ("hmac-sha512", Algorithm::Hmac(Hash::Sha512), false),
    ("sha256", Algorithm::PlainHash, false),
    ("ed25519", Algorithm::Public(PublicAlgorithm::Ed25519), false),
    ("ecdsa-p256", Algorithm::Public(PublicAlgorithm::EcdsaP256Der), false),
    ("rsa-sha256", Algorithm::Public(PublicAlgorithm::RsaSha256), false),
    ("rsa-sha1", Algorithm::Public(PublicAlgorithm::RsaSha1), false),
    ("token", Algorithm::StaticToken, false),
    ("basic", Algorithm::StaticToken, false),
    ("jwt-hs256", Algorithm::Hmac(Hash::Sha256), true),
    ("jwt-hs512", Algorithm::Hmac(Hash::Sha512), true),
    ("jwt-es256", Algorithm::Public(PublicAlgorithm::EcdsaP256Fixed), true),
    ("jwt-rs256", Algorithm::Public(PublicAlgorithm::RsaSha256), true),
];

/// Reads the scheme in `table`. `path` is the table's key in the configuration.
///
/// # Errors
/// The key, its mistake and the remedy.
pub fn parse(path: &str, name: &str, table: &Value) -> Result<Preset, ConfigError> {
    let fields = Fields::of(path, table, SCHEME_KEYS)?;
    let text = fields.text("algorithm")?.unwrap_or("hmac-sha256");
    let named = ALGORITHMS.iter().find(|(known, ..)| *known == text);
    let &(_, algorithm, is_token) = named.ok_or_else(|| {
        fields.error("algorithm", format!("unknown{}", did_you_mean(text, ALGORITHMS.iter().map(|(known, ..)| *known))))
    })?;
    let is_basic = text == "basic";
    let defaults = Defaults { algorithm, is_token, is_basic };
    // The preset is filled in place: a partial value that is dropped at every `?` would double the size of the code.
    let mut preset = Preset { name: name.to_owned(), ..Preset::default() };
    let scheme = &mut preset.scheme;
    scheme.algorithm = algorithm;
    scheme.secret = parse_secret(&fields)?;
    match fields.tables("forms")? {
        None => parse_form(&fields, &defaults, scheme)?,
        Some(tables) => {
            for (number, table) in tables.iter().enumerate() {
                let path = format!("{path}.forms[{number}]");
                parse_form(&Fields::of(&path, table, FORM_KEYS)?, &defaults, scheme)?;
            }
        }
    }
    claims::parse(&fields, &mut scheme.token_claims)?;
    identity::parse(&fields, scheme)?;
    identity::parse_type(&fields, &mut scheme.event_type)?;
    scheme.public_keys = claims::parse_keys(&fields)?;
    scheme.account = fields.path("account")?;
    signed::check(&fields, scheme)?;
    identity::check_signed(&fields, scheme)?;
    signed::refuse_ineffective(&fields, scheme, is_token)?;
    signed::forms(&fields, scheme)?;
    preset.retry_span = fields.duration("retry_span")?.unwrap_or(DEFAULT_RETRY_SPAN);
    preset.tries_within = fields.duration("tries_within")?;
    handshake::parse(&fields, &mut preset.handshakes)?;
    match fields.value("answer") {
        Some(Value::Object(_)) => preset.answer = answer::parse_of_scheme(&fields)?,
        _ => preset.empty_answers = fields.choice("answer", &[("empty", ())])?.is_some(),
    }
    preset.headers = fields.headers("headers", &preset)?;
    Ok(preset)
}

struct Defaults {
    algorithm: Algorithm,
    is_token: bool,
    is_basic: bool,
}

fn parse_form(fields: &Fields<'_>, defaults: &Defaults, scheme: &mut Scheme) -> Result<(), ConfigError> {
    let mut form = Variant::default();
    let time_field = parse_timestamp(fields, &mut form.timestamp)?;
    let own = fields.table("signature", SIGNATURE_KEYS)?;
    let empty = Value::Object(serde_json::Map::new());
    let path = fields.key("signature");
    let signature = match own {
        Some(signature) => signature,
        None if defaults.is_basic => Fields::of(&path, &empty, SIGNATURE_KEYS)?,
        None => {
            return Err(fields.error(
                "signature",
                "is missing: write its location, such as { header = \"x-signature\" }".to_owned(),
            ));
        }
    };
    parse_places(&signature, defaults, &mut scheme.locations)?;
    form.encoding = match signature.choice("encoding", ENCODINGS)? {
        Some(encoding) => encoding,
        None if defaults.is_token => Encoding::Base64Url,
        None if defaults.is_basic => Encoding::Base64,
        None if defaults.algorithm == Algorithm::StaticToken => Encoding::Text,
        None => Encoding::Hex,
    };
    let contents = parse_contents(fields, defaults)?;
    form.layout = parse_layout(&signature, defaults, time_field)?;
    for (number, content) in contents.into_iter().enumerate() {
        let Template { parts, declared, optional } = content;
        let framing = Framing::of(&parts, form.timestamp.as_ref(), &declared, &optional)
            .map_err(|shiftable| fields.error("content", signed::shiftable(&parts, &optional, shiftable)))?;
        scheme.variants.push(Variant { content: parts, optional, framing, alternative: number > 0, ..form.clone() });
    }
    Ok(())
}

/// The contents that a signature of this variant may cover, at least one.
fn parse_contents(fields: &Fields<'_>, defaults: &Defaults) -> Result<Vec<Template>, ConfigError> {
    let templates = fields.one_or_more("content")?;
    if templates.len() > MOST_CONTENTS || (templates.is_empty() && fields.value("content").is_some()) {
        return Err(fields.error("content", format!("must be one to {MOST_CONTENTS} texts")));
    }
    let mut contents = Vec::new();
    match templates.first() {
        Some(_) if defaults.is_token => {
            let problem = "has no effect: a token signs only its own header and claims";
            return Err(fields.error("content", problem.to_owned()));
        }
        Some(_) if defaults.algorithm == Algorithm::StaticToken => {
            let problem = "has no effect: the sender sends the secret itself and signs no content";
            return Err(fields.error("content", problem.to_owned()));
        }
        Some(_) => {
            for template in templates {
                contents.push(template::parse(template).map_err(|problem| fields.error("content", problem))?);
            }
        }
        None => {
            let parts = match defaults {
                Defaults { is_token: true, .. } => vec![Part::Jws],
                Defaults { algorithm: Algorithm::StaticToken, .. } => Vec::new(),
                _ => vec![Part::Body],
            };
            contents.push(Template { parts, ..Template::default() });
        }
    }
    signed::alternatives(fields, &contents)?;
    Ok(contents)
}

fn parse_places(signature: &Fields<'_>, defaults: &Defaults, places: &mut Vec<Location>) -> Result<(), ConfigError> {
    if signature.flag("numbered")? && signature.value("header").is_none() {
        return Err(signature.error("numbered", "needs `header`: it numbers the headers of that name".to_owned()));
    }
    for header in signature.one_or_more("header")? {
        let header = header_name(signature, "header", header)?;
        if signature.flag("numbered")? {
            places.extend((1..=MAX_SIGNATURES).map(|number| Location::Header(format!("{header}-{number}"))));
        } else {
            places.push(Location::Header(header));
        }
    }
    places.extend(signature.text("query")?.map(|name| Location::Query(name.to_owned())));
    if let Some(path) = signature.path("json")? {
        places.push(Location::Json(path));
    }
    places.extend(signature.text("form")?.map(|name| Location::Form(name.to_owned())));
    if places.is_empty() && defaults.is_basic {
        places.push(Location::Header("authorization".to_owned()));
    }
    if places.is_empty() || (places.iter().any(Location::is_in_body) && !places.iter().all(Location::is_in_body)) {
        let problem = "needs one of `header`, `query`, `json` and `form`: the location of the signature";
        return Err(signature.error("header", problem.to_owned()));
    }
    places.dedup();
    Ok(())
}

fn header_name(fields: &Fields<'_>, key: &str, name: &str) -> Result<String, ConfigError> {
    let token = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    if !name.is_empty() && name.bytes().all(token) {
        return Ok(name.to_owned());
    }
    Err(fields.error(key, "a header name must be in lower case, such as \"x-signature\"".to_owned()))
}

fn parse_layout(signature: &Fields<'_>, defaults: &Defaults, time: Option<&str>) -> Result<Layout, ConfigError> {
    let mut prefixes = parse_prefixes(signature, defaults)?;
    let in_vain = |key: &&str| signature.value(key).is_some();
    let positional = signature.flag("positional")?;
    let (list, field) = (signature.text("list")?, signature.text("field")?);
    let is_list = list.is_some() || field.is_some();
    let ignored: &[&str] = match () {
        () if defaults.is_token => &["list", "assign", "field", "positional"],
        () if positional => &["prefix", "list", "assign", "field"],
        () if is_list => &["prefix"],
        () => &["assign"],
    };
    if let Some(key) = ignored.iter().copied().find(in_vain) {
        return Err(signature.error(key, "has no effect beside the other keys of `signature`: remove it".to_owned()));
    }
    if defaults.is_token {
        return match prefixes.pop() {
            Some(prefix) if prefixes.is_empty() => Ok(Layout::Jws { prefix }),
            _ => Err(signature.error("prefix", "must be one text: a token has one prefix".to_owned())),
        };
    }
    if positional {
        return Ok(Layout::Positional);
    }
    if !is_list {
        return match time {
            None => Ok(Layout::Single { prefixes }),
            Some(_) => Err(signature.error(
                "field",
                "is missing: the timestamp is a field, so the signature must be a field too".to_owned(),
            )),
        };
    }
    if list.is_some_and(|separators| !(1..=2).contains(&separators.len())) {
        return Err(signature.error("list", "must be the one or two characters that separate entries".to_owned()));
    }
    let mut assign = signature.text("assign")?.unwrap_or("=").chars();
    match (assign.next(), assign.next()) {
        (Some(assign), None) => Ok(Layout::List {
            separators: list.unwrap_or(",").to_owned(),
            assign,
            signature: field.filter(|field| *field != "{account}").map(str::to_owned),
            timestamp: time.map(str::to_owned),
        }),
        _ => Err(signature.error("assign", "must be the one character between name and value".to_owned())),
    }
}

/// The prefixes of a signature, the longest first: a shorter prefix would match the beginning of a longer one.
fn parse_prefixes(signature: &Fields<'_>, defaults: &Defaults) -> Result<Vec<String>, ConfigError> {
    let mut prefixes: Vec<String> = signature.one_or_more("prefix")?.into_iter().map(str::to_owned).collect();
    if prefixes.len() > MOST_PREFIXES {
        return Err(signature.error("prefix", format!("must be one to {MOST_PREFIXES} texts")));
    }
    if prefixes.is_empty() {
        prefixes.push(if defaults.is_basic { "Basic " } else { "" }.to_owned());
    }
    prefixes.sort_by_key(|prefix| std::cmp::Reverse(prefix.len()));
    Ok(prefixes)
}

/// Reads `timestamp` into `into`. Returns the field's name if the time is a field of the signature's header.
fn parse_timestamp<'t>(fields: &Fields<'t>, into: &mut Option<Timestamp>) -> Result<Option<&'t str>, ConfigError> {
    let Some(timestamp) = fields.table("timestamp", TIMESTAMP_KEYS)? else { return Ok(None) };
    let field = timestamp.text("field")?;
    let (at, customary) = if let Some(header) = timestamp.text("header")? {
        (TimestampLocation::Header(header_name(&timestamp, "header", header)?), Clock::Request)
    } else if field.is_some() {
        (TimestampLocation::Field, Clock::Request)
    } else if let Some(path) = timestamp.path("json")? {
        (TimestampLocation::Json(path), Clock::Event)
    } else if let Some(claim) = timestamp.text("claim")? {
        (TimestampLocation::Claim(claim.to_owned()), Clock::Request)
    } else {
        let problem = "needs one of `header`, `field`, `json` and `claim`: the location of the time";
        return Err(fields.error("timestamp", problem.to_owned()));
    };
    let in_text = matches!(at, TimestampLocation::Json(_));
    let unit = timestamp.choice("unit", UNITS)?.unwrap_or(if in_text { TimeUnit::Rfc3339 } else { TimeUnit::Seconds });
    let clock = timestamp.choice("clock", CLOCKS)?.unwrap_or(customary);
    let tolerance = timestamp.duration("tolerance")?;
    *into = Some(Timestamp { at, unit, clock, tolerance });
    Ok(field)
}

fn parse_secret(fields: &Fields<'_>) -> Result<SecretEncoding, ConfigError> {
    match fields.text("secret")?.unwrap_or("utf8") {
        "utf8" => Ok(SecretEncoding::Utf8),
        "hex" => Ok(SecretEncoding::Hex),
        "base64" => Ok(SecretEncoding::Base64AfterPrefix(String::new())),
        "sha1" => Ok(SecretEncoding::Sha1),
        "html" => Ok(SecretEncoding::Html),
        text => match text.strip_prefix("base64 after ") {
            Some(prefix) => Ok(SecretEncoding::Base64AfterPrefix(prefix.to_owned())),
            None => Err(fields
                .error("secret", "must be one of utf8, hex, base64, `base64 after whsec_`, sha1, html".to_owned())),
        },
    }
}
