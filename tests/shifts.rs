//! Whatever scheme is accepted: two requests that differ in what is signed never have one signed content.
//!
//! A seeded generator writes schemes at random, of every part there is, and requests of few and short letters, the literals'
//! own among them. Each content that comes out is then cut in other ways, and the request of each cut is tried as well. Two
//! requests with one content are a signature that proves bytes it did not sign.
//!
//! `make test` generates 2,000 schemes; `SCHEMES=100000 SEED=7 cargo test --test shifts -- --nocapture` more and others.

#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs
)]

use hookgate::config::{Bindings, Config};
use hookgate_verify::native::RequestHead;
use hookgate_verify::{
    Crypto, Form, Framing, Hash, Layout, Part, Preset, PublicAlgorithm, PublicKey, TimeUnit, UnixTime, Verifier,
    VerifyError,
};
use serde_json::{Value, json};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

const NOW: UnixTime = UnixTime::from_seconds(1_768_478_400);
const URL: &str = "https://h/x";
const BINDINGS: Bindings =
    Bindings { dedup: true, events: true, claims: true, payloads: true, log: true, rejects: true };

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(n).unwrap()).unwrap()
    }

    fn pick<'t, T: ?Sized>(&mut self, of: &[&'t T]) -> &'t T {
        of[self.below(of.len())]
    }
}

/// Keeps what it is asked to verify, and believes it.
#[derive(Default)]
struct Keeper {
    content: RefCell<Option<Vec<u8>>>,
    /// How many contents it does not believe first.
    before: Cell<usize>,
}

impl Crypto for Keeper {
    fn hmac(&self, _: Hash, _: &[u8], _: &[&[u8]]) -> Vec<u8> {
        Vec::new()
    }

    fn digest(&self, _: Hash, content: &[u8]) -> Vec<u8> {
        content.to_vec()
    }

    fn verifies(&self, _: PublicAlgorithm, _: &PublicKey, content: &[u8], _: &[u8]) -> bool {
        let before = self.before.get();
        if before > 0 {
            self.before.set(before - 1);
            return false;
        }
        *self.content.borrow_mut() = Some(content.to_vec());
        true
    }
}

const LITERALS: &[&str] = &[".", ":", "..", "\n", "-", "a", "aba", "1", "id:", ";", "A"];
const HEAD: &[&str] = &[
    "{header:x-a}",
    "{header:x-b}",
    "{header:x-a|word}",
    "{header:x-b|any}",
    "{query:q}",
    "{lower_query:q}",
    "{method}",
    "{url}",
    "{query}",
    "{listed_headers:x-list}",
    "{timestamp}",
    "{timestamp}",
];
const BODIES: [&[&str]; 3] = [
    &["{body}", "{body}", "{body_sha256}", "{body_sha256_bytes}"],
    &["{json:a}", "{json:b}", "{json:a|word}", "{json:b|any}", "{lines:a,b,c}"],
    &["{form:a}", "{form:b}", "{form:a|any}"],
];

