//! Why the bytes of a signed content can be read in one way only.
//!
//! A signature covers one text, put together from parts. If two parts that the sender chooses touch, bytes can move from one
//! to the other without changing that text, and the signature protects neither. So one rule holds for every scheme, when it
//! is read and for every request:
//!
//! At most one part is *free*: it may be any text. Where each other part ends, the text itself tells. Either the part has a
//! fixed form (a literal, a digest, a time, the configured URL, a declared form), or a literal stands between it and the free
//! part, and a request is refused whose value holds one of the literals beside it.
//!
//! What stands before the free part is then read from the left, what stands after it from the right, each in one way.

mod brackets;
mod shape;

use super::{DeclaredFormat, Part, Timestamp, Variant};
use shape::{ValueFormat, is_of_word, length_of, shape, wanted};
use std::fmt;

/// What the rule asks of each part of one form's content.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Framing {
    /// What each part is held to, in the order of the content.
    holds: Vec<Constraint>,
    /// Whether the configured URL is signed with its own query, and no other query is taken.
    pins_query: bool,
}

/// What one part is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Constraint {
    /// Nothing: it is a literal or the configured URL, the free part, or has its form by the way it is made.
    Unconstrained,
    /// To this form.
    Format(ValueFormat),
    /// Not to hold the literals beside it.
    Delimited,
}

/// Two parts that touch, or that nothing separates: their places in the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AmbiguousContent {
    /// The part that has no end of its own.
    pub part: usize,
    /// The one that it could give bytes to, or take bytes from.
    pub other: usize,
}

/// How many bytes of a time in RFC 3339 come before its first colon.
const TIME_TO_COLON: usize = 13;

/// Why a value cannot stand where it is signed.
pub(super) type Problem = &'static str;

impl Framing {
    /// Holds `content` to the rule. `declared` has, for each part, the form that the scheme declares; `optional` are the places
    /// of the values that a request may lack, each between two literals of its own.
    ///
    /// # Errors
    /// [`AmbiguousContent`], where bytes could move.
    pub fn of(
        content: &[Part],
        timestamp: Option<&Timestamp>,
        declared: &[Option<DeclaredFormat>],
        optional: &[usize],
    ) -> Result<Self, AmbiguousContent> {
        brackets::hold(content, optional)?;
        let shapes = |url: ValueFormat| -> Vec<ValueFormat> {
            let declared = declared.iter().copied().chain(std::iter::repeat(None));
            content.iter().zip(declared).map(|(part, declared)| shape(part, timestamp, declared, url)).collect()
        };
        // Where nothing touches the URL, the request's own query is signed after it; else it must be the configured one.
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
        // Where no part is free by its nature, the last one may be, or else any: the rest is held the more strictly.
        let texts = || shapes.iter().enumerate().rev().filter(|(_, s)| **s == ValueFormat::Text).map(|(n, _)| Some(n));
        let last = texts().next().filter(|_| shapes.last() == Some(&ValueFormat::Text));
        let pivots: Vec<Option<usize>> = match free.as_slice() {
            [] => last.into_iter().chain([None]).chain(texts()).collect(),
            [one] => vec![Some(*one)],
            [one, other, ..] => return Err(AmbiguousContent { part: *one, other: *other }),
        };
        let mut first = None;
        for pivot in pivots {
            // A bracket is read from the left: the free part comes after all of them.
            if let Some((pivot, bracket)) =
                pivot.zip(optional.iter().copied().max()).filter(|(pivot, last)| pivot <= last)
            {
                first = first.or(Some(AmbiguousContent { part: bracket, other: pivot }));
                continue;
            }
            match undelimited(content, shapes, pivot) {
                None => return Ok(Self { holds: holds(content, shapes, pivot), pins_query: false }),
                Some(problem) => first = first.or(Some(problem)),
            }
        }
        Err(first.unwrap_or(AmbiguousContent { part: 0, other: 0 }))
    }

