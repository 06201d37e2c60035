//! The headers of a signature in every variant: only the right signature over the timestamp and id in the headers is
//! accepted.
//!
//! The input is a letter for the variant, then a line for each header: signature, timestamp, id. `$` stands for the right
//! signature, which a fuzzer would not find.

use super::common::{Case, Headers};
use super::{ID, NOW, SEED, choose};
use hookgate_verify::{Encoding, Layout};

pub fn run(data: &[u8]) {
    let Some((case, text)) = choose(data) else { return };
    let text = String::from_utf8_lossy(text);
    let body = case.plain_body(ID, NOW);
    let honest = case.sign(SEED, ID, NOW, &body).expect("a body that can be signed");
    let bare = case.signature_header(&NOW.to_string(), "");
    let right = honest.last().and_then(|(_, value)| value.strip_prefix(&bare)).expect("a signature, the last header");
    let given = honest.iter().rev().zip(text.splitn(3, '\n'));
    let mut headers: Headers = given.map(|((name, _), text)| (name.clone(), text.replace('$', right))).collect();
    headers.reverse();

    match case.verify(SEED, &headers, &body, NOW) {
        Ok(verified) => {
            assert_eq!(verified.identity(), &case.identity(ID, &body, verified.identity()), "one event has one key");
            assert_eq!(verified.signed_at(), case.form.timestamp.as_ref().map(|_| NOW));
            let (signature, covered) = headers.split_last().expect("a signature");
            assert_eq!(covered, &honest[..honest.len() - 1], "the other signed headers are unchanged");
            assert!(has_signature(&case, &signature.1, right), "{}", signature.1);
            // A repeated header has more signatures. The event is still the same.
            headers.push(signature.clone());
            if let Ok(again) = case.verify(SEED, &headers, &body, NOW) {
                assert_eq!(again.identity(), verified.identity());
            }
        }
        Err(error) => {
            assert_ne!(headers, honest, "{error}");
            let refusals = [
                "signature_missing", "signature_malformed", "too_many_signatures", "signature_mismatch",
                "signed_header", "timestamp_missing", "timestamp_malformed",
            ];
            assert!(refusals.contains(&error.code()), "{error}");
        }
    }
}

/// Whether `value` has the signature `right`, and no other time than [`NOW`] if the header has a time.
fn has_signature(case: &Case, value: &str, right: &str) -> bool {
    let is_right = |text: &str| match case.form.encoding {
        Encoding::Hex => text.eq_ignore_ascii_case(right),
        _ => text == right,
    };
    let trimmed = |text: &'_ str| -> String { text.trim_matches([' ', '\t']).to_owned() };
    match &case.form.layout {
        Layout::Single { prefixes } => value
            .split(',')
            .map(trimmed)
            .any(|text| prefixes.iter().any(|prefix| text.strip_prefix(prefix).is_some_and(is_right))),
        Layout::List { separators, assign, signature: name, timestamp } => {
            let entries: Vec<String> = value.split(separators.as_str()).map(trimmed).collect();
            let entries: Vec<_> = entries.iter().filter_map(|entry| entry.split_once(*assign)).collect();
            let is_time = |entry: &&(&str, &str)| Some(entry.0) == timestamp.as_deref();
            let times: Vec<_> = entries.iter().filter(is_time).map(|entry| entry.1).collect();
            (timestamp.is_none() || (!times.is_empty() && times.iter().all(|time| *time == NOW.to_string())))
                && entries.iter().any(|(entry, text)| Some(*entry) == name.as_deref() && is_right(text))
        }
        layout => panic!("{layout:?}"),
    }
}
