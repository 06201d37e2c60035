//! Signs requests as a provider signs them. The command line and the tests use this module.

use super::content::{HeadContent, Texts, of_all, of_head};
use super::jws::{self, TokenContext};
use super::{
    Algorithm, Head, IdLocation, Layout, Location, Part, Preset, TimestampLocation, UnixTime, Variant, VerifyError,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::time::Duration;
use thiserror::Error;

/// The signature of a body, and the headers and the query that the signature needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The headers without the signature: name (lower case) and value.
    pub headers: Vec<(String, String)>,
    /// The query of the request. Most schemes need no query: then the text is empty.
    pub query: String,
    /// The location of the signature in the request.
    pub place: Location,
    /// The signature, as the scheme's layout writes it.
    pub signature: String,
}

impl Signed {
    /// All headers. If the signature is a header, the signature is the last header.
    pub fn into_headers(mut self) -> Vec<(String, String)> {
        if let Location::Header(name) = self.place {
            self.headers.push((name, self.signature));
        }
        self.headers
    }
}

/// The input of one signature.
#[derive(Debug, Clone, Copy)]
pub struct SignInput<'d> {
    /// The number of the scheme's variant, from 0.
    pub form: usize,
    /// The event's id, for a scheme with an id in a header or in the query.
    pub id: &'d str,
    /// The time of the signature.
    pub now: UnixTime,
    /// The endpoint's public URL from the configuration.
    pub url: &'d str,
    /// The user's account at the provider.
    pub account: &'d str,
    /// The body. The caller writes the values that the scheme reads from the body (id, event time).
    pub body: &'d [u8],
}

/// The reason why a signature could not be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SignError {
    /// The scheme cannot sign this body or this head.
    #[error(transparent)]
    Body(#[from] VerifyError),
    /// The scheme has no variant with this number, or the variant lacks a value that its layout needs.
    #[error("the scheme has no such form")]
    NoSuchForm,
    /// The signer has only a public key.
    #[error("needs the provider's private key")]
    NoPrivateKey,
}

/// Makes signatures.
pub trait Signer {
    /// The signature over `content`: a MAC, or a signature under a private key.
    ///
    /// # Errors
    /// [`SignError::NoPrivateKey`].
    fn signature(&self, content: &[u8]) -> Result<Vec<u8>, SignError>;
}

/// Signs `delivery` as the provider of `preset` signs. `token` is the shared secret's text, for schemes that send it.
///
/// # Errors
/// [`SignError`].
pub fn sign(preset: &Preset, signer: &impl Signer, token: &str, delivery: SignInput<'_>) -> Result<Signed, SignError> {
    let scheme = &preset.scheme;
    let form = scheme.variants.get(delivery.form).ok_or(SignError::NoSuchForm)?;
    let place = scheme.locations.first().cloned().ok_or(SignError::NoSuchForm)?;
    let unit = form.timestamp.as_ref().map(|timestamp| timestamp.unit);
    let timestamp = unit.map(|unit| delivery.now.write(unit));
    let mut request = DraftRequest::default();
    let time_header = match form.timestamp.as_ref().map(|timestamp| &timestamp.at) {
        Some(TimestampLocation::Header(name)) => Some(name.as_str()),
        Some(TimestampLocation::Field | TimestampLocation::Json(_) | TimestampLocation::Claim(_)) | None => None,
    };
    for part in &form.content {
        match part {
            Part::ListedHeaders(name) => {
                let listed: Vec<&str> = time_header.into_iter().chain([name.as_str()]).collect();
                request.headers.push((name.clone(), listed.join(",")));
            }
            Part::Header(name) => request.headers.push((name.clone(), delivery.id.to_owned())),
            Part::Query(name) | Part::QueryLower(name) => request.ask(name, delivery.id),
            // The scheme signs the configured URL with its query, so the request needs this query.
            Part::Url if form.framing.pins_query() => {
                request.query = delivery.url.split_once('?').map_or("", |(_, query)| query).to_owned();
            }
            Part::Literal(_)
            | Part::Timestamp
            | Part::Url
            | Part::Method
            | Part::Path
            | Part::Body
            | Part::BodySha256
            | Part::BodySha256Bytes
            | Part::CanonicalJsonString
            | Part::Json(_)
            | Part::Form(_)
            | Part::SortedForm
            | Part::SortedQuery
            | Part::JsonLines(_)
            | Part::Jws => {}
        }
    }
    if let Some(name) = &scheme.token_claims.query_body_hash {
        request.ask(name, &hex::encode(Sha256::digest(delivery.body)));
    }
    if let IdLocation::UnsignedHeader(name, _) = &scheme.id
        && !delivery.id.is_empty()
    {
        request.headers.push((name.clone(), delivery.id.to_owned()));
    }
    request.headers.extend(time_header.map(str::to_owned).zip(timestamp.clone()));
    let token_content = matches!(form.layout, Layout::Jws { .. }).then(|| unsigned_token(preset, form, delivery));
    let head = of_head(form, timestamp.as_deref(), &request, delivery.url)?;
    let texts = Texts::read(scheme, form, delivery.body)?;
    let beside = HeadContent { head: &head, timestamp: timestamp.as_deref(), jws: token_content.as_deref() };
    let content = of_all(form, beside, &texts, delivery.body, |body| Sha256::digest(body).into())?.concat();
    let text = match scheme.algorithm {
        Algorithm::StaticToken => form.encoding.encode(token.as_bytes()),
        Algorithm::Hmac(_) | Algorithm::PlainHash | Algorithm::Public(_) => {
            form.encoding.encode(&signer.signature(&content)?)
        }
    };
    let signature = lay_out(form, delivery.account, timestamp.as_deref(), &text, token_content.as_deref());
    let signature = signature.ok_or(SignError::NoSuchForm)?;
    if let Location::Query(name) = &place {
        request.ask(name, &signature);
    }
    Ok(Signed { headers: request.headers, query: request.query, place, signature })
}