    /// Whether the configured URL is signed with its own query, so that a request must have that query and no other.
    pub fn pins_query(&self) -> bool {
        self.pins_query
    }

    /// Holds `value` to what the rule asks of the part at `place` of `content`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn check(&self, content: &[Part], place: usize, value: &[u8]) -> Result<(), Problem> {
        match self.holds.get(place) {
            // A content that was never held to the rule proves nothing.
            None => Err("not held to the rule that keeps the parts of what is signed apart"),
            Some(Constraint::Unconstrained) => Ok(()),
            Some(Constraint::Format(shape)) => {
                if length_of(*shape, value) == Some(value.len()) {
                    Ok(())
                } else {
                    Err(wanted(*shape))
                }
            }
            Some(Constraint::Delimited) => {
                let before = place.checked_sub(1).and_then(|place| literal(content, place));
                let after = place.checked_add(1).and_then(|place| literal(content, place));
                let holds = before.is_some_and(|literal| begins_again(literal, value))
                    || after.is_some_and(|literal| ends_before(value, literal));
                if holds {
                    Err("not allowed to hold what separates it from the rest of what is signed")
                } else {
                    Ok(())
                }
            }
        }
    }

    /// Whether `text` could be a content of `form`, which this holds. Where that is open, it could.
    pub(super) fn admits(&self, form: &Variant, url: &str, text: &[u8]) -> bool {
        let Variant { content, timestamp, optional, .. } = form;
        let timestamp = timestamp.as_ref();
        let shapes: Vec<ValueFormat> = content
            .iter()
            .zip(&self.holds)
            .map(|(part, hold)| match hold {
                Constraint::Format(shape) => *shape,
                Constraint::Unconstrained => {
                    match shape(
                        part,
                        timestamp,
                        None,
                        if self.pins_query { ValueFormat::Url } else { ValueFormat::Free },
                    ) {
                        ValueFormat::Text => ValueFormat::Free,
                        shape => shape,
                    }
                }
                Constraint::Delimited => ValueFormat::Text,
            })
            .collect();
        let mut rest = text;
        let mut from = 0;
        for (place, shape) in shapes.iter().enumerate() {
            if place < from {
                continue;
            }
            if brackets::begins_bracket(optional, place)
                && !literal(content, place).is_some_and(|text| rest.starts_with(text))
            {
                from = place.saturating_add(3);
                continue;
            }
            let taken = match shape {
                ValueFormat::Literal => literal(content, place).filter(|text| rest.starts_with(text)).map(<[u8]>::len),
                ValueFormat::Url => Some(url.len()).filter(|_| rest.starts_with(url.as_bytes())),
                ValueFormat::Free => None,
                ValueFormat::Text => match literal(content, place.saturating_add(1)) {
                    Some(after) => rest.windows(after.len()).position(|window| window == after),
                    None => None,
                },
                // Its letters and digits are a time's as well, but for the colon: see `undelimited`.
                ValueFormat::Word if shapes.get(place.saturating_add(1)) == Some(&ValueFormat::Rfc3339) => {
                    let colon = rest.iter().position(|byte| *byte == b':');
                    colon.and_then(|colon| colon.checked_sub(TIME_TO_COLON)).filter(|length| *length > 0)
                }
                shape => length_of(*shape, rest),
            };
            // What follows a free part is not looked at: the text could be such a content, and that is enough to refuse it.
            match taken {
                None => return matches!(shape, ValueFormat::Free | ValueFormat::Text),
                Some(taken) => match rest.get(taken..) {
                    Some(after) => rest = after,
                    None => return true, // it is open, so it could
                },
            }
        }
        rest.is_empty()
    }

    /// Whether any text at all is such a content.
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

    /// A framing that asks for nothing: what tests show the rule's use with. No scheme that is read has it.
    #[doc(hidden)]
    pub fn unchecked(content: &[Part]) -> Self {
        Self { holds: vec![Constraint::Unconstrained; content.len()], pins_query: false }
    }
}

