//! The proof of a signature: whether any of the request's signatures is a signature over its content under any of the keys.

use super::signature::CandidateSignatures;
use super::{Algorithm, Crypto, Preset, PublicAlgorithm, Received, Variant, VerificationKey, VerifyError, variants};
use std::borrow::Cow;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// The most signatures under a public key that one request may carry. Each signature costs a verification with each key,
/// over the whole content. A provider that changes its key sends two signatures.
const MAX_PUBLIC_SIGNATURES: usize = 2;

/// The most published keys that are tried on a signature.
const MAX_PUBLISHED_KEYS: usize = 8;

impl Received<'_> {
    /// Proves that one of `signatures` covers `content`, which is a content of `variant`. Returns the number of the key, among
    /// the verifier's keys, under which it does: `None` for a key that the provider publishes.
    ///
    /// # Errors
    /// [`VerifyError::SignatureMismatch`] and [`VerifyError::TooManySignatures`]. Also [`VerifyError::NotCanonical`],
    /// [`VerifyError::ChallengeReplayed`] and [`VerifyError::VariantAmbiguous`] if the content could have another meaning.
    pub(super) fn prove_signature(
        &self,
        variant: &Variant,
        signatures: &CandidateSignatures,
        content: &[Cow<'_, [u8]>],
        crypto: &impl Crypto,
    ) -> Result<Option<usize>, VerifyError> {
        let Preset { scheme, handshakes, .. } = &*self.verifier.preset;
        let parts: Vec<&[u8]> = content.iter().map(Cow::as_ref).collect();
        // Anybody can extend a hash over a secret and a content without the secret. The extended content has the padding of
        // the first content, which has zeros. An honest text has no zeros.
        if scheme.algorithm == Algorithm::PlainHash && parts.iter().any(|part| part.contains(&0)) {
            let problem = "it has a NUL, so the hash may be an extension of another hash without the secret".to_owned();
            return Err(VerifyError::NotCanonical { problem });
        }
        let proven = match scheme.algorithm {
            Algorithm::Public(algorithm) => self.matching_public_key(algorithm, signatures, &parts, crypto)?,
            Algorithm::Hmac(_) | Algorithm::PlainHash | Algorithm::StaticToken => {
                self.matching_secret(signatures, &parts, crypto)
            }
        };
        let secrets = self.verifier.verification_keys.len();
        let number = proven.ok_or_else(|| VerifyError::SignatureMismatch {
            place: scheme.location(),
            candidates: signatures.signatures.len(),
            secrets: secrets.saturating_add(self.published.len()),
        })?;
        // An attacker can make the provider's handshake sign a challenge. Such a signature must not prove a request.
        if handshakes.iter().any(|handshake| handshake.would_sign(content)) {
            return Err(VerifyError::ChallengeReplayed);
        }
        if scheme.variants.len() > 1
            && variants::fits_another_variant(&scheme.variants, variant, &self.verifier.url, &joined(&parts))
        {
            return Err(VerifyError::VariantAmbiguous);
        }
        Ok(Some(number).filter(|number| *number < secrets))
    }

    /// The number of the first secret that made one of the signatures. Tries every secret on every signature, in constant
    /// time and without an early exit. Neither the time nor a branch depends on the number.
    fn matching_secret(
        &self,
        signatures: &CandidateSignatures,
        parts: &[&[u8]],
        crypto: &impl Crypto,
    ) -> Option<usize> {
        let mut proven = Choice::from(0);
        let mut matched = 0_u8;
        for (number, key) in (0_u8..).zip(&self.verifier.verification_keys) {
            let expected = key.mac(parts, crypto);
            let mut fits = Choice::from(0);
            for candidate in &signatures.signatures {
                fits |= expected.ct_eq(candidate);
            }
            matched.conditional_assign(&number, fits & !proven);
            proven |= fits;
        }
        bool::from(proven).then_some(usize::from(matched))
    }

    /// The number of the first public key under which one of the signatures is valid: the verifier's keys come first, and
    /// then the published keys. A public key is not secret, so the first match ends the search. A token may name its key:
    /// then other published keys with an id are not tried.
    fn matching_public_key(
        &self,
        algorithm: PublicAlgorithm,
        signatures: &CandidateSignatures,
        parts: &[&[u8]],
        crypto: &impl Crypto,
    ) -> Result<Option<usize>, VerifyError> {
        if signatures.signatures.len() > MAX_PUBLIC_SIGNATURES {
            let place = self.verifier.preset.scheme.location();
            return Err(VerifyError::TooManySignatures { place, max: MAX_PUBLIC_SIGNATURES });
        }
        let named = signatures.jws.as_ref().and_then(|jws| jws.key_id.as_deref());
        let published = self.published.iter().filter(|key| key.answers_to(named)).take(MAX_PUBLISHED_KEYS);
        let content = joined(parts);
        Ok(self.verifier.verification_keys.iter().chain(published).position(|key| match key {
            VerificationKey::Public(key) => {
                signatures.signatures.iter().any(|candidate| crypto.verifies(algorithm, key, &content, candidate))
            }
            VerificationKey::HmacSha256(_) | VerificationKey::RuntimeHmac { .. } | VerificationKey::Shared(_) => false,
        }))
    }
}

/// The concatenated parts. One part is not copied.
fn joined<'p>(parts: &[&'p [u8]]) -> Cow<'p, [u8]> {
    match parts {
        [part] => Cow::Borrowed(part),
        parts => Cow::Owned(parts.concat()),
    }
}
