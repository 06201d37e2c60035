//! Signs requests as a provider signs them: for the command line, for test events, and for tests.

mod sample;
mod shared;

pub use sample::{SampleEvent, SampleRequest, sample};
pub use shared::SharedSigner;

use super::content::{HeadContent, Texts, of_all, of_head};
use super::jws::{self, TokenContext};
use super::{
    Algorithm, Head, IdLocation, Layout, Location, Part, Preset, Scheme, TimestampLocation, UnixTime, Variant,
    VerifyError,
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
    pub location: Location,
    /// The signature, as the scheme's layout writes the signature.
    pub signature: String,
}

impl Signed {
    /// All headers. If the signature is a header, the signature is the last header.
    pub fn into_headers(mut self) -> Vec<(String, String)> {
        if let Location::Header(name) = self.location {
            self.headers.push((name, self.signature));
        }
        self.headers
    }
}

const CONTENT_TYPE: &str = "content-type";

/// The input of one signature.
#[derive(Debug, Clone, Copy)]
pub struct SignInput<'d> {
    /// The number of the scheme's variant, from 0.
    pub variant: usize,
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
    #[error("the scheme has no such variant")]
    NoSuchVariant,
    /// The signer has only a public key.
    #[error("needs the provider's private key")]
    NoPrivateKey,
    /// The scheme has the signature where the body has another value.
    #[error("the body has no place for the signature")]
    NoPlace,
}

/// Makes signatures.
pub trait Signer {
    /// The signature over `content`: a MAC, or a signature under a private key.
    ///
    /// # Errors
    /// [`SignError::NoPrivateKey`].
    fn signature(&self, content: &[u8]) -> Result<Vec<u8>, SignError>;
}

/// Signs `input` as the provider of `preset` signs. `token` is the shared secret's text, for schemes that send the secret.
///
/// # Errors
/// [`SignError`].
pub fn sign(preset: &Preset, signer: &impl Signer, token: &str, input: SignInput<'_>) -> Result<Signed, SignError> {
    sign_with(preset, signer, token.as_bytes(), input)
}

/// Signs as [`sign`]. `token` has the decoded bytes of the shared secret.
fn sign_with(preset: &Preset, signer: &impl Signer, token: &[u8], input: SignInput<'_>) -> Result<Signed, SignError> {
    let scheme = &preset.scheme;
    let variant = scheme.variants.get(input.variant).ok_or(SignError::NoSuchVariant)?;
    let location = scheme.locations.first().cloned().ok_or(SignError::NoSuchVariant)?;
    let timestamp = variant.timestamp.as_ref().map(|timestamp| input.now.write(timestamp.unit));
    let timestamp = timestamp.as_deref();
    let mut request = DraftRequest::of(scheme, variant, timestamp, input);
    let token_content = matches!(variant.layout, Layout::Jws { .. }).then(|| unsigned_token(preset, variant, input));
    let head = of_head(variant, timestamp, &request, input.url)?;
    let texts = Texts::read(scheme, variant, input.body)?;
    let beside = HeadContent { head: &head, timestamp, jws: token_content.as_deref() };
    let content = of_all(variant, beside, &texts, input.body, &|body| Sha256::digest(body).into())?.concat();
    let text = match scheme.algorithm {
        Algorithm::StaticToken => variant.encoding.encode(token),
        Algorithm::Hmac(_) | Algorithm::PlainHash | Algorithm::Public(_) => {
            variant.encoding.encode(&signer.signature(&content)?)
        }
    };
    let signature = lay_out(variant, input.account, timestamp, &text, token_content.as_deref());
    let signature = signature.ok_or(SignError::NoSuchVariant)?;
    if let Location::Query(name) = &location {
        request.add_to_query(name, &signature);
    }
    Ok(Signed { headers: request.headers, query: request.query, location, signature })
}

/// A POST request with only the signed headers and the signed query.
#[derive(Default)]
struct DraftRequest {
    headers: Vec<(String, String)>,
    query: String,
}

impl DraftRequest {
    /// The headers and the query that the scheme signs or compares with the body.
    fn of(scheme: &Scheme, variant: &Variant, timestamp: Option<&str>, input: SignInput<'_>) -> Self {
        let mut request = Self::default();
        let time_header = match variant.timestamp.as_ref().map(|timestamp| &timestamp.at) {
            Some(TimestampLocation::Header(name)) => Some(name.as_str()),
            Some(TimestampLocation::Field | TimestampLocation::Json(_) | TimestampLocation::Claim(_)) | None => None,
        };
        for part in &variant.content {
            match part {
                Part::ListedHeaders(name) => {
                    let listed: Vec<&str> = time_header.into_iter().chain([name.as_str()]).collect();
                    request.headers.push((name.clone(), listed.join(",")));
                }
                Part::Header(name) if name == CONTENT_TYPE => {
                    request.headers.push((name.clone(), "application/json".to_owned()));
                }
                Part::Header(name) => request.headers.push((name.clone(), input.id.to_owned())),
                Part::Query(name) | Part::QueryLower(name) => request.add_to_query(name, input.id),
                // The scheme signs the configured URL with its query, so the request needs this query.
                Part::Url if variant.framing.pins_query() => {
                    request.query = input.url.split_once('?').map_or("", |(_, query)| query).to_owned();
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
            request.add_to_query(name, &hex::encode(Sha256::digest(input.body)));
        }
        if let IdLocation::UnsignedHeader(name, _) = &scheme.id
            && !input.id.is_empty()
        {
            request.headers.push((name.clone(), input.id.to_owned()));
        }
        request.headers.extend(time_header.map(str::to_owned).zip(timestamp.map(str::to_owned)));
        request
    }

    fn add_to_query(&mut self, name: &str, value: &str) {
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
fn unsigned_token(preset: &Preset, variant: &Variant, input: SignInput<'_>) -> String {
    let claims = &preset.scheme.token_claims;
    let mut said = Map::new();
    let endpoint = TokenContext { url: input.url, query: "", account: input.account, leeway: Duration::ZERO };
    for (name, text) in &claims.fixed {
        if let Some(text) = endpoint.text(text) {
            said.insert(name.clone(), text.into());
        }
    }
    if let Some((name, encoding)) = &claims.body_hash {
        said.insert(name.clone(), encoding.encode(&Sha256::digest(input.body)).into());
    }
    if let Some(name) = &claims.url_hash {
        said.insert(name.clone(), hex::encode(Sha256::digest(input.url)).into());
    }
    if let Some(TimestampLocation::Claim(name)) = variant.timestamp.as_ref().map(|timestamp| &timestamp.at) {
        said.insert(name.clone(), input.now.seconds().into());
    }
    let header = serde_json::json!({"alg": jws::name(preset.scheme.algorithm), "typ": "JWT"});
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", encode(&header), encode(&Value::Object(said)))
}

/// `None` if the layout needs a prefix, a time or a token, and none is given.
fn lay_out(
    variant: &Variant,
    account: &str,
    time: Option<&str>,
    signature: &str,
    token: Option<&str>,
) -> Option<String> {
    let text = match &variant.layout {
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
