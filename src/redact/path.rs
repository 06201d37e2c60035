//! The paths of the rules: `$` and one to sixteen steps, as in JSONPath (RFC 9535, section 2.5).
//!
//! ```text
//! path = "$" 1*16 step
//! step = "." name          a member; name = 1*( A-Z a-z 0-9 "_" "-" )
//!      / "['" text "']"    a member; text has no "'", no "\" and no control character
//!      / "[" %x22 text %x22 "]"    the same; text has no quotation mark, no "\" and no control character
//!      / "[" index "]"     an element of an array, from 0; index = 1 to 9 digits, without leading zeros
//!      / "[*]" / ".*"      every element of an array, and every member of an object
//! ```
//!
//! Names are compared character by character after JSON's escapes are decoded: case counts, and no other form of a
//! character counts.

use hookgate_verify::{JsonPath, Step};

/// The most steps of a path. It bounds the recursion over a body.
const MOST_STEPS: usize = 16;

/// The path of a rule: at least one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RulePath(Vec<RuleStep>);

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RuleStep {
    /// To each member of an object with this name.
    Member(String),
    /// To the element of an array at this place, from 0.
    Element(usize),
    /// To every element of an array, and every member of an object.
    All,
}

impl RulePath {
    /// Reads a path that begins with `$`. The error says what is wrong with the path.
    pub(super) fn parse(path: &str) -> Result<Self, String> {
        let mut rest = path.strip_prefix('$').ok_or("does not begin with `$`")?;
        let mut steps = Vec::new();
        while !rest.is_empty() {
            let step;
            (step, rest) = next_step(rest)?;
            steps.push(step);
        }
        match steps.len() {
            0 => Err("is the whole body; to keep no bodies, set log_bodies = \"none\"".to_owned()),
            1..=MOST_STEPS => Ok(Self(steps)),
            many => Err(format!("has {many} steps, of {MOST_STEPS} at most")),
        }
    }

    pub(super) fn steps(&self) -> &[RuleStep] {
        &self.0
    }

    /// Whether the path leads to every value at `path`, or to a value around it.
    pub(super) fn covers(&self, path: &JsonPath) -> bool {
        let leads = |(rule, step): (&RuleStep, &Step)| match (rule, step) {
            (RuleStep::Member(name), Step::Key(key)) => name == key,
            (RuleStep::All, _) => true,
            (RuleStep::Member(_) | RuleStep::Element(_), _) => false,
        };
        self.0.len() <= path.steps().len() && self.0.iter().zip(path.steps()).all(leads)
    }
}

/// The first step of `path`, and the rest.
fn next_step(path: &str) -> Result<(RuleStep, &str), String> {
    if path.starts_with("..") {
        return Err("has `..`, which is not supported; write every step, such as \"$.order.card.number\"".to_owned());
    }
    if let Some(rest) = path.strip_prefix("[*]").or_else(|| path.strip_prefix(".*")) {
        return Ok((RuleStep::All, rest));
    }
    if let Some(rest) = path.strip_prefix('.') {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let (name, rest) = rest.split_at(rest.find(|c| !plain(c)).unwrap_or(rest.len()));
        if name.is_empty() || !(rest.is_empty() || rest.starts_with(['.', '['])) {
            let problem = "has a name of other characters than letters, digits, `_` and `-` after a `.`; \
                           write such a name in quotes: \"$['a b']\"";
            return Err(problem.to_owned());
        }
        return Ok((RuleStep::Member(name.to_owned()), rest));
    }
    let Some(rest) = path.strip_prefix('[') else {
        return Err("has a step that begins neither with `.` nor with `[`, as in \"$.items[*].card\"".to_owned());
    };
    match rest.chars().next() {
        Some(quote @ ('\'' | '"')) => quoted(rest, quote),
        _ => element(rest),
    }
}

/// A name in quotes, and the bracket after it.
fn quoted(path: &str, quote: char) -> Result<(RuleStep, &str), String> {
    let (name, rest) = path.strip_prefix(quote).and_then(|path| path.split_once(quote)).unwrap_or((path, ""));
    let rest = rest.strip_prefix(']').ok_or("has a name in quotes that does not end with its quote and `]`")?;
    if name.contains(|c: char| c == '\\' || c.is_control()) {
        return Err("has a `\\` or a control character in a name; no rule can name such a member".to_owned());
    }
    Ok((RuleStep::Member(name.to_owned()), rest))
}

