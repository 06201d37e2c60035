//! The text that RelayBox signs: the body's RFC 8785 canonical form, quoted once more as a JSON string.
//!
//! The signature covers the *parsed* value, so a body that two parsers may read differently proves nothing. hookgate refuses
//! repeated keys, numbers that a double changes, lone surrogates, and more than 127 levels of nesting.
//!
//! This code runs before the signature is proven, so a stranger can run it with any body. It builds no values: one scanner
//! reads the body once and writes the canonical text into one buffer of a fixed size. Each operation that costs more than a
//! copy has a limit, which no honest body reaches:
//! - the canonical text may not be longer than the body (an honest body comes from `JSON.stringify` and has the same
//!   numbers);
//! - numbers that need a double's full precision, and numbers that ECMAScript writes differently;
//! - bytes that move because an object's keys are not in order.

mod number;
mod order;
mod quote;
#[cfg(test)]
mod tests;

use super::VerifyError;
use std::cmp::Ordering;

/// The most levels of arrays and objects.
const DEEPEST: u8 = 127;

/// The byte that replaces the quotes of a string in the canonical text, until [`quote::quoted`] writes the quotes. UTF-8
/// never contains this byte, so a string between two marks needs no escapes.
const MARK: u8 = 0xff;

/// How much longer than the body the canonical text may be, in bytes.
const SLACK: usize = 1024;

/// The most bytes that may move while keys are sorted: the first number, plus the body's length times the second. Each
/// object with keys out of order moves once, with its content.
const MOVABLE: (usize, usize) = (64 * 1024, 12);

/// The cost of sorting a small object's keys, as a number of moved bytes.
const SORTING: usize = 200;

/// The most comparisons of keys: this number, plus one for every two bytes of the body.
const COMPARABLE: usize = 16 * 1024;

/// The most numbers that need more than a copy: this number, plus one for every 16 bytes of the body. Of these, the most
/// that ECMAScript writes differently or that have 20 digits and more: this number, plus one for every 64 bytes.
const COSTLY: usize = 64;

/// `JSON.stringify(canonicalize(JSON.parse(body)))`.
///
/// # Errors
/// [`VerifyError::NotCanonical`] if the body is not JSON, is ambiguous, or costs more than an honest body.
pub(super) fn canonical_json_string(body: &[u8]) -> Result<Vec<u8>, VerifyError> {
    let refused = |problem: Problem| VerifyError::NotCanonical { problem };
    if str::from_utf8(body).is_err() {
        return Err(refused("not UTF-8".to_owned()));
    }
    let (text, escapes) = Scanner::new(body).document().map_err(refused)?;
    Ok(quote::quoted(&text, escapes))
}

/// The mistake in the body, as an error text.
type Problem = String;

/// The first 40 letters of a text. The body is not proven, so the error must not show all of it: it could fill the log.
fn beginning(text: &[u8]) -> String {
    String::from_utf8_lossy(text).chars().take(40).collect()
}

/// Reads the body once and writes its canonical text.
struct Scanner<'b> {
    body: &'b [u8],
    /// The number of bytes of the body that are read.
    at: usize,
    /// The canonical text so far, with [`MARK`] in place of quotes.
    text: Vec<u8>,
    /// The number of bytes that [`quote::quoted`] will add.
    escapes: usize,
    /// The index in `text` of each member of the open objects.
    members: Vec<u32>,
    /// A buffer for the sorted members of an object.
    ordered: Vec<u8>,
    /// The number of bytes that may still move.
    movable: usize,
    /// The number of comparisons of keys that are left.
    comparable: usize,
    /// Whether `text` may contain a letter that UTF-16 sorts differently from UTF-8.
    has_late_letters: bool,
    /// The number of costly numbers that are left.
    costly: usize,
    /// The number of costly numbers left that ECMAScript writes differently.
    unlike: usize,
}

