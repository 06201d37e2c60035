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
use hookgate_verify::{Algorithm, Encoding, Preset, Secret, UnixTime, Verified, Verifier, VerifyError};
use serde::Deserialize;
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

    /// The actual result.
    fn outcome(&self, preset: &Arc<Preset>) -> Expected {
        let scheme = &preset.scheme;
        let key =
            |text: &String| Secret::new(text.as_str()).and_then(|text| text.key(scheme.algorithm, &scheme.secret));
        let keys: Vec<_> = self.secrets.iter().map(|text| key(text).expect("a usable secret")).collect();
        let body = self.body();
        if matches!(self.expected, Expected::Mac(_)) {
            return Expected::Mac(hex::encode(keys.first().expect("a secret").mac(&[body.as_slice()], &Native)));
        }
        let tolerance = self.tolerance_seconds.map(Duration::from_secs);
        let (url, query) = self.url.as_deref().map_or(("", ""), |url| url.split_once('?').unwrap_or((url, "")));
        let verifier = Verifier::new(Arc::clone(preset), keys, tolerance).expect("at most four secrets");
        // If the preset pins the query, the configured URL has the query.
        let configured = if preset.scheme.pins_query() { self.url.as_deref().unwrap_or("") } else { url };
        let verifier = verifier.with_url(configured.to_owned()).with_account(self.account.clone());
        let method = self.method.clone().unwrap_or_default();
        let request = RequestHead { method, query: query.to_owned(), headers: self.headers() };
        let verified: Result<_, VerifyError> = verifier
            .receive(&request)
            .and_then(|received| received.verify(&body, UnixTime::from_seconds(self.now), &Native));
        match verified {
            Ok(verified) => {
                assert_eq!(verified.body(), body, "{}: the body is unchanged", self.id);
                Expected::Verified(Facts::of(&verified))
            }
            Err(error) => Expected::Error(error.code().to_owned()),
        }
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
