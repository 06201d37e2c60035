//! The way of a request from its head to the proof.

mod candidates;
mod facts;

use super::content::{self, HeadContent, Texts};
use super::jws::{Jws, TokenContext};
use super::secret::sha256;
use super::signature::{self, CandidateSignatures};
use super::{
    Clock, Crypto, EventTypes, Head, Identity, KeysError, Location, MAX_SECRETS, Preset, PublicKey, PublicKeySource,
    TimestampLocation, Tolerance, UnixTime, Variant, VerificationKey, VerifyError,
};
use candidates::{ContentCandidate, contents, found_in_body, found_in_head};
use facts::UnsignedHeaders;
use std::sync::Arc;
use std::time::Duration;

/// Proves requests of one provider with the secrets and the window of one source.
#[derive(Debug, Clone)]
pub struct Verifier {
    pub(super) preset: Arc<Preset>,
    pub(super) verification_keys: Vec<VerificationKey>,
    tolerance: Option<Duration>,
    pub(super) url: String,
    account: String,
}

impl Verifier {
    /// A verifier for the scheme of `preset`. A signature under any of `keys` proves a request. Without keys, only the keys
    /// that the provider publishes prove a request. `tolerance` overrides the greatest age of a request.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn new(
        preset: Arc<Preset>,
        keys: Vec<VerificationKey>,
        tolerance: Option<Duration>,
    ) -> Result<Self, KeysError> {
        if keys.len() > MAX_SECRETS {
            return Err(KeysError::TooMany);
        }
        if !keys.iter().all(|key| key.fits(preset.scheme.algorithm)) {
            return Err(KeysError::OtherAlgorithm);
        }
        let (url, account) = (String::new(), String::new());
        Ok(Self { preset, verification_keys: keys, tolerance, url, account })
    }

    /// Sets the endpoint's public URL, as the user gave it to the provider. The URL has a query if the scheme
    /// [pins](super::Scheme::pins_query) the query.
    #[must_use]
    pub fn with_url(mut self, url: String) -> Self {
        self.url = url;
        self
    }

    /// Sets the user's public name at the provider.
    #[must_use]
    pub fn with_account(mut self, account: String) -> Self {
        self.account = account;
        self
    }

    /// The user's public name at the provider. Empty if the configuration has no account.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The provider's preset.
    pub fn preset(&self) -> &Arc<Preset> {
        &self.preset
    }

    /// The endpoint's public URL. Empty if the configuration has no URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The key of the first secret, which is the current secret. The command line signs test requests with this key.
    pub fn current_key(&self) -> Option<&VerificationKey> {
        self.verification_keys.first()
    }

    /// The key of each secret, in the order of the configuration.
    pub fn keys(&self) -> &[VerificationKey] {
        &self.verification_keys
    }

    /// The length of the shortest shared secret, in bytes. `None` if the source has no shared secret.
    pub fn shortest_secret(&self) -> Option<usize> {
        self.verification_keys.iter().filter_map(VerificationKey::secret_length).min()
    }

    /// Whether the source's configuration sets the window.
    pub fn has_own_tolerance(&self) -> bool {
        self.tolerance.is_some()
    }

    /// The window for requests of this variant. The source's configuration overrides the scheme's window, and the scheme's
    /// window overrides the customary five minutes. For the time of an event, the preset's retry span is added to the
    /// scheme's window. `None` if the scheme signs no time.
    pub fn window(&self, variant: &Variant) -> Option<Tolerance> {
        let timestamp = variant.timestamp.as_ref()?;
        let customary = timestamp.tolerance.unwrap_or(Tolerance::CUSTOMARY);
        let default = match timestamp.clock {
            Clock::Request => customary,
            Clock::Event => self.preset.retry_span.saturating_add(customary),
        };
        Some(Tolerance::of(self.tolerance.unwrap_or(default)))
    }

    /// Reads the head of a request. The body is not needed yet.
    ///
    /// # Errors
    /// Any [`VerifyError`] about the head. No request with such an error is authentic.
    pub fn receive(&self, head: &(impl Head + ?Sized)) -> Result<Received<'_>, VerifyError> {
        let scheme = &self.preset.scheme;
        let in_body = scheme.locations.iter().all(Location::is_in_body);
        let (variant, signatures) = match scheme.variants.first() {
            Some(variant) if in_body => (variant, None),
            _ => {
                let (variant, signatures) =
                    signature::read(scheme, &self.account, &found_in_head(&scheme.locations, head)?)?;
                (variant, Some(signatures))
            }
        };
        let timestamp = match variant.timestamp.as_ref().map(|timestamp| &timestamp.at) {
            Some(TimestampLocation::Header(name)) => {
                let missing = || VerifyError::TimestampMissing { place: name.clone() };
                Some(head.header(name).ok_or_else(missing)?)
            }
            Some(TimestampLocation::Field) => signatures.as_ref().and_then(|signatures| signatures.timestamp.clone()),
            Some(TimestampLocation::Json(_) | TimestampLocation::Claim(_)) | None => None,
        };
        let signed_at = timestamp.as_deref().map(|text| read_time(variant, text)).transpose()?;
        let contents =
            contents(scheme, variant, |variant| content::of_head(variant, timestamp.as_deref(), &head, &self.url))?;
        let unsigned = UnsignedHeaders::of(scheme, head);
        let claims = &scheme.token_claims;
        let query =
            if claims.url_hash.is_some() || claims.query_body_hash.is_some() { head.query() } else { String::new() };
        Ok(Received {
            verifier: self,
            variant,
            candidate_signatures: signatures,
            timestamp,
            signed_at,
            contents,
            unsigned,
            query,
            published: Vec::new(),
        })
    }
}

