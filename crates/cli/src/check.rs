//! `hookgate check`: parses the configuration as the Worker does, and reports mistakes.

mod alerts;
mod log;
mod queues;
mod shared;
mod variables;

use super::CommandResult;
use super::project::{ConfigFiles, Project};
use anyhow::Result;
use hookgate::config::{Config, Dedup, Deliver, Source};
use hookgate_verify::grammar::span;
use hookgate_verify::presets::{self, TrapWhen};
use hookgate_verify::{ClaimText, GOOD_SECRET, Tolerance, TypeLocation, Weakness};
use queues::QueueSettings;
use sha2::{Digest, Sha256};
use std::io::Write;

/// Check the configuration: prints a line for each source, and the mistakes
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Check {
    #[command(flatten)]
    files: ConfigFiles,
    /// Check for a deployment: ignores local secrets, and refuses an origin on this machine
    #[arg(long)]
    deploy: bool,
}

const EXAMPLES: &str = "\
Examples:
  hookgate check
  hookgate check --env staging
  hookgate check --deploy --env ''    # `make deploy` runs this first

Reads the top level and every environment, or only the one of --env. Fails if a source is not usable, if events would be
lost or would circulate without end, or if Cloudflare would refuse the variables.";

/// A mistake that is not in a single source.
pub enum Finding {
    /// Events would be lost or would circulate without end, or the deployment would fail.
    Fail(String),
    /// Probably a mistake.
    Warning(String),
}

impl Check {
    /// Checks each environment that the arguments ask for, and prints the findings.
    pub fn run(self, out: &mut dyn Write) -> Result<CommandResult> {
        let mut projects = Project::all(&self.files)?;
        if !self.deploy {
            for project in projects.iter_mut().filter(|project| self.files.ask_for(project)) {
                project.take_local_secrets(&self.files)?;
            }
        }
        let shared = shared::findings(&projects);
        let several = projects.len() > 1;
        let mut well = true;
        for (at, project) in projects.iter().enumerate().filter(|(_, project)| self.files.ask_for(project)) {
            if several {
                writeln!(out, "{}{}:", project.title(), worker(project))?;
            }
            // Beside environments, the top level may hold only the settings that they inherit.
            if several && at == 0 && !self.files.name_one() && !project.has_sources() {
                writeln!(out, "no source")?;
                continue;
            }
            let config = if self.deploy { config_to_deploy(project) } else { project.config() };
            match config {
                Ok(config) => well &= self.check(project, &config, out)?,
                // The other environments are checked all the same.
                Err(error) if several => {
                    well = false;
                    writeln!(out, "FAIL {error:#}")?;
                }
                Err(error) => return Err(error),
            }
        }
        for (one, other, problem) in shared {
            let asked = |at: usize| projects.get(at).is_some_and(|project| self.files.ask_for(project));
            if asked(one) || asked(other) {
                well = false;
                writeln!(out, "FAIL {problem}")?;
            }
        }
        Ok(well.into())
    }

    /// Prints a line for each source of one environment, and the other findings.
    fn check(&self, project: &Project, config: &Config, out: &mut dyn Write) -> Result<bool> {
        let (mut usable, mut broken) = (0_usize, 0_usize);
        for (name, source) in config.sources() {
            let source = source.map_err(ToString::to_string);
            match source.and_then(|source| if self.deploy { reachable(source, project) } else { Ok(source) }) {
                Ok(source) => {
                    usable = usable.saturating_add(1);
                    writeln!(out, "ok {name}: {}", summary(source))?;
                }
                Err(problem) => {
                    broken = broken.saturating_add(1);
                    writeln!(out, "FAIL {name}: {problem}")?;
                }
            }
        }
        let mut well = broken == 0;
        match alerts::summary(project, config, self.deploy) {
            Ok(line) => line.map_or(Ok(()), |line| writeln!(out, "{line}"))?,
            Err(problem) => {
                well = false;
                writeln!(out, "FAIL {problem}")?;
            }
        }
        let (failures, warnings) = others(project, config);
        for failure in failures {
            well = false;
            writeln!(out, "FAIL {failure}")?;
        }
        for warning in warnings {
            writeln!(out, "warning: {warning}")?;
        }
        for feature in &config.off {
            writeln!(out, "off, without the binding {feature}")?;
        }
        if let Some(line) = queues::summary(project, config) {
            writeln!(out, "{line}")?;
        }
        if self.deploy {
            print_secrets_to_put(project, out)?;
        }
        writeln!(out, "{usable} usable, {broken} not")?;
        Ok(well)
    }
}

