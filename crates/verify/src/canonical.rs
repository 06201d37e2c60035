//! The text that RelayBox signs: the body's RFC 8785 canonical form, quoted once more as a JSON string.
//!
//! The signature covers the *parsed* value, so a body that two parsers may read differently proves nothing. Refused are
//! therefore: repeated keys, numbers that a double does not hold as written, lone surrogates, and nesting beyond 127
//! levels.
//!
//! All of this runs before the signature is proven, for whatever a stranger sends. So nothing is built: one scanner reads
//! the body once and writes the canonical text into one buffer, whose size is fixed beforehand. What costs more than
//! copying is counted, and refused beyond what an honest body needs:
//! - the canonical text may not outgrow the body (an honest body is `JSON.stringify`'s output, which has the same numbers);
//! - numbers that need a double's full precision, or that are not written as ECMAScript writes them;
//! - bytes that move because an object's keys are not in order.

mod number;
mod order;
mod quote;
#[cfg(test)]
mod tests;

use super::VerifyError;
use std::cmp::Ordering;

/// How deep arrays and objects may lie within each other.
const DEEPEST: u8 = 127;

/// Stands at both ends of a string while the canonical text is being put together, in place of the quotes. No byte of a
/// UTF-8 text is this one, so that a string can stand between two of them as it is, without escapes.
const MARK: u8 = 0xff;

/// How many bytes the canonical text may be longer than the body.
const SLACK: usize = 1024;

/// How many bytes may move while keys are put in order: this many, and twelve times the body. Each object whose keys are
/// not in order moves once, with all that is in it.
const MOVABLE: (usize, usize) = (64 * 1024, 12);

/// To sort an object's keys costs as much as to move so many bytes, however small it is.
const SORTING: usize = 200;

/// How many keys may be compared to sort members: this many, and one for every two bytes of the body.
const COMPARABLE: usize = 16 * 1024;

/// How many numbers may need more than to be copied: this many, and one for every sixteen bytes of the body; and of those that
/// are not written as ECMAScript writes them, or with 20 digits and more, this many, and one for every 64 bytes.
const COSTLY: usize = 64;

/// `JSON.stringify(canonicalize(JSON.parse(body)))`.
///
/// # Errors
/// [`VerifyError::NotCanonical`] where the body is not JSON, is ambiguous, or would cost more than an honest body does.
pub(super) fn canonical_json_string(body: &[u8]) -> Result<Vec<u8>, VerifyError> {
    let refused = |problem: Problem| VerifyError::NotCanonical { problem };
    if str::from_utf8(body).is_err() {
        return Err(refused("not UTF-8".to_owned()));
    }
    let (text, escapes) = Scanner::new(body).document().map_err(refused)?;
    Ok(quote::quoted(&text, escapes))
}

/// What is wrong with the body.
type Problem = String;

/// As much of a text as an error shows: what is not proven must not fill the log.
fn beginning(text: &[u8]) -> String {
    String::from_utf8_lossy(text).chars().take(40).collect()
}

/// Reads the body once, and writes its canonical text.
struct Scanner<'b> {
    body: &'b [u8],
    /// How much of the body is read.
    at: usize,
    /// The canonical text so far, with [`MARK`] in place of quotes.
    text: Vec<u8>,
    /// How many bytes [`quote::quoted`] will add.
    escapes: usize,
    /// Where in `text` the members of the open objects begin.
    members: Vec<u32>,
    /// Where the members of an object are put in order.
    ordered: Vec<u8>,
    /// How many bytes may still move.
    movable: usize,
    /// How many keys may still be compared to sort members.
    comparable: usize,
    /// Whether there was a letter so far that UTF-16 orders otherwise than UTF-8.
    has_late_letters: bool,
    /// How many costly numbers may still come.
    costly: usize,
    /// How many of them may still be written otherwise than ECMAScript writes them.
    unlike: usize,
}

impl<'b> Scanner<'b> {
    fn new(body: &'b [u8]) -> Self {
        let scaled = |(least, times): (usize, usize)| body.len().saturating_mul(times).saturating_add(least);
        // Of an escape at least one byte goes, and it has two backslashes at most.
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

    /// The canonical text, and how many bytes quoting it will add. Nothing else stays in memory.
    fn document(mut self) -> Result<(Vec<u8>, usize), Problem> {
        self.value(DEEPEST)?;
        match self.next_token() {
            None => Ok((self.text, self.escapes)),
            Some(_) => Err(self.unexpected()),
        }
    }

    /// The next byte that is no blank, which stays unread.
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

    /// The buffer never grows: what does not fit is refused.
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

    /// A string, from its first quote on. Between the marks stands its text, unescaped.
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
        // Most numbers are one digit, or short.
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
        if number.is_own_form(&mut buffer) {
            return self.write(number.text);
        }
        self.unlike = spend(self.unlike)?;
        let text = number.printed(&mut buffer);
        let text = text.ok_or_else(|| format!("the number {} does not survive a double", beginning(number.text)))?;
        self.write(text.as_bytes())
    }
}

fn deeper(depth: u8) -> Result<u8, Problem> {
    depth.checked_sub(1).ok_or_else(|| "nested too deep: recursion limit exceeded".to_owned())
}

/// The character that an escape stands for, and its length after the backslash.
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
