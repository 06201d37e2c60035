//! Long bodies that are as expensive to read as possible.

use super::{honest_json, paths};
use hookgate_verify::{Preset, Variant};
use std::sync::LazyLock;

/// The length of the bodies in bytes, from `BODY_KIB` or 256 KiB. The bounds hold for each length.
pub(super) fn body_size() -> usize {
    static SIZE: LazyLock<usize> = LazyLock::new(|| {
        let kib: usize = std::env::var("BODY_KIB").map_or(256, |text| text.parse().expect("a number of KiB"));
        kib * 1024
    });
    *SIZE
}

fn repeated(piece: &str, from: &str, to: &str) -> Vec<u8> {
    let count = body_size().saturating_sub(from.len() + to.len()) / piece.len();
    format!("{from}{}{to}", piece.repeat(count)).into_bytes()
}

/// The most expensive JSON texts.
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

/// Bodies with these texts beside the members that the scheme reads, and bodies that are only such a text.
pub(super) fn json_bodies(preset: &Preset, form: &Variant) -> Vec<(String, Vec<u8>)> {
    let good = honest_json(preset, form);
    let rest = good.strip_prefix('{').expect("an object").to_owned();
    let mut bodies = Vec::new();
    for (name, text) in json_texts() {
        let text = String::from_utf8(text).expect("a text");
        bodies.push((name.to_owned(), format!("{{\"zz\":{text},{rest}").into_bytes()));
        bodies.push((format!("{name}, alone"), text.into_bytes()));
    }
    // Many elements, if a path goes through the elements of an array.
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

pub(super) fn form_bodies(signature: &str) -> Vec<(String, Vec<u8>)> {
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
