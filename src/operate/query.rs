//! The parameters of a request for `/api`. A mistake in one of them selects nothing.

use crate::pipeline::refusal::Refusal;
use crate::truncate::beginning;
use std::borrow::Cow;

/// The longest part of a value that a problem shows.
const SHOWN: usize = 100;

/// Reads the parameters of `query`. `set` sets one of them, and returns `false` if there is no such parameter. `names` are
/// the parameters that there are.
///
/// # Errors
/// [`Refusal::Unusable`] has the parameter, its value, and what is allowed.
pub fn read(
    query: &str,
    names: &[&str],
    mut set: impl FnMut(&str, &str) -> Result<bool, String>,
) -> Result<(), Refusal> {
    let mut read: Vec<Cow<'_, str>> = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let is_first = !read.contains(&name);
        let is_known = set(&name, &value);
        let problem = match &is_known {
            Ok(true) if !is_first => "is there twice; put several names into one parameter, with commas",
            Ok(true) => {
                read.push(name);
                continue;
            }
            Ok(false) if names.is_empty() => "there are no parameters",
            Ok(false) => &format!("the parameters are {}", names.join(", ")),
            Err(problem) => problem,
        };
        let shown = beginning(&name, SHOWN);
        // The value of an unknown parameter may be a token: `?access_token=…`. The log shows the problem to every caller.
        let value = match is_known {
            Ok(false) => String::new(),
            _ => format!("={}", beginning(&value, SHOWN)),
        };
        return Err(Refusal::Unusable(format!("the parameter {shown}{value}: {problem}")));
    }
    Ok(())
}

/// The refusal of times between which there is nothing.
pub fn no_time() -> Refusal {
    Refusal::Unusable("the parameters since and until: since must be before until".to_owned())
}

/// The part of a list that the caller asks for.
pub struct Page<C> {
    /// The place after which the part begins. `None`: at the start.
    pub cursor: Option<C>,
    /// The most entries.
    pub limit: u32,
    largest: u32,
}

impl<C> Page<C> {
    /// The parameters of each list.
    pub const NAMES: [&'static str; 2] = ["cursor", "limit"];

    /// `limit` entries from the start, if the caller asks for no other part. `largest` is the largest limit.
    pub const fn new(limit: u32, largest: u32) -> Self {
        Self { cursor: None, limit, largest }
    }

    /// Sets the parameter `name`. `Ok(false)` if it is no parameter of a page.
    ///
    /// # Errors
    /// What is allowed.
    pub fn set(&mut self, name: &str, value: &str, parse: impl Fn(&str) -> Option<C>) -> Result<bool, String> {
        match name {
            "cursor" => self.cursor = Some(parse(value).ok_or("must be the `next` of a page")?),
            "limit" => self.limit = limit(value, self.largest)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// A limit from 1 to `largest`.
///
/// # Errors
/// What is allowed.
pub fn limit(value: &str, largest: u32) -> Result<u32, String> {
    let limit = value.parse().ok().filter(|limit| (1..=largest).contains(limit));
    limit.ok_or_else(|| format!("must be a number from 1 to {largest}"))
}
