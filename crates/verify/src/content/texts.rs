//! The texts that a scheme reads from a body before the signature is proven: signatures and signed values. One pass over the
//! body reads all texts.

use super::super::json::{self, ExtractError, Scalar};
use super::super::{JsonPath, Location, Part, Scheme, Step, Variant, VerifyError};
use super::pairs;
use std::borrow::Cow;

/// The texts that a scheme reads from a body, by JSON path or by form name.
#[derive(Debug, Default)]
pub(crate) struct Texts<'b> {
    json: Vec<(JsonPath, Option<Scalar>)>,
    form: Vec<(String, Option<Cow<'b, str>>)>,
}

impl<'b> Texts<'b> {
    /// Reads the texts of `body` that the variant `form` signs, and the signature if `scheme` has it in the body.
    ///
    /// # Errors
    /// [`VerifyError::NotCanonical`] if the body is not JSON or not a form, as `scheme` needs, or if it repeats a key or
    /// name.
    pub fn read(scheme: &Scheme, form: &Variant, body: &'b [u8]) -> Result<Self, VerifyError> {
        let mut paths = Vec::new();
        let mut names = Vec::new();
        for place in &scheme.locations {
            match place {
                Location::Json(path) => paths.push(path.clone()),
                Location::Form(name) => names.push(name.as_str()),
                Location::Header(_) | Location::Query(_) => {}
            }
        }
        for part in &form.content {
            match part {
                Part::Json(path) => paths.push(path.clone()),
                Part::JsonLines(keys) => paths.extend(keys.iter().map(|key| JsonPath::of_key(key))),
                Part::Form(name) => names.push(name),
                Part::Literal(_)
                | Part::Timestamp
                | Part::Header(_)
                | Part::Query(_)
                | Part::QueryLower(_)
                | Part::Url
                | Part::Method
                | Part::Path
                | Part::ListedHeaders(_)
                | Part::Body
                | Part::BodySha256
                | Part::BodySha256Bytes
                | Part::CanonicalJsonString
                | Part::SortedForm
                | Part::SortedQuery
                | Part::Jws => {}
            }
        }
        Self::at(paths, &names, body)
    }

    /// The texts at `paths` of a JSON body, or with `names` in a form.
    fn at(paths: Vec<JsonPath>, names: &[&str], body: &'b [u8]) -> Result<Self, VerifyError> {
        let mut texts = Self::default();
        let mut above: Vec<usize> =
            paths.iter().filter_map(|path| path.steps().iter().position(|step| *step == Step::Each)).collect();
        above.sort_unstable();
        above.dedup();
        if !above.into_iter().all(|above| has_few_elements(body, above)) {
            return Err(VerifyError::NotCanonical {
                problem: "an array has more elements than its length allows".to_owned(),
            });
        }
        if !paths.is_empty() {
            let found = json::extract(body, &paths.iter().collect::<Vec<_>>()).map_err(|error| match error {
                ExtractError::NotJson(problem) => VerifyError::NotCanonical { problem },
                ExtractError::Ambiguous(key) => {
                    VerifyError::NotCanonical { problem: format!("the JSON key \"{key}\" comes twice") }
                }
            })?;
            texts.json = paths.into_iter().zip(found).collect();
        }
        if !names.is_empty() {
            let found = pairs::values(body, names).map_err(pairs::not_a_form)?;
            texts.form = names.iter().map(|name| (*name).to_owned()).zip(found).collect();
        }
        Ok(texts)
    }

    /// The text at `path`, which must be one of the paths that were read.
    ///
    /// # Errors
    /// [`VerifyError::NotCanonical`] if the value is neither a text nor an integer, or if the path was not read: a path that
    /// was not read differs from a missing value.
    pub fn json(&self, path: &JsonPath) -> Result<Option<&str>, VerifyError> {
        let (_, found) = self.json.iter().find(|(known, _)| known == path).ok_or_else(|| unread(&path.to_string()))?;
        match found {
            None => Ok(None),
            Some(Scalar::Text(text) | Scalar::Integer(text)) => Ok(Some(text)),
            Some(Scalar::Other(what)) => Err(VerifyError::NotCanonical { problem: format!("{path} is {what}") }),
        }
    }

    /// The value of `name` in a form. `name` must be one of the names that were read.
    ///
    /// # Errors
    /// [`VerifyError::NotCanonical`] if the name was not read.
    pub fn form(&self, name: &str) -> Result<Option<&str>, VerifyError> {
        let (_, value) = self.form.iter().find(|(known, _)| known == name).ok_or_else(|| unread(name))?;
        Ok(value.as_deref())
    }
}

fn unread(place: &str) -> VerifyError {
    VerifyError::NotCanonical { problem: format!("{place} was not read") }
}

/// Whether the arrays below `above` keys have few elements for the body's length. Each element costs more than its bytes,
/// and the elements of an honest array have at least 64 bytes on average.
fn has_few_elements(body: &[u8], above: usize) -> bool {
    let most = (body.len() / 64).saturating_add(100);
    let (mut depth, mut commas) = (0_usize, 0_usize);
    let mut rest = body.iter();
    let mut in_string = false;
    while let Some(byte) = rest.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => drop(rest.next()),
            _ if in_string => {}
            b'{' | b'[' => depth = depth.saturating_add(1),
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' if depth == above.saturating_add(1) => commas = commas.saturating_add(1),
            _ => {}
        }
    }
    commas <= most
}

/// The text at `path` of a JSON body.
///
/// # Errors
/// [`VerifyError::NotCanonical`].
pub(crate) fn json_text(body: &[u8], path: &JsonPath) -> Result<Option<String>, VerifyError> {
    let texts = Texts::at(vec![path.clone()], &[], body)?;
    texts.json(path).map(|text| text.map(str::to_owned))
}

/// The value of `name` in a form body.
///
/// # Errors
/// [`VerifyError::NotCanonical`], also if the form has `name` twice.
pub(crate) fn form_value(body: &[u8], name: &str) -> Result<Option<String>, VerifyError> {
    let texts = Texts::at(Vec::new(), &[name], body)?;
    texts.form(name).map(|text| text.map(str::to_owned))
}

/// For each of `keys` that the body has: the key, a newline, its text, a newline.
///
/// Only the first text may have several lines. It may not end with lines that look like a missing key and its text: two
/// bodies would then have the same lines.
pub(super) fn json_lines(texts: &Texts<'_>, keys: &[String]) -> Result<String, VerifyError> {
    let refused = |problem: String| VerifyError::NotCanonical { problem };
    let mut lines = String::new();
    let mut found = Vec::new();
    for key in keys {
        found.push(texts.json(&JsonPath::of_key(key))?);
    }
    for (key, text) in keys.iter().zip(&found).skip(1) {
        if text.is_some_and(|text| text.contains('\n')) {
            return Err(refused(format!("\"{key}\" has more than one line")));
        }
    }
    let missing = keys.iter().zip(&found).skip(1).take_while(|(_, text)| text.is_none()).map(|(key, _)| key.as_str());
    if let Some(Some(first)) = found.first()
        && let Some(line) = first.rsplit('\n').nth(1)
        && missing.clone().any(|key| key == line)
    {
        return Err(refused(format!("its first text ends like the missing key \"{line}\"")));
    }
    for (key, text) in keys.iter().zip(found) {
        if let Some(text) = text {
            lines.extend([key.as_str(), "\n", text, "\n"]);
        }
    }
    Ok(lines)
}
