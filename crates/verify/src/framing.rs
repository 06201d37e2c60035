//! The rule that the bytes of a signed content can be read in one way only.
//!
//! A signature covers one text, which is a concatenation of parts. If two parts that the sender chooses touch, bytes can
//! move from one part to the other without changing the text, so the signature protects neither part. Therefore one rule
//! holds for every scheme, when the scheme is read, and for every request:
//!
//! At most one part is *free*, which means that it may be any text. The text itself tells where each other part ends.
//! Either the part has a fixed format (a literal, a digest, a time, the configured URL, a declared format), or a literal
//! stands between the part and the free part. In the second case, a request is refused if the value holds a literal beside
//! it.
//!
//! The parts before the free part are then read from the left, and the parts after it from the right, each in one way.

mod brackets;
mod shape;

use super::{DeclaredFormat, Part, Timestamp, Variant};
use shape::{ValueFormat, is_of_word, length_of, shape, wanted};
use std::fmt;

/// The constraints of the rule on each part of one variant's content.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Framing {
    /// The constraint on each part, in the order of the content.
    constraints: Vec<Constraint>,
    /// Whether the configured URL is signed with its own query. Then no other query is accepted.
    pins_query: bool,
}

/// The constraint on one part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Constraint {
    /// No constraint: the part is a literal, the configured URL or the free part, or the core makes it in its format.
    Unconstrained,
    /// The part must have this format.
    Format(ValueFormat),
    /// The part must not hold the literals beside it.
    Delimited,
}

/// Two parts of a content without anything that separates them. Each number is an index in the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AmbiguousContent {
    /// The part that has no end of its own.
    pub part: usize,
    /// The part that could give bytes to the first part, or take bytes from it.
    pub other: usize,
}

/// The number of bytes before the first colon of a time in RFC 3339.
const TIME_TO_COLON: usize = 13;

/// The reason why a value cannot be signed.
pub(super) type Problem = &'static str;

impl Framing {
    /// Checks that `content` obeys the rule. `declared` has the declared format of each part. `optional` has the indexes of
    /// the values that a request may lack, each between two literals.
    ///
    /// # Errors
    /// [`AmbiguousContent`] if bytes could move between two parts.
    pub fn of(
        content: &[Part],
        timestamp: Option<&Timestamp>,
        declared: &[Option<DeclaredFormat>],
        optional: &[usize],
    ) -> Result<Self, AmbiguousContent> {
        brackets::check(content, optional)?;
        let shapes = |url: ValueFormat| -> Vec<ValueFormat> {
            let declared = declared.iter().copied().chain(std::iter::repeat(None));
            content.iter().zip(declared).map(|(part, declared)| shape(part, timestamp, declared, url)).collect()
        };
        // If nothing touches the URL, the URL is signed with the request's own query, else with the configured query.
        let open = Self::of_shapes(content, &shapes(ValueFormat::Free), optional);
        match open {
            Ok(framing) => Ok(framing),
            Err(problem) if !content.contains(&Part::Url) => Err(problem),
            Err(_) => {
                let framing = Self::of_shapes(content, &shapes(ValueFormat::Url), optional)?;
                Ok(Self { pins_query: true, ..framing })
            }
        }
    }

    fn of_shapes(content: &[Part], shapes: &[ValueFormat], optional: &[usize]) -> Result<Self, AmbiguousContent> {
        let free: Vec<usize> =
            shapes.iter().enumerate().filter(|(_, s)| **s == ValueFormat::Free).map(|(n, _)| n).collect();
        // If no part is free by its nature, one other part may be free: the last part, no part, or any part, in this order.
        let texts = || shapes.iter().enumerate().rev().filter(|(_, s)| **s == ValueFormat::Text).map(|(n, _)| Some(n));
        let last = texts().next().filter(|_| shapes.last() == Some(&ValueFormat::Text));
        let pivots: Vec<Option<usize>> = match free.as_slice() {
            [] => last.into_iter().chain([None]).chain(texts()).collect(),
            [one] => vec![Some(*one)],
            [one, other, ..] => return Err(AmbiguousContent { part: *one, other: *other }),
        };
        let mut first = None;
        for pivot in pivots {
            // A bracket is read from the left, so the free part comes after the last bracket.
            if let Some((pivot, bracket)) =
                pivot.zip(optional.iter().copied().max()).filter(|(pivot, last)| pivot <= last)
            {
                first = first.or(Some(AmbiguousContent { part: bracket, other: pivot }));
                continue;
            }
            match undelimited(content, shapes, pivot) {
                None => return Ok(Self { constraints: constraints(content, shapes, pivot), pins_query: false }),
                Some(problem) => first = first.or(Some(problem)),
            }
        }
        Err(first.unwrap_or(AmbiguousContent { part: 0, other: 0 }))
    }

    /// Whether the configured URL is signed with its own query, so that a request must have that query and no other.
    pub fn pins_query(&self) -> bool {
        self.pins_query
    }

