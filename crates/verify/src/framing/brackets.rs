//! Parts that a request may lack: `[id:{query:id};]`, a bracket of a literal, a value and a literal.
//!
//! A content with brackets is read from the left. At a bracket the text has to tell whether it is there: so what comes after
//! it, be it another bracket or a literal, never begins as the bracket does. In front of the first bracket of a row stands a
//! literal, or nothing: no other value ends where a bracket may be missing. The value itself ends where its second literal
//! begins, as any value between two literals does. What stands behind the free part is read from the right, and has none.

use super::{AmbiguousContent, Part, literal};

/// Holds the brackets of `content` to this; `optional` are the places of their values.
///
/// # Errors
/// [`AmbiguousContent`]: the value's place, and that of what its bracket cannot be told from.
pub(super) fn hold(content: &[Part], optional: &[usize]) -> Result<(), AmbiguousContent> {
    for value in optional.iter().copied() {
        let unlike = |other: usize| AmbiguousContent { part: value, other };
        let (Some(before), Some(after)) = (value.checked_sub(1), value.checked_add(1)) else {
            return Err(unlike(value));
        };
        let (Some(begins), Some(_)) = (literal(content, before), literal(content, after)) else {
            return Err(unlike(value));
        };
        // A value in front of the bracket would end in one of two ways.
        if let Some(neighbour) = before.checked_sub(1)
            && literal(content, neighbour).is_none()
        {
            return Err(unlike(neighbour));
        }
        let mut next = after.saturating_add(1);
        while next < content.len() {
            let Some(follows) = literal(content, next) else { return Err(unlike(next)) };
            if follows.starts_with(begins) || begins.starts_with(follows) {
                return Err(unlike(next));
            }
            if !begins_bracket(optional, next) {
                break;
            }
            next = next.saturating_add(3);
        }
    }
    Ok(())
}

/// Whether the literal at `place` is the first of a bracket.
pub(super) fn begins_bracket(optional: &[usize], place: usize) -> bool {
    optional.contains(&place.saturating_add(1))
}
