//! The canonical text of a JSON body (RFC 8785) by another implementation, the crate `serde_json_canonicalizer`.

use serde_json::Value;

/// The canonical text, quoted as one JSON string.
pub fn quoted(body: &[u8]) -> Option<Vec<u8>> {
    serde_json::to_vec(&canonical(body)?).ok()
}

/// The canonical text. `None` if the body is not JSON, repeats a key, or has a number that a double changes.
pub fn canonical(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let bare = without_strings(body);
    let numbers = bare.split(|letter: char| !matches!(letter, '0'..='9' | '+' | '-' | '.' | 'e' | 'E'));
    let mut numbers = numbers.filter(|text| text.contains(|letter: char| letter.is_ascii_digit()));
    // `serde_json` keeps the last of several equal keys, so the value then has fewer keys than the text has colons.
    let is_unambiguous = keys(&value) == bare.matches(':').count();
    if is_unambiguous && numbers.all(survives_a_double) {
        serde_json_canonicalizer::to_string(&value).ok()
    } else {
        None
    }
}

/// The number of keys in all objects.
fn keys(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(keys).sum(),
        Value::Object(map) => map.values().map(keys).chain([map.len()]).sum(),
        _ => 0,
    }
}

/// The JSON text `json` with a blank in place of each string.
fn without_strings(json: &[u8]) -> String {
    let (mut bare, mut in_string, mut bytes) = (String::new(), false, json.iter());
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => drop(bytes.next()),
            _ if in_string => {}
            byte => bare.push(char::from(*byte)),
        }
        bare.extend(in_string.then_some(' '));
    }
    bare
}

/// Whether ECMAScript prints a text with the value of `literal`.
fn survives_a_double(literal: &str) -> bool {
    let Ok(double) = serde_json::from_str::<f64>(literal) else { return false };
    let printed = serde_json_canonicalizer::to_string(&double).unwrap_or_default();
    decimal(literal).is_some_and(|value| decimal(&printed) == Some(value))
}

/// The digits and the exponent of `0.{digits} × 10^exponent`, without zeros at either end of the digits, so each value has
/// one pair. The sign is left out: both sides of a comparison have the same sign.
fn decimal(text: &str) -> Option<(String, i64)> {
    let text = text.trim_start_matches('-');
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let significant = all.trim_start_matches('0');
    let digits = significant.trim_end_matches('0').to_owned();
    if digits.is_empty() {
        return Some((digits, 0));
    }
    let zeros = i64::try_from(all.len().checked_sub(significant.len())?).ok()?;
    let point = i64::try_from(whole.len()).ok()?.checked_sub(zeros)?;
    Some((digits, exponent.parse::<i64>().ok()?.checked_add(point)?))
}
