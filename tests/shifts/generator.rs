//! Random schemes and requests.

use crate::random::Random;
use hookgate_verify::{Part, Preset, TimeUnit};
use serde_json::{Value, json};
use std::collections::BTreeMap;

const LITERALS: &[&str] = &[".", ":", "..", "\n", "-", "a", "aba", "1", "id:", ";", "A"];
const HEAD: &[&str] = &[
    "{header:x-a}", "{header:x-b}", "{header:x-a|word}", "{header:x-b|any}", "{query:q}", "{lower_query:q}",
    "{method}", "{url}", "{query}", "{listed_headers:x-list}", "{timestamp}", "{timestamp}",
];
const BODIES: [&[&str]; 3] = [
    &["{body}", "{body}", "{body_sha256}", "{body_sha256_bytes}"],
    &["{json:a}", "{json:b}", "{json:a|word}", "{json:b|any}", "{lines:a,b,c}"],
    &["{form:a}", "{form:b}", "{form:a|any}"],
];

/// A random scheme, as the configuration has it.
pub fn scheme(random: &Random) -> Value {
    let parts = BODIES[random.index(3)];
    let unit = random.pick(&["seconds", "milliseconds", "unix", "rfc3339", "rfc3339-utc", "http-date"]);
    let mut scheme = json!({ "algorithm": "ed25519", "secret": "hex" });
    if random.index(5) == 0 {
        scheme["forms"] = json!([variant(random, parts, unit, "1="), variant(random, parts, unit, "2=")]);
    } else {
        let variant = variant(random, parts, unit, "1=");
        scheme.as_object_mut().unwrap().extend(variant.as_object().unwrap().clone());
    }
    scheme
}

fn variant(random: &Random, parts: &[&str], unit: &str, prefix: &str) -> Value {
    let mut contents = vec![template(random, parts)];
    if random.index(6) == 0 {
        let other = match contents[0].replace("{query:q}", "{lower_query:q}") {
            other if other == contents[0] => template(random, parts),
            other => other,
        };
        contents.push(other);
    }
    let content = contents.concat();
    let mut variant = json!({ "signature": { "header": "x-sig", "prefix": prefix }, "content": contents });
    if content.contains("{timestamp}") {
        variant["timestamp"] = json!({ "header": "x-time", "unit": unit });
    }
    variant
}

fn template(random: &Random, parts: &[&str]) -> String {
    let mut text = String::new();
    let mut before_was_literal = true;
    for _ in 0..1 + random.index(5) {
        if random.index(5) < 3 && !before_was_literal {
            text.push_str(random.pick(LITERALS));
        }
        let head = random.index(5) < 3;
        let part = if head { random.pick(HEAD) } else { random.pick(parts) };
        let is_time = part == "{timestamp}";
        let takes_query = |text: &str| ["{query:q}", "{lower_query:q}", "{url}", "{query}"].contains(&text);
        let twice = (is_time && text.contains(part))
            || (takes_query(part)
                && text.split_inclusive('}').any(|piece| takes_query(&piece[piece.find('{').unwrap_or(0)..])));
        if twice {
            continue;
        }
        let may_be_missing = ["{header:", "{query:q}", "{lower_", "{json:", "{form:"];
        if random.index(3) == 0 && may_be_missing.iter().any(|kind| part.starts_with(kind)) {
            if !before_was_literal && !text.ends_with(']') {
                text.push_str(random.pick(LITERALS));
            }
            text.push_str(&format!("[{}{part}{}]", random.pick(LITERALS), random.pick(LITERALS)));
            before_was_literal = random.index(4) > 0;
            if before_was_literal {
                text.push_str(random.pick(LITERALS));
            }
        } else {
            text.push_str(part);
            before_was_literal = false;
        }
    }
    if random.index(4) == 0 {
        text.push_str(random.pick(LITERALS));
    }
    text
}

/// The values of a request that a scheme may sign.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request {
    pub form: usize,
    pub method: String,
    pub query: String,
    pub headers: BTreeMap<&'static str, String>,
    /// The values of `a`, `b` and `c` in the body.
    pub fields: BTreeMap<&'static str, String>,
    pub body: Vec<u8>,
}

const LETTERS: &[&str] = &["a", "b", ".", ":", "-", "1", ";", "aba", "A", "\n", "id:", "x-a"];

fn value(random: &Random) -> String {
    (0..1 + random.index(4)).map(|_| random.pick(LETTERS)).collect()
}

fn time(random: &Random, unit: Option<&str>) -> String {
    let second = random.index(60);
    match unit.unwrap_or("seconds") {
        "milliseconds" => format!("17684784{second:02}{:03}", random.index(1000)),
        "unix" if random.index(2) == 0 => format!("17684784{second:02}{:03}", random.index(1000)),
        "rfc3339" => format!("2026-01-15T12:00:{second:02}{}", random.pick(&["Z", ".1Z", "+00:00", ".12-00:00"])),
        "rfc3339-utc" => {
            format!("2026-01-15T12:00:{second:02}{}", random.pick(&["", "Z", ".1", ".1Z", "+00:00", ".12+00:00"]))
        }
        "http-date" => format!("Thu, 15 Jan 2026 12:00:{second:02} GMT"),
        _ => format!("17684784{second:02}"),
    }
}

/// A request with random values for a random variant of the scheme.
pub fn request(random: &Random, preset: &Preset) -> Request {
    let form = random.index(preset.scheme.variants.len());
    let unit = preset.scheme.variants[form].timestamp.as_ref().map(|time| match time.unit {
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
    let lacks = !preset.scheme.variants[form].optional.is_empty();
    for name in ["x-a", "x-b"] {
        if !(lacks && random.index(3) == 0) {
            request.headers.insert(name, value(random));
        }
    }
    let list = random.pick(&["x-list,x-time", "x-a,x-list,x-time", "x-a,x-b,x-list,x-time", "x-list,x-a,x-time"]);
    request.headers.insert("x-list", list.to_owned());
    for name in ["a", "b", "c"] {
        if random.index(4) > 0 {
            request.fields.insert(name, value(random));
        }
    }
    let parts = &preset.scheme.variants[form].content;
    let no_query = parts.contains(&Part::Url) || (lacks && random.index(3) == 0);
    request.query = if no_query { String::new() } else { encoded(&[("q", &value(random))]) };
    if parts.contains(&Part::Url) && !preset.scheme.pins_query() && random.index(2) == 0 {
        request.query = random.pick(&["a", "a.", "1", ":a", "-"]).to_owned();
    }
    fill_body(&mut request, parts, value(random).into_bytes());
    request
}

pub fn encoded(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// Writes the body. If the content has parts of the body, the body contains the fields; otherwise it is `raw`.
pub fn fill_body(request: &mut Request, parts: &[Part], raw: Vec<u8>) {
    let has = |wanted: fn(&Part) -> bool| parts.iter().any(wanted);
    request.body = if has(|part| matches!(part, Part::Json(_) | Part::JsonLines(_))) {
        json!(request.fields).to_string().into_bytes()
    } else if has(|part| matches!(part, Part::Form(_))) {
        encoded(&request.fields.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>()).into_bytes()
    } else {
        raw
    };
}
