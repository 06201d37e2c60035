//! Helpers of the core's tests. They read the table of presets, so a new preset needs no code here.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hookgate_verify::native::Native;
use hookgate_verify::presets;
use hookgate_verify::{
    Algorithm, DigestOf, Encoding, Hash, IdLocation, Identity, IdentityRule, JsonPath, Layout, Location, Part, Preset,
    PublicAlgorithm, Scheme, Secret, SecretEncoding, SignError, SignInput, Step, TimeUnit, TimestampLocation,
    TypeLocation, UnixTime, Variant, VerificationKey, Verified, Verifier, VerifyError, WithoutId, sign,
};
use serde_json::{Map, Value};
use std::collections::HashSet;
use std::sync::Arc;

pub type Headers = Vec<(String, String)>;

/// A variant of a preset.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub preset: &'static Arc<Preset>,
    pub number: usize,
    pub form: &'static Variant,
}

/// The variants that sign time, headers and body with a shared secret, and send the signature in a header. Of presets that
/// differ only in names, one is enough here; `catalogue.rs` tests all.
pub fn every_form() -> impl Iterator<Item = Case> {
    let mut seen = HashSet::new();
    presets::ALL.iter().flat_map(cases).filter(Case::is_plain).filter(move |case| seen.insert(case.kind()))
}

/// The variants of the exemplary presets. The threats and the fuzz targets use these.
pub fn exemplary_forms() -> impl Iterator<Item = Case> {
    const NAMES: [&str; 10] = [
        "chekt", "generic", "github", "lrdefender", "relaybox", "relock", "shopify", "slack", "standard_webhooks",
        "stripe",
    ];
    presets::ALL.iter().filter(|preset| NAMES.contains(&preset.name.as_str())).flat_map(cases)
}

pub fn cases(preset: &'static Arc<Preset>) -> impl Iterator<Item = Case> {
    preset.scheme.variants.iter().enumerate().map(move |(number, form)| Case { preset, number, form })
}

/// The first variant of the preset `name`.
pub fn case(name: &str) -> Case {
    presets::ALL.iter().flat_map(cases).find(|case| case.preset.name == name).expect("a preset")
}

/// The name after each of these texts does not matter to a test.
const NAMES: [&str; 6] = ["Header(", "UnsignedHeader(", "SignedHeader(", "Key(", "prefixes: [", "signature: Some("];

impl Case {
    fn is_plain(&self) -> bool {
        let plain = |part: &Part| {
            matches!(
                part,
                Part::Literal(_) | Part::Timestamp | Part::Header(_) | Part::Body | Part::CanonicalJsonString
            )
        };
        matches!(self.scheme().algorithm, Algorithm::Hmac(_))
            && matches!(self.scheme().locations.first(), Some(Location::Header(_)))
            && self.form.content.iter().all(plain)
    }

    /// A text that is equal for variants that differ only in names.
    fn kind(&self) -> String {
        let Scheme { algorithm, secret, id, event_type, .. } = self.scheme();
        let mut kind = format!("{algorithm:?} {secret:?} {:?} {id:?} {event_type:?} {}", self.form, self.rule_kind());
        if !["chekt", "generic", "lrdefender", "relaybox", "relock"].contains(&self.preset.name.as_str()) {
            for name in NAMES {
                let parts: Vec<&str> = kind.split(name).collect();
                let rest = parts.iter().skip(1).map(|part| part.split_once([')', ' ']).map_or("", |(_, rest)| rest));
                kind = parts.first().copied().into_iter().chain(rest).collect::<Vec<_>>().join(name);
            }
        }
        kind
    }

    /// The identity rule, without the names in it.
    fn rule_kind(&self) -> String {
        match &self.scheme().identity {
            IdentityRule::Unstated => "unstated".to_owned(),
            IdentityRule::None { .. } => "none".to_owned(),
            IdentityRule::Content { .. } => "content".to_owned(),
            IdentityRule::Digest { when, without, split, .. } => {
                format!("digest {} {} {}", when.is_empty(), without.is_empty(), split.is_none())
            }
        }
    }

