//! Numbers, as ECMAScript prints them (RFC 8785, section 3.2.2.3).

/// A number in a JSON text.
pub(super) struct Literal<'t> {
    /// The whole text of the number.
    pub text: &'t [u8],
    negative: bool,
    /// The digits before the point.
    whole: &'t [u8],
    /// The digits after the point; empty without a point.
    fraction: &'t [u8],
    /// The text after `e`, with its sign.
    exponent: Option<&'t [u8]>,
}

/// Decimals with at most this many significant digits are different doubles, so ECMAScript prints the same digits.
const SURELY_HELD: usize = 15;

/// The most significant digits of a printed double.
const MOST_DIGITS: usize = 17;

impl<'t> Literal<'t> {
    /// The number that `text` begins with (RFC 8259, section 6).
    pub fn read(text: &'t [u8]) -> Option<Self> {
        let unsigned = text.strip_prefix(b"-").unwrap_or(text);
        let (whole, mut rest) = digits(unsigned)?;
        if whole.len() > 1 && whole.first() == Some(&b'0') {
            return None;
        }
        let mut fraction: &[u8] = &[];
        if let Some(after) = rest.strip_prefix(b".") {
            (fraction, rest) = digits(after)?;
        }
        let mut exponent = None;
        if let [b'e' | b'E', after @ ..] = rest {
            let unsigned = match after {
                [b'+' | b'-', unsigned @ ..] => unsigned,
                unsigned => unsigned,
            };
            let (_, tail) = digits(unsigned)?;
            exponent = Some(after.get(..after.len().checked_sub(tail.len())?)?);
            rest = tail;
        }
        let text = text.get(..text.len().checked_sub(rest.len())?)?;
        Some(Self { text, negative: text.first() == Some(&b'-'), whole, fraction, exponent })
    }

    /// The text that ECMAScript prints, if this is certain without a double: for short integers and short decimals.
    pub fn plain(&self) -> Option<&'t [u8]> {
        if self.exponent.is_some() {
            return None;
        }
        if self.fraction.is_empty() {
            // ECMAScript has no sign for zero.
            let is_zero = self.whole == b"0";
            return (self.whole.len() <= SURELY_HELD).then_some(if is_zero { self.whole } else { self.text });
        }
        let zeros = if self.whole == b"0" { leading_zeros(self.fraction) } else { 0 };
        let significant = self.whole.len().saturating_add(self.fraction.len()).saturating_sub(zeros);
        let is_printed_so = self.fraction.last() != Some(&b'0') && zeros <= 5;
        (is_printed_so && significant <= SURELY_HELD).then_some(self.text)
    }

    /// Whether ECMAScript prints this text. `false` also for a text that is too long for the quick check.
    pub fn is_ecmascript(&self, buffer: &mut ryu_js::Buffer) -> bool {
        // The standard library is fast for up to 19 significant digits.
        let zeros = if self.whole == b"0" { leading_zeros(self.fraction).saturating_add(1) } else { 0 };
        let significant = self.whole.len().saturating_add(self.fraction.len()).saturating_sub(zeros);
        let text = if significant <= 19 && self.text.len() <= 32 { std::str::from_utf8(self.text).ok() } else { None };
        let double = text.and_then(|text| text.parse().ok()).filter(|double: &f64| double.is_finite());
        double.is_some_and(|double| buffer.format_finite(double).as_bytes() == self.text)
    }

    /// The text that ECMAScript prints; `None` if its value differs from the literal's.
    pub fn printed(&self, buffer: &'t mut ryu_js::Buffer) -> Option<&'t str> {
        let written = Decimal::of(self)?;
        let double = written.double(self.negative)?;
        let text = buffer.format_finite(double);
        (Decimal::of(&Self::read(text.as_bytes())?)? == written).then_some(text)
    }
}

/// The digits at the beginning, at least one, and the rest of the text.
fn digits(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 { None } else { text.split_at_checked(count) }
}

fn leading_zeros(digits: &[u8]) -> usize {
    digits.iter().take_while(|digit| **digit == b'0').count()
}

/// A decimal number without its sign: `0.{digits} × 10^exponent`, without zeros at either end of `digits`, so each value has
/// one `Decimal`. Both sides of a comparison have the same sign.
#[derive(PartialEq, Eq)]
struct Decimal {
    /// The significant digits, then zero bytes.
    digits: [u8; MOST_DIGITS],
    length: usize,
    exponent: i64,
}

impl Decimal {
    /// `None` if the number has more digits than a double, or is far outside the range of doubles.
    fn of(literal: &Literal<'_>) -> Option<Self> {
        let Literal { whole, fraction, .. } = literal;
        let zeros = match leading_zeros(whole) {
            zeros if zeros == whole.len() => zeros.saturating_add(leading_zeros(fraction)),
            zeros => zeros,
        };
        let all = || whole.iter().chain(fraction.iter());
        let zeros_after = all().rev().take_while(|digit| **digit == b'0').count();
        let mut number = Self { digits: [0; MOST_DIGITS], length: 0, exponent: 0 };
        let length = whole.len().saturating_add(fraction.len()).saturating_sub(zeros);
        if length == 0 {
            return Some(number);
        }
        number.length = length.saturating_sub(zeros_after);
        for (to, digit) in number.digits.get_mut(..number.length)?.iter_mut().zip(all().skip(zeros)) {
            *to = *digit;
        }
        let exponent = literal.exponent.map_or(Some(0), |text| std::str::from_utf8(text).ok()?.parse::<i64>().ok())?;
        let point = i64::try_from(whole.len()).ok()?.checked_sub(i64::try_from(zeros).ok()?)?;
        number.exponent = exponent.checked_add(point)?;
        (-400..=400).contains(&number.exponent).then_some(number)
    }

    /// The nearest double; `None` if that is infinite.
    fn double(&self, negative: bool) -> Option<f64> {
        if self.length == 0 {
            return Some(0.0);
        }
        // The text has at most 17 digits and an exponent of three digits. The standard library is fast for such texts.
        let mut text = [0; 32];
        let digits = self.digits.get(..self.length)?;
        let mut written = 0_usize;
        let exponent = self.exponent.checked_sub(i64::try_from(self.length).ok()?)?;
        let sign: &[u8] = if exponent < 0 { b"e-" } else { b"e" };
        let magnitude = exponent.unsigned_abs();
        let digit = |number: u64| u8::try_from(number).ok().filter(|digit| *digit < 10).map(|digit| b'0' | digit);
        let exponent = [digit(magnitude / 100)?, digit(magnitude / 10 % 10)?, digit(magnitude % 10)?];
        for (to, byte) in text.iter_mut().zip(digits.iter().chain(sign).copied().chain(exponent)) {
            *to = byte;
            written = written.saturating_add(1);
        }
        let double: f64 = std::str::from_utf8(text.get(..written)?).ok()?.parse().ok()?;
        double.is_finite().then_some(if negative { -double } else { double })
    }
}
