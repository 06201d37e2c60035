//! Numbers, as ECMAScript prints them (RFC 8785, section 3.2.2.3).

/// A number as it stands in a JSON text.
pub(super) struct Literal<'t> {
    /// All of it.
    pub text: &'t [u8],
    negative: bool,
    /// The digits before the point.
    whole: &'t [u8],
    /// Those after it, where there is one.
    fraction: &'t [u8],
    /// What stands after `e`, where there is one.
    exponent: Option<&'t [u8]>,
}

/// Decimals of so many significant digits are different doubles, and are printed as they are written.
const SURELY_HELD: usize = 15;

/// No double is printed with more significant digits.
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

    /// The text that ECMAScript prints, where that is plain to see: short integers, and short decimals in its own form.
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
        let is_own_form = self.fraction.last() != Some(&b'0') && zeros <= 5;
        (is_own_form && significant <= SURELY_HELD).then_some(self.text)
    }

    /// Whether it has so few digits that ECMAScript prints this very text, which is then copied.
    pub fn is_own_form(&self, buffer: &mut ryu_js::Buffer) -> bool {
        // The standard library reads up to 19 significant digits without a detour.
        let zeros = if self.whole == b"0" { leading_zeros(self.fraction).saturating_add(1) } else { 0 };
        let significant = self.whole.len().saturating_add(self.fraction.len()).saturating_sub(zeros);
        let text = if significant <= 19 && self.text.len() <= 32 { std::str::from_utf8(self.text).ok() } else { None };
        let double = text.and_then(|text| text.parse().ok()).filter(|double: &f64| double.is_finite());
        double.is_some_and(|double| buffer.format_finite(double).as_bytes() == self.text)
    }

    /// The text that ECMAScript prints; `None` where that is of another value than the literal's.
    pub fn printed(&self, buffer: &'t mut ryu_js::Buffer) -> Option<&'t str> {
        let written = Decimal::of(self)?;
        let double = written.double(self.negative)?;
        let text = buffer.format_finite(double);
        (Decimal::of(&Self::read(text.as_bytes())?)? == written).then_some(text)
    }
}

/// The digits at the beginning, at least one, and what follows.
fn digits(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if count == 0 { None } else { text.split_at_checked(count) }
}

fn leading_zeros(digits: &[u8]) -> usize {
    digits.iter().take_while(|digit| **digit == b'0').count()
}

/// A decimal number with one form per value: `0.{digits} × 10^exponent`, no zero at either end of `digits`.
/// The sign is left out: both sides of a comparison have the same one.
#[derive(PartialEq, Eq)]
struct Decimal {
    /// The significant digits; zeros beyond them.
    digits: [u8; MOST_DIGITS],
    length: usize,
    exponent: i64,
}

impl Decimal {
    /// `None` where it has more digits than any double, or lies far beyond them all.
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

    /// The nearest double, where it is finite.
    fn double(&self, negative: bool) -> Option<f64> {
        if self.length == 0 {
            return Some(0.0);
        }
        // At most 17 digits, a point, and an exponent of three digits, which the standard library reads without a detour.
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
