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
    /// To every element of an array. If one value is read, all elements must have the same value. Types are collected.
    Each,
}

impl JsonPath {
    /// Reads a path without the `$.`: `event.id`, `items[].id`, `[].id`. `None` if a key is empty or has a bracket.
    pub fn parse(text: &str) -> Option<Self> {
        let mut steps = Vec::new();
        for (index, part) in text.split('.').enumerate() {
            let (key, each) = part.strip_suffix("[]").map_or((part, false), |key| (key, true));
            match key {
                "" if index == 0 && each => {}
                "" => return None,
                key if key.contains(['[', ']', '{', '}']) => return None,
                key => steps.push(Step::Key(key.to_owned())),
            }
            steps.extend(each.then_some(Step::Each));
        }
        Some(Self(steps))
    }

    /// The path to a key of the root. The key may have any characters.
    pub fn of_key(key: &str) -> Self {
        Self(vec![Step::Key(key.to_owned())])
    }

    /// The steps from the root.
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