/// A scheme, as it is written: its contents, one for each form.
fn scheme(random: &mut Random) -> Value {
    let family = random.below(3);
    let unit = random.pick(&["seconds", "milliseconds", "unix", "rfc3339", "rfc3339-utc", "http-date"]);
    let template = |random: &mut Random| {
        let mut text = String::new();
        let mut before_was_literal = true;
        for _ in 0..1 + random.below(5) {
            if random.below(5) < 3 && !before_was_literal {
                text.push_str(random.pick(LITERALS));
            }
            let head = random.below(5) < 3;
            let part = if head { random.pick(HEAD) } else { random.pick(BODIES[family]) };
            let is_time = part == "{timestamp}";
            let takes_query = |text: &str| ["{query:q}", "{lower_query:q}", "{url}", "{query}"].contains(&text);
            let twice = (is_time && text.contains(part))
                || (takes_query(part)
                    && text.split_inclusive('}').any(|piece| takes_query(&piece[piece.find('{').unwrap_or(0)..])));
            if twice {
                continue;
            }
            let may_be_lacking = ["{header:", "{query:q}", "{lower_", "{json:", "{form:"];
            if random.below(3) == 0 && may_be_lacking.iter().any(|kind| part.starts_with(kind)) {
                if !before_was_literal && !text.ends_with(']') {
                    text.push_str(random.pick(LITERALS));
                }
                text.push_str(&format!("[{}{part}{}]", random.pick(LITERALS), random.pick(LITERALS)));
                before_was_literal = random.below(4) > 0;
                if before_was_literal {
                    text.push_str(random.pick(LITERALS));
                }
            } else {
                text.push_str(part);
                before_was_literal = false;
            }
        }
        if random.below(4) == 0 {
            text.push_str(random.pick(LITERALS));
        }
        text
    };
    let form = |random: &mut Random, prefix: &str| {
        let mut contents = vec![template(random)];
        if random.below(6) == 0 {
            let other = match contents[0].replace("{query:q}", "{lower_query:q}") {
                other if other == contents[0] => template(random),
                other => other,
            };
            contents.push(other);
        }
        let content = contents.concat();
        let mut form = json!({ "signature": { "header": "x-sig", "prefix": prefix }, "content": contents });
        if content.contains("{timestamp}") {
            form["timestamp"] = json!({ "header": "x-time", "unit": unit });
        }
        form
    };
    let mut scheme = json!({ "algorithm": "ed25519", "secret": "hex" });
    if random.below(5) == 0 {
        scheme["forms"] = json!([form(random, "1="), form(random, "2=")]);
    } else {
        let form = form(random, "1=");
        scheme.as_object_mut().unwrap().extend(form.as_object().unwrap().clone());
    }
    scheme
}

fn read(scheme: &Value, url: &str) -> Result<Verifier, String> {
    let sources = json!({ "x": { "secrets": ["KEY"], "url": url, "scheme": scheme } });
    let lookup = |name: &str| match name {
        "KEY" => Some("11".repeat(32)),
        "ORIGIN" => Some("https://origin.example".to_owned()),
        _ => None,
    };
    let config = Config::parse(&sources, BINDINGS, &lookup).unwrap();
    config.source("x").unwrap().map(|source| source.verifier.clone()).map_err(ToString::to_string)
}

/// What a request says where a scheme may sign it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Request {
    form: usize,
    method: String,
    query: String,
    headers: BTreeMap<&'static str, String>,
    /// The values of `a`, `b` and `c` in the body.
    fields: BTreeMap<&'static str, String>,
    body: Vec<u8>,
}

const LETTERS: &[&str] = &["a", "b", ".", ":", "-", "1", ";", "aba", "A", "\n", "id:", "x-a"];

fn value(random: &mut Random) -> String {
    (0..1 + random.below(4)).map(|_| random.pick(LETTERS)).collect()
}

fn time(random: &mut Random, unit: Option<&str>) -> String {
    let second = random.below(60);
    match unit.unwrap_or("seconds") {
        "milliseconds" => format!("17684784{second:02}{:03}", random.below(1000)),
        "unix" if random.below(2) == 0 => format!("17684784{second:02}{:03}", random.below(1000)),
        "rfc3339" => format!("2026-01-15T12:00:{second:02}{}", random.pick(&["Z", ".1Z", "+00:00", ".12-00:00"])),
        "rfc3339-utc" => {
            format!("2026-01-15T12:00:{second:02}{}", random.pick(&["", "Z", ".1", ".1Z", "+00:00", ".12+00:00"]))
        }
        "http-date" => format!("Thu, 15 Jan 2026 12:00:{second:02} GMT"),
        _ => format!("17684784{second:02}"),
    }
}