    pub fn scheme(&self) -> &'static Scheme {
        &self.preset.scheme
    }

    /// The header of the signature.
    pub fn header(&self) -> &'static str {
        match self.scheme().locations.first() {
            Some(Location::Header(name)) => name,
            place => panic!("{}: {place:?}", self.preset.name),
        }
    }

    /// The number of hexadecimal digits of a signature.
    pub fn digits(&self) -> usize {
        match self.scheme().algorithm {
            Algorithm::Hmac(Hash::Sha1) => 40,
            Algorithm::Hmac(Hash::Sha512) => 128,
            _ => 64,
        }
    }

    pub fn secret(&self, seed: &str) -> String {
        secret(self.scheme(), seed)
    }

    pub fn key(&self, seed: &str) -> VerificationKey {
        key(self.scheme(), seed)
    }

    pub fn verifier(&self, seeds: &[&str]) -> Verifier {
        let keys = seeds.iter().map(|seed| self.key(seed)).collect();
        Verifier::new(Arc::clone(self.preset), keys, None).expect("one to four keys")
    }

    /// The headers of a request with `body` at `now`, signed with the secret made from `seed`.
    pub fn sign(&self, seed: &str, id: &str, now: UnixTime, body: &[u8]) -> Result<Headers, SignError> {
        let delivery = SignInput { variant: self.number, id, now, url: "", account: "", body };
        Ok(sign(self.preset, &self.key(seed), &self.secret(seed), delivery)?.into_headers())
    }

    pub fn verify<'b>(
        &self,
        seed: &str,
        headers: &Headers,
        body: &'b [u8],
        now: UnixTime,
    ) -> Result<Verified<'b>, VerifyError> {
        self.verifier(&[seed]).receive(headers)?.verify(body, now, &Native)
    }

    /// The path of the time in the body, and its unit.
    pub fn time_in_body(&self) -> Option<(&'static JsonPath, TimeUnit)> {
        match self.form.timestamp.as_ref().map(|timestamp| (&timestamp.at, timestamp.unit)) {
            Some((TimestampLocation::Json(path), unit)) => Some((path, unit)),
            _ => None,
        }
    }

    /// The name of the header that has only the time.
    pub fn time_in_header(&self) -> Option<&'static str> {
        match self.form.timestamp.as_ref().map(|timestamp| &timestamp.at) {
            Some(TimestampLocation::Header(name)) => Some(name),
            _ => None,
        }
    }

    /// A body with all members that the scheme reads, and with `extra`.
    pub fn body(&self, id: &str, at: UnixTime, event_type: &str, extra: Map<String, Value>) -> Value {
        let root = self.scheme().event_type.iter().any(|place| match place {
            TypeLocation::Json(path) => path.steps().first() == Some(&Step::Each),
            TypeLocation::UnsignedHeader(_) => false,
        });
        let mut body = if root { Value::Array(Vec::new()) } else { Value::Object(extra) };
        for place in &self.scheme().event_type {
            if let TypeLocation::Json(path) = place {
                put(&mut body, path.steps(), event_type.into());
            }
        }
        if let Some((path, unit)) = self.time_in_body() {
            let text = at.write(unit);
            put(&mut body, path.steps(), text.parse::<i64>().map_or(text.into(), Value::from));
        }
        if let IdLocation::Json { path, .. } = &self.scheme().id {
            put(&mut body, path.steps(), id.into());
        }
        body
    }

    /// A serialised [`body`](Self::body) with some members that the scheme does not read.
    pub fn plain_body(&self, id: &str, at: UnixTime) -> Vec<u8> {
        let extra = Map::from_iter([("more".to_owned(), vec![1, 2].into()), ("note".to_owned(), "x".into())]);
        self.body(id, at, "a.type", extra).to_string().into_bytes()
    }

    /// The right identity of an event with this id and body. `found` is the identity that the verifier found.
    pub fn identity(&self, id: &str, body: &[u8], found: &Identity) -> Identity {
        match self.scheme().id {
            IdLocation::SignedHeader(_) | IdLocation::Json { when: None, .. } => Identity::signed(id),
            IdLocation::UnsignedHeader(..) => Identity::UnsignedId(id.into()),
            IdLocation::Nowhere | IdLocation::Json { when: Some(_), .. } => self.identity_by_rule(body, found),
        }
    }

    /// The right identity of an event without an id. If the identity depends on more than the body, this is `found`,
    /// provided that the rule can give such an identity; `tests/threats/recognition.rs` checks the exact identities.
    pub fn identity_by_rule(&self, body: &[u8], found: &Identity) -> Identity {
        let of_body = Identity::of_body(body);
        let may_be = match &self.scheme().identity {
            IdentityRule::Unstated => false,
            IdentityRule::None { .. } => return Identity::None,
            IdentityRule::Content { .. } => matches!(found, Identity::Digest(DigestOf::Content, _)),
            IdentityRule::Digest { when, without, split, .. } => match found {
                Identity::None => !when.is_empty() || split.is_some(),
                Identity::Split(DigestOf::Body, ..) => split.is_some(),
                Identity::Digest(DigestOf::Members, _) => !without.is_empty(),
                _ => false,
            },
        };
        if may_be { found.clone() } else { of_body }
    }

    /// Whether the signature covers the parsed body, as RelayBox's does.
    pub fn signs_the_value(&self) -> bool {
        self.form.content.contains(&Part::CanonicalJsonString)
    }

    /// Whether a body that is not JSON is refused.
    pub fn needs_json(&self) -> bool {
        self.signs_the_value()
            || self.time_in_body().is_some()
            || matches!(self.scheme().id, IdLocation::Json { missing: WithoutId::Refuse, .. })
    }

    /// The header of a signature in the variant's layout. `signature` may be any text.
    pub fn signature_header(&self, timestamp: &str, signature: &str) -> String {
        match &self.form.layout {
            Layout::Single { prefixes } => format!("{}{signature}", prefixes[0]),
            Layout::Jws { prefix } => format!("{prefix}{signature}"),
            Layout::Positional => format!("{timestamp},{signature}"),
            Layout::List { separators, assign, signature: name, timestamp: time } => {
                let separator = &separators[..1];
                let entry = format!("{}{assign}{signature}", name.as_deref().unwrap_or("key"));
                match time {
                    Some(time) => format!("{time}{assign}{timestamp}{separator}{entry}"),
                    None => entry,
                }
            }
        }
    }

    /// `bytes` in the variant's encoding.
    pub fn encode(&self, bytes: &[u8]) -> String {
        match self.form.encoding {
            Encoding::Hex => hex::encode(bytes),
            Encoding::Base64 => STANDARD.encode(bytes),
            Encoding::Base64Url => URL_SAFE_NO_PAD.encode(bytes),
            Encoding::Text => String::from_utf8(bytes.to_vec()).expect("a text"),
        }
    }
}

