//! Runs every vector in `tests/vectors/`. Each preset has a file there.
//!
//! A vector is a request, the secrets, the time and the expected result: `verified` with the facts, `error` with the code,
//! or `mac` with the MAC of `body` in hex. `source` names the implementation that computed the signature; it is never
//! hookgate's signer. A repeated header has a list of values. A body that is not a text is in `body_base64`.

#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, missing_docs)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookgate_verify::native::{Native, RequestHead};
use hookgate_verify::presets::{self, SignedBy};
use hookgate_verify::{
    Algorithm, Crypto, Encoding, Hash, Preset, PublicAlgorithm, PublicKey, Secret, UnixTime, VerificationKey, Verified,
    Verifier, VerifyError,
};
use serde::Deserialize;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vector {
    id: String,
    comment: String,
    source: String,
    proof: SignedBy,
    #[serde(default)]
    headers: BTreeMap<String, Values>,
    method: Option<String>,
    /// The endpoint's public URL, with the request's query.
    url: Option<String>,
    /// The `account` of the source.
    #[serde(default)]
    account: String,
    body: Option<String>,
    body_base64: Option<String>,
    secrets: Vec<String>,
    now: i64,
    /// The source's tolerance; without it, the preset's tolerance.
    tolerance_seconds: Option<u64>,
    expected: Expected,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Values {
    One(String),
    Several(Vec<String>),
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Expected {
    Verified(Facts),
    Error(String),
    Mac(String),
}

#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    /// `None`: the event has no identity.
    id: Option<String>,
    provenance: String,
    #[serde(rename = "type")]
    event_type: Option<String>,
    type_signed: Option<bool>,
    signed_at: Option<i64>,
}

impl Facts {
    fn of(verified: &Verified<'_>) -> Self {
        Self {
            id: verified.identity().shown(),
            provenance: verified.identity().provenance().to_owned(),
            event_type: verified.event_types().shown(),
            type_signed: verified.event_types().shown().map(|_| verified.event_types().unsigned.is_none()),
            signed_at: verified.signed_at().map(UnixTime::seconds),
        }
    }
}

impl Vector {
    fn body(&self) -> Vec<u8> {
        match (&self.body, &self.body_base64) {
            (Some(text), None) => text.clone().into_bytes(),
            (None, Some(encoded)) => STANDARD.decode(encoded).expect("body_base64 is base64"),
            _ => panic!("{}: one of body and body_base64", self.id),
        }
    }

    fn headers(&self) -> Vec<(String, String)> {
        let each = |(name, values): (&String, &Values)| {
            let values = match values {
                Values::One(value) => vec![value.clone()],
                Values::Several(values) => values.clone(),
            };
            values.into_iter().map(|value| (name.clone(), value)).collect::<Vec<_>>()
        };
        self.headers.iter().flat_map(each).collect()
    }

    fn keys(&self, preset: &Preset) -> Vec<VerificationKey> {
        let scheme = &preset.scheme;
        let key =
            |text: &String| Secret::new(text.as_str()).and_then(|text| text.key(scheme.algorithm, &scheme.secret));
        self.secrets.iter().map(|text| key(text).expect("a usable secret")).collect()
    }

    /// The actual result.
    fn outcome(&self, preset: &Arc<Preset>) -> Expected {
        let keys = self.keys(preset);
        if matches!(self.expected, Expected::Mac(_)) {
            let body = self.body();
            return Expected::Mac(hex::encode(keys.first().expect("a secret").mac(&[body.as_slice()], &Native)));
        }
        self.verify(preset, keys, Vec::new(), &Native, |verified, body| match verified {
            Ok(verified) => {
                assert_eq!(verified.body(), body, "{}: the body is unchanged", self.id);
                Expected::Verified(Facts::of(&verified))
            }
            Err(error) => Expected::Error(error.code().to_owned()),
        })
    }

    /// Verifies the request with these keys and published keys, and reads the outcome.
    fn verify<T>(
        &self,
        preset: &Arc<Preset>,
        keys: Vec<VerificationKey>,
        published: Vec<PublicKey>,
        crypto: &impl Crypto,
        read: impl FnOnce(Result<Verified<'_>, VerifyError>, &[u8]) -> T,
    ) -> T {
        let body = self.body();
        let tolerance = self.tolerance_seconds.map(Duration::from_secs);
        let (url, query) = self.url.as_deref().map_or(("", ""), |url| url.split_once('?').unwrap_or((url, "")));
        let verifier = Verifier::new(Arc::clone(preset), keys, tolerance).expect("at most four secrets");
        // If the preset pins the query, the configured URL has the query.
        let configured = if preset.scheme.pins_query() { self.url.as_deref().unwrap_or("") } else { url };
        let verifier = verifier.with_url(configured.to_owned()).with_account(self.account.clone());
        let method = self.method.clone().unwrap_or_default();
        let request = RequestHead { method, query: query.to_owned(), headers: self.headers() };
        let now = UnixTime::from_seconds(self.now);
        let received = verifier.receive(&request);
        read(received.and_then(|received| received.with_published(published).verify(&body, now, crypto)), &body)
    }

    /// The number of the key that proved the request: `Some(None)` for a published key, `None` if none did.
    fn matched(
        &self,
        preset: &Arc<Preset>,
        keys: Vec<VerificationKey>,
        published: Vec<PublicKey>,
    ) -> Option<Option<usize>> {
        self.verify(preset, keys, published, &Native, |verified, _| verified.ok().map(|proof| proof.matched_secret()))
    }
}

/// The vectors of each preset.
fn files() -> BTreeMap<String, Vec<Vector>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let read = |path: &Path| {
        let text = fs::read_to_string(path).expect("readable");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let paths = fs::read_dir(directory).expect("the directory").map(|entry| entry.expect("an entry").path());
    let json = paths.filter(|path| path.extension().is_some_and(|extension| extension == "json"));
    json.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), read(&path))).collect()
}

