//! Requests that a stranger can send, made to cost as much as they can before they are refused: for every preset, at each of
//! the parts that it reads, a long body or 64 KiB of head. Keys and times are fixed.

use hookgate_verify::native::{Native, RequestHead};
use hookgate_verify::presets;
use hookgate_verify::{
    Algorithm, Crypto, Delivery, Form, Hash, IdAt, JsonPath, Key, Layout, Part, Place, Preset, PublicAlgorithm,
    PublicKey, Scheme, Secret, SecretForm, SignError, Signer, Step, TimestampAt, UnixTime, Verifier, sign,
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

/// 2026-01-15T12:00:00Z
pub const NOW: UnixTime = UnixTime::from_seconds(1_768_478_400);
const URL: &str = "https://hooks.example.com/webhooks/x";
const HEAD: usize = 64 * 1024;

/// How long the bodies are: `BODY_KIB`, or 256. What is bounded by a body's length is so for each.
fn body_size() -> usize {
    static SIZE: LazyLock<usize> = LazyLock::new(|| {
        let kib: usize = std::env::var("BODY_KIB").map_or(256, |text| text.parse().expect("a number of KiB"));
        kib * 1024
    });
    *SIZE
}

/// One request, and who refuses it.
pub struct Forged {
    verifier: Verifier,
    published: Option<Vec<PublicKey>>,
    head: RequestHead,
    body: Vec<u8>,
}

impl Forged {
    /// How many bytes a stranger has to send for it.
    pub fn bytes(&self) -> usize {
        let headers: usize = self.head.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        headers + self.head.query.len() + self.body.len()
    }

    /// All of the core's work until it is refused.
    pub fn refuse(&self) -> &'static str {
        let outcome = self.verifier.receive(&self.head).and_then(|mut received| {
            if let Some(keys) = &self.published {
                received.published_at(&self.body)?;
                received = received.with_published(keys.clone());
            }
            received.verify(&self.body, NOW, &Runtime).map(|_| ())
        });
        let error = outcome.expect_err("nothing forged passes");
        assert!(!error.is_authentic(), "{error}");
        error.code()
    }
}

/// What the runtime has built in, at one price for all hashes: that of SHA-256. Here, SHA-1 would be the one that nobody made
/// fast.
struct Runtime;

impl Crypto for Runtime {
    fn hmac(&self, hash: Hash, key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
        let mut mac = Native.hmac(Hash::Sha256, key, parts);
        mac.resize(if hash == Hash::Sha1 { 20 } else { 64 }, 0);
        if hash == Hash::Sha256 {
            mac.truncate(32);
        }
        mac
    }

    fn digest(&self, _: Hash, content: &[u8]) -> Vec<u8> {
        Native.digest(Hash::Sha256, content)
    }

    fn verifies(&self, algorithm: PublicAlgorithm, key: &PublicKey, content: &[u8], signature: &[u8]) -> bool {
        let algorithm = match algorithm {
            PublicAlgorithm::RsaSha1 => PublicAlgorithm::RsaSha256,
            algorithm => algorithm,
        };
        Native.verifies(algorithm, key, content, signature)
    }
}

/// What a preset is like to a stranger: presets of one kind cost the same.
pub fn kind(preset: &Preset) -> String {
    let strip = |part: &Part| match part {
        Part::Literal(_) => String::new(),
        Part::Header(_) => "header".to_owned(),
        Part::Query(_) | Part::QueryLower(_) => "query".to_owned(),
        part => part.to_string(),
    };
    let scheme = &preset.scheme;
    let forms = scheme.forms.iter().map(|form| {
        let parts: Vec<String> = form.content.iter().map(strip).filter(|part| !part.is_empty()).collect();
        let layout = format!("{:?}", form.layout);
        format!("{} {}", layout.split([' ', '{']).next().unwrap_or_default(), parts.join(" "))
    });
    let forms: Vec<String> = forms.collect();
    let places = scheme.places.iter().map(|place| match place {
        Place::Header(_) | Place::Query(_) => "head".to_owned(),
        Place::Json(path) => format!("{path}"),
        Place::Form(_) => "form".to_owned(),
    });
    let mut places: Vec<String> = places.collect();
    places.dedup();
    format!("{:?} {} {} {}", scheme.algorithm, places.join(","), forms.join(" | "), scheme.keys.is_some())
}

