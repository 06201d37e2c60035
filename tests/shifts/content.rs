//! The signed content of a request, and the values in it.

use super::generator::Request;
use super::{NOW, unproven};
use hookgate_verify::native::RequestHead;
use hookgate_verify::{Crypto, Hash, Layout, Part, Preset, PublicAlgorithm, PublicKey, Variant, Verifier, VerifyError};
use std::cell::{Cell, RefCell};

/// Accepts every signature, and keeps its content.
#[derive(Default)]
pub struct Keeper {
    content: RefCell<Option<Vec<u8>>>,
    /// The number of signatures to refuse before the first is accepted.
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

/// The signed values, each with its part.
pub type Values = Vec<(String, String)>;

/// The values of a request that the variant signs. Two requests with the same values count as one.
pub fn signed(request: &Request, form: &Variant) -> Values {
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
            values.push((part.to_string().replace("lower_query", "query"), "missing".to_owned()));
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
        // `query` and `lower_query` are one value.
        values.push((part.to_string().replace("lower_query", "query"), value));
    }
    values.sort();
    values.dedup();
    values
}

/// The signed content of the request in its variant; `None` if the request is refused.
pub fn content(verifier: &Verifier, request: &Request) -> Option<Vec<u8>> {
    let preset = verifier.preset();
    let forms = &preset.scheme.variants;
    let mut first = request.form;
    while forms[first].alternative {
        first -= 1;
    }
    // An earlier content that the request can have is tried first.
    let alone = |form: &Variant| {
        let mut preset = Preset::clone(preset);
        preset.scheme.variants = vec![Variant { alternative: false, ..form.clone() }];
        proven_over(&unproven(preset, verifier.url()), request, &form.layout, 0)
    };
    if forms.len() > 1 {
        alone(&forms[request.form])?;
    }
    let before = forms[first..request.form].iter().filter(|form| alone(form).is_some()).count();
    proven_over(verifier, request, &forms[request.form].layout, before)
}

/// The content of the signature, if the `before` contents tried first do not match.
fn proven_over(verifier: &Verifier, request: &Request, layout: &Layout, before: usize) -> Option<Vec<u8>> {
    let Layout::Single { prefixes } = layout else { panic!("{layout:?}") };
    let mut headers: Vec<(String, String)> =
        request.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    headers.push(("x-sig".to_owned(), format!("{}{}", prefixes[0], "00".repeat(64))));
    let head = RequestHead { method: request.method.clone(), query: request.query.clone(), headers };
    let keeper = Keeper { before: Cell::new(before), ..Keeper::default() };
    let outcome = verifier.receive(&head).and_then(|received| received.verify(&request.body, NOW, &keeper).map(|_| ()));
    let ambiguous = matches!(outcome, Err(VerifyError::VariantAmbiguous));
    keeper.content.take().filter(|_| !ambiguous)
}
