//! From what a request claims to a proof.

use super::canonical::canonical_json_string;
use super::json::{self, ExtractError, Scalar};
use super::signature::{self, Claimed};
use super::{
    Clock, EventType, Form, Headers, IdAt, Identity, JsonPath, Key, MAX_SECRETS, Part, Preset, TimestampAt, Tolerance,
    TypeAt, UnixTime, VerifyError, WithoutId,
};
use std::time::Duration;
use subtle::{Choice, ConstantTimeEq};

/// Proves requests of one provider, with one source's secrets and window.
#[derive(Debug, Clone)]
pub struct Verifier {
    preset: &'static Preset,
    keys: Vec<Key>,
    tolerance: Option<Duration>,
}

impl Verifier {
    /// A verifier of `preset`'s scheme, which accepts what any of `keys` signs. `tolerance` overrides how old a
    /// delivery may be. `None` where there is no key, or more than [`MAX_SECRETS`].
    pub fn new(preset: &'static Preset, keys: Vec<Key>, tolerance: Option<Duration>) -> Option<Self> {
        matches!(keys.len(), 1..=MAX_SECRETS).then_some(Self { preset, keys, tolerance })
    }

    /// The provider whose scheme this proves.
    pub fn preset(&self) -> &'static Preset {
        self.preset
    }

    /// The key of the first secret: the current one, which the command line signs test deliveries with.
    pub fn current_key(&self) -> Option<&Key> {
        self.keys.first()
    }

    /// The window for requests of this form: what the source's configuration sets, else the customary five minutes for
    /// a delivery's time, and the retry span on top of them for an event's. `None` where nothing signed tells the time.
    pub fn window(&self, form: &Form) -> Option<Tolerance> {
        let default = match form.timestamp?.clock() {
            Clock::Delivery => Tolerance::CUSTOMARY,
            Clock::Event => self.preset.retry_span.saturating_add(Tolerance::CUSTOMARY),
        };
        Some(Tolerance::of(self.tolerance.unwrap_or(default)))
    }

    /// Reads what the headers claim, before a byte of the body is needed.
    ///
    /// # Errors
    /// Any [`VerifyError`] about headers; none of these is authentic.
    pub fn receive(&self, headers: &(impl Headers + ?Sized)) -> Result<Received<'_>, VerifyError> {
        let scheme = &self.preset.scheme;
        let header = scheme.header;
        let value = headers.header(header).ok_or(VerifyError::SignatureMissing { header })?;
        let (form, Claimed { signatures, timestamp }) = signature::read(scheme, &value)?;
        let timestamp = match form.timestamp {
            Some(TimestampAt::Header(name)) => {
                let missing = || VerifyError::TimestampMissing { place: name.to_owned() };
                Some(headers.header(name).ok_or_else(missing)?)
            }
            _ => timestamp,
        };
        let signed_at = timestamp.as_deref().map(|text| read_unix(form, text)).transpose()?;
        let mut signed_headers = Vec::new();
        for part in form.content {
            if let Part::Header(name) = part {
                signed_headers.push(signed_header(headers, name)?);
            }
        }
        let unsigned_type = scheme.event_type.iter().find_map(|place| match place {
            TypeAt::UnsignedHeader(name) => headers.header(name),
            TypeAt::Json(_) => None,
        });
        Ok(Received { verifier: self, form, signatures, timestamp, signed_at, signed_headers, unsigned_type })
    }
}

fn read_unix(form: &Form, text: &str) -> Result<UnixTime, VerifyError> {
    let place = match form.timestamp {
        Some(TimestampAt::Header(name)) => name,
        _ => "the signature header",
    };
    let expected = "Unix seconds, digits only";
    UnixTime::from_unix_text(text).ok_or_else(|| VerifyError::TimestampMalformed { place: place.to_owned(), expected })
}

/// The `.` separates the parts of a signed content, so a value that holds one could shift their bounds.
fn signed_header(headers: &(impl Headers + ?Sized), name: &'static str) -> Result<String, VerifyError> {
    let refused = |problem| VerifyError::SignedHeader { header: name, problem };
    let value = headers.header(name).ok_or(refused("missing"))?;
    match value.as_str() {
        "" => Err(refused("empty")),
        text if text.contains('.') => Err(refused("not allowed to contain a `.`, the separator of what is signed")),
        _ => Ok(value),
    }
}