impl<'b> Scanner<'b> {
    fn new(body: &'b [u8]) -> Self {
        let scaled = |(least, times): (usize, usize)| body.len().saturating_mul(times).saturating_add(least);
        // The canonical text has at least one byte less for each escape. An escape has at most two backslashes.
        let backslashes = body.iter().filter(|byte| **byte == b'\\').count();
        let room = body.len().saturating_sub(backslashes / 2).saturating_add(SLACK);
        Self {
            body,
            at: 0,
            text: Vec::with_capacity(room),
            escapes: 0,
            members: Vec::new(),
            ordered: Vec::new(),
            movable: scaled(MOVABLE),
            comparable: (body.len() / 2).saturating_add(COMPARABLE),
            has_late_letters: !body.is_ascii() && body.iter().any(|byte| *byte >= 0xee),
            costly: (body.len() / 16).saturating_add(COSTLY),
            unlike: (body.len() / 64).saturating_add(COSTLY),
        }
    }

    /// The canonical text, and the number of bytes that quoting adds. Frees the other buffers.
    fn document(mut self) -> Result<(Vec<u8>, usize), Problem> {
        self.value(DEEPEST)?;
        match self.next_token() {
            None => Ok((self.text, self.escapes)),
            Some(_) => Err(self.unexpected()),
        }
    }

    /// The next byte that is not a blank. The byte stays unread.
    fn next_token(&mut self) -> Option<u8> {
        loop {
            let byte = *self.body.get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(byte);
            }
            self.skip(1);
        }
    }

    #[inline]
    fn skip(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    fn unexpected(&self) -> Problem {
        match self.body.get(self.at) {
            None => "JSON that ends too early".to_owned(),
            Some(_) => format!("not JSON at byte {}", self.at),
        }
    }

    fn value(&mut self, depth: u8) -> Result<(), Problem> {
        match self.next_token() {
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'{') => self.object(deeper(depth)?),
            Some(b'[') => self.array(deeper(depth)?),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            _ => Err(self.unexpected()),
        }
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Problem> {
        if !self.body.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return Err(self.unexpected());
        }
        self.skip(word.len());
        self.write(word)
    }

    /// Writes `bytes`. Refuses bytes that do not fit, because the buffer must not grow.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        let room = self.text.capacity().saturating_sub(self.text.len());
        if bytes.len() > room {
            return Err("its canonical text is longer than the body".to_owned());
        }
        self.text.extend_from_slice(bytes);
        Ok(())
    }

    #[inline]
    fn write_byte(&mut self, byte: u8) -> Result<(), Problem> {
        if self.text.len() == self.text.capacity() {
            return self.write(&[byte]);
        }
        self.text.push(byte);
        Ok(())
    }

    fn array(&mut self, depth: u8) -> Result<(), Problem> {
        self.skip(1);
        self.write_byte(b'[')?;
        if self.next_token() == Some(b']') {
            self.skip(1);
            return self.write_byte(b']');
        }
        loop {
            self.value(depth)?;
            match self.next_token() {
                Some(b',') => self.write_byte(b',')?,
                Some(b']') => {
                    self.skip(1);
                    return self.write_byte(b']');
                }
                _ => return Err(self.unexpected()),
            }
            self.skip(1);
        }
    }

    fn object(&mut self, depth: u8) -> Result<(), Problem> {
        self.skip(1);
        self.write_byte(b'{')?;
        if self.next_token() == Some(b'}') {
            self.skip(1);
            return self.write_byte(b'}');
        }
        let (first, begin) = (self.members.len(), self.text.len());
        let mut before = None;
        let mut in_order = true;
        loop {
            let member = self.text.len();
            if self.next_token() != Some(b'"') {
                return Err(self.unexpected());
            }
            self.string()?;
            in_order = in_order && before.is_none_or(|before| self.order(before, member) == Ordering::Less);
            before = Some(member);
            self.members.push(u32::try_from(member).map_err(|_| "longer than 4 GiB".to_owned())?);
            if self.next_token() != Some(b':') {
                return Err(self.unexpected());
            }
            self.skip(1);
            self.write_byte(b':')?;
            self.value(depth)?;
            match self.next_token() {
                Some(b',') => self.write_byte(b',')?,
                Some(b'}') => break,
                _ => return Err(self.unexpected()),
            }
            self.skip(1);
        }
        self.skip(1);
        if !in_order {
            self.put_in_order(first, begin)?;
        }
        self.members.truncate(first);
        self.write_byte(b'}')
    }

    /// Reads a string from its first quote, and writes its unescaped text between two marks.
    fn string(&mut self) -> Result<(), Problem> {
        self.skip(1);
        if self.body.get(self.at) == Some(&b'"') && self.text.capacity().saturating_sub(self.text.len()) >= 2 {
            self.skip(1);
            self.escapes = self.escapes.saturating_add(2);
            self.text.extend_from_slice(&[MARK, MARK]);
            return Ok(());
        }
        self.write_byte(MARK)?;
        loop {
            let rest = self.body.get(self.at..).unwrap_or(&[]);
            match rest {
                [b'"', ..] => {
                    self.skip(1);
                    self.escapes = self.escapes.saturating_add(2);
                    return self.write_byte(MARK);
                }
                [b'\\', rest @ ..] => {
                    let (character, length) =
                        escaped(rest).ok_or_else(|| format!("a broken escape at byte {}", self.at))?;
                    self.skip(length.saturating_add(1));
                    self.escapes = self.escapes.saturating_add(quote::growth(character));
                    self.has_late_letters |= character >= '\u{e000}';
                    match u8::try_from(character) {
                        Ok(byte) if byte.is_ascii() => self.write_byte(byte)?,
                        Ok(_) | Err(_) => self.write(character.encode_utf8(&mut [0; 4]).as_bytes())?,
                    }
                }
                [] | [..0x20, ..] => return Err(self.unexpected()),
                _ => {
                    let text = rest.get(..quote::plain(rest)).ok_or_else(|| self.unexpected())?;
                    self.write(text)?;
                    self.skip(text.len());
                }
            }
        }
    }

    fn number(&mut self) -> Result<(), Problem> {
        let rest = self.body.get(self.at..).unwrap_or(&[]);
        // Most numbers have one digit.
        if let [digit @ b'0'..=b'9', b',' | b']' | b'}', ..] = rest {
            self.skip(1);
            return self.write_byte(*digit);
        }
        let number = number::Literal::read(rest).ok_or_else(|| self.unexpected())?;
        self.skip(number.text.len());
        if let Some(text) = number.plain() {
            return self.write(text);
        }
        let spend = |left: usize| left.checked_sub(1).ok_or_else(|| "too many numbers of full precision".to_owned());
        self.costly = spend(self.costly)?;
        let mut buffer = ryu_js::Buffer::new();
        if number.is_ecmascript(&mut buffer) {
            return self.write(number.text);
        }
        self.unlike = spend(self.unlike)?;
        let text = number.printed(&mut buffer);
        let text = text.ok_or_else(|| format!("a double changes the number {}", beginning(number.text)))?;
        self.write(text.as_bytes())
    }
}