/// A request for the scheme's form, of random values.
fn request(random: &mut Random, preset: &Preset) -> Request {
    let form = random.below(preset.scheme.forms.len());
    let unit = preset.scheme.forms[form].timestamp.as_ref().map(|time| match time.unit {
        TimeUnit::Seconds => "seconds",
        TimeUnit::Milliseconds => "milliseconds",
        TimeUnit::Unix => "unix",
        TimeUnit::Rfc3339 => "rfc3339",
        TimeUnit::Rfc3339Utc => "rfc3339-utc",
        TimeUnit::HttpDate => "http-date",
    });
    let mut request =
        Request { form, method: random.pick(&["POST", "A", "PA", "AA"]).to_owned(), ..Request::default() };
    request.headers.insert("x-time", time(random, unit));
    let lacks = !preset.scheme.forms[form].optional.is_empty();
    for name in ["x-a", "x-b"] {
        if !(lacks && random.below(3) == 0) {
            request.headers.insert(name, value(random));
        }
    }
    let list = random.pick(&["x-list,x-time", "x-a,x-list,x-time", "x-a,x-b,x-list,x-time", "x-list,x-a,x-time"]);
    request.headers.insert("x-list", list.to_owned());
    for name in ["a", "b", "c"] {
        if random.below(4) > 0 {
            request.fields.insert(name, value(random));
        }
    }
    let parts = &preset.scheme.forms[form].content;
    let no_query = parts.contains(&Part::Url) || (lacks && random.below(3) == 0);
    request.query = if no_query { String::new() } else { encoded(&[("q", &value(random))]) };
    if parts.contains(&Part::Url) && !preset.scheme.pins_query() && random.below(2) == 0 {
        request.query = random.pick(&["a", "a.", "1", ":a", "-"]).to_owned();
    }
    fill_body(&mut request, parts, value(random).into_bytes());
    request
}

