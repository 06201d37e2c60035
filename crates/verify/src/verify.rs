//! From what a request claims to a proof.

mod facts;

use super::content::{self, HeadContent, Texts};
use super::jws::{Jws, TokenContext};
use super::secret::sha256;
use super::signature::{self, CandidateSignatures};
use super::{
    Clock, Crypto, EventTypes, Head, Identity, Location, MAX_SECRETS, Preset, PublicKey, PublicKeySource, Scheme,
    TimestampLocation, Tolerance, UnixTime, Variant, VerificationKey, VerifyError,
};
use facts::UnsignedHeaders;
use std::sync::Arc;
use std::time::Duration;

/// Proves requests of one provider, with one source's secrets and window.
#[derive(Debug, Clone)]
pub struct Verifier {
    pub(super) preset: Arc<Preset>,
    pub(super) keys: Vec<VerificationKey>,
    tolerance: Option<Duration>,
    pub(super) url: String,
    account: String,
}

impl Verifier {
    /// A verifier of `preset`'s scheme, which accepts what any of `keys` signs. `tolerance` overrides how old a
    /// delivery may be. `None` where there are more than [`MAX_SECRETS`] keys. Without any, nothing is proven but by
    /// keys that the provider publishes.
    pub fn new(preset: Arc<Preset>, keys: Vec<VerificationKey>, tolerance: Option<Duration>) -> Option<Self> {
        (keys.len() <= MAX_SECRETS).then_some(Self {
            preset,
            keys,
            tolerance,
            url: String::new(),
            account: String::new(),
        })
    }

    /// The same for an endpoint at `url`, which is its public URL as the provider has it. It has a query where the scheme
    /// [pins](super::Scheme::pins_query) one.
    #[must_use]
    pub fn at(mut self, url: String) -> Self {
        self.url = url;
        self
    }

    /// The same for a user whom the provider knows as `account`.
    #[must_use]
    pub fn of(mut self, account: String) -> Self {
        self.account = account;
        self
    }

    /// The user's public name at the provider; empty where none is configured.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The provider whose scheme this proves.
    pub fn preset(&self) -> &Arc<Preset> {
        &self.preset
    }

    /// The endpoint's public URL; empty where none is configured.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The key of the first secret: the current one, which the command line signs test deliveries with.
    pub fn current_key(&self) -> Option<&VerificationKey> {
        self.keys.first()
    }

    /// How many bytes the shortest of the shared secrets has, where there are any.
    pub fn shortest_secret(&self) -> Option<usize> {
        self.keys.iter().filter_map(VerificationKey::secret_length).min()
    }

    /// Whether the source's configuration sets the window.
    pub fn has_own_tolerance(&self) -> bool {
        self.tolerance.is_some()
    }

    /// The window for requests of this form: what the source's configuration sets, else what the scheme does, or the
    /// customary five minutes, for a delivery's time, and the retry span on top of them for an event's. `None` where nothing signed tells the time.
    pub fn window(&self, form: &Variant) -> Option<Tolerance> {
        let timestamp = form.timestamp.as_ref()?;
        let customary = timestamp.tolerance.unwrap_or(Tolerance::CUSTOMARY);
        let default = match timestamp.clock {
            Clock::Request => customary,
            Clock::Event => self.preset.retry_span.saturating_add(customary),
        };
        Some(Tolerance::of(self.tolerance.unwrap_or(default)))
    }

    /// Reads what the head of a request claims, before a byte of the body is needed.
    ///
    /// # Errors
    /// Any [`VerifyError`] about headers; none of these is authentic.
    pub fn receive(&self, head: &(impl Head + ?Sized)) -> Result<Received<'_>, VerifyError> {
        let scheme = &self.preset.scheme;
        let in_body = scheme.locations.iter().all(Location::is_in_body);
        let (form, claimed) = match scheme.variants.first() {
            Some(form) if in_body => (form, None),
            _ => {
                let (form, claimed) = signature::read(scheme, &self.account, &found_in_head(&scheme.locations, head)?)?;
                (form, Some(claimed))
            }
        };
        let timestamp = match form.timestamp.as_ref().map(|timestamp| &timestamp.at) {
            Some(TimestampLocation::Header(name)) => {
                let missing = || VerifyError::TimestampMissing { place: name.clone() };
                Some(head.header(name).ok_or_else(missing)?)
            }
            Some(TimestampLocation::Field) => claimed.as_ref().and_then(|claimed| claimed.timestamp.clone()),
            Some(TimestampLocation::Json(_) | TimestampLocation::Claim(_)) | None => None,
        };
        let signed_at = timestamp.as_deref().map(|text| read_time(form, text)).transpose()?;
        let readings = readings(scheme, form, |form| content::of_head(form, timestamp.as_deref(), head, &self.url))?;
        let unsigned = UnsignedHeaders::of(scheme, head);
        let claims = &scheme.token_claims;
        let query =
            if claims.url_hash.is_some() || claims.query_body_hash.is_some() { head.query() } else { String::new() };
        let published = Vec::new();
        Ok(Received { verifier: self, form, claimed, timestamp, signed_at, readings, unsigned, query, published })
    }
}

