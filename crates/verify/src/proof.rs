//! The step from a claim to a proof: whether any of a request's signatures is one of the source's keys over its content.

use super::signature::CandidateSignatures;
use super::{Algorithm, Crypto, Preset, PublicAlgorithm, Received, Variant, VerificationKey, VerifyError, variants};
use std::borrow::Cow;
use subtle::{Choice, ConstantTimeEq};

/// The most signatures under a public key that one request may carry. Each costs a verification with each key, over the
/// whole content; a provider that changes its key sends two.
const MAX_PUBLIC_SIGNATURES: usize = 2;

/// The most published keys that a signature is tried with, where it does not name its own.
const MAX_PUBLISHED_KEYS: usize = 8;

impl Received<'_> {
    /// Proves that one of the claimed signatures is one over `content`, which is `form`'s.
    ///
    /// # Errors
    /// [`VerifyError::SignatureMismatch`]; [`VerifyError::TooManySignatures`]; [`VerifyError::NotCanonical`],
    /// [`VerifyError::ChallengeReplayed`] and [`VerifyError::VariantAmbiguous`], where the content could mean something else.
    pub(super) fn prove_signature(
        &self,
        form: &Variant,
        claimed: &CandidateSignatures,
        content: &[Cow<'_, [u8]>],
        crypto: &impl Crypto,
    ) -> Result<(), VerifyError> {
        let Preset { scheme, handshakes, .. } = &*self.verifier.preset;
        let parts: Vec<&[u8]> = content.iter().map(Cow::as_ref).collect();
        // A hash over a secret and a content can be continued without the secret. The continued content holds the padding of
        // the first one, which has zeros; an honest text has none.
        if scheme.algorithm == Algorithm::PlainHash && parts.iter().any(|part| part.contains(&0)) {
            let problem = "it has a NUL, as a hash has that was continued without the secret".to_owned();
            return Err(VerifyError::NotCanonical { problem });
        }
        let proven = match scheme.algorithm {
            Algorithm::Public(algorithm) => self.is_under_public_key(algorithm, claimed, &parts, crypto)?,
            Algorithm::Hmac(_) | Algorithm::PlainHash | Algorithm::StaticToken => self.is_mac(claimed, &parts, crypto),
        };
        if !proven {
            return Err(VerifyError::SignatureMismatch {
                place: scheme.location(),
                candidates: claimed.signatures.len(),
                secrets: self.verifier.verification_keys.len().saturating_add(self.published.len()),
            });
        }
        // Whoever may have a challenge signed must not get a delivery of it.
        if handshakes.iter().any(|handshake| handshake.would_sign(content)) {
            return Err(VerifyError::ChallengeReplayed);
        }
        if scheme.variants.len() > 1
            && variants::fits_another_variant(&scheme.variants, form, &self.verifier.url, &joined(&parts))
        {
            return Err(VerifyError::VariantAmbiguous);
        }
        Ok(())
    }

    /// Every secret on every signature, in constant time, without an early end.
    fn is_mac(&self, claimed: &CandidateSignatures, parts: &[&[u8]], crypto: &impl Crypto) -> bool {
        let mut proven = Choice::from(0);
        for key in &self.verifier.verification_keys {
            let expected = key.mac(parts, crypto);
            for candidate in &claimed.signatures {
                proven |= expected.ct_eq(candidate);
            }
        }
        proven.into()
    }

    /// Public keys hide nothing, so the first match ends the search. Where a token names its key, no other is tried.
    fn is_under_public_key(
        &self,
        algorithm: PublicAlgorithm,
        claimed: &CandidateSignatures,
        parts: &[&[u8]],
        crypto: &impl Crypto,
    ) -> Result<bool, VerifyError> {
        if claimed.signatures.len() > MAX_PUBLIC_SIGNATURES {
            let place = self.verifier.preset.scheme.location();
            return Err(VerifyError::TooManySignatures { place, max: MAX_PUBLIC_SIGNATURES });
        }
        let named = claimed.jws.as_ref().and_then(|jws| jws.key_id.as_deref());
        let published = self.published.iter().filter(|key| key.answers_to(named)).take(MAX_PUBLISHED_KEYS);
        let content = joined(parts);
        Ok(self.verifier.verification_keys.iter().chain(published).any(|key| match key {
            VerificationKey::Public(key) => {
                claimed.signatures.iter().any(|candidate| crypto.verifies(algorithm, key, &content, candidate))
            }
            VerificationKey::HmacSha256(_) | VerificationKey::RuntimeHmac { .. } | VerificationKey::Shared(_) => false,
        }))
    }
}

/// All parts as one text, without a copy where there is one part.
fn joined<'p>(parts: &[&'p [u8]]) -> Cow<'p, [u8]> {
    match parts {
        [part] => Cow::Borrowed(part),
        parts => Cow::Owned(parts.concat()),
    }
}