/// What a request claims: headers read, nothing proven.
#[derive(Debug)]
pub struct Received<'v> {
    verifier: &'v Verifier,
    form: &'static Form,
    signatures: Vec<signature::Signature>,
    timestamp: Option<String>,
    signed_at: Option<UnixTime>,
    signed_headers: Vec<String>,
    unsigned_type: Option<String>,
}

impl Received<'_> {
    /// Proves the claim for `body`, the request's raw bytes, at the time `now`.
    ///
    /// In this order: the signature, the freshness, the event's identity. The body is parsed for its meaning only
    /// after the signature held.
    ///
    /// # Errors
    /// Any [`VerifyError`]; [`VerifyError::is_authentic`] tells whether the signature was proven.
    pub fn verify<'b>(self, body: &'b [u8], now: UnixTime) -> Result<Verified<'b>, VerifyError> {
        self.prove_signature(body)?;
        self.prove_freshness(self.signed_at, now)?;
        let facts = self.read_facts(body)?;
        let event_time = match self.form.timestamp {
            Some(TimestampAt::Json(path)) => Some(facts.timestamp(path)?),
            _ => None,
        };
        self.prove_freshness(event_time, now)?;
        let identity = self.identify(body, &facts)?;
        let event_type = facts.event_type.or_else(|| EventType::named(self.unsigned_type?, false));
        Ok(Verified { body, identity, event_type, signed_at: self.signed_at.or(event_time) })
    }

    fn prove_signature(&self, body: &[u8]) -> Result<(), VerifyError> {
        let content = self.signed_content(body)?;
        let mut proven = Choice::from(0);
        for key in &self.verifier.keys {
            let expected = key.mac(content.iter().map(SignedPart::bytes));
            for candidate in &self.signatures {
                proven |= expected.ct_eq(candidate);
            }
        }
        if bool::from(proven) {
            return Ok(());
        }
        Err(VerifyError::SignatureMismatch {
            header: self.verifier.preset.scheme.header,
            candidates: self.signatures.len(),
            secrets: self.verifier.keys.len(),
        })
    }

    fn prove_freshness(&self, signed_at: Option<UnixTime>, now: UnixTime) -> Result<(), VerifyError> {
        match signed_at.zip(self.verifier.window(self.form)) {
            Some((signed_at, window)) => window.check(signed_at, now),
            None => Ok(()),
        }
    }

    fn signed_content<'a>(&'a self, body: &'a [u8]) -> Result<Vec<SignedPart<'a>>, VerifyError> {
        let mut headers = self.signed_headers.iter();
        let mut content = Vec::with_capacity(self.form.content.len());
        for part in self.form.content {
            content.push(match part {
                Part::Literal(text) => SignedPart::Received(text.as_bytes()),
                Part::Timestamp => SignedPart::Received(self.timestamp.as_deref().unwrap_or_default().as_bytes()),
                Part::Header(_) => SignedPart::Received(headers.next().map(String::as_bytes).unwrap_or_default()),
                Part::Body => SignedPart::Received(body),
                Part::CanonicalJsonString => SignedPart::Canonical(canonical_json_string(body)?),
            });
        }
        Ok(content)
    }

    /// Reads from the proven body what the scheme says stands there, in one pass; no pass where nothing does.
    fn read_facts(&self, body: &[u8]) -> Result<Facts, VerifyError> {
        let scheme = &self.verifier.preset.scheme;
        let mut paths: Vec<JsonPath> = Vec::new();
        let json_id = match scheme.id {
            IdAt::Json(path, without) => Some((path, without)),
            _ => None,
        };
        paths.extend(json_id.map(|(path, _)| path));
        let timestamp = match self.form.timestamp {
            Some(TimestampAt::Json(path)) => Some(path),
            _ => None,
        };
        paths.extend(timestamp);
        paths.extend(scheme.event_type.iter().filter_map(|place| match place {
            TypeAt::Json(path) => Some(*path),
            TypeAt::UnsignedHeader(_) => None,
        }));
        if paths.is_empty() {
            return Ok(Facts::default());
        }
        // Where neither id nor time hangs on it, the body need not be JSON: a Slack command is a form.
        let needs_json = timestamp.is_some() || matches!(json_id, Some((_, WithoutId::Refuse)));
        let mut scalars = match json::extract(body, &paths) {
            Ok(scalars) => scalars.into_iter(),
            Err(ExtractError::NotJson(_)) if !needs_json => return Ok(Facts::default()),
            Err(ExtractError::NotJson(problem)) => return Err(VerifyError::NotJson { problem }),
            Err(ExtractError::Ambiguous(key)) => return Err(VerifyError::AmbiguousJson { key }),
        };
        let id = json_id.and_then(|_| scalars.next().flatten());
        let timestamp = timestamp.and_then(|_| scalars.next().flatten());
        let event_type = scalars.flatten().find_map(|scalar| match scalar {
            Scalar::Text(name) => EventType::named(name, true),
            _ => None,
        });
        Ok(Facts { id, timestamp, event_type })
    }

    fn identify(&self, body: &[u8], facts: &Facts) -> Result<Identity, VerifyError> {
        let (path, without) = match self.verifier.preset.scheme.id {
            IdAt::Nowhere => return Ok(Identity::of_body(body)),
            IdAt::SignedHeader(name) => return self.header_id(name),
            IdAt::Json(path, without) => (path, without),
        };
        let problem = match &facts.id {
            Some(Scalar::Text(id)) if !id.is_empty() => return Ok(Identity::SignedId(id.clone())),
            Some(Scalar::Integer(id)) => return Ok(Identity::SignedId(id.clone())),
            Some(Scalar::Text(_)) => "empty",
            Some(Scalar::Other(what)) => what,
            None => "missing",
        };
        match without {
            WithoutId::UseDigest => Ok(Identity::of_body(body)),
            WithoutId::Refuse => Err(VerifyError::IdUnreadable { place: place(path), problem }),
        }
    }

    fn header_id(&self, name: &'static str) -> Result<Identity, VerifyError> {
        let signed = self.form.content.iter().filter_map(|part| match part {
            Part::Header(header) => Some(*header),
            _ => None,
        });
        let id = signed.zip(&self.signed_headers).find_map(|(header, value)| (header == name).then(|| value.clone()));
        id.map(Identity::SignedId).ok_or(VerifyError::SignedHeader { header: name, problem: "not covered" })
    }
}