/// One preset of each kind, with the names of all that are like it.
pub fn kinds() -> Vec<(Arc<Preset>, Vec<String>)> {
    let mut kinds: BTreeMap<String, (Arc<Preset>, Vec<String>)> = BTreeMap::new();
    for preset in presets::ALL.iter() {
        let entry = kinds.entry(kind(preset)).or_insert_with(|| (Arc::clone(preset), Vec::new()));
        entry.1.push(preset.name.clone());
    }
    kinds.into_values().collect()
}

/// A raw-body source, and a forged request to it of `bytes` bytes in all.
pub fn raw(bytes: usize) -> Forged {
    let preset = presets::find("generic").expect("a preset");
    let mut forged = honest(&preset, 0, b"{}");
    forged.body.clear();
    let head = forged.bytes();
    forged.body = b"a".repeat(bytes.saturating_sub(head));
    forged
}

/// A signer whose signatures have the right length, and are none.
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

/// Two numbers in ASN.1, which are read and are no signature.
fn der() -> Vec<u8> {
    [&[0x30, 68][..], &[2, 32], &[1; 32], &[2, 32], &[1; 32]].concat()
}

fn key(preset: &Preset) -> Key {
    let scheme = &preset.scheme;
    let text = match scheme.algorithm {
        Algorithm::Public(PublicAlgorithm::Ed25519) => {
            include_str!("../../crates/verify/tests/keys/ed25519.pub.pem").to_owned()
        }
        Algorithm::Public(PublicAlgorithm::EcdsaP256Der | PublicAlgorithm::EcdsaP256Fixed) => {
            include_str!("../../crates/verify/tests/keys/p256.pub.pem").to_owned()
        }
        Algorithm::Public(_) => include_str!("../../crates/verify/tests/keys/rsa.pub.pem").to_owned(),
        _ => match &scheme.secret {
            SecretForm::Utf8 | SecretForm::Sha1 | SecretForm::Html => "a-shared-secret-0123".to_owned(),
            SecretForm::Hex => "0123456789abcdef".repeat(2),
            SecretForm::Base64AfterPrefix(prefix) => format!("{prefix}MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        },
    };
    Secret::new(text).and_then(|secret| secret.key(scheme.algorithm, &scheme.secret)).expect("a key")
}

/// A request as the provider sends it, but for its signature.
fn honest(preset: &Arc<Preset>, number: usize, body: &[u8]) -> Forged {
    let scheme = &preset.scheme;
    let published = scheme.keys.as_ref().map(|_| match key(preset) {
        Key::Public(key) => vec![key; 3],
        _ => Vec::new(),
    });
    let keys = if published.is_some() { Vec::new() } else { vec![key(preset)] };
    let verifier = Verifier::new(Arc::clone(preset), keys, None).expect("a key");
    let verifier = verifier.at(URL.to_owned()).of("somebody".to_owned());
    let delivery = Delivery { form: number, id: "evt_1", now: NOW, url: URL, account: "somebody", body };
    let signed = sign(preset, &Nobody(scheme.algorithm), "another-secret-0123", delivery).expect("signed");
    let (place, signature, query) = (signed.place.clone(), signed.signature.clone(), signed.query.clone());
    let headers = signed.into_headers();
    let body = match &place {
        Place::Json(path) => {
            let mut value: Value = serde_json::from_slice(body).unwrap_or(Value::Object(Map::new()));
            put(&mut value, path.steps(), signature.into());
            value.to_string().into_bytes()
        }
        Place::Form(name) => form_urlencoded::Serializer::new(String::from_utf8_lossy(body).into_owned())
            .append_pair(name, &signature)
            .finish()
            .into_bytes(),
        Place::Header(_) | Place::Query(_) => body.to_vec(),
    };
    Forged { verifier, published, head: RequestHead { query, headers, ..RequestHead::default() }, body }
}

fn put(place: &mut Value, steps: &[Step], value: Value) {
    let Some((step, rest)) = steps.split_first() else {
        *place = value;
        return;
    };
    match step {
        Step::Key(key) => {
            if !place.is_object() {
                *place = Value::Object(Map::new());
            }
            let map = place.as_object_mut().expect("an object");
            put(map.entry(key.as_str()).or_insert(Value::Null), rest, value);
        }
        Step::Each => {
            if !place.is_array() {
                *place = Value::Array(vec![Value::Null]);
            }
            put(&mut place.as_array_mut().expect("an array")[0], rest, value);
        }
    }
}

/// The paths of the body that are read before anything is proven.
fn paths(preset: &Preset, form: &Form) -> Vec<JsonPath> {
    let scheme = &preset.scheme;
    let mut paths: Vec<JsonPath> = Vec::new();
    for place in &scheme.places {
        if let Place::Json(path) = place {
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
    if let Some(hookgate_verify::KeySource::Certificate(path, _)) = &scheme.keys {
        paths.push(path.clone());
    }
    paths
}

/// A small body with all that is read.
fn small(preset: &Preset, form: &Form) -> Value {
    let mut body = Value::Object(Map::new());
    for path in paths(preset, form) {
        put(&mut body, path.steps(), "a".into());
    }
    if let Some(hookgate_verify::KeySource::Certificate(path, _)) = &preset.scheme.keys {
        put(&mut body, path.steps(), "https://sns.eu-central-1.amazonaws.com/a.pem".into());
    }
    if let Some(TimestampAt::Json(path)) = form.timestamp.as_ref().map(|time| &time.at) {
        let unit = form.timestamp.as_ref().expect("a time").unit;
        put(&mut body, path.steps(), NOW.write(unit).into());
    }
    if let IdAt::Json { path, .. } = &preset.scheme.id {
        put(&mut body, path.steps(), "evt_1".into());
    }
    body
}

fn repeated(piece: &str, from: &str, to: &str) -> Vec<u8> {
    let count = body_size().saturating_sub(from.len() + to.len()) / piece.len();
    format!("{from}{}{to}", piece.repeat(count)).into_bytes()
}

/// Texts of JSON that cost their readers most.
fn json_texts() -> Vec<(&'static str, Vec<u8>)> {
    let members = |member: &dyn Fn(usize) -> String| {
        let mut text = "{".to_owned();
        let mut n = 0;
        while text.len() + 100 < body_size() {
            text.push_str(&member(n));
            n += 1;
        }
        text.pop();
        (text + "}").into_bytes()
    };
    let scrambled = |n: usize| (n * 7_919) % 262_144;
    let prefix = "k".repeat(1_000);
    vec![
        ("numbers of one digit", repeated("1,", "[", "1]")),
        ("numbers of 15 digits", repeated("123456789012345,", "[", "1]")),
        ("numbers of 17 digits", repeated("0.12345678901234567,", "[", "1]")),
        ("numbers with exponents", repeated("1e-7,", "[", "1]")),
        ("numbers of 20 digits", repeated("10000000000000000000,", "[", "1]")),
        ("empty texts", repeated("\"\",", "[", "\"\"]")),
        ("empty objects", repeated("{},", "[", "{}]")),
        ("one long text", repeated("a", "\"", "\"")),
        ("escaped quotes", repeated("\\\"", "\"", "\"")),
        ("escaped newlines", repeated("\\n", "\"", "\"")),
        ("control characters", repeated("\\u0001", "\"", "\"")),
        ("surrogate pairs", repeated("\\ud83d\\ude00", "\"", "\"")),
        ("letters of two bytes", repeated("ö", "\"", "\"")),
        ("blanks", repeated(" ", "[", "1]")),
        ("nested arrays", repeated(&format!("{}{},", "[".repeat(120), "]".repeat(120)), "[", "1]")),
        ("keys in order", members(&|n| format!("\"{n:06}\":1,"))),
        ("keys out of order", members(&|n| format!("\"{:05x}\":1,", scrambled(n)))),
        ("keys in reverse order", members(&|n| format!("\"{:06}\":1,", 999_999 - n))),
        ("long keys out of order", members(&|n| format!("\"{prefix}{}\":1,", scrambled(n)))),
        ("escaped keys out of order", members(&|n| format!("\"\\n\\u0001{:04x}\":1,", scrambled(n) / 4))),
        (
            "objects out of order within each other",
            format!("{}\"{}\"{}", "{\"b\":".repeat(12), "a".repeat(body_size() - 300), ",\"a\":1}".repeat(12))
                .into_bytes(),
        ),
        ("small objects out of order", repeated("{\"b\":1,\"a\":1},", "[", "1]")),
    ]
}

/// Bodies with these texts beside, and in place of, what is read by path.
fn json_bodies(preset: &Preset, form: &Form) -> Vec<(String, Vec<u8>)> {
    let good = honest_json(preset, form);
    let rest = good.strip_prefix('{').expect("an object").to_owned();
    let mut bodies = Vec::new();
    for (name, text) in json_texts() {
        let text = String::from_utf8(text).expect("a text");
        bodies.push((name.to_owned(), format!("{{\"zz\":{text},{rest}").into_bytes()));
        bodies.push((format!("{name}, alone"), text.into_bytes()));
    }
    // Elements, where a path goes through each of an array.
    let prefix = paths(preset, form).into_iter().find_map(|path| {
        let text = path.to_string();
        text.split_once("[]").map(|(before, after)| (before.trim_start_matches("$.").to_owned(), after.to_owned()))
    });
    if let Some((before, after)) = prefix {
        let deep = after.trim_start_matches('.').split('.').next().unwrap_or_default().to_owned();
        let element = format!("{{\"{deep}\":{{}}}},");
        for (name, piece) in
            [("elements", "{},"), ("numbers for elements", "1,"), ("deeper elements", element.as_str())]
        {
            bodies.push((name.to_owned(), repeated(piece, &format!("{{\"{before}\":["), "{}]}")));
        }
    }
    bodies
}

fn honest_json(preset: &Preset, form: &Form) -> String {
    let mut body = small(preset, form);
    for place in &preset.scheme.places {
        if let Place::Json(path) = place {
            let text = match preset.scheme.algorithm {
                Algorithm::Public(_) => "AQEB".repeat(85) + "AQ==",
                Algorithm::Token => "a-token-of-nobody".to_owned(),
                _ if form.encoding == hookgate_verify::Encoding::Base64 => "AQEB".repeat(10) + "AQE=",
                _ => "01".repeat(32),
            };
            put(&mut body, path.steps(), text.into());
        }
    }
    body.to_string()
}

fn form_bodies(signature: &str) -> Vec<(String, Vec<u8>)> {
    let tail = format!("&{signature}");
    [
        ("names", "a&"),
        ("names and values", "a=a&"),
        ("escaped names", "%61&"),
        ("blanks in names", "+&"),
        ("ampersands", "&"),
        ("one long value", "a"),
        ("one escaped value", "%61"),
        ("one value of blanks", "+"),
    ]
    .into_iter()
    .map(|(name, piece)| (name.to_owned(), repeated(piece, "b=", &tail)))
    .chain([(
        "a thousand long pairs".to_owned(),
        (0..999).map(|n| format!("{}{}=1&", "k".repeat(1_000), (n * 7_919) % 1_000)).collect::<String>().into_bytes(),
    )])
    .collect()
}

/// The longest text that is read for a signature.
const SIGNATURES: usize = 8 * 1024;

/// The heads that cost this form most: 64 KiB where it reads something of such a length.
fn heads(form: &Form, scheme: &Scheme, good: &RequestHead) -> Vec<(String, RequestHead)> {
    let mut heads = Vec::new();
    let mut with = |name: &str, change: &dyn Fn(&mut RequestHead)| {
        let mut head = good.clone();
        change(&mut head);
        heads.push((name.to_owned(), head));
    };
    let set = |head: &mut RequestHead, name: &str, value: String| {
        head.headers.retain(|(known, _)| known != name);
        head.headers.push((name.to_owned(), value));
    };
    let is_public = matches!(scheme.algorithm, Algorithm::Public(_));
    if let Some(Place::Header(name)) = scheme.places.first() {
        let one =
            good.headers.iter().find(|(known, _)| known == name).map(|(_, text)| text.clone()).unwrap_or_default();
        with("a signature of commas", &|head| set(head, name, ",".repeat(SIGNATURES)));
        with("a signature of blanks and commas", &|head| {
            set(head, name, format!("a{}", " ,".repeat(SIGNATURES / 2 - 1)))
        });
        with("a signature of words", &|head| set(head, name, "a,".repeat(SIGNATURES / 2)));
        // Of a signature under a public key one costs as much as a body of many bytes: see `forged`.
        if !is_public {
            for many in [2, 8] {
                with(&format!("{many} signatures"), &|head| set(head, name, vec![one.as_str(); many].join(", ")));
            }
            let most = (SIGNATURES / (one.len() + 1)).max(1);
            with("more signatures than are read", &|head| set(head, name, vec![one.as_str(); most].join(",")));
        }
    }
    for part in &form.content {
        match part {
            Part::Header(name) => {
                with("a long signed header", &|head| set(head, name, "a".repeat(HEAD)));
                with("a signed header of dots", &|head| set(head, name, ".".repeat(HEAD)));
            }
            Part::Query(_) | Part::QueryLower(_) | Part::Path | Part::SortedQuery | Part::Url => {
                for (what, piece) in [
                    ("pairs", "a=a&"),
                    ("names", "a&"),
                    ("escapes", "%61"),
                    ("quotes", "\""),
                    ("blanks", "+"),
                    ("escaped names", "%61&"),
                ] {
                    with(&format!("a query of {what}"), &|head| {
                        let long = piece.repeat(HEAD / piece.len());
                        head.query = if head.query.is_empty() { long } else { format!("{}&{long}", head.query) };
                    });
                }
            }
            Part::ListedHeaders(list) => {
                let time = match form.timestamp.as_ref().map(|time| &time.at) {
                    Some(TimestampAt::Header(name)) => name.clone(),
                    _ => list.clone(),
                };
                with("one long header, listed 6,000 times", &|head| {
                    set(head, "a", "a".repeat(HEAD * 3 / 4));
                    set(head, list, format!("{list},{time}{}", ",a".repeat(HEAD / 8)));
                });
                with("32 listed headers", &|head| {
                    let names: Vec<String> = (0..30).map(|n| format!("h{n}")).collect();
                    for name in &names {
                        set(head, name, "a;:".repeat(HEAD / 31 / 3));
                    }
                    set(head, list, format!("{list},{time},{}", names.join(",")));
                });
                with("a list of commas", &|head| set(head, list, ",".repeat(HEAD)));
            }
            _ => {}
        }
    }
    heads
}

/// The forged requests to this preset, by name. Each is made when it is asked for: there are many, and they are large.
pub fn forged(preset: &Arc<Preset>) -> Vec<(String, Box<dyn Fn() -> Forged>)> {
    let mut all: Vec<(String, Box<dyn Fn() -> Forged>)> = Vec::new();
    for (number, form) in preset.scheme.forms.iter().enumerate() {
        let reads_json = form.content.contains(&Part::CanonicalJsonString) || !paths(preset, form).is_empty();
        let reads_form = form.content.iter().any(|part| matches!(part, Part::SortedForm | Part::Form(_)))
            || preset.scheme.places.iter().any(|place| matches!(place, Place::Form(_)));
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
        if let Some(Place::Header(name)) = preset.scheme.places.first()
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