/// The literal at `place`.
fn literal(content: &[Part], place: usize) -> Option<&[u8]> {
    match content.get(place) {
        Some(Part::Literal(text)) if !text.is_empty() => Some(text.as_bytes()),
        _ => None,
    }
}

/// The first part that nothing ends on the way to the free part at `pivot`, and the one it could shift into.
fn undelimited(content: &[Part], shapes: &[ValueFormat], pivot: Option<usize>) -> Option<AmbiguousContent> {
    shapes.iter().enumerate().find_map(|(place, shape)| {
        let (is_before, neighbour) = match pivot {
            Some(pivot) if place == pivot => return None,
            Some(pivot) if place > pivot => (false, place.checked_sub(1)),
            _ => (true, place.checked_add(1)),
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
            | ValueFormat::UpToDigits(_) // of a fixed number, where no literal without digits stands beside it: see `holds`
            | ValueFormat::Rfc3339
            | ValueFormat::HttpDate
            | ValueFormat::Uuid => true,
            // A text between literals may not hold them.
            ValueFormat::Text => beside.is_some(),
            // A word has no colon, and a time of RFC 3339 has one at its fourteenth byte.
            ValueFormat::Word => edge.is_some_and(|byte| !is_of_word(byte)) || next(ValueFormat::Rfc3339),
            // Its length says what it means, so that no number of digits can be fixed.
            ValueFormat::Unix => edge.is_some_and(|byte| !byte.is_ascii_digit()),
            // A fraction or a zone may follow, or not. From the right it is read as any other time.
            ValueFormat::Rfc3339Utc => {
                !is_before || edge.is_some_and(|byte| !byte.is_ascii_digit() && !b".Zz+-".contains(byte))
            }
            // A URL begins with a small letter.
            ValueFormat::Capitals => {
                edge.is_some_and(|byte| !byte.is_ascii_uppercase()) || (is_before && neighbour.is_some_and(is_url))
            }
            ValueFormat::Free => false,
        };
        let last = pivot.is_none() && place.checked_add(1) == Some(shapes.len());
        (!ends && !last).then_some(AmbiguousContent { part: place, other: neighbour.unwrap_or(place) })
    })
}

fn holds(content: &[Part], shapes: &[ValueFormat], pivot: Option<usize>) -> Vec<Constraint> {
    let hold = |(place, shape): (usize, &ValueFormat)| match shape {
        _ if Some(place) == pivot => Constraint::Unconstrained,
        ValueFormat::Literal | ValueFormat::Url | ValueFormat::Bytes(_) | ValueFormat::Hex(_) | ValueFormat::Free => {
            Constraint::Unconstrained
        }
        ValueFormat::UpToDigits(most) => {
            let ends = |neighbour: Option<usize>, last: bool| {
                let Some(neighbour) = neighbour.filter(|neighbour| *neighbour < content.len()) else { return true };
                let edge = literal(content, neighbour).and_then(|text| if last { text.last() } else { text.first() });
                edge.is_some_and(|byte| !byte.is_ascii_digit())
            };
            // Seconds have ten digits from 2001 to 2286, milliseconds three more.
            let is_open = ends(place.checked_sub(1), true) && ends(place.checked_add(1), false);
            Constraint::Format(if is_open { *shape } else { ValueFormat::Digits(most.saturating_sub(2)) })
        }
        ValueFormat::Text => Constraint::Delimited,
        shape => Constraint::Format(*shape),
    };
    shapes.iter().enumerate().map(hold).collect()
}

/// Whether `separator`, which follows `value`, begins before the end of `value`.
fn ends_before(value: &[u8], separator: &[u8]) -> bool {
    value.windows(separator.len()).any(|window| window == separator)
        || (1..separator.len()).any(|overlap| {
            // The end of the value and the beginning of the separator make one more.
            let halves = separator.split_at_checked(overlap);
            halves.is_none_or(|(inside, after)| value.ends_with(inside) && separator.starts_with(after))
        })
}

/// Whether `separator`, which stands before `value`, begins once more before the end of `value`.
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