/// The place of an element, and the bracket after it.
fn element(path: &str) -> Result<(RuleStep, &str), String> {
    let problem =
        "has a bracket that is neither a place from 0, as [0], nor all, as [*], nor a name in quotes, as ['a b']";
    let (digits, rest) = path.split_once(']').ok_or(problem)?;
    let is_number = (1..=9).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let is_canonical = digits == "0" || !digits.starts_with('0');
    let place = digits.parse().ok().filter(|_| is_number && is_canonical).ok_or(problem)?;
    Ok((RuleStep::Element(place), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(path: &str) -> Vec<RuleStep> {
        RulePath::parse(path).unwrap_or_else(|problem| panic!("{path} {problem}")).0
    }

    fn member(name: &str) -> RuleStep {
        RuleStep::Member(name.to_owned())
    }

    #[test]
    fn a_path_is_read_step_by_step() {
        assert_eq!(steps("$.card.number"), [member("card"), member("number")]);
        assert_eq!(steps("$.items[*].card"), [member("items"), RuleStep::All, member("card")]);
        assert_eq!(steps("$[0].a[12]"), [RuleStep::Element(0), member("a"), RuleStep::Element(12)]);
        assert_eq!(steps("$.*[*]"), [RuleStep::All, RuleStep::All]);
        assert_eq!(steps("$['a b'][\"it's\"]['']"), [member("a b"), member("it's"), member("")]);
        assert_eq!(steps("$['a.b[*]'].x-y_2"), [member("a.b[*]"), member("x-y_2")]);
        assert_eq!(steps("$['ü\u{1f980}\"']"), [member("ü\u{1f980}\"")]);
        assert_eq!(steps(&format!("${}", ".a".repeat(16))).len(), 16);
    }

    #[test]
    fn a_text_that_is_no_path_is_refused_with_what_to_write() {
        for (path, told) in [
            ("$", "is the whole body; to keep no bodies, set log_bodies"),
            ("$..card", "has `..`"),
            ("$.a..b", "has `..`"),
            ("$.", "write such a name in quotes"),
            ("$.a.", "write such a name in quotes"),
            ("$.a b", "write such a name in quotes"),
            ("$.a ", "write such a name in quotes"),
            ("$.ü", "write such a name in quotes"),
            ("$.a\u{200b}", "write such a name in quotes"),
            ("$.**", "begins neither with `.` nor with `[`"),
            ("$card", "begins neither with `.` nor with `[`"),
            ("$[0]a", "begins neither with `.` nor with `[`"),
            ("$ .a", "begins neither with `.` nor with `[`"),
            ("$[]", "as [*]"),
            ("$[", "as [*]"),
            ("$[-1]", "as [*]"),
            ("$[01]", "as [*]"),
            ("$[+1]", "as [*]"),
            ("$[1:2]", "as [*]"),
            ("$[ 0 ]", "as [*]"),
            ("$[1234567890]", "as [*]"),
            ("$[٣]", "as [*]"),
            ("$[?@.a]", "as [*]"),
            ("$[card]", "as [*]"),
            ("$['a]", "does not end with its quote"),
            ("$['a'b']", "does not end with its quote"),
            ("$['a', 'b']", "does not end with its quote"),
            ("$['", "does not end with its quote"),
            ("$['a\\'b']", "does not end with its quote"),
            ("$['a\\\\b']", "has a `\\`"),
            ("$['a\nb']", "control character"),
        ] {
            let problem = RulePath::parse(path).expect_err(path);
            assert!(problem.contains(told), "{path} {problem}");
        }
        let deep = RulePath::parse(&format!("${}", ".a".repeat(17)));
        assert_eq!(deep, Err("has 17 steps, of 16 at most".to_owned()));
    }

    #[test]
    fn a_path_covers_the_values_within_its_value() {
        let covers = |rule, path| RulePath::parse(rule).expect(rule).covers(&JsonPath::parse(path).expect(path));
        assert!(covers("$.data", "data.id") && covers("$.data.id", "data.id") && covers("$[*].id", "[].id"));
        assert!(covers("$.*", "id") && covers("$.a[*]", "a[].id"));
        assert!(!covers("$.data.id", "data") && !covers("$.id", "data.id") && !covers("$.id", "[].id"));
        assert!(!covers("$[0].id", "[].id"), "only one of the elements");
    }
}
