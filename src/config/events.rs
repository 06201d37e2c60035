//! `events`: the types of events that a source wants.

use hookgate_verify::{EventTypes, TypesFound};

/// The longest type that [`EventTypes`] can hold, in bytes. A longer type is unreadable.
const LONGEST_TYPE: usize = 256;

/// The event types that a source wants. At least one pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventFilter(Vec<Pattern>);

/// One entry of `events`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    /// `*`: every type, and events without a type.
    All,
    /// The type with this name.
    Exact(String),
    /// Every type that begins with this text. Written as `invoice.*`.
    Prefix(String),
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// The problem, and the text to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let plain = |text: &str| text.replace('*', "");
        let pattern = match text.strip_suffix('*') {
            Some("") => Self::All,
            Some(prefix) => Self::Prefix(prefix.to_owned()),
            None => Self::Exact(text.to_owned()),
        };
        match &pattern {
            Self::Exact(name) if name.is_empty() => {
                Err("\"\" is not an event type: name a type, or write \"*\" for all".to_owned())
            }
            Self::Exact(name) | Self::Prefix(name) if name.contains('*') && plain(name).is_empty() => {
                Err(format!("\"{text}\": write \"*\" for all types"))
            }
            Self::Exact(name) | Self::Prefix(name) if name.contains('*') => {
                let name = plain(name);
                Err(format!("\"{text}\": a pattern has one `*`, at its end: write \"{name}\" or \"{name}*\""))
            }
            Self::Exact(name) | Self::Prefix(name) if name.len() > LONGEST_TYPE => {
                Err(format!("\"{text}\" is longer than any type: {LONGEST_TYPE} bytes at most"))
            }
            Self::All | Self::Exact(_) | Self::Prefix(_) => Ok(pattern),
        }
    }

    fn fits(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Exact(exact) => exact == name,
            Self::Prefix(prefix) => name.starts_with(prefix),
        }
    }
}

impl EventFilter {
    /// A filter with these patterns. `None` if there are no patterns: such a filter would drop every event.
    pub fn new(patterns: Vec<Pattern>) -> Option<Self> {
        (!patterns.is_empty()).then_some(Self(patterns))
    }

    /// Whether every event is wanted, with or without a type.
    pub fn wants_all(&self) -> bool {
        self.0.contains(&Pattern::All)
    }

    /// The patterns, as they are written.
    pub fn texts(&self) -> Vec<String> {
        let text = |pattern: &Pattern| match pattern {
            Pattern::All => "*".to_owned(),
            Pattern::Exact(name) => name.clone(),
            Pattern::Prefix(prefix) => format!("{prefix}*"),
        };
        self.0.iter().map(text).collect()
    }

    /// Whether any of these types is wanted. A type that cannot be read counts as wanted: a mistake would lose the event.
    pub fn wants(&self, types: &EventTypes) -> bool {
        match &types.found {
            TypesFound::Named(names) => names.iter().any(|name| self.0.iter().any(|pattern| pattern.fits(name))),
            TypesFound::Absent => self.wants_all(),
            TypesFound::Unreadable(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wants(patterns: &[&str], found: TypesFound) -> bool {
        let patterns = patterns.iter().map(|text| Pattern::parse(text).expect("a pattern")).collect();
        let filter = EventFilter::new(patterns).expect("some pattern");
        filter.wants(&EventTypes { found, unsigned: None })
    }

    fn named(names: &[&str]) -> TypesFound {
        TypesFound::Named(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn a_batch_is_wanted_if_any_of_its_types_is_wanted() {
        assert!(wants(&["bounce", "dropped"], named(&["delivered", "bounce"])));
        assert!(wants(&["inv*"], named(&["invoice.paid"])));
        assert!(!wants(&["bounce", "invoice.*"], named(&["delivered", "invoice"])));
    }

    #[test]
    fn an_unreadable_type_is_wanted_and_an_absent_type_is_not() {
        assert!(wants(&["bounce"], TypesFound::Unreadable("empty")));
        assert!(!wants(&["bounce", "b*"], TypesFound::Absent));
        assert!(wants(&["bounce", "*"], TypesFound::Absent));
    }

    #[test]
    fn a_pattern_has_at_most_one_star_at_its_end() {
        assert_eq!(Pattern::parse("*"), Ok(Pattern::All));
        assert_eq!(Pattern::parse("a.*"), Ok(Pattern::Prefix("a.".to_owned())));
        assert_eq!(Pattern::parse("a"), Ok(Pattern::Exact("a".to_owned())));
        let refusal = |text: &str| Pattern::parse(text).expect_err(text);
        assert!(refusal("invoice.**").ends_with("write \"invoice.\" or \"invoice.*\""), "{}", refusal("invoice.**"));
        assert!(refusal("*x").contains("write \"x\" or \"x*\""));
        assert!(refusal("a*b").contains("write \"ab\" or \"ab*\""));
        assert!(refusal("**").contains("write \"*\""));
        assert!(refusal("").contains("write \"*\" for all"));
        refusal(&"x".repeat(257));
    }
}
