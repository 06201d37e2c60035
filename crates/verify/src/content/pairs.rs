//! Reads the names and values of forms and queries: `a=1&b=2`, percent-encoded (WHATWG URL, section 5).

use super::super::VerifyError;
use percent_encoding::percent_decode;
use std::borrow::Cow;

/// The most pairs that hookgate sorts. Providers send some dozens.
pub(crate) const MOST_PAIRS: usize = 1_000;

/// A decoded name and its decoded value.
pub(super) type Pair<'t> = (Cow<'t, str>, Cow<'t, str>);

/// The problem of a form or a query, as an error text.
pub(crate) type Problem = &'static str;

/// The pairs of `text`, not decoded.
fn raw(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let assign = pair.iter().position(|byte| *byte == b'=');
        match assign.and_then(|assign| pair.split_at_checked(assign)) {
            Some((name, value)) => (name, value.get(1..).unwrap_or(&[])),
            None => (pair, &[][..]),
        }
    })
}

/// The decoded bytes of `text`.
fn unescaped(text: &[u8]) -> impl Iterator<Item = u8> {
    let words = text.split(|byte| *byte == b'+').enumerate();
    words.flat_map(|(place, word)| (place > 0).then_some(b' ').into_iter().chain(percent_decode(word)))
}

/// The decoded text. Bytes that are not UTF-8 are refused: a replacement would make one text of two.
fn decoded(text: &[u8]) -> Result<Cow<'_, str>, Problem> {
    const PROBLEM: Problem = "a text that is not UTF-8";
    if !text.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return str::from_utf8(text).map(Cow::Borrowed).map_err(|_| PROBLEM);
    }
    let mut bytes = Vec::with_capacity(text.len());
    bytes.extend(unescaped(text));
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| PROBLEM)
}

/// The value of each of `names`, read in one pass. Pairs with other names are not kept.
///
/// # Errors
/// One of `names` occurs twice, or its value is not UTF-8.
pub(crate) fn values<'t>(text: &'t [u8], names: &[&str]) -> Result<Vec<Option<Cow<'t, str>>>, Problem> {
    let mut found: Vec<Option<Cow<'t, str>>> = vec![None; names.len()];
    for (name, value) in raw(text) {
        let is_named = |(wanted, _): &(&&str, &mut _)| unescaped(name).eq(wanted.bytes());
        for (_, slot) in names.iter().zip(&mut found).filter(is_named) {
            if slot.replace(decoded(value)?).is_some() {
                return Err("a signed name twice");
            }
        }
    }
    Ok(found)
}

/// All pairs, sorted.
///
/// # Errors
/// There are more than [`MOST_PAIRS`] pairs, or a name or a value is not UTF-8.
pub(super) fn sorted(text: &[u8]) -> Result<Vec<Pair<'_>>, Problem> {
    if raw(text).take(MOST_PAIRS.saturating_add(1)).count() > MOST_PAIRS {
        return Err("more than 1,000 names and values");
    }
    let pairs = raw(text).map(|(name, value)| Ok((decoded(name)?, decoded(value)?)));
    let mut pairs = pairs.collect::<Result<Vec<_>, Problem>>()?;
    pairs.sort_unstable();
    Ok(pairs)
}

/// The error for a form body with `problem`.
pub(super) fn not_a_form(problem: Problem) -> VerifyError {
    VerifyError::NotCanonical { problem: format!("the form has {problem}") }
}
