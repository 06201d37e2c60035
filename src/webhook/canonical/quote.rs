//! The canonical text as one JSON string: escaped once as canonical JSON, and once more as a string.

use super::MARK;

/// How many bytes [`quoted`] adds to a character of a string.
pub(super) fn growth(character: char) -> usize {
    match character {
        '"' | '\\' => 3,
        '\u{8}' | '\t' | '\n' | '\u{c}' | '\r' => 2,
        '\0'..'\u{20}' => 6,
        _ => 0,
    }
}

/// `text`, in which marks stand for the quotes, as one JSON string. It grows by `escapes` and the two quotes around it.
pub(super) fn quoted(text: &[u8], escapes: usize) -> Vec<u8> {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let mut quoted = Vec::with_capacity(text.len().saturating_add(escapes).saturating_add(2));
    quoted.push(b'"');
    let mut rest = text;
    loop {
        let plain = rest.iter().position(|byte| matches!(*byte, MARK | b'"' | b'\\' | ..0x20)).unwrap_or(rest.len());
        let (text, tail) = rest.split_at_checked(plain).unwrap_or((rest, &[]));
        quoted.extend_from_slice(text);
        let Some((special, tail)) = tail.split_first() else { break };
        let escape: &[u8] = match special {
            &MARK => br#"\""#,
            b'"' => br#"\\\""#,
            b'\\' => br"\\\\",
            8 => br"\\b",
            b'\t' => br"\\t",
            b'\n' => br"\\n",
            12 => br"\\f",
            b'\r' => br"\\r",
            control => {
                let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).map_or(b'0', |digit| *digit as u8);
                quoted.extend_from_slice(br"\\u00");
                quoted.extend_from_slice(&[digit(control >> 4), digit(control & 15)]);
                &[]
            }
        };
        quoted.extend_from_slice(escape);
        rest = tail;
    }
    quoted.push(b'"');
    quoted
}
