//! Sorts an object's members by their keys (RFC 8785, section 3.2.3).

use super::{MARK, Problem, SORTING, Scanner, beginning, quote};
use std::cmp::Ordering;

impl Scanner<'_> {
    /// Sorts the members from the index `first` on, of the object whose text begins at `begin`. Refuses equal keys.
    pub(super) fn put_in_order(&mut self, first: usize, begin: usize) -> Result<(), Problem> {
        let length = self.text.len().saturating_sub(begin);
        let movable = self.movable.checked_sub(length.saturating_add(SORTING));
        self.movable = movable.ok_or_else(|| "too many objects within each other have keys out of order".to_owned())?;
        if self.ordered.capacity() < length {
            // One allocation is large enough for all later objects. The old buffer is freed first.
            drop(std::mem::take(&mut self.ordered));
            self.ordered = Vec::with_capacity(length.max(self.text.capacity().min(self.body.len())));
        }
        let mut members = std::mem::take(&mut self.members);
        let (_, own) = members.split_at_mut(first);
        let levels = own.len().checked_ilog2().map_or(0, place);
        let comparable = self.comparable.checked_sub(own.len().saturating_mul(levels));
        self.comparable = comparable.ok_or_else(|| "too many keys out of order".to_owned())?;
        // With few members, the end of each member follows from the beginning of the next.
        let mut begins = [u32::MAX; 16];
        begins.iter_mut().zip(own.iter()).for_each(|(to, from)| *to = *from);
        own.sort_unstable_by(|one, other| self.order(place(*one), place(*other)));
        let is_twice = |one: &u32, other: &u32| self.order(place(*one), place(*other)).is_eq();
        if let Some((member, _)) = own.iter().zip(own.iter().skip(1)).find(|(one, other)| is_twice(one, other)) {
            return Err(format!("the key \"{}\" occurs twice", beginning(self.key(place(*member)))));
        }
        self.ordered.clear();
        for member in own.iter() {
            if !self.ordered.is_empty() {
                self.ordered.push(b',');
            }
            let next = begins.iter().copied().filter(|begin| begin > member).min().unwrap_or(u32::MAX);
            let whole = match next {
                _ if own.len() > begins.len() => member_at(&self.text, place(*member)),
                u32::MAX => self.text.get(place(*member)..),
                next => self.text.get(place(*member)..place(next).saturating_sub(1)),
            };
            // A member without bounds must not be dropped: the signature would not cover it.
            self.ordered.extend_from_slice(whole.ok_or("a member of an object has no bounds")?);
        }
        self.members = members;
        self.text.truncate(begin);
        self.text.extend_from_slice(&self.ordered);
        Ok(())
    }

    /// Compares the keys of two members by their UTF-16 code units.
    pub(super) fn order(&self, one: usize, other: usize) -> Ordering {
        // Most keys differ in their first letters and have no letters that UTF-16 sorts differently.
        if !self.has_late_letters
            && let Some((one, other)) = self.first_letters(one).zip(self.first_letters(other))
            && one != other
        {
            return one.cmp(&other);
        }
        self.order_of_all(one, other)
    }

    /// The first eight bytes of a member's key as one number, with zeros after the key's end. `None` near the end of the
    /// text.
    fn first_letters(&self, member: usize) -> Option<u64> {
        let begin = member.checked_add(1)?;
        let letters = u64::from_be_bytes(*self.text.get(begin..)?.first_chunk()?);
        // Finds the first mark: it is the first zero byte of the complement.
        let ends = (!letters).wrapping_sub(0x0101_0101_0101_0101) & letters & 0x8080_8080_8080_8080;
        // A borrow could also mark a byte 0xfe, but UTF-8 never contains 0xfe.
        let kept = if ends == 0 { 64 } else { ends.leading_zeros() & !7 };
        Some(if kept == 64 { letters } else { letters & !(u64::MAX.checked_shr(kept).unwrap_or(0)) })
    }

    fn order_of_all(&self, mut one: usize, mut other: usize) -> Ordering {
        // Skips equal blocks at the beginning.
        let block = |member: usize| self.text.get(member.saturating_add(1)..).and_then(<[u8]>::first_chunk::<32>);
        while let Some((blocks, _)) =
            block(one).zip(block(other)).filter(|(one, other)| one == other).map(|pair| (pair.0, ()))
        {
            if blocks.contains(&MARK) {
                return Ordering::Equal;
            }
            one = one.saturating_add(32);
            other = other.saturating_add(32);
        }
        let key = |member: usize| self.text.get(member..).unwrap_or(&[]).iter().skip(1);
        for (one, other) in key(one).zip(key(other)) {
            if one == other {
                if *one == MARK {
                    return Ordering::Equal;
                }
                continue;
            }
            // The shorter key is first. UTF-8 sorts as code points do. UTF-16 sorts the letters from U+E000 to U+FFFF (in
            // UTF-8 0xEE and 0xEF) after the letters beyond U+FFFF (in UTF-8 from 0xF0), which it writes with surrogates.
            return match (*one, *other) {
                (MARK, _) => Ordering::Less,
                (_, MARK) => Ordering::Greater,
                (0xee | 0xef, 0xf0..) => Ordering::Greater,
                (0xf0.., 0xee | 0xef) => Ordering::Less,
                (one, other) => one.cmp(&other),
            };
        }
        Ordering::Equal
    }

    fn key(&self, member: usize) -> &[u8] {
        let text = self.text.get(member.saturating_add(1)..).unwrap_or(&[]);
        text.split(|byte| *byte == MARK).next().unwrap_or(&[])
    }
}

fn place(member: u32) -> usize {
    const { assert!(usize::BITS >= u32::BITS, "each index fits") }
    member as usize
}

/// The member that begins at `begin`, without the comma or brace after it. `None` if its bounds are outside `text`.
fn member_at(text: &[u8], begin: usize) -> Option<&[u8]> {
    let member = text.get(begin..)?;
    let mut depth = 0_usize;
    let mut rest = member;
    while let Some((byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            &MARK => {
                let end = if tail.first() == Some(&MARK) { 0 } else { quote::until_mark(tail) };
                rest = tail.get(end.saturating_add(1)..)?;
            }
            b'{' | b'[' => depth = depth.saturating_add(1),
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                let length = member.len().saturating_sub(tail.len()).saturating_sub(1);
                return member.get(..length);
            }
            _ => {}
        }
    }
    Some(member)
}
