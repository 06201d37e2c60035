//! Parts that a request may lack. A bracket is a literal, a value and a literal: `[id:{query:id};]`.
//!
//! A content with brackets is read from the left. The text must tell whether a bracket is there. So the text after a
//! bracket, which is another bracket or a literal, never begins like the bracket. A literal or nothing comes before the
//! first bracket of a row, so no other value ends at an optional bracket. The bracket's own value ends at the bracket's
//! second literal. The parts after the free part are read from the right, so they have no brackets.

use super::{AmbiguousContent, Part, literal};

/// Checks the brackets of `content`. `optional` has the indexes of their values.
///
/// # Errors
/// [`AmbiguousContent`]: the value of a bracket, and the part that could be the beginning of the bracket.
pub(super) fn check(content: &[Part], optional: &[usize]) -> Result<(), AmbiguousContent> {
    for value in optional.iter().copied() {
        let unlike = |other: usize| AmbiguousContent { part: value, other };
        let (Some(before), Some(after)) = (value.checked_sub(1), value.checked_add(1)) else {
            return Err(unlike(value));
        };
        let (Some(begins), Some(_)) = (literal(content, before), literal(content, after)) else {
            return Err(unlike(value));
        };
        // A value before the bracket would have two possible ends.
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

/// Whether the literal at `index` begins a bracket.
pub(super) fn begins_bracket(optional: &[usize], index: usize) -> bool {
    optional.contains(&index.saturating_add(1))
}
