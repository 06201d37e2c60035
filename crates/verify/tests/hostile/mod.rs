//! Forged requests that are as expensive to refuse as possible: for every preset, with a long body or 64 KiB of head for
//! each part that the preset reads. Keys and times are fixed.

use hookgate_verify::native::{Native, RequestHead};
use hookgate_verify::presets;
use hookgate_verify::{
    Algorithm, Crypto, Hash, IdLocation, JsonPath, Layout, Location, Part, Preset, PublicAlgorithm, PublicKey,
    SignError, SignInput, Signer, TimestampLocation, UnixTime, Variant, VerificationKey, Verifier, sign,
};
use serde_json::{Map, Value};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

mod bodies;
mod heads;

use super::common::{key, put};
use bodies::{body_size, form_bodies, json_bodies};
use heads::heads;

/// 2026-01-15T12:00:00Z
pub const NOW: UnixTime = UnixTime::from_seconds(1_768_478_400);
const URL: &str = "https://hooks.example.com/webhooks/x";

/// A forged request and its verifier.
pub struct Forged {
    verifier: Verifier,
    published: Option<Vec<PublicKey>>,
    head: RequestHead,
    body: Vec<u8>,
}

impl Forged {
    /// The length of the request in bytes.
    pub fn bytes(&self) -> usize {
        let headers: usize = self.head.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        headers + self.head.query.len() + self.body.len()
    }

    /// Verifies the request. Returns the code of the error.
    pub fn refuse(&self) -> &'static str {
        self.refused_with(&Runtime::default())
    }

    /// The number of bytes that hashes and signatures read until the request is refused.
    pub fn hashed(&self) -> usize {
        let runtime = Runtime::default();
        self.refused_with(&runtime);
        runtime.hashed.get()
    }

    fn refused_with(&self, runtime: &Runtime) -> &'static str {
        let outcome = self.verifier.receive(&self.head).and_then(|mut received| {
            if let Some(keys) = &self.published {
                received.published_at(&self.body)?;
                received = received.with_published(keys.clone());
            }
            received.verify(&self.body, NOW, runtime).map(|_| ())
        });
        let error = outcome.expect_err("nothing forged passes");
        assert!(!error.is_authentic(), "{error}");
        error.code()
    }
}

/// The runtime's cryptography. Each hash has the cost of SHA-256, because `ring` has no fast SHA-1.
#[derive(Default)]
struct Runtime {
    hashed: Cell<usize>,
}

impl Runtime {
    fn count(&self, bytes: usize) {
        self.hashed.set(self.hashed.get() + bytes);
    }
}

impl Crypto for Runtime {
    fn hmac(&self, hash: Hash, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        self.count(parts.iter().map(|part| part.len()).sum());
        let mut mac = Native.hmac(Hash::Sha256, key, parts);
        mac.resize(if hash == Hash::Sha1 { 20 } else { 64 }, 0);
        if hash == Hash::Sha256 {
            mac.truncate(32);
        }
        mac
    }

    fn digest(&self, _: Hash, content: &[u8]) -> Vec<u8> {
        self.count(content.len());
        Native.digest(Hash::Sha256, content)
    }

    fn verifies(&self, algorithm: PublicAlgorithm, key: &PublicKey, content: &[u8], signature: &[u8]) -> bool {
        self.count(content.len());
        let algorithm = match algorithm {
            PublicAlgorithm::RsaSha1 => PublicAlgorithm::RsaSha256,
            algorithm => algorithm,
        };
        Native.verifies(algorithm, key, content, signature)
    }
}

/// A text that is equal for presets with equal costs.
pub fn kind(preset: &Preset) -> String {
    let strip = |part: &Part| match part {
        Part::Literal(_) => String::new(),
        Part::Header(_) => "header".to_owned(),
        Part::Query(_) | Part::QueryLower(_) => "query".to_owned(),
        part => part.to_string(),
    };
    let scheme = &preset.scheme;
    let forms = scheme.variants.iter().map(|form| {
        let parts: Vec<String> = form.content.iter().map(strip).filter(|part| !part.is_empty()).collect();
        let layout = format!("{:?}", form.layout);
        format!("{} {}", layout.split([' ', '{']).next().unwrap_or_default(), parts.join(" "))
    });
    let forms: Vec<String> = forms.collect();
    let places = scheme.locations.iter().map(|place| match place {
        Location::Header(_) | Location::Query(_) => "head".to_owned(),
        Location::Json(path) => format!("{path}"),
        Location::Form(_) => "form".to_owned(),
    });
    let mut places: Vec<String> = places.collect();
    places.dedup();
    format!("{:?} {} {} {}", scheme.algorithm, places.join(","), forms.join(" | "), scheme.public_keys.is_some())
}

