//! Changes single values of a JSON body, and leaves every other byte of it as it is.

use hookgate_verify::{JsonPath, Step};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use std::ops::Range;

/// Where the value at `path` stands in `json`, in the first element of each array on its way; `None` where the path leads
/// nowhere.
///
/// # Errors
/// What the parser says where `json` is not one JSON value.
pub fn find(json: &[u8], path: &JsonPath) -> serde_json::Result<Option<Range<usize>>> {
    serde_json::from_slice::<IgnoredAny>(json)?;
    Ok(Cursor { json, at: 0 }.find(path))
}

/// Puts `value` in the place of the value at `path`. Says whether there was one.
///
/// # Errors
/// What the parser says where `json` is not one JSON value.
pub fn replace(json: &mut Vec<u8>, path: &JsonPath, value: &Value) -> serde_json::Result<bool> {
    let Some(place) = find(json, path)? else { return Ok(false) };
    json.splice(place, serde_json::to_vec(value)?);
    Ok(true)
}

/// Walks over text that is known to be JSON.
struct Cursor<'j> {
    json: &'j [u8],
    at: usize,
}

impl Cursor<'_> {
    fn find(mut self, path: &JsonPath) -> Option<Range<usize>> {
        for step in path.steps() {
            match step {
                Step::Key(key) => self.enter(key)?,
                Step::Each => self.take(b'[')?,
            }
        }
        self.skip_blanks();
        let start = self.at;
        self.value::<IgnoredAny>()?;
        Some(start..self.at)
    }

    /// Goes to the value of `key` in the object that stands here.
    fn enter(&mut self, key: &str) -> Option<()> {
        self.take(b'{')?;
        loop {
            let found: String = self.value()?;
            self.take(b':')?;
            if found == key {
                return Some(());
            }
            self.value::<IgnoredAny>()?;
            self.take(b',')?;
        }
    }

    fn rest(&self) -> &[u8] {
        self.json.get(self.at..).unwrap_or_default()
    }

    fn skip_blanks(&mut self) {
        let blanks = self.rest().iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n')).count();
        self.at = self.at.saturating_add(blanks);
    }

    fn take(&mut self, byte: u8) -> Option<()> {
        self.skip_blanks();
        let found = self.rest().first() == Some(&byte);
        self.at = self.at.saturating_add(usize::from(found));
        found.then_some(())
    }

    /// The value that stands here; the cursor is behind it then.
    fn value<T: DeserializeOwned>(&mut self) -> Option<T> {
        let mut values = serde_json::Deserializer::from_slice(self.rest()).into_iter();
        let value = values.next()?.ok()?;
        let length = values.byte_offset();
        self.at = self.at.saturating_add(length);
        Some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> JsonPath {
        JsonPath::parse(text).expect("a path")
    }

    fn replaced(json: &str, at: &str) -> Option<String> {
        let mut body = json.as_bytes().to_vec();
        let found = replace(&mut body, &path(at), &"new".into()).expect("JSON");
        found.then(|| String::from_utf8(body).expect("UTF-8"))
    }

    #[test]
    fn one_value_changes_and_nothing_else() {
        let json = "{ \"n\" : 1e2,\n\t\"a\":[{\"t\":0}],\"d\": {\"x\":\"}\",\"t\" : \"old\" } ,\"t\":null}\n";
        let nested = "{ \"n\" : 1e2,\n\t\"a\":[{\"t\":0}],\"d\": {\"x\":\"}\",\"t\" : \"new\" } ,\"t\":null}\n";
        let outer = "{ \"n\" : 1e2,\n\t\"a\":[{\"t\":0}],\"d\": {\"x\":\"}\",\"t\" : \"old\" } ,\"t\":\"new\"}\n";
        assert_eq!(replaced(json, "d.t").as_deref(), Some(nested));
        assert_eq!(replaced(json, "t").as_deref(), Some(outer));
        assert_eq!(replaced("[{\"t\":1},{\"t\":1}]", "[].t").as_deref(), Some("[{\"t\":\"new\"},{\"t\":1}]"));
        assert_eq!(replaced("{\"\\u0074\":12}", "t").as_deref(), Some("{\"\\u0074\":\"new\"}"));
    }

    #[test]
    fn a_path_may_lead_nowhere() {
        for json in ["{}", "[]", "\"t\"", "{\"d\":[]}", "{\"d\":{}}", "{\"d\":1,\"e\":{\"t\":1}}"] {
            assert_eq!(replaced(json, "d.t"), None, "{json}");
        }
        for broken in ["", "{", "{\"d\":{\"t\":1}} x", "t=1"] {
            assert!(find(broken.as_bytes(), &path("d.t")).is_err(), "{broken}");
        }
    }
}
