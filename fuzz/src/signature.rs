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
            assert_eq!(verified.identity(), &case.identity(ID, &body), "no second key for one event");
            assert_eq!(verified.signed_at(), case.form.timestamp.map(|_| NOW));
            let (signature, covered) = headers.split_last().expect("a signature");
            assert_eq!(covered, &honest[..honest.len() - 1], "what is signed beside the body, to the letter");
            let carries = |text: &str| match case.form.encoding {
                Encoding::Hex => text.eq_ignore_ascii_case(right),
                Encoding::Base64 => text == right,
            };
            assert!(match case.form.layout {
                Layout::Single { prefix } => signature.1.strip_prefix(prefix).is_some_and(carries),
                Layout::Versions { version } => {
                    let entries = signature.1.split(' ').filter_map(|entry| entry.split_once(','));
                    entries.clone().any(|(name, text)| name == version && carries(text))
                }
                Layout::Fields { timestamp, signature: name } => {
                    let fields = signature.1.split(',').filter_map(|field| field.split_once('='));
                    let times: Vec<_> = fields.clone().filter(|(name, _)| *name == timestamp).collect();
                    times == [(timestamp, NOW.to_string().as_str())]
                        && fields.clone().any(|(n, t)| n == name && carries(t))
                }
            });
            // Where the header is a list, two of them may be one.
            if !matches!(case.form.layout, Layout::Versions { .. }) {
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