fn encoded(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// The body that holds the fields, where the parts are read from one.
fn fill_body(request: &mut Request, parts: &[Part], raw: Vec<u8>) {
    let has = |wanted: fn(&Part) -> bool| parts.iter().any(wanted);
    request.body = if has(|part| matches!(part, Part::Json(_) | Part::JsonLines(_))) {
        json!(request.fields).to_string().into_bytes()
    } else if has(|part| matches!(part, Part::Form(_))) {
        encoded(&request.fields.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>()).into_bytes()
    } else {
        raw
    };
}

/// What is signed, by the part that signs it.
type Values = Vec<(String, String)>;

/// What of a request the form signs: as much as two requests must differ in to be two.
fn signed(request: &Request, form: &Form) -> Values {
    let field = |name: &str| request.fields.get(name).cloned().unwrap_or_default();
    let header = |name: &str| request.headers.get(name).cloned().unwrap_or_default();
    let query =
        || form_urlencoded::parse(request.query.as_bytes()).map(|(_, value)| value.into_owned()).collect::<String>();
    let mut values = Vec::new();
    for (place, part) in form.content.iter().enumerate() {
        let is_there = match part {
            Part::Header(name) => request.headers.contains_key(name.as_str()),
            Part::Query(_) | Part::QueryLower(_) => !request.query.is_empty(),
            Part::Json(path) => request.fields.contains_key(path.to_string().trim_start_matches("$.")),
            Part::Form(name) => request.fields.contains_key(name.as_str()),
            _ => true,
        };
        if form.optional.contains(&place) && !is_there {
            values.push((part.to_string().replace("lower_query", "query"), "lacking".to_owned()));
            continue;
        }
        let value = match part {
            Part::Literal(_) | Part::Jws => continue,
            Part::Timestamp => header("x-time"),
            Part::Header(name) => header(name),
            Part::Query(_) => query(),
            Part::QueryLower(_) => query().to_ascii_lowercase(),
            Part::Url | Part::Path | Part::SortedQuery => request.query.clone(),
            Part::Method => request.method.clone(),
            Part::ListedHeaders(list) => {
                let names = header(list);
                let mut names: Vec<&str> = names.split(',').collect();
                names.sort_unstable();
                names.iter().map(|name| format!("{name}={:?} ", header(name).trim())).collect::<String>()
                    + &header(list)
            }
            Part::Body | Part::BodySha256 | Part::BodySha256Bytes | Part::CanonicalJsonString | Part::SortedForm => {
                String::from_utf8_lossy(&request.body).into_owned()
            }
            Part::Json(path) => field(path.to_string().trim_start_matches("$.")),
            Part::Form(name) => field(name),
            Part::JsonLines(keys) => {
                format!("{:?}", keys.iter().map(|key| request.fields.get(key.as_str())).collect::<Vec<_>>())
            }
        };
        // In either case it is one value.
        values.push((part.to_string().replace("lower_query", "query"), value));
    }
    values.sort();
    values.dedup();
    values
}

/// The content that the request would be proven over in its form; `None` where it is refused for what it says.
fn content(verifier: &Verifier, request: &Request) -> Option<Vec<u8>> {
    let preset = verifier.preset();
    let forms = &preset.scheme.forms;
    let mut first = request.form;
    while forms[first].alternative {
        first -= 1;
    }
    // The contents before it, of those that the request can have.
    let alone = |form: &Form| {
        let mut preset = Preset::clone(preset);
        preset.scheme.forms = vec![Form { alternative: false, ..form.clone() }];
        let key = hookgate_verify::Key::Public(PublicKey::Spki(Vec::new()));
        let alone = Verifier::new(Arc::new(preset), vec![key], None).unwrap().at(verifier.url().to_owned());
        proven_over(&alone, request, &form.layout, 0)
    };
    if forms.len() > 1 {
        alone(&forms[request.form])?;
    }
    let before = forms[first..request.form].iter().filter(|form| alone(form).is_some()).count();
    proven_over(verifier, request, &forms[request.form].layout, before)
}

/// The content over which the signature holds where it held over none of the `before` ones.
fn proven_over(verifier: &Verifier, request: &Request, layout: &Layout, before: usize) -> Option<Vec<u8>> {
    let Layout::Single { prefixes } = layout else { panic!("{layout:?}") };
    let mut headers: Vec<(String, String)> =
        request.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    headers.push(("x-sig".to_owned(), format!("{}{}", prefixes[0], "00".repeat(64))));
    let head = RequestHead { method: request.method.clone(), query: request.query.clone(), headers };
    let keeper = Keeper { before: Cell::new(before), ..Keeper::default() };
    let outcome = verifier.receive(&head).and_then(|received| received.verify(&request.body, NOW, &keeper).map(|_| ()));
    let ambiguous = matches!(outcome, Err(VerifyError::FormAmbiguous));
    keeper.content.take().filter(|_| !ambiguous)
}

/// Another request with the same content, if a random cut of it makes one.
fn cut(random: &mut Random, verifier: &Verifier, of: &Request, content: &[u8]) -> Option<Request> {
    let preset = verifier.preset();
    let text = std::str::from_utf8(content).ok()?;
    let mut request = of.clone();
    request.form = random.below(preset.scheme.forms.len());
    let Form { content: parts, optional, .. } = &preset.scheme.forms[request.form];
    let mut rest = text;
    let mut raw = None;
    let mut from = 0;
    for (place, part) in parts.iter().enumerate() {
        if place < from {
            continue;
        }
        if optional.contains(&(place + 1)) && random.below(2) == 0 {
            match &parts[place + 1] {
                Part::Header(name) => drop(request.headers.remove(name.as_str())),
                Part::Query(_) | Part::QueryLower(_) => request.query.clear(),
                Part::Json(path) => drop(request.fields.remove(path.to_string().trim_start_matches("$."))),
                Part::Form(name) => drop(request.fields.remove(name.as_str())),
                part => panic!("{part}"),
            }
            from = place + 3;
            continue;
        }
        let is_last = parts[place + 1..].iter().all(|part| matches!(part, Part::Literal(_)));
        let after: usize =
            parts[place + 1..].iter().map(|part| if let Part::Literal(text) = part { text.len() } else { 0 }).sum();
        let take = match part {
            Part::Literal(literal) => literal.len(),
            Part::BodySha256 => 64,
            _ if is_last => rest.len().checked_sub(after)?,
            Part::Timestamp => *[9, 10, 11, 13, 14, 19, 20, 21, 22, 25, 28, 29].get(random.below(12))?,
            Part::Url => verifier.url().len() + random.below(4),
            Part::ListedHeaders(_) => rest.len().min(40 + random.below(40)),
            _ => random.below(10),
        };
        let value = rest.get(..take)?;
        rest = rest.get(take..)?;
        match part {
            Part::Literal(literal) if value == literal => {}
            Part::Literal(_) => return None,
            Part::Timestamp => drop(request.headers.insert("x-time", value.to_owned())),
            Part::Header(name) => {
                let name = if name == "x-a" { "x-a" } else { "x-b" };
                request.headers.insert(name, value.to_owned());
            }
            Part::Query(_) | Part::QueryLower(_) => request.query = encoded(&[("q", value)]),
            Part::Url => request.query = value.strip_prefix(URL)?.strip_prefix('?').unwrap_or("").to_owned(),
            Part::SortedQuery => request.query = value.to_owned(),
            // No method at all is a POST to `RequestHead`.
            Part::Method if value.is_empty() => return None,
            Part::Method => request.method = value.to_owned(),
            Part::ListedHeaders(_) => {
                for piece in value.split(';') {
                    let (name, value) = piece.split_once(':')?;
                    let name = ["x-a", "x-b", "x-list", "x-time"].into_iter().find(|known| *known == name);
                    match name.filter(|_| random.below(3) > 0) {
                        Some(name) => drop(request.headers.insert(name, value.to_owned())),
                        None => request.headers.get_mut("x-a")?.push_str(&format!(";{piece}")),
                    }
                }
            }
            Part::Body => raw = Some(value.as_bytes().to_vec()),
            Part::Json(path) => {
                let name = if path.to_string() == "$.a" { "a" } else { "b" };
                request.fields.insert(name, value.to_owned());
            }
            Part::Form(name) => {
                request.fields.insert(if name == "a" { "a" } else { "b" }, value.to_owned());
            }
            Part::JsonLines(_) => request.fields = lines(random, value)?,
            Part::BodySha256
            | Part::BodySha256Bytes
            | Part::Path
            | Part::CanonicalJsonString
            | Part::SortedForm
            | Part::Jws => {}
        }
    }
    let body = request.body.clone();
    fill_body(&mut request, parts, raw.unwrap_or(body));
    rest.is_empty().then_some(request)
}

/// One of the ways to read `a`, `b` and `c` out of their lines.
fn lines(random: &mut Random, text: &str) -> Option<BTreeMap<&'static str, String>> {
    let lines: Vec<&str> = text.strip_suffix('\n')?.split('\n').collect();
    let mut fields = BTreeMap::new();
    let mut end = lines.len();
    for name in ["c", "b"] {
        if end >= 2 && lines[end - 2] == name && random.below(3) > 0 {
            fields.insert(name, lines[end - 1].to_owned());
            end -= 2;
        }
    }
    match lines.get(..end)? {
        [] => {}
        ["a", first @ ..] => drop(fields.insert("a", first.join("\n"))),
        _ => return None,
    }
    Some(fields)
}