/// One preset of each kind, with the names of all presets of that kind.
pub fn kinds() -> Vec<(Arc<Preset>, Vec<String>)> {
    let mut kinds: BTreeMap<String, (Arc<Preset>, Vec<String>)> = BTreeMap::new();
    for preset in presets::ALL.iter() {
        let entry = kinds.entry(kind(preset)).or_insert_with(|| (Arc::clone(preset), Vec::new()));
        entry.1.push(preset.name.clone());
    }
    kinds.into_values().collect()
}

/// A forged request of `bytes` bytes to a source that signs the raw body.
pub fn raw(bytes: usize) -> Forged {
    let preset = presets::find("generic").expect("a preset");
    let mut forged = honest(&preset, 0, b"{}");
    forged.body.clear();
    let head = forged.bytes();
    forged.body = b"a".repeat(bytes.saturating_sub(head));
    forged
}

/// A signer whose signatures have the right length and are wrong.
struct Nobody(Algorithm);

impl Signer for Nobody {
    fn signature(&self, _: &[u8]) -> Result<Vec<u8>, SignError> {
        let length = match self.0 {
            Algorithm::Public(PublicAlgorithm::EcdsaP256Der) => return Ok(der()),
            Algorithm::Public(PublicAlgorithm::RsaSha256 | PublicAlgorithm::RsaSha1) => 256,
            Algorithm::Public(_) | Algorithm::Hmac(hookgate_verify::Hash::Sha512) => 64,
            Algorithm::Hmac(hookgate_verify::Hash::Sha1) => 20,
            _ => 32,
        };
        Ok(vec![1; length])
    }
}

/// Two numbers in ASN.1: a signature that can be read and is wrong.
fn der() -> Vec<u8> {
    [&[0x30, 68][..], &[2, 32], &[1; 32], &[2, 32], &[1; 32]].concat()
}

/// A request of the provider with a wrong signature.
fn honest(preset: &Arc<Preset>, number: usize, body: &[u8]) -> Forged {
    let scheme = &preset.scheme;
    let published = scheme.public_keys.as_ref().map(|_| match key(scheme, "") {
        VerificationKey::Public(key) => vec![key; 3],
        _ => Vec::new(),
    });
    let keys = if published.is_some() { Vec::new() } else { vec![key(scheme, "a-shared-secret-0123")] };
    let verifier = Verifier::new(Arc::clone(preset), keys, None).expect("a key");
    let verifier = verifier.with_url(URL.to_owned()).with_account("somebody".to_owned());
    let delivery = SignInput { variant: number, id: "evt_1", now: NOW, url: URL, account: "somebody", body };
    let signed = sign(preset, &Nobody(scheme.algorithm), "another-secret-0123", delivery).expect("signed");
    let (place, signature, query) = (signed.location.clone(), signed.signature.clone(), signed.query.clone());
    let headers = signed.into_headers();
    let body = match &place {
        Location::Json(path) => {
            let mut value: Value = serde_json::from_slice(body).unwrap_or(Value::Object(Map::new()));
            put(&mut value, path.steps(), signature.into());
            value.to_string().into_bytes()
        }
        Location::Form(name) => form_urlencoded::Serializer::new(String::from_utf8_lossy(body).into_owned())
            .append_pair(name, &signature)
            .finish()
            .into_bytes(),
        Location::Header(_) | Location::Query(_) => body.to_vec(),
    };
    Forged { verifier, published, head: RequestHead { query, headers, ..RequestHead::default() }, body }
}

/// The paths that the scheme reads before the signature is proven.
fn paths(preset: &Preset, form: &Variant) -> Vec<JsonPath> {
    let scheme = &preset.scheme;
    let mut paths: Vec<JsonPath> = Vec::new();
    for place in &scheme.locations {
        if let Location::Json(path) = place {
            paths.push(path.clone());
        }
    }
    for part in &form.content {
        match part {
            Part::Json(path) => paths.push(path.clone()),
            Part::JsonLines(keys) => paths.extend(keys.iter().map(|key| JsonPath::of_key(key))),
            _ => {}
        }
    }
    if let Some(hookgate_verify::PublicKeySource::Certificate(path, _)) = &scheme.public_keys {
        paths.push(path.clone());
    }
    paths
}