enum SignedPart<'a> {
    Received(&'a [u8]),
    Canonical(Vec<u8>),
}

impl SignedPart<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Received(bytes) => bytes,
            Self::Canonical(bytes) => bytes,
        }
    }
}

/// What a proven body says of itself.
#[derive(Default)]
struct Facts {
    id: Option<Scalar>,
    timestamp: Option<Scalar>,
    event_type: Option<EventType>,
}

impl Facts {
    fn timestamp(&self, path: JsonPath) -> Result<UnixTime, VerifyError> {
        let place = place(path);
        let read = match &self.timestamp {
            None => return Err(VerifyError::TimestampMissing { place }),
            Some(Scalar::Text(text)) => UnixTime::from_rfc3339(text),
            Some(_) => None,
        };
        read.ok_or(VerifyError::TimestampMalformed { place, expected: "RFC 3339 with a zone" })
    }
}

fn place(path: JsonPath) -> String {
    format!("$.{}", path.join("."))
}

/// The proof that a request is authentic and fresh, and what it carries. Only [`Received::verify`] makes one.
#[derive(Debug)]
pub struct Verified<'b> {
    body: &'b [u8],
    identity: Identity,
    event_type: Option<EventType>,
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

    /// What kind of event this is, where the provider says so.
    pub fn event_type(&self) -> Option<&EventType> {
        self.event_type.as_ref()
    }

    /// The signed time, where the scheme has one.
    pub fn signed_at(&self) -> Option<UnixTime> {
        self.signed_at
    }
}