#[test]
fn every_vector_has_the_expected_result() {
    let mut failures = Vec::new();
    for (name, vectors) in files() {
        let preset = presets::find(&name).unwrap_or_else(|| panic!("{name}.json: no such preset"));
        for vector in vectors {
            let outcome = vector.outcome(&preset);
            let holds = outcome == vector.expected;
            println!("{name}/{} ... {}", vector.id, if holds { "ok" } else { "FAILED" });
            if !holds {
                let Vector { id, comment, expected, .. } = vector;
                failures.push(format!("{name}/{id} ({comment}):\n  expected {expected:?}\n  actual {outcome:?}"));
            }
        }
    }
    assert!(failures.is_empty(), "{} vectors failed:\n{}", failures.len(), failures.join("\n"));
}

/// The errors that every scheme has.
const COMMON: [&str; 3] = ["signature_missing", "signature_malformed", "signature_mismatch"];

#[test]
fn every_preset_has_vectors_of_each_kind() {
    let files = files();
    for preset in presets::ALL.iter() {
        let vectors = files.get(&preset.name).unwrap_or_else(|| panic!("no tests/vectors/{}.json", preset.name));
        let holding = vectors.iter().filter(|vector| vector.outcome(preset) == vector.expected);
        let kinds: BTreeSet<&str> = holding
            .map(|vector| match &vector.expected {
                Expected::Verified(_) => "verified",
                Expected::Error(code) => code,
                Expected::Mac(_) => "mac",
            })
            .collect();
        let timed = preset.scheme.variants.iter().any(|form| form.timestamp.is_some());
        let wanted =
            COMMON.into_iter().chain(["verified"]).chain(timed.then_some(["too_old", "too_new"]).into_iter().flatten());
        // A token may be any text, so none is malformed.
        let any_text =
            preset.scheme.algorithm == Algorithm::StaticToken && preset.scheme.variants[0].encoding == Encoding::Text;
        let wanted = wanted.filter(|kind| !(any_text && *kind == "signature_malformed"));
        let lacking: Vec<_> = wanted.filter(|kind| !kinds.contains(kind)).collect();
        assert!(lacking.is_empty(), "{}: no vector that holds of the kinds {lacking:?}", preset.name);
    }
}

/// `tests/sdk/proofs/` runs the package again that a vector names as its source.
#[test]
fn every_package_that_a_vector_names_is_run_again() {
    let proofs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/sdk/proofs");
    let asked = |name: &str| ["mjs", "py"].iter().any(|kind| proofs.join(format!("{name}.{kind}")).exists());
    for (name, vectors) in files() {
        for Vector { id, source, proof, .. } in vectors {
            let of_package = source.starts_with("npm ") || source.starts_with("PyPI ");
            let vouched = matches!(proof, SignedBy::Sdk | SignedBy::Library) && of_package;
            assert!(
                proof != SignedBy::Sdk || of_package,
                "{name}/{id}: {source:?} is not of the form `npm NAME VERSION, …`"
            );
            assert!(!vouched || asked(&name), "{name}/{id}: no tests/sdk/proofs/{name}.mjs asks {source:?}");
        }
    }
}

#[test]
fn every_vector_has_its_own_id_and_a_source() {
    for (name, vectors) in files() {
        let mut ids = BTreeSet::new();
        for vector in vectors {
            assert!(!vector.source.is_empty() && !vector.comment.is_empty(), "{name}/{}", vector.id);
            assert!(ids.insert(vector.id.clone()), "{name}/{} occurs twice", vector.id);
        }
    }
}