/// A small body with all members that the scheme reads.
fn small(preset: &Preset, form: &Variant) -> Value {
    let mut body = Value::Object(Map::new());
    for path in paths(preset, form) {
        put(&mut body, path.steps(), "a".into());
    }
    if let Some(hookgate_verify::PublicKeySource::Certificate(path, _)) = &preset.scheme.public_keys {
        put(&mut body, path.steps(), "https://sns.eu-central-1.amazonaws.com/a.pem".into());
    }
    if let Some(TimestampLocation::Json(path)) = form.timestamp.as_ref().map(|time| &time.at) {
        let unit = form.timestamp.as_ref().expect("a time").unit;
        put(&mut body, path.steps(), NOW.write(unit).into());
    }
    if let IdLocation::Json { path, .. } = &preset.scheme.id {
        put(&mut body, path.steps(), "evt_1".into());
    }
    body
}

fn honest_json(preset: &Preset, form: &Variant) -> String {
    let mut body = small(preset, form);
    for place in &preset.scheme.locations {
        if let Location::Json(path) = place {
            let text = match preset.scheme.algorithm {
                Algorithm::Public(_) => "AQEB".repeat(85) + "AQ==",
                Algorithm::StaticToken => "a-token-of-nobody".to_owned(),
                _ if form.encoding == hookgate_verify::Encoding::Base64 => "AQEB".repeat(10) + "AQE=",
                _ => "01".repeat(32),
            };
            put(&mut body, path.steps(), text.into());
        }
    }
    body.to_string()
}

/// The forged requests to this preset, by name. A function makes each when it is needed, because they are large.
pub fn forged(preset: &Arc<Preset>) -> Vec<(String, Box<dyn Fn() -> Forged>)> {
    let mut all: Vec<(String, Box<dyn Fn() -> Forged>)> = Vec::new();
    for (number, form) in preset.scheme.variants.iter().enumerate() {
        let reads_json = form.content.contains(&Part::CanonicalJsonString) || !paths(preset, form).is_empty();
        let reads_form = form.content.iter().any(|part| matches!(part, Part::SortedForm | Part::Form(_)))
            || preset.scheme.locations.iter().any(|place| matches!(place, Location::Form(_)));
        let start = if reads_json { honest_json(preset, form) } else { "a=1".to_owned() };
        let good = honest(preset, number, start.as_bytes());
        let bodies = if reads_json {
            json_bodies(preset, form)
        } else if reads_form {
            let text = String::from_utf8_lossy(&good.body).into_owned();
            let signature = text.split('&').find(|pair| pair.starts_with("bt_signature")).unwrap_or("c=1").to_owned();
            form_bodies(&signature)
        } else {
            vec![("a raw body".to_owned(), b"a".repeat(body_size()))]
        };
        let again = {
            let (preset, start) = (Arc::clone(preset), start.clone());
            move || honest(&preset, number, start.as_bytes())
        };
        for (name, body) in bodies {
            let again = again.clone();
            all.push((name, Box::new(move || Forged { body: body.clone(), ..again() })));
        }
        if let Some(Location::Header(name)) = preset.scheme.locations.first()
            && matches!(form.layout, Layout::Single { .. })
            && !reads_json
            && !reads_form
        {
            let (again, name) = (again.clone(), name.clone());
            let twice = move || {
                let mut forged = Forged { body: b"a".repeat(body_size()), ..again() };
                for (_, text) in forged.head.headers.iter_mut().filter(|(known, _)| *known == name) {
                    *text = format!("{text}, {text}");
                }
                forged
            };
            all.push(("2 signatures over a raw body".to_owned(), Box::new(twice)));
        }
        for (name, head) in heads(form, &preset.scheme, &good.head) {
            let again = again.clone();
            let body = if reads_json || reads_form { start.clone().into_bytes() } else { Vec::new() };
            all.push((name, Box::new(move || Forged { head: head.clone(), body: body.clone(), ..again() })));
        }
    }
    all
}
