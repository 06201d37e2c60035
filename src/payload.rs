//! The names of objects in R2 that belong to large bodies.
//!
//! A body has the name `{key}/{token}`. A body that the log keeps after its delivery stays under its name, and its mark has
//! a name of its own. Any other body is replaced by its mark, under the name of the body.

/// The prefix of the marks of kept bodies.
const MARKS: &str = "delivered/";
/// The prefix of bodies that the log has in a row too.
const COPIES: &str = "copies/";

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
    fn a_body_and_its_mark_belong_together_and_a_copy_is_no_body_of_an_event() {
        assert_eq!(mark_of("key/1"), "delivered/key/1");
        assert_eq!((body_of("delivered/key/1"), body_of("key/1")), ("key/1", "key/1"));
        assert_eq!(copy_named("key/1"), "copies/key/1");
        assert_eq!((is_copy("copies/key/1"), is_copy("key/1"), is_copy("delivered/key/1")), (true, false, false));
    }
}