/// The Worker's name, if the file has one.
fn worker(project: &Project) -> String {
    project.setting_text("/name").map_or_else(String::new, |name| format!(" (Worker {name})"))
}

/// The findings that are not about single sources: failures, and warnings.
fn others(project: &Project, config: &Config) -> (Vec<String>, Vec<String>) {
    let queues = QueueSettings::of(project);
    let mut findings: Vec<Finding> = warnings(project, config).into_iter().map(Finding::Warning).collect();
    findings.extend(config.mistakes.iter().cloned().map(Finding::Fail));
    findings.extend(queues.findings(config));
    findings.extend(queues.contradictions(config));
    findings.extend(variables::findings(project));
    findings.extend(doubled(project).map(|name| {
        Finding::Fail(format!(
            "two bindings or variables have the name {name}, and the Worker would get only one of them; rename one"
        ))
    }));
    let (mut failures, mut warnings) = (Vec::new(), Vec::new());
    for finding in findings {
        match finding {
            Finding::Fail(text) => failures.push(text),
            Finding::Warning(text) => warnings.push(text),
        }
    }
    (failures, warnings)
}

/// The names of more than one binding or variable.
fn doubled(project: &Project) -> impl Iterator<Item = String> {
    const LISTS: [(&str, &str); 6] = [
        ("/kv_namespaces", "binding"),
        ("/queues/producers", "binding"),
        ("/durable_objects/bindings", "name"),
        ("/d1_databases", "binding"),
        ("/r2_buckets", "binding"),
        ("/ratelimits", "name"),
    ];
    let named = |(list, key)| project.list(list).filter_map(move |table| table.get(key)?.as_str());
    let mut names: Vec<String> = LISTS.into_iter().flat_map(named).map(str::to_owned).collect();
    names.extend(project.variables().map(|(name, _)| name.to_owned()));
    names.sort();
    let doubled = names.chunk_by(|one, other| one == other).filter(|chunk| chunk.len() > 1);
    doubled.filter_map(|chunk| chunk.first().cloned()).collect::<Vec<_>>().into_iter()
}

/// The configuration with a placeholder for each secret that is not in the file. Deployed secrets cannot be read.
fn config_to_deploy(project: &Project) -> Result<Config> {
    let secrets = project.secret_names();
    let alerts_secret = project.alerts_secret();
    project.config_with(&|name| {
        if alerts_secret.as_deref() == Some(name) {
            return Some(alerts::PLACEHOLDER.to_owned());
        }
        // Each name has its own placeholder, so that no sources seem to share a secret. Hex digits are valid base64 too.
        let digits = || hex::encode(Sha256::digest(name));
        let placeholder = || match project.is_public_key(name) {
            // The first line has the identifiers of Ed25519, P-256 and RSA, so every scheme accepts the key.
            true => format!(
                "-----BEGIN PUBLIC KEY-----\nBgMrZXAGCCqGSM49AwEHBgkqhkiG9w0BAQEA\n{}\n-----END PUBLIC KEY-----",
                digits()
            ),
            false => digits(),
        };
        project.text(name).or_else(|| secrets.iter().any(|secret| secret == name).then(placeholder))
    })
}

fn reachable<'s>(source: &'s Source, project: &Project) -> Result<&'s Source, String> {
    match source.deliver.origin() {
        Some(origin) if origin.is_loopback() => Err(format!(
            "forwards to {origin}, and the deployed Worker cannot reach this machine; \
             set ORIGIN in [{}], or `origin` in [{}]",
            project.head("vars"),
            project.place(source.name.as_str())
        )),
        _ => Ok(source),
    }
}