    /// Checks that `value` obeys the constraint on the part at `index` of `content`.
    ///
    /// # Errors
    /// The reason why not.
    pub(super) fn check(&self, content: &[Part], index: usize, value: &[u8]) -> Result<(), Problem> {
        match self.constraints.get(index) {
            // A content that was never checked proves nothing.
            None => Err("not checked: the parts of the signed content may be ambiguous"),
            Some(Constraint::Format(shape)) if length_of(*shape, value) != Some(value.len()) => Err(wanted(*shape)),
            Some(Constraint::Delimited) if !is_delimited(content, index, value) => {
                Err("not allowed to hold the text that separates it from the other signed parts")
            }
            Some(Constraint::Unconstrained | Constraint::Format(_) | Constraint::Delimited) => Ok(()),
        }
    }

    /// Whether `text` could be a content of `variant`, to which this framing belongs. `true` if that is not certain.
    pub(super) fn admits(&self, variant: &Variant, url: &str, text: &[u8]) -> bool {
        let Variant { content, optional, .. } = variant;
        let shapes = self.shapes(variant);
        let mut rest = text;
        let mut next = 0;
        for (index, shape) in shapes.iter().enumerate() {
            if index < next {
                continue;
            }
            if brackets::begins_bracket(optional, index)
                && !literal(content, index).is_some_and(|text| rest.starts_with(text))
            {
                next = index.saturating_add(3);
                continue;
            }
            let following = index.saturating_add(1);
            let length = match shape {
                ValueFormat::Literal => literal(content, index).filter(|text| rest.starts_with(text)).map(<[u8]>::len),
                ValueFormat::Url => Some(url.len()).filter(|_| rest.starts_with(url.as_bytes())),
                ValueFormat::Free => None,
                ValueFormat::Text => literal(content, following)
                    .and_then(|after| rest.windows(after.len()).position(|window| window == after)),
                // A time has the letters and digits of a word, and a colon: see `undelimited`.
                ValueFormat::Word if shapes.get(following) == Some(&ValueFormat::Rfc3339) => {
                    let colon = rest.iter().position(|byte| *byte == b':');
                    colon.and_then(|colon| colon.checked_sub(TIME_TO_COLON)).filter(|length| *length > 0)
                }
                shape => length_of(*shape, rest),
            };
            // The parts after a free part are not compared. The text could be such a content, so it is refused.
            match length.map(|length| rest.get(length..)) {
                None => return matches!(shape, ValueFormat::Free | ValueFormat::Text),
                Some(Some(after)) => rest = after,
                Some(None) => return true,
            }
        }
        rest.is_empty()
    }

    /// The formats that [`Self::check`] leaves to the parts of `variant`.
    fn shapes(&self, variant: &Variant) -> Vec<ValueFormat> {
        let url = if self.pins_query { ValueFormat::Url } else { ValueFormat::Free };
        let parts = variant.content.iter().zip(&self.constraints);
        let format = |(part, constraint): (&Part, &Constraint)| match constraint {
            Constraint::Format(shape) => *shape,
            Constraint::Delimited => ValueFormat::Text,
            Constraint::Unconstrained => match shape(part, variant.timestamp.as_ref(), None, url) {
                ValueFormat::Text => ValueFormat::Free,
                shape => shape,
            },
        };
        parts.map(format).collect()
    }

    /// Whether any text is such a content.
    pub(super) fn is_trivial(content: &[Part]) -> bool {
        content.iter().all(|part| match part {
            Part::Literal(_)
            | Part::Timestamp
            | Part::BodySha256
            | Part::BodySha256Bytes
            | Part::Url
            | Part::Method => false,
            Part::Header(_)
            | Part::Query(_)
            | Part::QueryLower(_)
            | Part::Path
            | Part::ListedHeaders(_)
            | Part::Body
            | Part::CanonicalJsonString
            | Part::Json(_)
            | Part::Form(_)
            | Part::SortedForm
            | Part::SortedQuery
            | Part::JsonLines(_)
            | Part::Jws => true,
        })
    }

    /// A framing without constraints. Tests use it to show that the rule is necessary. No scheme has it after reading.
    #[doc(hidden)]
    pub fn unchecked(content: &[Part]) -> Self {
        Self { constraints: vec![Constraint::Unconstrained; content.len()], pins_query: false }
    }
}

/// Whether `value`, at `index` of `content`, does not hold the literals beside it.
fn is_delimited(content: &[Part], index: usize, value: &[u8]) -> bool {
    let before = index.checked_sub(1).and_then(|index| literal(content, index));
    let after = index.checked_add(1).and_then(|index| literal(content, index));
    !before.is_some_and(|literal| begins_again(literal, value))
        && !after.is_some_and(|literal| ends_before(value, literal))
}

/// The literal at `index`.
fn literal(content: &[Part], index: usize) -> Option<&[u8]> {
    match content.get(index) {
        Some(Part::Literal(text)) if !text.is_empty() => Some(text.as_bytes()),
        _ => None,
    }
}

