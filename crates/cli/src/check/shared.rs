//! Finds queues and stores that two Workers of one account share. Their names belong to the account, and a copied
//! environment has all of them.

use super::super::project::Project;
use super::queues::QueueSettings;
use serde_json::Value;

/// The mistakes between two environments: their indexes in `projects`, and a text.
pub fn findings(projects: &[Project]) -> Vec<(usize, usize, String)> {
    let mut found = Vec::new();
    // An environment without a source is not deployed. Such is a top level if every Worker is an environment.
    let workers = || projects.iter().enumerate().filter(|(_, project)| project.has_sources());
    for (at, one) in workers() {
        let earlier = workers().take_while(|(before, _)| *before < at);
        for (before, other) in earlier.filter(|(_, other)| !is_same(one, other)) {
            let told = shared(&uses(other), &uses(one)).into_iter().map(|what| {
                let (other, one) = (other.title(), one.title());
                format!("{other} and {one} {what}")
            });
            found.extend(told.map(|text| (before, at, text)));
        }
    }
    found
}

/// Whether both are one Worker, which the later deployment replaces, or belong to two accounts.
fn is_same(one: &Project, other: &Project) -> bool {
    let both = |key: &str| Some((one.setting_text(key)?, other.setting_text(key)?));
    both("/name").is_some_and(|(one, other)| one == other)
        || both("/account_id").is_some_and(|(one, other)| one != other)
}

/// A queue or a store of the account.
struct SharedName<'p> {
    kind: Kind,
    name: &'p str,
    role: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Queue,
    Keys,
    Claims,
    Letters,
    Bodies,
}

impl Kind {
    /// The noun, and the harm of sharing.
    fn harm(self) -> (&'static str, &'static str) {
        match self {
            Self::Queue => ("queue", "so that one consumes the other's events"),
            Self::Keys => ("KV namespace", "so that an event of one is a duplicate for the other, and is dropped"),
            Self::Claims => ("Worker's CLAIMS", "so that an event of one is a duplicate for the other, and is dropped"),
            Self::Letters => ("database", "so that one redrives the other's dead letters to its own origin"),
            Self::Bodies => ("bucket", "so that one deletes the bodies of the other's events"),
        }
    }
}

fn uses(project: &Project) -> Vec<SharedName<'_>> {
    let queues = QueueSettings::of(project);
    let queue = |name, role| SharedName { kind: Kind::Queue, name, role };
    let mut uses = Vec::new();
    uses.extend(queues.events.map(|name| queue(name, "EVENTS")));
    uses.extend(queues.dead.map(|name| queue(name, "DEAD")));
    uses.extend(queues.consumers.iter().map(|consumer| queue(consumer.queue, "a consumer")));
    let dead_letters = queues.consumers.iter().filter_map(|consumer| consumer.dead_letters);
    uses.extend(dead_letters.map(|name| queue(name, "a dead_letter_queue")));
    let store = |kind, list: &str, binding: &'static str, keys: &[&str]| {
        let name_key = if kind == Kind::Claims { "name" } else { "binding" };
        let table = project.find(list, name_key, binding)?;
        let name = keys.iter().find_map(|key| table.get(*key).and_then(Value::as_str))?;
        Some(SharedName { kind, name, role: binding })
    };
    uses.extend(store(Kind::Keys, "/kv_namespaces", "DEDUP", &["id"]));
    uses.extend(store(Kind::Letters, "/d1_databases", "LOG", &["database_id", "database_name"]));
    uses.extend(store(Kind::Bodies, "/r2_buckets", "PAYLOADS", &["bucket_name"]));
    let elsewhere = store(Kind::Claims, "/durable_objects/bindings", "CLAIMS", &["script_name"]);
    let own = || {
        project.find("/durable_objects/bindings", "name", "CLAIMS")?;
        Some(SharedName { kind: Kind::Claims, name: project.setting_text("/name")?, role: "CLAIMS" })
    };
    uses.extend(elsewhere.or_else(own));
    uses
}

/// Texts for the names in both lists, without repetitions.
fn shared(one: &[SharedName<'_>], other: &[SharedName<'_>]) -> Vec<String> {
    let mut told: Vec<(Kind, &str)> = Vec::new();
    let mut texts = Vec::new();
    for SharedName { kind, name, role } in one {
        let Some(same) = other.iter().find(|other| other.kind == *kind && other.name == *name) else { continue };
        if told.contains(&(*kind, *name)) {
            continue;
        }
        told.push((*kind, *name));
        let (what, harm) = kind.harm();
        let roles = if *role == same.role { (*role).to_owned() } else { format!("{role}, and {}", same.role) };
        texts.push(format!("share the {what} {name:?} ({roles}), {harm}; give each its own"));
    }
    texts
}
