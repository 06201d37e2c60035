//! Paths into a JSON body.

use std::fmt;

/// The path to a value in a JSON body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonPath(Vec<Step>);

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// To the value of an object's key.
    Key(String),
    /// To every element of an array. Where one value is read, the elements must agree on it; types are collected.
    Each,
}

impl JsonPath {
    /// Reads a path as it is shown, without the `$.`: `event.id`, `items[].id`, `[].id`. `None` where a key is empty.
    pub fn parse(text: &str) -> Option<Self> {
        let mut steps = Vec::new();
        for (place, part) in text.split('.').enumerate() {
            let (key, each) = part.strip_suffix("[]").map_or((part, false), |key| (key, true));
            match key {
                "" if place == 0 && each => {}
                "" => return None,
                key if key.contains(['[', ']', '{', '}']) => return None,
                key => steps.push(Step::Key(key.to_owned())),
            }
            steps.extend(each.then_some(Step::Each));
        }
        Some(Self(steps))
    }

    /// The path to the value of a key of the root, whatever characters it has.
    pub fn of_key(key: &str) -> Self {
        Self(vec![Step::Key(key.to_owned())])
    }

    /// Its steps, from the root.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }
}

impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        self.0.iter().try_for_each(|step| match step {
            Step::Key(key) => write!(f, ".{key}"),
            Step::Each => f.write_str("[]"),
        })
    }
}