/// The first part whose end the text does not tell, and the part with which it could exchange bytes. `pivot` is the index
/// of the free part.
fn undelimited(content: &[Part], shapes: &[ValueFormat], pivot: Option<usize>) -> Option<AmbiguousContent> {
    shapes.iter().enumerate().find_map(|(index, shape)| {
        let (is_before, neighbour) = match pivot {
            Some(pivot) if index == pivot => return None,
            Some(pivot) if index > pivot => (false, index.checked_sub(1)),
            _ => (true, index.checked_add(1)),
        };
        let next =
            |wanted: ValueFormat| is_before && neighbour.and_then(|neighbour| shapes.get(neighbour)) == Some(&wanted);
        let is_url = |neighbour: usize| content.get(neighbour) == Some(&Part::Url);
        let beside = neighbour.and_then(|neighbour| literal(content, neighbour));
        let edge = beside.and_then(|text| if is_before { text.first() } else { text.last() });
        let ends = match shape {
            ValueFormat::Literal
            | ValueFormat::Url
            | ValueFormat::Bytes(_)
            | ValueFormat::Hex(_)
            | ValueFormat::Digits(_)
            | ValueFormat::UpToDigits(_) // `constraints` fixes the number of digits if no literal ends the digits
            | ValueFormat::Rfc3339
            | ValueFormat::HttpDate
            | ValueFormat::Uuid => true,
            // A text between two literals must not hold the literals.
            ValueFormat::Text => beside.is_some(),
            // A word has no colon. The fourteenth byte of a time in RFC 3339 is a colon.
            ValueFormat::Word => edge.is_some_and(|byte| !is_of_word(byte)) || next(ValueFormat::Rfc3339),
            // The number of digits says whether the time is in seconds, so `constraints` cannot fix the number.
            ValueFormat::Unix => edge.is_some_and(|byte| !byte.is_ascii_digit()),
            // A fraction and a zone are optional, so the end is open. From the right, the time is read as any other time.
            ValueFormat::Rfc3339Utc => {
                !is_before || edge.is_some_and(|byte| !byte.is_ascii_digit() && !b".Zz+-".contains(byte))
            }
            // A URL begins with a lower-case letter.
            ValueFormat::Capitals => {
                edge.is_some_and(|byte| !byte.is_ascii_uppercase()) || (is_before && neighbour.is_some_and(is_url))
            }
            ValueFormat::Free => false,
        };
        let last = pivot.is_none() && index.checked_add(1) == Some(shapes.len());
        (!ends && !last).then_some(AmbiguousContent { part: index, other: neighbour.unwrap_or(index) })
    })
}

fn constraints(content: &[Part], shapes: &[ValueFormat], pivot: Option<usize>) -> Vec<Constraint> {
    let constraint = |(index, shape): (usize, &ValueFormat)| match shape {
        _ if Some(index) == pivot => Constraint::Unconstrained,
        ValueFormat::Literal | ValueFormat::Url | ValueFormat::Bytes(_) | ValueFormat::Hex(_) | ValueFormat::Free => {
            Constraint::Unconstrained
        }
        ValueFormat::UpToDigits(most) => {
            let ends = |neighbour: Option<usize>, last: bool| {
                let Some(neighbour) = neighbour.filter(|neighbour| *neighbour < content.len()) else { return true };
                let edge = literal(content, neighbour).and_then(|text| if last { text.last() } else { text.first() });
                edge.is_some_and(|byte| !byte.is_ascii_digit())
            };
            // From 2001 to 2286, seconds have ten digits and milliseconds have thirteen digits.
            let is_open = ends(index.checked_sub(1), true) && ends(index.checked_add(1), false);
            Constraint::Format(if is_open { *shape } else { ValueFormat::Digits(most.saturating_sub(2)) })
        }
        ValueFormat::Text => Constraint::Delimited,
        shape => Constraint::Format(*shape),
    };
    shapes.iter().enumerate().map(constraint).collect()
}

/// Whether `separator`, which comes after `value`, could begin inside `value`.
fn ends_before(value: &[u8], separator: &[u8]) -> bool {
    value.windows(separator.len()).any(|window| window == separator)
        || (1..separator.len()).any(|overlap| {
            // The end of the value and the beginning of the separator may make another separator.
            let halves = separator.split_at_checked(overlap);
            halves.is_none_or(|(inside, after)| value.ends_with(inside) && separator.starts_with(after))
        })
}

/// Whether `separator`, which comes before `value`, could end inside `value`.
fn begins_again(separator: &[u8], value: &[u8]) -> bool {
    value.windows(separator.len()).any(|window| window == separator)
        || (1..separator.len()).any(|overlap| {
            let halves = separator.split_at_checked(overlap);
            halves.is_none_or(|(before, inside)| value.starts_with(inside) && separator.ends_with(before))
        })
}

impl fmt::Display for AmbiguousContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "parts {} and {}", self.part, self.other)
    }
}