/// The location of a time that the scheme does not have.
const NOWHERE: &str = "no location of the scheme";

fn read_time(variant: &Variant, text: &str) -> Result<UnixTime, VerifyError> {
    let timestamp =
        variant.timestamp.as_ref().ok_or_else(|| VerifyError::TimestampMissing { place: NOWHERE.to_owned() })?;
    let malformed =
        || VerifyError::TimestampMalformed { place: timestamp.at.to_string(), expected: timestamp.unit.expected() };
    UnixTime::read(timestamp.unit, text).ok_or_else(malformed)
}

/// A request whose head is read. Nothing is proven yet.
#[derive(Debug)]
pub struct Received<'v> {
    pub(super) verifier: &'v Verifier,
    /// The variant of the signature. The alternatives of a variant have the same time.
    variant: &'v Variant,
    /// `None` if the signature is in the body.
    candidate_signatures: Option<CandidateSignatures>,
    timestamp: Option<String>,
    signed_at: Option<UnixTime>,
    /// At least one.
    contents: Vec<ContentCandidate<'v>>,
    unsigned: UnsignedHeaders,
    /// The raw query string. Empty unless a claim hashes the URL or the query.
    query: String,
    pub(super) published: Vec<VerificationKey>,
}

impl<'v> Received<'v> {
    /// Adds the public keys that the provider publishes.
    #[must_use]
    pub fn with_published(mut self, keys: Vec<PublicKey>) -> Self {
        self.published = keys.into_iter().map(VerificationKey::Public).collect();
        self
    }

