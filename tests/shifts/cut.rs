//! Cuts a signed content at other places.

use super::URL;
use super::generator::{Request, encoded, fill_body};
use super::random::Random;
use hookgate_verify::{Part, Variant, Verifier};
use std::collections::BTreeMap;

/// Another request with the same content, if a random cut of the content makes one.
pub fn cut(random: &Random, verifier: &Verifier, of: &Request, content: &[u8]) -> Option<Request> {
    let preset = verifier.preset();
    let text = std::str::from_utf8(content).ok()?;
    let mut request = of.clone();
    request.form = random.index(preset.scheme.variants.len());
    let Variant { content: parts, optional, .. } = &preset.scheme.variants[request.form];
    let mut rest = text;
    let mut raw = None;
    let mut from = 0;
    for (place, part) in parts.iter().enumerate() {
        if place < from {
            continue;
        }
        if optional.contains(&(place + 1)) && random.index(2) == 0 {
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
            Part::Timestamp => *[9, 10, 11, 13, 14, 19, 20, 21, 22, 25, 28, 29].get(random.index(12))?,
            Part::Url => verifier.url().len() + random.index(4),
            Part::ListedHeaders(_) => rest.len().min(40 + random.index(40)),
            _ => random.index(10),
        };
        let value = rest.get(..take)?;
        rest = rest.get(take..)?;
        if *part == Part::Body {
            raw = Some(value.as_bytes().to_vec());
        }
        write(random, &mut request, part, value)?;
    }
    let body = request.body.clone();
    fill_body(&mut request, parts, raw.unwrap_or(body));
    rest.is_empty().then_some(request)
}

/// Writes the value of `part` into the head or the fields of `request`. `None` if the part cannot have the value.
fn write(random: &Random, request: &mut Request, part: &Part, value: &str) -> Option<()> {
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
        // `RequestHead` reads an empty method as POST.
        Part::Method if value.is_empty() => return None,
        Part::Method => request.method = value.to_owned(),
        Part::ListedHeaders(_) => {
            for piece in value.split(';') {
                let (name, value) = piece.split_once(':')?;
                let name = ["x-a", "x-b", "x-list", "x-time"].into_iter().find(|known| *known == name);
                match name.filter(|_| random.index(3) > 0) {
                    Some(name) => drop(request.headers.insert(name, value.to_owned())),
                    None => request.headers.get_mut("x-a")?.push_str(&format!(";{piece}")),
                }
            }
        }
        Part::Json(path) => {
            let name = if path.to_string() == "$.a" { "a" } else { "b" };
            request.fields.insert(name, value.to_owned());
        }
        Part::Form(name) => {
            request.fields.insert(if name == "a" { "a" } else { "b" }, value.to_owned());
        }
        Part::JsonLines(_) => request.fields = lines(random, value)?,
        Part::Body
        | Part::BodySha256
        | Part::BodySha256Bytes
        | Part::Path
        | Part::CanonicalJsonString
        | Part::SortedForm
        | Part::Jws => {}
    }
    Some(())
}

/// A random way to read `a`, `b` and `c` from their lines.
fn lines(random: &Random, text: &str) -> Option<BTreeMap<&'static str, String>> {
    let lines: Vec<&str> = text.strip_suffix('\n')?.split('\n').collect();
    let mut fields = BTreeMap::new();
    let mut end = lines.len();
    for name in ["c", "b"] {
        if end >= 2 && lines[end - 2] == name && random.index(3) > 0 {
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
