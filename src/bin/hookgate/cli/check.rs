//! `hookgate check`: the configuration, parsed as the Worker would, before anybody depends on it.

use super::Found;
use super::project::{Files, Project};
use anyhow::Result;
use hookgate::config::span;
use hookgate::config::{Config, Dedup, Deliver, Source};
use hookgate::webhook::{Identity, Strength, Tolerance};
use std::io::Write;

/// Check the configuration: prints a line for each source, and what is wrong
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Check {
    #[command(flatten)]
    files: Files,
    /// Check for a deployment: local secrets do not count, and an origin must be reachable from outside
    #[arg(long)]
    deploy: bool,
}

const EXAMPLES: &str = "\
Examples:
  hookgate check
  hookgate check --deploy     # what `make deploy` asks first

Fails where a source is not usable.";

impl Check {
    /// Checks, and prints what it found.
    pub fn run(self, out: &mut dyn Write) -> Result<Found> {
        let (project, config) = if self.deploy {
            let project = Project::open_for_deployment(&self.files)?;
            let config = config_to_deploy(&project)?;
            (project, config)
        } else {
            let project = Project::open(&self.files)?;
            let config = project.config()?;
            (project, config)
        };
        let mut broken = 0_usize;
        for (name, source) in config.sources() {
            let source = source.map_err(ToString::to_string);
            match source.and_then(|source| if self.deploy { reachable(source) } else { Ok(source) }) {
                Ok(source) => writeln!(out, "ok {name}: {}", summary(source))?,
                Err(problem) => {
                    broken = broken.saturating_add(1);
                    writeln!(out, "FAIL {name}: {problem}")?;
                }
            }
        }
        for warning in warnings(&project, &config) {
            writeln!(out, "warning: {warning}")?;
        }
        for feature in &config.off {
            writeln!(out, "off, without the binding {feature}")?;
        }
        if self.deploy {
            print_secrets_to_put(&project, out)?;
        }
        let usable = config.sources().count().saturating_sub(broken);
        writeln!(out, "{usable} usable, {broken} not")?;
        Ok((broken == 0).into())
    }
}

/// The configuration with a stand-in for each secret that is not in the file: the real ones cannot be read back.
fn config_to_deploy(project: &Project) -> Result<Config> {
    let secrets = project.secret_names();
    project.config_with(&|name| {
        // A different one for each name, or sources would seem to share a secret. 64 hex digits are base64 as well.
        let digits = || Identity::of_body(name.as_bytes()).shown().replace("sha256:", "");
        let stand_in = || match project.is_public_key(name) {
            true => format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----", digits()),
            false => digits(),
        };
        project.text(name).or_else(|| secrets.iter().any(|secret| secret == name).then(stand_in))
    })
}

fn reachable(source: &Source) -> Result<&Source, String> {
    match source.deliver.origin() {
        Some(origin) if origin.is_loopback() => Err(format!(
            "forwards to {origin}, which is the Worker's own machine once deployed; \
             set ORIGIN in [vars], or `origin` in [vars.SOURCES.{}]",
            source.name
        )),
        _ => Ok(source),
    }
}

fn summary(source: &Source) -> String {
    let preset = source.verifier.preset();
    let deliver = match &source.deliver {
        Deliver::Queue(None) => "to the queue".to_owned(),
        Deliver::Queue(Some(origin)) => format!("to the queue, then {origin}"),
        Deliver::Origin(origin) => format!("straight to {origin}"),
    };
    let dedup = match source.dedup {
        Dedup::Kv => format!("duplicates dropped for {} (kv)", span::shown(source.dedup_ttl)),
        Dedup::Exact => format!("duplicates dropped for {} (exact)", span::shown(source.dedup_ttl)),
        Dedup::None => "duplicates kept".to_owned(),
    };
    let weak = if preset.scheme.strength() == Strength::Weak { " (weak: the body is not signed)" } else { "" };
    format!("{}{weak}; {deliver}; {dedup}; {}", preset.name, window(source))
}

/// How old a delivery may be, for each of the scheme's forms.
fn window(source: &Source) -> String {
    let forms = &source.verifier.preset().scheme.forms;
    let windows: Option<Vec<Tolerance>> = forms.iter().map(|form| source.verifier.window(form)).collect();
    let Some(windows) = windows else { return "no signed time".to_owned() };
    let mut ages: Vec<String> = windows.into_iter().map(|window| span::shown(window.past)).collect();
    ages.dedup();
    format!("at most {} old", ages.join(" or "))
}

fn warnings(project: &Project, config: &Config) -> Vec<String> {
    let mut warnings = config.warnings.clone();
    for (name, source) in config.sources() {
        if source.is_ok_and(|source| source.deliver == Deliver::Queue(None)) {
            warnings.push(format!(
                "source {name} has no origin: its events end as dead letters, unless something else takes the queue"
            ));
        }
    }
    for (name, source) in config.sources() {
        if source.is_ok_and(|source| source.armed) {
            warnings.push(format!(
                "source {name} is armed: anybody may send it a secret; once you have yours, take `handshake` out"
            ));
        }
    }
    if config.sources().any(|(_, source)| source.is_ok_and(|source| matches!(source.deliver, Deliver::Queue(_)))) {
        warnings.extend(queue_warnings(project));
    }
    for name in project.secret_names() {
        if project.is_variable(&name) {
            warnings.push(format!("{name} stands in [vars] for all to read; put it with `wrangler secret put {name}`"));
        }
    }
    warnings
}

/// What would lose events after they were accepted.
fn queue_warnings(project: &Project) -> Vec<String> {
    let queue = project.queue("EVENTS").unwrap_or_default();
    let mut warnings = Vec::new();
    match project.consumer(queue) {
        None => warnings.push(format!(
            "no [[queues.consumers]] takes {queue:?}, so nothing forwards its events, unless another Worker does"
        )),
        Some(consumer) if consumer.get("dead_letter_queue").is_none() => warnings.push(format!(
            "the consumer of {queue:?} has no dead_letter_queue, so events whose retries run out are deleted"
        )),
        Some(_) => {}
    }
    match project.queue("DEAD") {
        None => warnings.push(
            "no producer DEAD in [[queues.producers]], so events that the origin refuses are tried in vain".to_owned(),
        ),
        Some(dead) if project.consumer(dead).is_none() => warnings.push(format!(
            "no [[queues.consumers]] takes {dead:?}, so dead letters are not kept, and expire there within days"
        )),
        Some(_) => {}
    }
    if project.is_never_swept() {
        warnings
            .push("no [triggers] with crons, so expired dead letters and stray bodies are never deleted".to_owned());
    }
    warnings
}

fn print_secrets_to_put(project: &Project, out: &mut dyn Write) -> Result<()> {
    let missing: Vec<String> = project.secret_names().into_iter().filter(|name| !project.is_variable(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    writeln!(out, "secrets that the Worker needs, and that cannot be checked from here:")?;
    for name in missing {
        writeln!(out, "  wrangler secret put {name}")?;
    }
    Ok(())
}
