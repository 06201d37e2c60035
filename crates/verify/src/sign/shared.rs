//! Signs with a shared secret, and with the cryptography of any runtime.

use super::{SignError, SignInput, Signed, Signer, sign_with};
use crate::{Crypto, Preset, VerificationKey};

/// Signs with a shared secret of a source, as its provider does.
#[derive(Debug)]
pub struct SharedSigner<'k, C> {
    key: &'k VerificationKey,
    crypto: &'k C,
    is_forger: bool,
}

impl<'k, C: Crypto> SharedSigner<'k, C> {
    /// Signs with `key`.
    pub const fn new(key: &'k VerificationKey, crypto: &'k C) -> Self {
        Self { key, crypto, is_forger: false }
    }

    /// A signer with one wrong bit in each of its signatures. A static token gets a wrong bit too.
    #[must_use]
    pub const fn forging(self) -> Self {
        Self { is_forger: true, ..self }
    }

    /// Signs `input` as the provider of `preset` signs.
    ///
    /// # Errors
    /// [`SignError`]. A public key gives [`SignError::NoPrivateKey`].
    pub fn sign(&self, preset: &Preset, input: SignInput<'_>) -> Result<Signed, SignError> {
        let token = match self.key {
            VerificationKey::Shared(secret) => self.written(secret.clone()),
            VerificationKey::HmacSha256(_) | VerificationKey::RuntimeHmac { .. } => Vec::new(),
            VerificationKey::Public(_) => return Err(SignError::NoPrivateKey),
        };
        sign_with(preset, self, &token, input)
    }

    fn written(&self, mut bytes: Vec<u8>) -> Vec<u8> {
        if let Some(last) = bytes.last_mut().filter(|_| self.is_forger) {
            // The lowest bit: a token in UTF-8 stays UTF-8.
            *last ^= 1;
        }
        bytes
    }
}

impl<C: Crypto> Signer for SharedSigner<'_, C> {
    fn signature(&self, content: &[u8]) -> Result<Vec<u8>, SignError> {
        match self.key {
            VerificationKey::Public(_) => Err(SignError::NoPrivateKey),
            key => Ok(self.written(key.mac(&[content], self.crypto))),
        }
    }
}
