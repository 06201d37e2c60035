//! Reads the signature header, as its scheme lays it out.

use super::{Encoding, Form, Layout, Scheme, VerifyError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The most candidate signatures that one request may carry.
pub const MAX_SIGNATURES: usize = 8;

/// The longest signature header that is read: eight signatures need a tenth of it.
const MAX_HEADER: usize = 8 * 1024;

/// An HMAC-SHA256 signature, decoded.
pub(super) type Signature = [u8; 32];

/// What a signature header claims.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Claimed {
    /// At least one, at most [`MAX_SIGNATURES`].
    pub signatures: Vec<Signature>,
    /// The text of the timestamp that stands among the fields.
    pub timestamp: Option<String>,
}

/// Reads the value of `scheme`'s signature header, and says which of its forms it has.
///
/// # Errors
/// [`VerifyError::SignatureMalformed`] and [`VerifyError::TooManySignatures`].
pub(super) fn read(scheme: &Scheme, value: &str) -> Result<(&'static Form, Claimed), VerifyError> {
    let header = scheme.header;
    let malformed = |problem| VerifyError::SignatureMalformed { header, problem };
    if value.len() > MAX_HEADER {
        return Err(malformed("longer than 8 KiB"));
    }
    let form =
        scheme.forms.iter().find(|form| fits(form.layout, value)).ok_or(malformed("not in the scheme's form"))?;
    let (timestamp, texts) = match form.layout {
        Layout::Single { prefix } => (None, vec![value.strip_prefix(prefix).unwrap_or_default()]),
        Layout::Fields { timestamp, signature } => {
            let (timestamp, signatures) = fields(value, timestamp, signature).map_err(malformed)?;
            (Some(timestamp.to_owned()), signatures)
        }
        Layout::Versions { version } => (None, versions(value, version).map_err(malformed)?),
    };
    if texts.is_empty() {
        return Err(malformed("no signature of the scheme's version"));
    }
    if texts.len() > MAX_SIGNATURES {
        return Err(VerifyError::TooManySignatures { header, max: MAX_SIGNATURES });
    }
    let signatures = texts.into_iter().map(|text| decode(form.encoding, text)).collect::<Option<Vec<_>>>();
    let signatures = signatures.ok_or(malformed("not a signature of 32 bytes in the scheme's encoding"))?;
    Ok((form, Claimed { signatures, timestamp }))
}

/// Whether a header value has the shape of this layout; only schemes with several forms are told apart by it.
fn fits(layout: Layout, value: &str) -> bool {
    match layout {
        Layout::Single { prefix } => value.starts_with(prefix),
        Layout::Fields { .. } => value.contains('='),
        Layout::Versions { .. } => value.contains(','),
    }
}

type Problem = &'static str;

fn fields<'v>(value: &'v str, timestamp: &str, signature: &str) -> Result<(&'v str, Vec<&'v str>), Problem> {
    let mut time = None;
    let mut signatures = Vec::new();
    for field in value.split(',') {
        let (name, content) = field.split_once('=').ok_or("a field without `=`")?;
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err("a field's name is not a word");
        }
        if name == timestamp && time.replace(content).is_some() {
            return Err("two timestamps");
        }
        if name == signature {
            signatures.push(content);
        }
    }
    Ok((time.ok_or("no timestamp among the fields")?, signatures))
}

fn versions<'v>(value: &'v str, wanted: &str) -> Result<Vec<&'v str>, Problem> {
    let mut signatures = Vec::new();
    for entry in value.split(' ') {
        let versioned = entry.split_once(',').filter(|(version, _)| !version.is_empty());
        let (version, signature) = versioned.ok_or("an entry without a version")?;
        if version == wanted {
            signatures.push(signature);
        }
    }
    Ok(signatures)
}

/// Decodes exactly 32 bytes; the length is settled before anything is compared.
fn decode(encoding: Encoding, text: &str) -> Option<Signature> {
    let mut signature = Signature::default();
    match encoding {
        Encoding::Hex => hex::decode_to_slice(text, &mut signature).ok()?,
        Encoding::Base64 => {
            // The decoder asks for room by the text's length, padding included: 33 bytes for 44 characters.
            let mut room = [0; 33];
            let length = STANDARD.decode_slice(text, &mut room).ok()?;
            signature = room.get(..length)?.try_into().ok()?;
        }
    }
    Some(signature)
}

/// Writes a signature as `encoding` has it.
pub(super) fn encode(encoding: Encoding, signature: &Signature) -> String {
    match encoding {
        Encoding::Hex => hex::encode(signature),
        Encoding::Base64 => STANDARD.encode(signature),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhook::presets;

    #[test]
    fn a_header_is_read_up_to_8_kib() {
        let stripe = &presets::find("stripe").expect("a preset").scheme;
        let header = |length: usize| {
            let signed = format!("t=1,v1={},v0=", "a".repeat(64));
            format!("{signed}{}", "0".repeat(length.saturating_sub(signed.len())))
        };
        assert!(read(stripe, &header(8192)).is_ok());
        let refused = read(stripe, &header(8193)).expect_err("too long");
        assert_eq!(refused.to_string(), "`stripe-signature` is malformed: longer than 8 KiB");
    }
}