/// A POST request with only the signed headers and the signed query.
#[derive(Default)]
struct DraftRequest {
    headers: Vec<(String, String)>,
    query: String,
}

impl DraftRequest {
    fn ask(&mut self, name: &str, value: &str) {
        self.query =
            form_urlencoded::Serializer::new(std::mem::take(&mut self.query)).append_pair(name, value).finish();
    }
}

impl Head for DraftRequest {
    fn header(&self, name: &str) -> Option<String> {
        self.headers.header(name)
    }

    fn query(&self) -> String {
        self.query.clone()
    }
}

/// The token's header and claims, as the scheme demands them, without the signature.
fn unsigned_token(preset: &Preset, form: &Variant, delivery: SignInput<'_>) -> String {
    let claims = &preset.scheme.token_claims;
    let mut said = Map::new();
    let endpoint = TokenContext { url: delivery.url, query: "", account: delivery.account, leeway: Duration::ZERO };
    for (name, text) in &claims.fixed {
        if let Some(text) = endpoint.text(text) {
            said.insert(name.clone(), text.into());
        }
    }
    if let Some((name, encoding)) = &claims.body_hash {
        said.insert(name.clone(), encoding.encode(&Sha256::digest(delivery.body)).into());
    }
    if let Some(name) = &claims.url_hash {
        said.insert(name.clone(), hex::encode(Sha256::digest(delivery.url)).into());
    }
    if let Some(TimestampLocation::Claim(name)) = form.timestamp.as_ref().map(|timestamp| &timestamp.at) {
        said.insert(name.clone(), delivery.now.seconds().into());
    }
    let header = serde_json::json!({"alg": jws::name(preset.scheme.algorithm), "typ": "JWT"});
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", encode(&header), encode(&Value::Object(said)))
}

/// `None` if the layout needs a prefix, a time or a token, and none is given.
fn lay_out(form: &Variant, account: &str, time: Option<&str>, signature: &str, token: Option<&str>) -> Option<String> {
    let text = match &form.layout {
        Layout::Single { prefixes } => format!("{}{signature}", prefixes.first()?),
        Layout::Jws { prefix } => format!("{prefix}{}.{signature}", token?),
        Layout::Positional => format!("{},{signature}", time?),
        Layout::List { separators, assign, signature: name, timestamp } => {
            let separator = separators.chars().find(|c| *c != ' ').unwrap_or(' ');
            let entry = format!(
                "{}{assign}{signature}",
                name.as_deref().unwrap_or(if account.is_empty() { "key" } else { account })
            );
            match timestamp {
                Some(name) => format!("{name}{assign}{}{separator}{entry}", time?),
                None => entry,
            }
        }
    };
    Some(text)
}