fn summary(source: &Source) -> String {
    let preset = source.verifier.preset();
    let deliver = match &source.deliver {
        Deliver::Queue(None) => "to the queue".to_owned(),
        Deliver::Queue(Some(origin)) => format!("to the queue, then {origin}"),
        Deliver::Direct(origin) => format!("straight to {origin}"),
    };
    let recognition = preset.scheme.recognition();
    let dropped = |level| format!("duplicates dropped for {} ({level}), {recognition}", span::shown(source.dedup_ttl));
    let dedup = match source.dedup {
        Dedup::Kv | Dedup::Exact | Dedup::None if !preset.scheme.identifies() => "duplicates not recognised".to_owned(),
        Dedup::Kv => dropped("kv"),
        Dedup::Exact => dropped("exact"),
        Dedup::None => "duplicates kept".to_owned(),
    };
    let weak = preset.scheme.weakness().map(|weakness| format!(" (weak: {weakness})")).unwrap_or_default();
    let filter = filter(source).map(|filter| format!("; {filter}")).unwrap_or_default();
    let paused = if source.paused { "; paused, so nothing is delivered" } else { "" };
    format!("{}{weak}; {deliver}; {dedup}; {}{filter}{}{paused}", preset.name, window(source), log::summary(source))
}

/// The part of a request that decides the filter, if no signature covers the part.
fn filter(source: &Source) -> Option<String> {
    let scheme = &source.verifier.preset().scheme;
    let place = scheme.event_type.iter().find_map(|place| match place {
        TypeLocation::UnsignedHeader(name) => Some(name.clone()),
        TypeLocation::Json(path) => {
            let signed = |variant| scheme.signs_body(variant) || scheme.signs(variant, path);
            (!scheme.variants.iter().all(signed)).then(|| path.to_string())
        }
    });
    source.events.as_ref()?;
    Some(format!("filter decided by unsigned {}", place?))
}

/// Warns of a source that may lose an event as a duplicate, and of `dedup` without an effect.
fn identity_warning(name: &str, source: &Source) -> Option<String> {
    let scheme = &source.verifier.preset().scheme;
    if source.dedup == Dedup::None {
        return None;
    }
    if !scheme.identifies() {
        return Some(format!(
            "source {name} has `dedup`, but its events have no identity, so none is ever a duplicate. Remove `dedup`"
        ));
    }
    scheme.leaves_identity_open().then(|| {
        format!(
            "source {name} does not say how two events with the same bytes differ: the second counts as a duplicate, \
             and is lost. Name the field that differs: identity = {{ digest = \"created_at\" }}; or, if there is no \
             such field, identity = \"none\""
        )
    })
}

/// The greatest age of a request, for each of the scheme's variants.
fn window(source: &Source) -> String {
    let variants = &source.verifier.preset().scheme.variants;
    let windows: Option<Vec<Tolerance>> = variants.iter().map(|variant| source.verifier.window(variant)).collect();
    let Some(windows) = windows else { return "no signed time".to_owned() };
    let mut ages: Vec<String> = windows.into_iter().map(|window| span::shown(window.past)).collect();
    ages.dedup();
    format!("at most {} old", ages.join(" or "))
}

/// Warns that keys have a longer TTL than the configuration says.
fn ttl_warning(name: &str, source: &Source) -> Option<String> {
    let (asked, kept) = (span::shown(source.dedup_ttl_asked?), span::shown(source.dedup_ttl));
    Some(format!(
        "source {name} has dedup_ttl = \"{asked}\", but a retry or a replay may come later: keys are kept for {kept}. \
         Write {kept}, or remove dedup_ttl"
    ))
}