/// A key of the scheme that made no vector. A public key with a family but no value is never the key of a signature.
fn decoy(preset: &Preset, number: usize) -> VerificationKey {
    let jwk = match preset.scheme.algorithm {
        Algorithm::Public(PublicAlgorithm::Ed25519) => r#"{"kty":"OKP","crv":"Ed25519"}"#,
        Algorithm::Public(PublicAlgorithm::EcdsaP256Der | PublicAlgorithm::EcdsaP256Fixed) => {
            r#"{"kty":"EC","crv":"P-256"}"#
        }
        Algorithm::Public(PublicAlgorithm::RsaSha256 | PublicAlgorithm::RsaSha1) => r#"{"kty":"RSA"}"#,
        Algorithm::Hmac(_) | Algorithm::PlainHash | Algorithm::StaticToken => {
            return VerificationKey::new(preset.scheme.algorithm, format!("decoy {number} of a secret").as_bytes());
        }
    };
    VerificationKey::Public(PublicKey::Jwk(jwk.to_owned()))
}

/// Four keys: the vector's key in the place `right`, and decoys.
fn four(preset: &Preset, key: &VerificationKey, right: usize) -> Vec<VerificationKey> {
    (0..4).map(|number| if number == right { key.clone() } else { decoy(preset, number) }).collect()
}

/// Every vector of every preset: so each algorithm, each layout, and requests with several signatures.
#[test]
fn a_proof_names_the_secret_that_made_it() {
    let (mut families, mut rotated) = (BTreeSet::new(), 0);
    for (name, vectors) in files() {
        let preset = presets::find(&name).expect("a preset");
        for vector in vectors.iter().filter(|vector| matches!(vector.expected, Expected::Verified(_))) {
            let keys = vector.keys(&preset);
            let is_right = |key: &VerificationKey| vector.matched(&preset, vec![key.clone()], Vec::new()).is_some();
            let right = keys.iter().position(is_right);
            let told = vector.matched(&preset, keys.clone(), Vec::new());
            assert_eq!(told, Some(right), "{name}/{}: the first key that proves the request alone", vector.id);
            let Some(key) = right.and_then(|number| keys.get(number)) else { continue };
            for place in [0, 1, 3] {
                let told = vector.matched(&preset, four(&preset, key, place), Vec::new());
                assert_eq!(told, Some(Some(place)), "{name}/{}", vector.id);
            }
            let twice = vec![decoy(&preset, 0), key.clone(), key.clone()];
            assert_eq!(vector.matched(&preset, twice, Vec::new()), Some(Some(1)), "{name}/{}", vector.id);
            rotated += usize::from(right > Some(0));
            families.insert(format!("{:?}", preset.scheme.algorithm));
        }
    }
    assert!(families.len() >= 10, "{families:?}");
    assert!(rotated > 0, "a vector whose second secret is right");
}

#[test]
fn a_published_key_is_no_secret_of_the_source() {
    let mut seen = 0;
    for (name, vectors) in files() {
        let preset = presets::find(&name).expect("a preset");
        for vector in vectors.iter().filter(|vector| matches!(vector.expected, Expected::Verified(_))) {
            let keys = vector.keys(&preset);
            let [VerificationKey::Public(key)] = keys.as_slice() else { continue };
            let published = || vec![key.clone()];
            assert_eq!(vector.matched(&preset, Vec::new(), published()), Some(None), "{name}/{}", vector.id);
            assert_eq!(vector.matched(&preset, vec![decoy(&preset, 0)], published()), Some(None), "{name}");
            assert_eq!(vector.matched(&preset, keys.clone(), published()), Some(Some(0)), "{name}: the own key first");
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}

/// The primitives, with the number of MACs.
struct Counting(Cell<usize>);

impl Crypto for Counting {
    fn hmac(&self, hash: Hash, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        self.0.set(self.0.get().saturating_add(1));
        Native.hmac(hash, key, parts)
    }

    fn digest(&self, hash: Hash, content: &[u8]) -> Vec<u8> {
        Native.digest(hash, content)
    }

    fn verifies(&self, algorithm: PublicAlgorithm, key: &PublicKey, content: &[u8], signature: &[u8]) -> bool {
        Native.verifies(algorithm, key, content, signature)
    }
}

/// The number of the right secret must not show in the time.
#[test]
fn every_secret_is_tried_wherever_the_right_one_is() {
    let mut seen = 0;
    for (name, vectors) in files() {
        let preset = presets::find(&name).expect("a preset");
        if !matches!(preset.scheme.algorithm, Algorithm::Hmac(Hash::Sha1 | Hash::Sha512)) {
            continue;
        }
        for vector in vectors.iter().filter(|vector| matches!(vector.expected, Expected::Verified(_))) {
            let [key] = &*vector.keys(&preset) else { continue };
            let macs = [0, 1, 3].map(|place| {
                let counting = Counting(Cell::new(0));
                let keys = four(&preset, key, place);
                vector.verify(&preset, keys, Vec::new(), &counting, |verified, _| assert!(verified.is_ok()));
                counting.0.get()
            });
            assert!(macs.iter().all(|count| *count >= 4 && *count == macs[0]), "{name}/{}: {macs:?}", vector.id);
            seen += 1;
        }
    }
    assert!(seen > 5, "{seen}");
}
