//! Checks the size and the number of the variables against Cloudflare's limits.

use super::super::project::Project;
use super::Finding;
use hookgate::config::SOURCES;
use serde_json::{Map, Value};

/// The largest variable, in bytes: 5 kB (Workers, Limits, Environment variable size).
const LARGEST: usize = 5 * 1024;
/// The largest part of a variable that is split. The documentation does not say if a kB has 1,000 or 1,024 bytes.
const COMFORTABLE: usize = 5000;
/// The greatest number of variables and secrets together (Workers, Limits, Environment variables).
const MOST: usize = 128;
const MOST_FREE: usize = 64;

/// The variables that Cloudflare would refuse.
pub fn findings(project: &Project) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut taken: Vec<String> = project.variables().map(|(name, _)| name.to_owned()).collect();
    for (name, value) in project.variables() {
        let size = size(value);
        if size <= LARGEST {
            continue;
        }
        let too_large = format!("the variable {name} has {size} bytes, and Cloudflare allows {LARGEST}");
        found.push(Finding::Fail(match value {
            Value::Object(tables) if name.starts_with(SOURCES) => {
                format!("{too_large}; {}", split(project, tables, &mut taken))
            }
            _ => too_large,
        }));
    }
    let secrets = project.secret_names().into_iter().filter(|name| !project.is_variable(name)).count();
    let count = project.variables().count().saturating_add(secrets);
    let together = format!("{} variables and {secrets} secrets", count.saturating_sub(secrets));
    if count > MOST {
        found.push(Finding::Fail(format!("{together} are too many: a Worker may have {MOST} of both together")));
    } else if count > MOST_FREE {
        found.push(Finding::Warning(format!(
            "{together} are more than the {MOST_FREE} that the free plan allows for both together; a paid plan allows {MOST}"
        )));
    }
    found
}

/// The number of bytes that wrangler uploads: a text unchanged, any other value as JSON.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        value => value.to_string().len(),
    }
}

/// Says how to split a table of sources. The first part, in the order of names, stays in the variable.
fn split(project: &Project, tables: &Map<String, Value>, taken: &mut Vec<String>) -> String {
    let mut parts: Vec<(usize, Vec<&str>)> = Vec::new();
    for (name, table) in tables {
        // The name in quotes, a colon and a comma.
        let more = size(&name.as_str().into()).saturating_add(size(table)).saturating_add(4);
        if more > COMFORTABLE {
            return format!("the source {name} alone has {more} of them: shorten it");
        }
        match parts.last_mut().filter(|(size, _)| size.saturating_add(more) <= COMFORTABLE) {
            Some((size, names)) => {
                *size = size.saturating_add(more);
                names.push(name);
            }
            None => parts.push((more.saturating_add(2), vec![name])),
        }
    }
    let moves = parts.iter().skip(1).map(|(_, names)| {
        let variable = unused(taken);
        format!("move {} into [{}]", names.join(", "), project.head(&format!("vars.{variable}")))
    });
    moves.collect::<Vec<_>>().join("; ")
}

/// A name that is not yet the name of a variable.
#[expect(clippy::expect_used, reason = "the numbers do not end, and the variables do")]
fn unused(taken: &mut Vec<String>) -> String {
    let name = (2_usize..).map(|number| format!("{SOURCES}_{number}")).find(|name| !taken.contains(name));
    let name = name.expect("a number that no variable has");
    taken.push(name.clone());
    name
}