/// What of the head each content signs that this form may have. One that cannot be read is none: another may be.
fn readings<'v>(
    scheme: &'v Scheme,
    form: &'v Variant,
    read: impl Fn(&Variant) -> Result<Vec<Option<String>>, VerifyError>,
) -> Result<Vec<ContentCandidate<'v>>, VerifyError> {
    let mut readings = Vec::new();
    let mut problem = None;
    for form in scheme.with_alternatives(form) {
        match read(form) {
            Ok(head) => readings.push(ContentCandidate { form, head }),
            Err(error) => problem = problem.or(Some(error)),
        }
    }
    match problem {
        Some(problem) if readings.is_empty() => Err(problem),
        Some(_) | None => Ok(readings),
    }
}

fn found_in_head<'p>(
    places: &'p [Location],
    head: &(impl Head + ?Sized),
) -> Result<Vec<(&'p Location, String)>, VerifyError> {
    let mut found = Vec::new();
    for place in places {
        let text = match place {
            Location::Header(name) => head.header(name),
            Location::Query(name) => content::query_value(&head.query(), name)?,
            Location::Json(_) | Location::Form(_) => None,
        };
        found.extend(text.map(|text| (place, text)));
    }
    Ok(found)
}

fn found_in_body<'p>(places: &'p [Location], texts: &Texts<'_>) -> Result<Vec<(&'p Location, String)>, VerifyError> {
    let mut found = Vec::new();
    for place in places {
        let text = match place {
            Location::Json(path) => texts.json(path)?,
            Location::Form(name) => texts.form(name)?,
            Location::Header(_) | Location::Query(_) => None,
        };
        found.extend(text.map(|text| (place, text.to_owned())));
    }
    Ok(found)
}

/// Where a time stands that the scheme says nothing of.
const NOWHERE: &str = "no place that the scheme names";

fn read_time(form: &Variant, text: &str) -> Result<UnixTime, VerifyError> {
    let timestamp =
        form.timestamp.as_ref().ok_or_else(|| VerifyError::TimestampMissing { place: NOWHERE.to_owned() })?;
    let malformed =
        || VerifyError::TimestampMalformed { place: timestamp.at.to_string(), expected: timestamp.unit.expected() };
    UnixTime::read(timestamp.unit, text).ok_or_else(malformed)
}

/// One of the contents that a request's signature may be over.
#[derive(Debug)]
pub(super) struct ContentCandidate<'v> {
    pub(super) form: &'v Variant,
    /// A text for each part that stands in the head, from [`content::of_head`].
    pub(super) head: Vec<Option<String>>,
}

/// What a request claims: its head read, nothing proven.
#[derive(Debug)]
pub struct Received<'v> {
    pub(super) verifier: &'v Verifier,
    /// The form of its signature; its alternatives have the same time.
    form: &'v Variant,
    /// `None` where the signature stands in the body.
    claimed: Option<CandidateSignatures>,
    timestamp: Option<String>,
    signed_at: Option<UnixTime>,
    /// At least one.
    readings: Vec<ContentCandidate<'v>>,
    unsigned: UnsignedHeaders,
    /// Where something hangs on it.
    query: String,
    pub(super) published: Vec<VerificationKey>,
}

impl<'v> Received<'v> {
    /// Accepts what the provider's published keys sign as well.
    #[must_use]
    pub fn with_published(mut self, keys: Vec<PublicKey>) -> Self {
        self.published = keys.into_iter().map(VerificationKey::Public).collect();
        self
    }

    /// Where the keys are published that this request with this body may be signed under.
    ///
    /// # Errors
    /// Where the body names a place of its own that is none of the provider's.
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

