//! Long heads that are as expensive to read as possible.

use hookgate_verify::native::RequestHead;
use hookgate_verify::{Algorithm, Location, Part, Scheme, TimestampLocation, Variant};

const HEAD: usize = 64 * 1024;

/// The longest text of a signature that the core reads.
const SIGNATURES: usize = 8 * 1024;

/// The most expensive heads for this variant: 64 KiB if it reads something of such a length.
pub(super) fn heads(form: &Variant, scheme: &Scheme, good: &RequestHead) -> Vec<(String, RequestHead)> {
    let mut heads = Heads { good, all: Vec::new() };
    if let Some(Location::Header(name)) = scheme.locations.first() {
        signatures(&mut heads, name, matches!(scheme.algorithm, Algorithm::Public(_)));
    }
    for part in &form.content {
        values(&mut heads, form, part);
    }
    heads.all
}

struct Heads<'g> {
    good: &'g RequestHead,
    all: Vec<(String, RequestHead)>,
}

impl Heads<'_> {
    fn add(&mut self, name: &str, change: impl Fn(&mut RequestHead)) {
        let mut head = self.good.clone();
        change(&mut head);
        self.all.push((name.to_owned(), head));
    }
}

fn set(head: &mut RequestHead, name: &str, value: String) {
    head.headers.retain(|(known, _)| known != name);
    head.headers.push((name.to_owned(), value));
}

fn signatures(heads: &mut Heads<'_>, name: &str, is_public: bool) {
    let one =
        heads.good.headers.iter().find(|(known, _)| known == name).map(|(_, text)| text.clone()).unwrap_or_default();
    heads.add("a signature of commas", |head| set(head, name, ",".repeat(SIGNATURES)));
    heads.add("a signature of blanks and commas", |head| {
        set(head, name, format!("a{}", " ,".repeat(SIGNATURES / 2 - 1)))
    });
    heads.add("a signature of words", |head| set(head, name, "a,".repeat(SIGNATURES / 2)));
    // A signature with a public key costs as much as a long body, so several of them would break the bound.
    if !is_public {
        for many in [2, 8] {
            heads.add(&format!("{many} signatures"), |head| set(head, name, vec![one.as_str(); many].join(", ")));
        }
        let most = (SIGNATURES / (one.len() + 1)).max(1);
        heads.add("more signatures than are read", |head| set(head, name, vec![one.as_str(); most].join(",")));
    }
}

/// Heads with expensive values for `part`.
fn values(heads: &mut Heads<'_>, form: &Variant, part: &Part) {
    match part {
        Part::Header(name) => {
            heads.add("a long signed header", |head| set(head, name, "a".repeat(HEAD)));
            heads.add("a signed header of dots", |head| set(head, name, ".".repeat(HEAD)));
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
                heads.add(&format!("a query of {what}"), |head| {
                    let long = piece.repeat(HEAD / piece.len());
                    head.query = if head.query.is_empty() { long } else { format!("{}&{long}", head.query) };
                });
            }
        }
        Part::ListedHeaders(list) => {
            let time = match form.timestamp.as_ref().map(|time| &time.at) {
                Some(TimestampLocation::Header(name)) => name.clone(),
                _ => list.clone(),
            };
            heads.add("one long header, listed 6,000 times", |head| {
                set(head, "a", "a".repeat(HEAD * 3 / 4));
                set(head, list, format!("{list},{time}{}", ",a".repeat(HEAD / 8)));
            });
            heads.add("32 listed headers", |head| {
                let names: Vec<String> = (0..30).map(|n| format!("h{n}")).collect();
                for name in &names {
                    set(head, name, "a;:".repeat(HEAD / 31 / 3));
                }
                set(head, list, format!("{list},{time},{}", names.join(",")));
            });
            heads.add("a list of commas", |head| set(head, list, ",".repeat(HEAD)));
        }
        _ => {}
    }
}
