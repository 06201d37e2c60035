//! Replaces the values at some paths of a JSON body, and copies every other byte.

use super::path::{RulePath, RuleStep};
use super::{MOST_VALUES, REDACTED, Withheld};
use hookgate_verify::JsonScanner;
use serde::de::IgnoredAny;
use std::borrow::Cow;

/// The body with [`REDACTED`] in place of each value at one of `paths`, and the number of these values. Without such a value
/// the bytes are empty.
pub(super) fn redact(body: &[u8], paths: &[RulePath]) -> Result<(Vec<u8>, usize), Withheld> {
    // serde_json skips a text without a look at its encoding.
    std::str::from_utf8(body).map_err(|_| Withheld::NotUtf8)?;
    // Skipping does not recurse, so nesting uses no stack.
    serde_json::from_slice::<IgnoredAny>(body).map_err(|_| Withheld::NotJson)?;
    let mut redaction = Redaction { body, scanner: JsonScanner::new(body), output: Vec::new(), copied: 0, values: 0 };
    redaction.scanner.skip_blanks();
    if !matches!(redaction.scanner.rest().first(), Some(b'{' | b'[')) {
        return Err(Withheld::SingleValue);
    }
    let paths: Vec<&[RuleStep]> = paths.iter().map(RulePath::steps).collect();
    redaction.value(&paths)?;
    redaction.finish()
}

struct Redaction<'b> {
    body: &'b [u8],
    /// The place in `body`.
    scanner: JsonScanner<'b>,
    output: Vec<u8>,
    /// How many bytes of `body` are in `output`, unchanged or replaced.
    copied: usize,
    values: usize,
}

/// The scanner stopped where valid JSON goes on. This cannot happen, and fails closed.
const ASTRAY: Withheld = Withheld::NotJson;

impl Redaction<'_> {
    /// Passes the next value. `paths` are the rests of the paths that lead here. An empty rest ends here.
    fn value(&mut self, paths: &[&[RuleStep]]) -> Result<(), Withheld> {
        self.scanner.skip_blanks();
        if paths.iter().any(|path| path.is_empty()) {
            return self.replace();
        }
        match self.scanner.rest().first() {
            Some(b'{') if !paths.is_empty() => self.object(paths),
            Some(b'[') if !paths.is_empty() => self.array(paths),
            _ => self.scanner.value().map(drop).ok_or(ASTRAY),
        }
    }

    fn object(&mut self, paths: &[&[RuleStep]]) -> Result<(), Withheld> {
        self.scanner.begin(b'{').ok_or(ASTRAY)?;
        while !self.scanner.ends(b'}').ok_or(ASTRAY)? {
            let name = decoded(self.scanner.value().ok_or(ASTRAY)?)?;
            self.scanner.begin(b':').ok_or(ASTRAY)?;
            let leads = |step: &RuleStep| match step {
                RuleStep::Member(wanted) => *wanted == name,
                RuleStep::Element(_) => false,
                RuleStep::All => true,
            };
            self.value(&through(paths, leads))?;
        }
        self.scanner.skip_blanks();
        Ok(())
    }

    fn array(&mut self, paths: &[&[RuleStep]]) -> Result<(), Withheld> {
        let everywhere = through(paths, |step| *step == RuleStep::All);
        let mut place = 0_usize;
        self.scanner.begin(b'[').ok_or(ASTRAY)?;
        while !self.scanner.ends(b']').ok_or(ASTRAY)? {
            // Most elements need no list of their own.
            let here = RuleStep::Element(place);
            match paths.iter().any(|path| path.first() == Some(&here)) {
                true => self.value(&through(paths, |step| *step == RuleStep::All || *step == here))?,
                false => self.value(&everywhere)?,
            }
            place = place.saturating_add(1);
        }
        self.scanner.skip_blanks();
        Ok(())
    }

    /// Passes the next value, which begins here, and replaces it in the output.
    fn replace(&mut self) -> Result<(), Withheld> {
        let start = self.body.len().saturating_sub(self.scanner.rest().len());
        let length = self.scanner.value().ok_or(ASTRAY)?.len();
        self.values = self.values.saturating_add(1);
        if self.values > MOST_VALUES {
            return Err(Withheld::TooMany);
        }
        self.output.extend_from_slice(self.body.get(self.copied..start).ok_or(ASTRAY)?);
        self.output.push(b'"');
        self.output.extend_from_slice(REDACTED.as_bytes());
        self.output.push(b'"');
        self.copied = start.saturating_add(length);
        Ok(())
    }

    fn finish(mut self) -> Result<(Vec<u8>, usize), Withheld> {
        self.scanner.skip_blanks();
        if !self.scanner.rest().is_empty() {
            return Err(ASTRAY);
        }
        if self.values > 0 {
            self.output.extend_from_slice(self.body.get(self.copied..).ok_or(ASTRAY)?);
        }
        Ok((self.output, self.values))
    }
}

/// The text of a name in quotes. A name with half of a surrogate pair has no text: parsers read it differently.
fn decoded(name: &[u8]) -> Result<Cow<'_, str>, Withheld> {
    let plain =
        name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\"")).filter(|name| !name.contains(&b'\\'));
    let text = match plain {
        Some(plain) => std::str::from_utf8(plain).ok().map(Cow::Borrowed),
        None => serde_json::from_slice(name).ok().map(Cow::Owned),
    };
    text.ok_or(Withheld::NotJson)
}

/// The rest of each of `paths` whose first step `leads`.
fn through<'p>(paths: &[&'p [RuleStep]], leads: impl Fn(&RuleStep) -> bool) -> Vec<&'p [RuleStep]> {
    let split = paths.iter().filter_map(|path| path.split_first());
    split.filter(|(step, _)| leads(step)).map(|(_, rest)| rest).collect()
}