/// The traps of the provider that the source meets.
fn traps(name: &str, source: &Source) -> Vec<String> {
    let preset = source.verifier.preset();
    let meets = |when: &Option<TrapWhen>| match when {
        None => true,
        Some(TrapWhen::Events) => source.events.is_some(),
        Some(TrapWhen::Origin) => matches!(source.deliver, Deliver::Direct(_)),
        Some(TrapWhen::Tolerance) => source.verifier.has_own_tolerance(),
        Some(TrapWhen::NoUrl) => source.verifier.url().is_empty(),
    };
    let Some(about) = presets::about(&preset.name) else { return Vec::new() }; // an own scheme has no provider
    let met = about.traps.into_iter().filter(|trap| meets(&trap.when));
    met.map(|trap| format!("source {name}: {}", trap.says)).collect()
}

/// Warns of a weak algorithm or of a short secret.
fn strength_warning(name: &str, source: &Source) -> Option<String> {
    match (source.verifier.preset().scheme.weakness(), source.verifier.shortest_secret()) {
        (Some(Weakness::Extendable), _) => Some(format!(
            "source {name} has a plain hash as its signature, and an attacker can extend it without the secret; \
             use another scheme if the sender has one"
        )),
        (_, Some(length)) if length < GOOD_SECRET => {
            Some(format!("source {name} has a secret of {length} bytes, which is short; use {GOOD_SECRET} or more"))
        }
        _ => None,
    }
}

/// Warns that nothing checks the audience of a source's tokens.
fn audience_warning(name: &str, source: &Source) -> Option<String> {
    let is_open =
        source.verifier.preset().scheme.token_claims.want(&ClaimText::UrlIfKnown) && source.verifier.url().is_empty();
    is_open.then(|| {
        format!(
            "source {name} has no `url`, so nothing checks the audience of its tokens: a token for another endpoint \
             is accepted. Set `url` to the exact URL that you gave to the provider"
        )
    })
}

/// The warnings about one source.
fn source_warnings(name: &str, source: &Source) -> Vec<String> {
    let no_origin = (source.deliver == Deliver::Queue(None)).then(|| {
        format!("source {name} has no origin: its events become dead letters, unless another Worker consumes the queue")
    });
    let armed = source.armed.then(|| {
        format!(
            "source {name} is armed: anybody can send it a secret; remove `handshake` as soon as you have your secret"
        )
    });
    let warnings = [
        identity_warning(name, source),
        no_origin,
        armed,
        strength_warning(name, source),
        ttl_warning(name, source),
        audience_warning(name, source),
    ];
    warnings.into_iter().flatten().chain(log::warnings(name, source)).chain(traps(name, source)).collect()
}

fn warnings(project: &Project, config: &Config) -> Vec<String> {
    let mut warnings = config.warnings.clone();
    let usable = config.sources().filter_map(|(name, source)| Some((name, source.ok()?)));
    warnings.extend(usable.flat_map(|(name, source)| source_warnings(name, source)));
    if queues::is_used(config) && project.is_never_swept() {
        warnings.push(
            "there are no crons in [triggers], so expired dead letters and stray bodies are never deleted".to_owned(),
        );
    }
    warnings.extend(alerts::warning(config, project));
    let tokens = ["ADMIN_TOKEN", "ADMIN_TOKENS"].map(str::to_owned);
    for name in project.secret_names().into_iter().chain(tokens) {
        if project.is_variable(&name) {
            warnings.push(format!(
                "{name} is in [vars], where everybody can read it; set it with `wrangler secret put {name}`"
            ));
        }
    }
    for key in project.lacks() {
        warnings.push(format!("{} has no `{key}`, and does not inherit it from the top level", project.title()));
    }
    warnings
}

fn print_secrets_to_put(project: &Project, out: &mut dyn Write) -> Result<()> {
    let missing: Vec<String> = project.secret_names().into_iter().filter(|name| !project.is_variable(name)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let environment = project.environment().map_or_else(String::new, |name| format!(" --env {name}"));
    writeln!(out, "secrets that the Worker needs, and that check cannot read:")?;
    for name in missing {
        writeln!(out, "  wrangler secret put {name}{environment}")?;
    }
    Ok(())
}
