//! Signature headers of every form: only the right signature, over the very timestamp and id beside it, passes.
//!
//! The input is a letter for the form, then a line for each header: the signature's, the timestamp's, the id's. `$`
//! stands for the right signature, which no fuzzer would find.

use super::common::Headers;
use super::{ID, NOW, SEED, choose};
use hookgate::webhook::{Encoding, Layout};

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
            assert_eq!(
                verified.identity(),
                &case.identity(ID, &body, verified.identity()),
                "no second key for one event"
            );
            assert_eq!(verified.signed_at(), case.form.timestamp.as_ref().map(|_| NOW));
            let (signature, covered) = headers.split_last().expect("a signature");
            assert_eq!(covered, &honest[..honest.len() - 1], "what is signed beside the body, to the letter");
            let carries = |text: &str| match case.form.encoding {
                Encoding::Hex => text.eq_ignore_ascii_case(right),
                _ => text == right,
            };
            let mut is_list = false;
            assert!(match &case.form.layout {
                Layout::Single { prefix } => signature.1.strip_prefix(prefix.as_str()).is_some_and(carries),
                Layout::List { separators, assign, signature: name, timestamp } => {
                    let entries = signature.1.split(separators.as_str());
                    let entries: Vec<_> = entries.filter_map(|entry| entry.split_once(*assign)).collect();
                    let is_time = |entry: &&(&str, &str)| Some(entry.0) == timestamp.as_deref();
                    let times: Vec<_> = entries.iter().filter(is_time).map(|entry| entry.1).collect();
                    is_list = timestamp.is_none();
                    (is_list || times == [NOW.to_string()])
                        && entries.iter().any(|(n, text)| Some(*n) == name.as_deref() && carries(text))
                }
                layout => panic!("{layout:?}"),
            });
            // Where the header is a list, two of them may be one.
            if !is_list {
                headers.push(signature.clone());
                case.verify(SEED, &headers, &body, NOW).expect_err("a signature header that stands twice");
            }
        }
        Err(error) => {
            assert_ne!(headers, honest, "{error}");
            let refusals = [
                "signature_missing",
                "signature_malformed",
                "too_many_signatures",
                "signature_mismatch",
                "signed_header",
                "timestamp_missing",
                "timestamp_malformed",
            ];
            assert!(refusals.contains(&error.code()), "{error}");
        }
    }
}
