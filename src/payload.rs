//! The names of objects in R2 that belong to large bodies.
//!
//! A body has the name `{key}/{token}`. A body that the log keeps after its delivery stays under its name, and its mark has
//! a name of its own. Any other body is replaced by its mark, under the name of the body.

/// The prefix of the marks of kept bodies.
const MARKS: &str = "delivered/";
/// The prefix of bodies that the log has in a row too.
const COPIES: &str = "copies/";

/// The number of parts of the bucket.
pub const PARTS: u32 = 33;

/// The prefix of the names in the part `number` of the bucket. A key begins with a hex digit, so the parts are about equally
/// large, except that of the copies.
pub fn part(number: u32) -> String {
    let number = number.checked_rem(PARTS).unwrap_or(0);
    match (number.checked_div(16), number.checked_rem(16).and_then(|digit| char::from_digit(digit, 16))) {
        (Some(0), Some(digit)) => digit.to_string(),
        (Some(1), Some(digit)) => format!("{MARKS}{digit}"),
        _ => COPIES.to_owned(),
    }
}

/// The name of the mark that says that the kept body `name` was delivered.
pub fn mark_of(name: &str) -> String {
    format!("{MARKS}{name}")
}

/// The name of the body to which the object `name` belongs: the body itself, or its mark.
pub fn body_of(name: &str) -> &str {
    name.strip_prefix(MARKS).unwrap_or(name)
}

/// The name of a body that the log has in a row too.
pub fn copy_named(name: &str) -> String {
    format!("{COPIES}{name}")
}

/// Whether the log has the body `name` in a row too.
pub fn is_copy(name: &str) -> bool {
    name.starts_with(COPIES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_in_one_part_of_the_bucket() {
        let names = ["0a/1", "f0/1", "delivered/00/1", "delivered/fa/1", "copies/5a/1"];
        for name in names {
            assert!((0..PARTS).any(|number| name.starts_with(&part(number))), "{name}");
        }
        let parts: std::collections::BTreeSet<String> = (0..PARTS).map(part).collect();
        assert_eq!(parts.len(), 33);
        assert_eq!([part(0), part(15), part(16), part(32), part(33)], ["0", "f", "delivered/0", "copies/", "0"]);
    }

    #[test]
    fn a_body_and_its_mark_belong_together_and_a_copy_is_no_body_of_an_event() {
        assert_eq!(mark_of("key/1"), "delivered/key/1");
        assert_eq!((body_of("delivered/key/1"), body_of("key/1")), ("key/1", "key/1"));
        assert_eq!(copy_named("key/1"), "copies/key/1");
        assert_eq!((is_copy("copies/key/1"), is_copy("key/1"), is_copy("delivered/key/1")), (true, false, false));
    }
}
