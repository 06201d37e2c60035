//! Secrets and the keys made from them. Neither shows itself.

use super::SecretForm;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use thiserror::Error;

/// The text of a shared secret, as the provider shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// Why a secret cannot be used. The texts never contain it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SecretError {
    /// An empty secret verifies what anybody signs.
    #[error("is empty")]
    Empty,
    /// A blank or newline at an end was almost always stored by mistake.
    #[error("begins or ends with white space; store it again without the newline, as with `printf %s`")]
    WhiteSpace,
    /// Not the base64 the scheme asks for.
    #[error("is not base64, as this provider's secrets are")]
    NotBase64,
}

impl Secret {
    /// Wraps the secret's text.
    ///
    /// # Errors
    /// [`SecretError::Empty`] and [`SecretError::WhiteSpace`].
    pub fn new(text: impl Into<String>) -> Result<Self, SecretError> {
        let text = text.into();
        if text.trim().is_empty() {
            return Err(SecretError::Empty);
        }
        if text.trim() != text {
            return Err(SecretError::WhiteSpace);
        }
        Ok(Self(text))
    }

    /// The key this secret stands for under `form`.
    ///
    /// # Errors
    /// [`SecretError::NotBase64`], and [`SecretError::Empty`] where nothing is left to decode.
    pub fn key(&self, form: SecretForm) -> Result<Key, SecretError> {
        let SecretForm::Base64AfterPrefix(prefix) = form else { return Ok(Key::new(self.0.as_bytes())) };
        let encoded = self.0.strip_prefix(prefix).unwrap_or(&self.0);
        let bytes = STANDARD.decode(encoded).map_err(|_| SecretError::NotBase64)?;
        if bytes.is_empty() { Err(SecretError::Empty) } else { Ok(Key::new(&bytes)) }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(redacted)")
    }
}

/// An HMAC-SHA256 key, already hashed into its initial state, so that a request costs only its own bytes.
#[derive(Clone)]
pub struct Key(Hmac<Sha256>);

impl Key {
    /// The key made of these bytes, of any length (RFC 2104).
    pub fn new(bytes: &[u8]) -> Self {
        // HMAC takes a key of any length, so this branch is never taken; the zero key would match nothing honest.
        Self(Hmac::new_from_slice(bytes).unwrap_or_else(|_| Hmac::new(&Default::default())))
    }

    /// The MAC over `parts`, one after the other.
    pub fn mac<'a>(&self, parts: impl IntoIterator<Item = &'a [u8]>) -> [u8; 32] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusable_secrets_are_refused() {
        assert_eq!(Secret::new(""), Err(SecretError::Empty));
        assert_eq!(Secret::new(" \n"), Err(SecretError::Empty));
        assert_eq!(Secret::new("abc\n"), Err(SecretError::WhiteSpace));
        let standard = SecretForm::Base64AfterPrefix("whsec_");
        let key = |text: &str| Secret::new(text).and_then(|secret| secret.key(standard)).map(|_| ());
        assert_eq!(key("whsec_"), Err(SecretError::Empty));
        assert_eq!(key("whsec_not base64"), Err(SecretError::NotBase64));
        assert_eq!(key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Ok(()));
        assert_eq!(key("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), Ok(()));
    }

    #[test]
    fn secrets_and_keys_do_not_show_themselves() {
        let secret = Secret::new("canary-secret").expect("usable");
        let key = secret.key(SecretForm::Utf8).expect("a key");
        let shown = format!("{secret:?} {key:?}");
        assert_eq!(shown, "Secret(redacted) Key(redacted)");
    }
}
