//! Signs as a provider does: for the forwards, the command line, and tests.

use super::canonical::canonical_json_string;
use super::signature::encode;
use super::{Form, IdAt, Key, Layout, Part, Preset, TimestampAt, UnixTime, VerifyError};
use thiserror::Error;

/// The headers that make a body a signed delivery. Names are lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// Name and value, the signature last.
    pub headers: Vec<(&'static str, String)>,
}

/// Why nothing was signed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SignError {
    /// The body has no form that the scheme could sign.
    #[error(transparent)]
    Body(#[from] VerifyError),
    /// The scheme has no form of that number.
    #[error("the scheme has no such form")]
    NoSuchForm,
}

/// Signs `body` as `preset` would, in the scheme's form number `form` (0 but for providers with several), at the
/// time `now`, for the event `id` where the scheme carries an id in a header. What the scheme reads from the body
/// (id, event time) must stand there already.
///
/// # Errors
/// [`SignError::Body`] where the scheme signs the parsed body and this one cannot be parsed.
pub fn sign(
    preset: &Preset,
    form: usize,
    key: &Key,
    id: &str,
    now: UnixTime,
    body: &[u8],
) -> Result<Signed, SignError> {
    let scheme = &preset.scheme;
    let form = scheme.forms.get(form).ok_or(SignError::NoSuchForm)?;
    let timestamp = now.to_string();
    let mut content = Vec::new();
    for part in form.content {
        match part {
            Part::Literal(text) => content.extend_from_slice(text.as_bytes()),
            Part::Timestamp => content.extend_from_slice(timestamp.as_bytes()),
            Part::Header(_) => content.extend_from_slice(id.as_bytes()),
            Part::Body => content.extend_from_slice(body),
            Part::CanonicalJsonString => content.extend(canonical_json_string(body)?),
        }
    }
    let signature = encode(form.encoding, &key.mac([content.as_slice()]));
    let mut headers = Vec::new();
    if let IdAt::SignedHeader(name) = scheme.id {
        headers.push((name, id.to_owned()));
    }
    if let Some(TimestampAt::Header(name)) = form.timestamp {
        headers.push((name, timestamp.clone()));
    }
    headers.push((scheme.header, lay_out(form, &timestamp, &signature)));
    Ok(Signed { headers })
}

fn lay_out(form: &Form, timestamp: &str, signature: &str) -> String {
    match form.layout {
        Layout::Single { prefix } => format!("{prefix}{signature}"),
        Layout::Fields { timestamp: time_field, signature: field } => {
            format!("{time_field}={timestamp},{field}={signature}")
        }
        Layout::Versions { version } => format!("{version},{signature}"),
    }
}