    /// The URL at which the provider publishes the public keys for this request. `None` if the provider publishes no keys.
    ///
    /// # Errors
    /// [`VerifyError::SignatureMalformed`] if the body names a URL that is not at one of the provider's hosts.
    pub fn published_at(&self, body: &[u8]) -> Result<Option<String>, VerifyError> {
        let (path, hosts) = match &self.verifier.preset.scheme.public_keys {
            None => return Ok(None),
            Some(PublicKeySource::Jwks(url)) => return Ok(Some(url.clone())),
            Some(PublicKeySource::Certificate(path, hosts)) => (path, hosts),
        };
        let plain = |path: &str| path.ends_with(".pem") && !path.contains(['?', '#', '%', '\\']);
        if let Some(url) = content::json_text(body, path)?
            && hosts.iter().any(|host| host.path_of(&url).is_some_and(plain))
        {
            return Ok(Some(url));
        }
        let problem = "not the URL of a certificate at one of the provider's hosts";
        Err(VerifyError::SignatureMalformed { place: path.to_string(), problem })
    }

    /// Proves the request with the raw bytes of its `body` at the time `now`.
    ///
    /// The order is: the signature, the freshness, the event's identity. The body is parsed after the signature is proven.
    /// A scheme that signs values of the body needs a parse before that.
    ///
    /// # Errors
    /// Any [`VerifyError`]. [`VerifyError::is_authentic`] tells whether the signature was proven.
    pub fn verify<'b>(&self, body: &'b [u8], now: UnixTime, crypto: &impl Crypto) -> Result<Verified<'b>, VerifyError> {
        let mut refused = None;
        for candidate in &self.contents {
            match self.verify_as(candidate, body, now, crypto) {
                Err(error @ VerifyError::SignatureMismatch { .. }) => refused = Some(error),
                Err(error @ VerifyError::SignedHeader { .. }) => refused = refused.or(Some(error)),
                outcome => return outcome,
            }
        }
        Err(refused.unwrap_or_else(|| signature::missing(&self.verifier.preset.scheme)))
    }

    /// Proves the request, if the signature covers this candidate for the content.
    fn verify_as<'b>(
        &self,
        candidate: &ContentCandidate<'_>,
        body: &'b [u8],
        now: UnixTime,
        crypto: &impl Crypto,
    ) -> Result<Verified<'b>, VerifyError> {
        let scheme = &self.verifier.preset.scheme;
        let variant = candidate.variant;
        let texts = Texts::read(scheme, variant, body)?;
        let in_body;
        let signatures = match &self.candidate_signatures {
            Some(signatures) => signatures,
            None => {
                in_body =
                    signature::read(scheme, &self.verifier.account, &found_in_body(&scheme.locations, &texts)?)?.1;
                &in_body
            }
        };
        let jws = signatures.jws.as_ref();
        let (timestamp, signed_at) = self.signed_time(variant, signatures)?;
        let beside = HeadContent { head: &candidate.head, timestamp, jws: jws.map(|jws| jws.content.as_str()) };
        let content = content::of_all(variant, beside, &texts, body, &|body| sha256(body, crypto))?;
        let matched_secret = self.prove_signature(variant, signatures, &content, crypto)?;
        self.prove_freshness(signed_at, now)?;
        self.prove_claims(jws, body, now, crypto)?;
        let facts = self.read_facts(variant, body)?;
        let told = match variant.timestamp.as_ref().map(|timestamp| (&timestamp.at, timestamp.unit)) {
            Some((TimestampLocation::Json(path), unit)) => Some(facts.timestamp(path, unit)?),
            Some((TimestampLocation::Claim(name), _)) => {
                let missing = || VerifyError::TimestampMissing { place: name.clone() };
                let time = jws.map(|jws| jws.time(name)).transpose()?.flatten();
                Some(time.ok_or_else(missing)?)
            }
            Some((TimestampLocation::Header(_) | TimestampLocation::Field, _)) | None => None,
        };
        self.prove_freshness(told, now)?;
        let identity = self.identify(candidate, body, &content, &facts, crypto)?;
        let event_types = self.event_types(variant, facts.names);
        Ok(Verified { body, identity, event_types, signed_at: signed_at.or(told), matched_secret })
    }

    /// The text of the signed time in the head or beside the signature, and the time. `None` if the scheme has no time
    /// there. A time that the request has there anyway is not signed.
    ///
    /// # Errors
    /// [`VerifyError::TimestampMissing`] and [`VerifyError::TimestampMalformed`].
    fn signed_time<'t>(
        &'t self,
        variant: &Variant,
        signatures: &'t CandidateSignatures,
    ) -> Result<(Option<&'t str>, Option<UnixTime>), VerifyError> {
        let text = match variant.timestamp.as_ref().map(|timestamp| &timestamp.at) {
            Some(TimestampLocation::Json(_) | TimestampLocation::Claim(_)) | None => return Ok((None, None)),
            Some(TimestampLocation::Header(_)) => self.timestamp.as_deref(),
            // If the signature is in the body, so is its time.
            Some(TimestampLocation::Field) => self.timestamp.as_deref().or(signatures.timestamp.as_deref()),
        };
        let missing = || VerifyError::TimestampMissing { place: self.verifier.preset.scheme.location() };
        let text = text.ok_or_else(missing)?;
        let time = self.signed_at.map_or_else(|| read_time(variant, text), Ok)?;
        Ok((Some(text), Some(time)))
    }

    /// Compares the token's claims, the hash in the query and the account with the values that they must have.
    fn prove_claims(
        &self,
        jws: Option<&Jws>,
        body: &[u8],
        now: UnixTime,
        crypto: &impl Crypto,
    ) -> Result<(), VerifyError> {
        let Verifier { preset, url, account, tolerance, .. } = self.verifier;
        let scheme = &preset.scheme;
        if let Some(jws) = jws {
            let leeway = tolerance.unwrap_or(Tolerance::CUSTOMARY).min(Tolerance::CUSTOMARY);
            jws.check(&scheme.token_claims, TokenContext { url, query: &self.query, account, leeway }, body, now)?;
        } else if scheme.token_claims.need_token() {
            return Err(VerifyError::SignatureMalformed {
                place: scheme.location(),
                problem: "not a token with claims",
            });
        }
        if let Some(name) = &scheme.token_claims.query_body_hash {
            let told = content::query_value(&self.query, name)?;
            if told != Some(hex::encode(sha256(body, crypto))) {
                return Err(VerifyError::ClaimMismatch { claim: name.clone(), problem: "different" });
            }
        }
        if let Some(path) = &scheme.account
            && content::json_text(body, path)?.as_ref() != Some(account)
        {
            return Err(VerifyError::ClaimMismatch { claim: path.to_string(), problem: "different from \"account\"" });
        }
        Ok(())
    }

    fn prove_freshness(&self, signed_at: Option<UnixTime>, now: UnixTime) -> Result<(), VerifyError> {
        let Some(signed_at) = signed_at else { return Ok(()) };
        let missing = || VerifyError::TimestampMissing { place: NOWHERE.to_owned() };
        self.verifier.window(self.variant).ok_or_else(missing)?.check(signed_at, now)
    }
}

/// The proof that a request is authentic and fresh, with its body and the facts about its event. Only [`Received::verify`]
/// makes a proof.
#[derive(Debug)]
pub struct Verified<'b> {
    body: &'b [u8],
    identity: Identity,
    event_types: EventTypes,
    signed_at: Option<UnixTime>,
    matched_secret: Option<usize>,
}

impl<'b> Verified<'b> {
    /// The raw body, exactly as received.
    pub fn body(&self) -> &'b [u8] {
        self.body
    }

    /// The identity of the event.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The types of the events in the request.
    pub fn event_types(&self) -> &EventTypes {
        &self.event_types
    }

    /// The signed time. `None` if the scheme signs no time.
    pub fn signed_at(&self) -> Option<UnixTime> {
        self.signed_at
    }

    /// The number of the secret that proved the request, from 0, in the order of the keys of [`Verifier::new`]: the first
    /// one, if several would. `None` if a key that the provider publishes proved the request.
    pub fn matched_secret(&self) -> Option<usize> {
        self.matched_secret
    }
}
