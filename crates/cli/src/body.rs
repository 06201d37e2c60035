//! Changes single values of a JSON body, and no other byte.

use hookgate_verify::{JsonPath, Step};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::ops::Range;

/// The byte range in `json` of the value at `path`. In an array, the path takes the first element. `None` if there is no
/// such value.
///
/// # Errors
/// If `json` is not one JSON value.
#[expect(clippy::expect_used, reason = "serde_json borrows a raw value from its input")]
pub fn find(json: &[u8], path: &JsonPath) -> serde_json::Result<Option<Range<usize>>> {
    let root: &RawValue = serde_json::from_slice(json)?;
    let found = path.steps().iter().try_fold(root, |value, step| match step {
        Step::Key(key) => serde_json::from_str::<BTreeMap<String, &RawValue>>(value.get()).ok()?.remove(key),
        Step::Each => serde_json::from_str::<Vec<&RawValue>>(value.get()).ok()?.into_iter().next(),
    });
    Ok(found.map(|value| {
        let start = value.get().as_ptr().addr().checked_sub(json.as_ptr().addr()).expect("a part of `json`");
        let end = start.checked_add(value.get().len()).expect("a part of `json`");
        start..end
    }))
}

/// Replaces the value at `path`. Returns whether there was one.
///
/// # Errors
/// If `json` is not one JSON value.
pub fn replace(json: &mut Vec<u8>, path: &JsonPath, value: &Value) -> serde_json::Result<bool> {
    let Some(place) = find(json, path)? else { return Ok(false) };
    json.splice(place, serde_json::to_vec(value)?);
    Ok(true)
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
    fn only_the_value_at_the_path_changes() {
        let json = "{ \"n\" : 1e2,\n\t\"a\":[{\"t\":0}],\"d\": {\"x\":\"}\",\"t\" : \"old\" } ,\"t\":null}\n";
        let nested = "{ \"n\" : 1e2,\n\t\"a\":[{\"t\":0}],\"d\": {\"x\":\"}\",\"t\" : \"new\" } ,\"t\":null}\n";
        let outer = "{ \"n\" : 1e2,\n\t\"a\":[{\"t\":0}],\"d\": {\"x\":\"}\",\"t\" : \"old\" } ,\"t\":\"new\"}\n";
        assert_eq!(replaced(json, "d.t").as_deref(), Some(nested));
        assert_eq!(replaced(json, "t").as_deref(), Some(outer));
        assert_eq!(replaced("[{\"t\":1},{\"t\":1}]", "[].t").as_deref(), Some("[{\"t\":\"new\"},{\"t\":1}]"));
        assert_eq!(replaced("{\"\\u0074\":12}", "t").as_deref(), Some("{\"\\u0074\":\"new\"}"));
    }

    #[test]
    fn a_path_without_a_value_changes_nothing() {
        for json in ["{}", "[]", "\"t\"", "{\"d\":[]}", "{\"d\":{}}", "{\"d\":1,\"e\":{\"t\":1}}"] {
            assert_eq!(replaced(json, "d.t"), None, "{json}");
        }
        for broken in ["", "{", "{\"d\":{\"t\":1}} x", "t=1"] {
            assert!(find(broken.as_bytes(), &path("d.t")).is_err(), "{broken}");
        }
    }
}