fn deeper(depth: u8) -> Result<u8, Problem> {
    depth.checked_sub(1).ok_or_else(|| "nested too deep: recursion limit exceeded".to_owned())
}

/// The character of an escape, and the length of the escape after the backslash.
fn escaped(text: &[u8]) -> Option<(char, usize)> {
    let plain = |character| Some((character, 1));
    match text.first()? {
        b'"' => plain('"'),
        b'\\' => plain('\\'),
        b'/' => plain('/'),
        b'b' => plain('\u{8}'),
        b'f' => plain('\u{c}'),
        b'n' => plain('\n'),
        b'r' => plain('\r'),
        b't' => plain('\t'),
        b'u' => {
            let unit = code_unit(text)?;
            if let Some(character) = char::from_u32(unit.into()) {
                return Some((character, 5));
            }
            let low = text.get(5..)?.strip_prefix(b"\\").filter(|rest| rest.first() == Some(&b'u'))?;
            let pair = char::decode_utf16([unit, code_unit(low)?]).next()?;
            pair.ok().map(|character| (character, 11))
        }
        _ => None,
    }
}

/// The UTF-16 code unit in `uXXXX`.
fn code_unit(text: &[u8]) -> Option<u16> {
    let digits = text.get(1..5)?;
    digits.iter().try_fold(0_u16, |unit, digit| {
        let digit = char::from(*digit).to_digit(16).and_then(|digit| u16::try_from(digit).ok())?;
        Some(unit << 4 | digit)
    })
}