    /// Proves the claim for `body`, the request's raw bytes, at the time `now`.
    ///
    /// In this order: the signature, the freshness, the event's identity. The body is parsed for its meaning only
    /// after the signature held; before that only where the scheme signs what it means.
    ///
    /// # Errors
    /// Any [`VerifyError`]; [`VerifyError::is_authentic`] tells whether the signature was proven.
    pub fn verify<'b>(&self, body: &'b [u8], now: UnixTime, crypto: &impl Crypto) -> Result<Verified<'b>, VerifyError> {
        let mut refused = None;
        for reading in &self.readings {
            match self.verify_as(reading, body, now, crypto) {
                Err(error @ VerifyError::SignatureMismatch { .. }) => refused = Some(error),
                Err(error @ VerifyError::SignedHeader { .. }) => refused = refused.or(Some(error)),
                outcome => return outcome,
            }
        }
        Err(refused.unwrap_or_else(|| signature::missing(&self.verifier.preset.scheme)))
    }

    /// The same, over one of the contents that may be signed.
    fn verify_as<'b>(
        &self,
        reading: &ContentCandidate<'_>,
        body: &'b [u8],
        now: UnixTime,
        crypto: &impl Crypto,
    ) -> Result<Verified<'b>, VerifyError> {
        let scheme = &self.verifier.preset.scheme;
        let form = reading.form;
        let texts = Texts::read(scheme, form, body)?;
        let in_body;
        let claimed = match &self.claimed {
            Some(claimed) => claimed,
            None => {
                in_body =
                    signature::read(scheme, &self.verifier.account, &found_in_body(&scheme.locations, &texts)?)?.1;
                &in_body
            }
        };
        let jws = claimed.jws.as_ref();
        let (timestamp, signed_at) = self.signed_time(form, claimed)?;
        let beside = HeadContent { head: &reading.head, timestamp, jws: jws.map(|jws| jws.content.as_str()) };
        let content = content::of_all(form, beside, &texts, body, |body| sha256(body, crypto))?;
        self.prove_signature(form, claimed, &content, crypto)?;
        self.prove_freshness(signed_at, now)?;
        self.prove_claims(jws, body, now, crypto)?;
        let facts = self.read_facts(form, body)?;
        let told = match form.timestamp.as_ref().map(|timestamp| (&timestamp.at, timestamp.unit)) {
            Some((TimestampLocation::Json(path), unit)) => Some(facts.timestamp(path, unit)?),
            Some((TimestampLocation::Claim(name), _)) => {
                let missing = || VerifyError::TimestampMissing { place: name.clone() };
                let time = jws.map(|jws| jws.time(name)).transpose()?.flatten();
                Some(time.ok_or_else(missing)?)
            }
            Some((TimestampLocation::Header(_) | TimestampLocation::Field, _)) | None => None,
        };
        self.prove_freshness(told, now)?;
        let identity = self.identify(reading, body, &content, &facts, crypto)?;
        let event_types = self.event_types(form, facts.names);
        Ok(Verified { body, identity, event_types, signed_at: signed_at.or(told) })
    }

    /// The text of the time that stands in the head or beside the signature, and the time. `None` where the scheme has no time
    /// there: what stands there all the same is not signed.
    ///
    /// # Errors
    /// [`VerifyError::TimestampMissing`] and [`VerifyError::TimestampMalformed`].
    fn signed_time<'t>(
        &'t self,
        form: &Variant,
        claimed: &'t CandidateSignatures,
    ) -> Result<(Option<&'t str>, Option<UnixTime>), VerifyError> {
        let text = match form.timestamp.as_ref().map(|timestamp| &timestamp.at) {
            Some(TimestampLocation::Json(_) | TimestampLocation::Claim(_)) | None => return Ok((None, None)),
            Some(TimestampLocation::Header(_)) => self.timestamp.as_deref(),
            // Beside a signature in the body it is known only now.
            Some(TimestampLocation::Field) => self.timestamp.as_deref().or(claimed.timestamp.as_deref()),
        };
        let missing = || VerifyError::TimestampMissing { place: self.verifier.preset.scheme.place() };
        let text = text.ok_or_else(missing)?;
        let time = self.signed_at.map_or_else(|| read_time(form, text), Ok)?;
        Ok((Some(text), Some(time)))
    }

    /// Holds what is signed beside the content to what the configuration says it must be.
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
            return Err(VerifyError::SignatureMalformed { place: scheme.place(), problem: "no token that has claims" });
        }
        if let Some(name) = &scheme.token_claims.query_body_hash {
            let told = content::query_value(&self.query, name)?;
            if told != Some(hex::encode(sha256(body, crypto))) {
                return Err(VerifyError::ClaimMismatch { claim: name.clone(), problem: "another" });
            }
        }
        if let Some(path) = &scheme.account
            && content::json_text(body, path)?.as_ref() != Some(account)
        {
            return Err(VerifyError::ClaimMismatch { claim: path.to_string(), problem: "another than `account`" });
        }
        Ok(())
    }

    fn prove_freshness(&self, signed_at: Option<UnixTime>, now: UnixTime) -> Result<(), VerifyError> {
        let Some(signed_at) = signed_at else { return Ok(()) };
        let missing = || VerifyError::TimestampMissing { place: NOWHERE.to_owned() };
        self.verifier.window(self.form).ok_or_else(missing)?.check(signed_at, now)
    }
}

/// The proof that a request is authentic and fresh, and what it carries. Only [`Received::verify`] makes one.
#[derive(Debug)]
pub struct Verified<'b> {
    body: &'b [u8],
    identity: Identity,
    event_types: EventTypes,
    signed_at: Option<UnixTime>,
}

impl<'b> Verified<'b> {
    /// The raw body, exactly as received.
    pub fn body(&self) -> &'b [u8] {
        self.body
    }

    /// Which event this is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What kinds of events this carries.
    pub fn event_types(&self) -> &EventTypes {
        &self.event_types
    }

    /// The signed time, where the scheme has one.
    pub fn signed_at(&self) -> Option<UnixTime> {
        self.signed_at
    }
}
