//! In every accepted scheme, two requests with different signed values have different signed contents.
//!
//! A seeded generator writes random schemes with every kind of part, and requests with short values of few letters, which
//! include the literals. Each content is then cut at other places, and the request of each cut is tried too. If two requests
//! have one content, one signature proves both, although only one was signed.
//!
//! `make test` generates 2,000 schemes. `SCHEMES=100000 SEED=7 cargo test --test shifts -- --nocapture` generates more and
//! other schemes.

#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects,
    missing_docs
)]

mod content;
mod cut;
mod generator;
#[allow(dead_code, reason = "other tests use the other methods")]
#[path = "../fakes/random.rs"]
mod random;

use content::{Values, content, signed};
use cut::cut;
use generator::{Request, request, scheme};
use hookgate::config::{Bindings, Config};
use hookgate_verify::{Framing, JsonPath, Part, Preset, PublicKey, UnixTime, VerificationKey, Verifier};
use random::Random;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::Arc;

const NOW: UnixTime = UnixTime::from_seconds(1_768_478_400);
const URL: &str = "https://h/x";

fn read(scheme: &Value, url: &str) -> Result<Verifier, String> {
    let sources = json!({ "x": { "secrets": ["KEY"], "url": url, "scheme": scheme } });
    let lookup = |name: &str| match name {
        "KEY" => Some("11".repeat(32)),
        "ORIGIN" => Some("https://origin.example".to_owned()),
        _ => None,
    };
    let config = Config::parse(&sources, Bindings::ALL, &lookup).unwrap();
    config.source("x").unwrap().map(|source| source.verifier.clone()).map_err(ToString::to_string)
}

#[derive(Default)]
struct Count {
    requests: u64,
    contents: u64,
}

/// Two requests with one content, if the search finds them.
fn shifts(random: &Random, verifier: &Verifier, scheme: &Value, count: &mut Count) -> Option<String> {
    let preset = Arc::clone(verifier.preset());
    let mut seen: HashMap<Vec<u8>, (Request, Values)> = HashMap::new();
    let mut take = |request: Request, count: &mut Count| -> Result<Option<Vec<u8>>, String> {
        count.requests += 1;
        let Some(content) = content(verifier, &request) else { return Ok(None) };
        let said = signed(&request, &preset.scheme.variants[request.form]);
        match seen.get(&content) {
            Some((other, values)) if *values != said => {
                Err(format!("{scheme}\n  {other:?}\n  {request:?}\n  {}", String::from_utf8_lossy(&content)))
            }
            Some(_) => Ok(Some(content)),
            None => {
                count.contents += 1;
                seen.insert(content.clone(), (request, said));
                Ok(Some(content))
            }
        }
    };
    for _ in 0..10 {
        let request = request(random, &preset);
        let content = match take(request.clone(), count) {
            Ok(Some(content)) => content,
            Ok(None) => continue,
            Err(found) => return Some(found),
        };
        for _ in 0..12 {
            let Some(other) = cut(random, verifier, &request, &content) else { continue };
            if let Err(found) = take(other, count) {
                return Some(found);
            }
        }
    }
    None
}

/// The verifier of a content, without the check of its framing.
fn without_the_check(content: Vec<Part>, optional: Vec<usize>) -> Verifier {
    let scheme = json!({ "algorithm": "ed25519", "secret": "hex", "signature": { "header": "x-sig", "prefix": "1=" } });
    let mut preset = Preset::clone(read(&scheme, URL).unwrap().preset());
    let form = &mut preset.scheme.variants[0];
    form.framing = Framing::unchecked(&content);
    form.content = content;
    form.optional = optional;
    unproven(preset, URL)
}

/// A verifier with a key that no test uses: [`content::Keeper`] verifies every signature.
fn unproven(preset: Preset, url: &str) -> Verifier {
    let ed25519 = vec![0x06, 0x03, 0x2b, 0x65, 0x70]; // the identifier in such a key (RFC 8410, section 3)
    let key = VerificationKey::Public(PublicKey::Spki(ed25519));
    Verifier::new(Arc::new(preset), vec![key], None).unwrap().with_url(url.to_owned())
}

#[test]
fn no_accepted_scheme_gives_two_requests_one_content() {
    let number = |name: &str, default| std::env::var(name).map_or(default, |text| text.parse().expect("a number"));
    let (schemes, seed) = (number("SCHEMES", 2_000), number("SEED", 1));
    let random = Random::new(seed);
    let (mut accepted, mut several, mut pinned, mut brackets, mut contents) = (0_u64, 0, 0, 0, 0);
    let mut count = Count::default();
    for _ in 0..schemes {
        let scheme = scheme(&random);
        let Ok(verifier) = read(&scheme, URL) else { continue };
        let forms = &verifier.preset().scheme.variants;
        accepted += 1;
        several += u64::from(forms.len() > 1);
        pinned += u64::from(verifier.preset().scheme.pins_query());
        brackets += u64::from(forms.iter().any(|form| !form.optional.is_empty()));
        contents += u64::from(forms.iter().any(|form| form.alternative));
        if let Some(found) = shifts(&random, &verifier, &scheme, &mut count) {
            panic!("SEED={seed}: one content for two requests:\n{found}");
        }
    }
    println!(
        "{schemes} schemes generated, {accepted} accepted ({several} with two variants, {pinned} with a fixed query, \
         {brackets} with brackets, {contents} with several contents), {} requests, {} contents, no two alike",
        count.requests, count.contents
    );
    assert!(accepted * 6 > schemes && count.contents > accepted * 4, "the generator covers too little");
    assert!(brackets * 25 > accepted && contents * 100 > accepted, "the generator covers too little");
}

#[test]
fn without_the_check_of_the_framing_the_same_search_finds_two_requests_with_one_content() {
    let header = |name: &str| Part::Header(name.to_owned());
    let json = |name| Part::Json(JsonPath::of_key(name));
    let text = |text: &str| Part::Literal(text.to_owned());
    for (parts, optional, tries) in [
        (vec![header("x-a"), Part::Body], vec![], 20),
        (vec![Part::Body, header("x-a")], vec![], 20),
        (vec![header("x-a"), text("."), Part::Body], vec![], 20),
        (vec![Part::Body, text("."), header("x-a")], vec![], 20),
        (vec![json("a"), json("b")], vec![], 20),
        (vec![json("a"), text("aba"), json("b")], vec![], 20),
        (vec![Part::Url, Part::Body], vec![], 20),
        (vec![Part::Method, Part::Body], vec![], 20),
        (vec![header("x-a"), text("."), header("x-b"), text("."), Part::Body], vec![], 20),
        (vec![text("a"), header("x-a"), text(";"), Part::Body], vec![1], 50),
        (vec![text("a"), header("x-a"), text(";"), text("a"), header("x-b"), text(";")], vec![1, 4], 50),
        (vec![header("x-b"), text("."), header("x-a"), text("."), text("."), Part::Body], vec![2], 50),
        (vec![text("a"), header("x-a"), text(";"), header("x-b"), text(".")], vec![1], 50),
    ] {
        let verifier = without_the_check(parts.clone(), optional);
        let random = Random::new(1);
        let found = (0..tries).find_map(|_| shifts(&random, &verifier, &Value::Null, &mut Count::default()));
        assert!(found.is_some(), "{parts:?}");
    }
}