#[derive(Default)]
struct Count {
    requests: usize,
    contents: usize,
}

/// Two requests of one content, if there are such among those that the generator makes.
fn shifts(random: &mut Random, verifier: &Verifier, scheme: &Value, count: &mut Count) -> Option<String> {
    let preset = Arc::clone(verifier.preset());
    let mut seen: HashMap<Vec<u8>, (Request, Values)> = HashMap::new();
    let mut take = |request: Request, count: &mut Count| -> Result<Option<Vec<u8>>, String> {
        count.requests += 1;
        let Some(content) = content(verifier, &request) else { return Ok(None) };
        let said = signed(&request, &preset.scheme.forms[request.form]);
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

/// The verifier of a scheme that the rule refuses, or of one that it accepts, without the rule.
fn without_the_rule(content: Vec<Part>, optional: Vec<usize>) -> Verifier {
    let mut preset = Preset::clone(
        read(
            &json!({ "algorithm": "ed25519", "secret": "hex", "signature": { "header": "x-sig", "prefix": "1=" } }),
            URL,
        )
        .unwrap()
        .preset(),
    );
    let form = &mut preset.scheme.forms[0];
    form.framing = Framing::unchecked(&content);
    form.content = content;
    form.optional = optional;
    let key = hookgate_verify::Key::Public(PublicKey::Spki(Vec::new()));
    Verifier::new(Arc::new(preset), vec![key], None).unwrap().at(URL.to_owned())
}

#[test]
fn no_accepted_scheme_gives_two_requests_one_content() {
    let number = |name: &str, default| std::env::var(name).map_or(default, |text| text.parse().expect("a number"));
    let (schemes, seed) = (number("SCHEMES", 2_000), number("SEED", 1));
    let mut random = Random(seed);
    let (mut accepted, mut several, mut pinned, mut brackets, mut contents) = (0, 0, 0, 0, 0);
    let mut count = Count::default();
    for _ in 0..schemes {
        let scheme = scheme(&mut random);
        let Ok(verifier) = read(&scheme, URL) else { continue };
        accepted += 1;
        several += usize::from(verifier.preset().scheme.forms.len() > 1);
        pinned += usize::from(verifier.preset().scheme.pins_query());
        brackets += usize::from(verifier.preset().scheme.forms.iter().any(|form| !form.optional.is_empty()));
        contents += usize::from(verifier.preset().scheme.forms.iter().any(|form| form.alternative));
        if let Some(found) = shifts(&mut random, &verifier, &scheme, &mut count) {
            panic!("SEED={seed}: one content for two requests:\n{found}");
        }
    }
    println!(
        "{schemes} schemes generated, {accepted} accepted ({several} of two forms, {pinned} with their own query, {brackets} with brackets, {contents} of several contents), {} requests, {} contents, no two alike",
        count.requests, count.contents
    );
    assert!(
        accepted * 6 > schemes && count.contents > usize::try_from(accepted).unwrap() * 4,
        "the generator says too little"
    );
    let accepted = usize::try_from(accepted).unwrap();
    assert!(brackets * 25 > accepted && contents * 100 > accepted, "the generator says too little");
}

#[test]
fn without_the_rule_the_same_search_finds_a_shift() {
    let header = |name: &str| Part::Header(name.to_owned());
    let json = |name| Part::Json(hookgate_verify::JsonPath::of_key(name));
    let dot = || Part::Literal(".".to_owned());
    let text = |text: &str| Part::Literal(text.to_owned());
    for parts in [
        vec![header("x-a"), Part::Body],
        vec![Part::Body, header("x-a")],
        vec![header("x-a"), dot(), Part::Body],
        vec![Part::Body, dot(), header("x-a")],
        vec![json("a"), json("b")],
        vec![json("a"), Part::Literal("aba".to_owned()), json("b")],
        vec![Part::Url, Part::Body],
        vec![Part::Method, Part::Body],
        vec![header("x-a"), dot(), header("x-b"), dot(), Part::Body],
    ] {
        let verifier = without_the_rule(parts.clone(), Vec::new());
        let mut random = Random(1);
        let found = (0..20).find_map(|_| shifts(&mut random, &verifier, &Value::Null, &mut Count::default()));
        assert!(found.is_some(), "{parts:?}");
    }
    for (parts, optional) in [
        (vec![text("a"), header("x-a"), text(";"), Part::Body], vec![1]),
        (vec![text("a"), header("x-a"), text(";"), text("a"), header("x-b"), text(";")], vec![1, 4]),
        (vec![header("x-b"), text("."), header("x-a"), text("."), text("."), Part::Body], vec![2]),
        (vec![text("a"), header("x-a"), text(";"), header("x-b"), text(".")], vec![1]),
    ] {
        let verifier = without_the_rule(parts.clone(), optional);
        let mut random = Random(1);
        let found = (0..50).find_map(|_| shifts(&mut random, &verifier, &Value::Null, &mut Count::default()));
        assert!(found.is_some(), "{parts:?}");
    }
}
