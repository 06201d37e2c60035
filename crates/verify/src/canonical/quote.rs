//! Writes the canonical text as one JSON string: escaped once as canonical JSON, and once more as a string.

use super::MARK;

/// The number of bytes that [`quoted`] adds for a character of a string.
pub(super) fn growth(character: char) -> usize {
    match character {
        '"' | '\\' => 3,
        '\u{8}' | '\t' | '\n' | '\u{c}' | '\r' => 2,
        '\0'..'\u{20}' => 6,
        _ => 0,
    }
}

/// `text` as one JSON string, with quotes in place of the marks. `escapes` is the number of bytes that this adds, without
/// the two outer quotes.
#[expect(clippy::expect_used, reason = "a count of a text's bytes is at most its length, and a byte has two digits")]
pub(super) fn quoted(text: &[u8], escapes: usize) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(text.len().saturating_add(escapes).saturating_add(2));
    quoted.push(b'"');
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        // One arm for each escape compiles to stores without a call.
        match first {
            &MARK => quoted.extend_from_slice(br#"\""#),
            b'"' => quoted.extend_from_slice(br#"\\\""#),
            b'\\' => quoted.extend_from_slice(br"\\\\"),
            8 => quoted.extend_from_slice(br"\\b"),
            b'\t' => quoted.extend_from_slice(br"\\t"),
            b'\n' => quoted.extend_from_slice(br"\\n"),
            12 => quoted.extend_from_slice(br"\\f"),
            b'\r' => quoted.extend_from_slice(br"\\r"),
            control @ ..0x20 => {
                let mut digits = [0; 2];
                hex::encode_to_slice([*control], &mut digits).expect("a byte has two digits");
                quoted.extend_from_slice(br"\\u00");
                quoted.extend_from_slice(&digits);
            }
            plain_byte => {
                quoted.push(*plain_byte);
                if tail.first().is_none_or(|next| *next != MARK) {
                    let (more, after) = tail.split_at_checked(plain(tail)).expect("`plain` counts bytes of `tail`");
                    quoted.extend_from_slice(more);
                    rest = after;
                }
            }
        }
    }
    quoted.push(b'"');
    quoted
}

const ONES: u64 = 0x0101_0101_0101_0101;
const TOPS: u64 = 0x8080_8080_8080_8080;

/// A number with the top bit of the lowest zero byte of `bytes` set. Bits of higher bytes mean nothing.
fn zeros(bytes: u64) -> u64 {
    bytes.wrapping_sub(ONES) & !bytes & TOPS
}

/// The number of bytes before the first special byte. `special` finds it in eight bytes, `is_special` in one.
fn count_until(text: &[u8], special: impl Fn(u64) -> u64, is_special: impl Fn(u8) -> bool) -> usize {
    let mut count = 0_usize;
    let mut rest = text;
    while let Some((eight, tail)) = rest.split_first_chunk() {
        let found = special(u64::from_le_bytes(*eight));
        if found != 0 {
            return count.saturating_add((found.trailing_zeros() / 8) as usize);
        }
        count = count.saturating_add(8);
        rest = tail;
    }
    count.saturating_add(rest.iter().take_while(|byte| !is_special(**byte)).count())
}

/// The number of bytes before the first mark or byte that a JSON string escapes.
pub(super) fn plain(text: &[u8]) -> usize {
    let same = |bytes: u64, byte: u8| zeros(bytes ^ ONES.wrapping_mul(byte.into()));
    let special = |bytes: u64| {
        let control = bytes.wrapping_sub(ONES.wrapping_mul(0x20)) & !bytes & TOPS;
        control | same(bytes, b'"') | same(bytes, b'\\') | zeros(!bytes)
    };
    count_until(text, special, |byte| matches!(byte, MARK | b'"' | b'\\' | ..0x20))
}

/// The number of bytes before the first mark.
pub(super) fn until_mark(text: &[u8]) -> usize {
    count_until(text, |bytes| zeros(!bytes), |byte| byte == MARK)
}