/// The private and the public key, both in PEM, from `openssl genpkey` and `openssl pkey -pubout`.
pub fn key_pair(algorithm: PublicAlgorithm) -> (&'static str, &'static str) {
    match algorithm {
        PublicAlgorithm::Ed25519 => (include_str!("../keys/ed25519.pem"), include_str!("../keys/ed25519.pub.pem")),
        PublicAlgorithm::EcdsaP256Der | PublicAlgorithm::EcdsaP256Fixed => {
            (include_str!("../keys/p256.pem"), include_str!("../keys/p256.pub.pem"))
        }
        PublicAlgorithm::RsaSha256 | PublicAlgorithm::RsaSha1 => {
            (include_str!("../keys/rsa.pem"), include_str!("../keys/rsa.pub.pem"))
        }
    }
}

/// The secret of a scheme, made from `seed`.
fn secret(scheme: &Scheme, seed: &str) -> String {
    match &scheme.secret {
        SecretEncoding::Utf8 | SecretEncoding::Sha1 | SecretEncoding::Html => seed.to_owned(),
        SecretEncoding::Hex => hex::encode(seed),
        SecretEncoding::Base64AfterPrefix(prefix) => format!("{prefix}{}", STANDARD.encode(seed)),
    }
}

/// The key of a scheme: the public key of [`key_pair`], or the shared secret made from `seed`.
pub fn key(scheme: &Scheme, seed: &str) -> VerificationKey {
    let text = match scheme.algorithm {
        Algorithm::Public(algorithm) => key_pair(algorithm).1.to_owned(),
        _ => secret(scheme, seed),
    };
    Secret::new(text).and_then(|text| text.key(scheme.algorithm, &scheme.secret)).expect("a usable secret")
}

/// Writes `value` to the place of the path. Values on the path that block it are replaced.
pub fn put(place: &mut Value, steps: &[Step], value: Value) {
    let Some((step, rest)) = steps.split_first() else {
        *place = value;
        return;
    };
    match step {
        Step::Key(key) => {
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            let entry = place.as_object_mut().expect("an object").entry(key.as_str());
            put(entry.or_insert_with(|| Value::Object(Map::new())), rest, value);
        }
        Step::Each => {
            if !place.is_array() {
                *place = Value::Array(Vec::new());
            }
            let items = place.as_array_mut().expect("an array");
            if items.is_empty() {
                items.push(Value::Object(Map::new()));
            }
            put(&mut items[0], rest, value);
        }
    }
}

/// `headers` with one header `name`, which has `value`.
pub fn with(headers: &Headers, name: &str, value: &str) -> Headers {
    let mut changed = without(headers, name);
    changed.push((name.to_owned(), value.to_owned()));
    changed
}

pub fn without(headers: &Headers, name: &str) -> Headers {
    headers.iter().filter(|(n, _)| n != name).cloned().collect()
}
