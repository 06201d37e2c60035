//! The configuration: wrangler's `[vars]` and secrets in, types that cannot be wrong out.
//!
//! Parsed once per isolate. A source that is misconfigured is an error of its own, and the others serve.

mod admin;
mod fields;
mod origin;
pub mod span;

pub use admin::AdminToken;
pub use origin::Origin;

use crate::dedup::Rings;
use crate::webhook::{EventType, Key, MAX_SECRETS, Preset, Secret, SecretForm, Tolerance, Verifier, presets};
use fields::Fields;
use serde_json::Value;
use std::fmt;
use std::time::Duration;
use thiserror::Error;

/// No message stays in a queue for longer: 14 days at most (Cloudflare Queues, Limits), and a day for our clocks.
pub const LONGEST_IN_QUEUE: Duration = Duration::from_secs(15 * 24 * 3600);

/// Keys that a source may have.
const SOURCE_KEYS: &[&str] =
    &["provider", "secrets", "deliver", "origin", "dedup", "dedup_ttl", "tolerance", "max_body", "events"];

/// How long a key is remembered where the source does not say: longer than most providers retry.
const DEFAULT_TTL: Duration = Duration::from_secs(7 * 24 * 3600);
/// Workers KV keeps nothing for less (its documentation, `expirationTtl`).
const SHORTEST_TTL: Duration = Duration::from_secs(60);
const LONGEST_DURATION: Duration = Duration::from_secs(366 * 24 * 3600);
const DEFAULT_MAX_BODY: u64 = 1024 * 1024;
/// An isolate has 128 MB, and a body is held there twice while it is encoded.
const LARGEST_MAX_BODY: u64 = 25 * 1024 * 1024;
/// How many objects hold the claims: each takes about a thousand requests a second (Durable Objects, Limits).
const DEFAULT_SHARDS: u32 = 16;
const MOST_SHARDS: u32 = 4096;

/// Everything the Worker was told.
#[derive(Debug)]
pub struct Config {
    sources: Vec<(String, Result<Source, ConfigError>)>,
    /// Signs forwards, where `ORIGIN_SIGNING_SECRET` is set.
    pub signing: Option<Key>,
    /// Opens `/api`, where `ADMIN_TOKEN` is set.
    pub admin: Option<AdminToken>,
    /// The Durable Objects that hold exact claims: `CLAIM_SHARDS`, and `CLAIM_SHARDS_BEFORE` while that changes.
    pub rings: Rings,
    /// What is allowed but probably not meant.
    pub warnings: Vec<String>,
    /// What is off for want of a binding.
    pub off: Vec<&'static str>,
}

/// One configured endpoint, `/webhooks/{name}`.
#[derive(Debug)]
pub struct Source {
    /// Its name in the path.
    pub name: SourceName,
    /// Proves its requests.
    pub verifier: Verifier,
    /// Where its events go.
    pub deliver: Deliver,
    /// How its duplicates are found.
    pub dedup: Dedup,
    /// How long a key is remembered.
    pub dedup_ttl: Duration,
    /// The largest body, in bytes.
    pub max_body: usize,
    /// The event types that are wanted; `None` for all.
    pub events: Option<EventFilter>,
}

impl Source {
    /// Whether events of this type are wanted; one without a type is matched as the empty name.
    pub fn wants(&self, event_type: Option<&EventType>) -> bool {
        let name = event_type.map_or("", |event_type| &event_type.name);
        self.events.as_ref().is_none_or(|filter| filter.wants(name))
    }
}

/// A source's name: `[a-z0-9][a-z0-9_-]{0,63}`, and not `health`, which is a path of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceName(String);

impl SourceName {
    fn parse(text: &str) -> Option<Self> {
        let rest = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        let first = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        (first && text.len() <= 64 && text.bytes().all(rest) && text != "health").then(|| Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where accepted events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deliver {
    /// Into the queue; its consumer forwards to the origin, where there is one.
    Queue(Option<Origin>),
    /// To the origin, while the provider waits.
    Origin(Origin),
}

impl Deliver {
    /// The origin that forwards go to.
    pub fn origin(&self) -> Option<&Origin> {
        match self {
            Self::Queue(origin) => origin.as_ref(),
            Self::Origin(origin) => Some(origin),
        }
    }
}

/// How duplicates are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dedup {
    /// Workers KV: best effort.
    Kv,
    /// Durable Objects, with Workers KV before them as a cache: one winner per key under any concurrency.
    Exact,
    /// Not at all.
    None,
}

/// The event types a source wants: exact names, and prefixes that end in `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventFilter(Vec<String>);

impl EventFilter {
    fn wants(&self, event_type: &str) -> bool {
        self.0.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => event_type.starts_with(prefix),
            None => event_type == pattern,
        })
    }
}

/// What is wrong with the configuration: the key, its value, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{key}: {problem}")]
pub struct ConfigError {
    key: String,
    problem: String,
}

/// Which bindings the Worker has, as far as sources depend on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bindings {
    /// KV namespace `DEDUP`.
    pub dedup: bool,
    /// Queue producer `EVENTS`.
    pub events: bool,
    /// Durable Object `CLAIMS`.
    pub claims: bool,
    /// R2 bucket `PAYLOADS`.
    pub payloads: bool,
    /// D1 database `LOG`.
    pub log: bool,
    /// Rate limiter `REJECTS`.
    pub rejects: bool,
}

impl Bindings {
    /// What is off without those that are missing.
    fn off(self) -> Vec<&'static str> {
        let features = [
            (self.payloads, "PAYLOADS: events that no queue message can hold, of about 90 kB, are answered 413"),
            (self.log, "LOG: dead letters are logged, but not kept, and cannot be redriven"),
            (self.rejects, "REJECTS: refused requests are not limited"),
        ];
        features.into_iter().filter(|(bound, _)| !bound).map(|(_, feature)| feature).collect()
    }
}

/// The texts the configuration refers to: variables and secrets by name.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

impl Config {
    /// Parses `sources`, the value of the variable `SOURCES`; `lookup` finds the variables `ORIGIN` and
    /// `ORIGIN_SIGNING_SECRET` and every secret that a source names.
    ///
    /// # Errors
    /// [`ConfigError`] where nothing can be served: `SOURCES` is no table, or `ORIGIN_SIGNING_SECRET` is unusable.
    /// An error in one source is kept as that source.
    pub fn parse(sources: &Value, bindings: Bindings, lookup: Lookup<'_>) -> Result<Self, ConfigError> {
        let Value::Object(tables) = sources else {
            let problem = "must be a table with one table per source, as [vars.SOURCES.billing]".to_owned();
            return Err(ConfigError { key: "SOURCES".to_owned(), problem });
        };
        let signing = lookup("ORIGIN_SIGNING_SECRET").map(parse_signing).transpose()?;
        let shards = |name: &str| lookup(name).map(|text| parse_shards(name, &text)).transpose();
        let rings = Rings {
            current: shards("CLAIM_SHARDS")?.unwrap_or(DEFAULT_SHARDS),
            before: shards("CLAIM_SHARDS_BEFORE")?,
        };
        let default_origin = lookup("ORIGIN");
        let parse = |(name, table): (&String, &Value)| {
            let source = parse_source(name, table, bindings, default_origin.as_deref(), lookup);
            (name.clone(), source)
        };
        let mut warnings = shared_secrets(tables, lookup);
        let token = lookup("ADMIN_TOKEN");
        let admin = token.as_deref().and_then(AdminToken::new);
        if token.is_some() && admin.is_none() {
            warnings.push("ADMIN_TOKEN is shorter than 16 characters, or ends in a blank: /api stays off".to_owned());
        }
        let sources = tables.iter().map(parse).collect();
        Ok(Self { sources, signing, admin, rings, warnings, off: bindings.off() })
    }

    /// For how long the longest of all claims counts.
    pub fn longest_claim(&self) -> Duration {
        let lifetimes =
            self.sources.iter().filter_map(|(_, source)| source.as_ref().ok()).map(|source| source.dedup_ttl);
        lifetimes.fold(LONGEST_IN_QUEUE, Duration::max)
    }

    /// The source called `name`: `None` where there is none, an error where it is misconfigured.
    pub fn source(&self, name: &str) -> Option<Result<&Source, &ConfigError>> {
        self.sources.iter().find(|(known, _)| known == name).map(|(_, source)| source.as_ref())
    }

    /// Every source by name, usable or not.
    pub fn sources(&self) -> impl Iterator<Item = (&str, Result<&Source, &ConfigError>)> {
        self.sources.iter().map(|(name, source)| (name.as_str(), source.as_ref()))
    }
}

fn parse_signing(text: String) -> Result<Key, ConfigError> {
    let key = Secret::new(text).and_then(|secret| secret.key(SecretForm::Base64AfterPrefix("whsec_")));
    key.map_err(|error| ConfigError {
        key: "ORIGIN_SIGNING_SECRET".to_owned(),
        problem: format!("{error}; make one with `whsec_` and base64"),
    })
}

fn parse_shards(name: &str, text: &str) -> Result<u32, ConfigError> {
    let shards = text.parse().ok().filter(|shards| (1..=MOST_SHARDS).contains(shards));
    shards.ok_or_else(|| ConfigError {
        key: name.to_owned(),
        problem: format!("\"{text}\": must be a number from 1 to {MOST_SHARDS}"),
    })
}

fn parse_source(
    name: &str,
    table: &Value,
    bindings: Bindings,
    default_origin: Option<&str>,
    lookup: Lookup<'_>,
) -> Result<Source, ConfigError> {
    let path = format!("SOURCES.{name}");
    let name = SourceName::parse(name).ok_or_else(|| ConfigError {
        key: path.clone(),
        problem: "a source's name is 1 to 64 of `a-z 0-9 _ -`, begins with a letter or digit, and is not `health`"
            .to_owned(),
    })?;
    let fields = Fields::of(&path, table, SOURCE_KEYS)?;
    let preset = parse_provider(&fields)?;
    let tolerance = parse_tolerance(&fields, preset)?;
    let keys = parse_secrets(&fields, preset, lookup)?;
    let verifier = Verifier::new(preset, keys, tolerance)
        .ok_or_else(|| fields.error("secrets", format!("name 1 to {MAX_SECRETS} secrets")))?;
    let deliver = parse_deliver(&fields, &name, bindings, default_origin)?;
    let dedup = parse_dedup(&fields, bindings)?;
    let dedup_ttl = parse_ttl(&fields, &verifier)?;
    let max_body = match fields.size("max_body")? {
        None => DEFAULT_MAX_BODY,
        Some(size) if (1..=LARGEST_MAX_BODY).contains(&size) => size,
        Some(_) => return Err(fields.error("max_body", "must lie between 1 B and 25 MiB".to_owned())),
    };
    let max_body = usize::try_from(max_body).unwrap_or(usize::MAX);
    Ok(Source { name, verifier, deliver, dedup, dedup_ttl, max_body, events: parse_events(&fields)? })
}

fn parse_provider(fields: &Fields<'_>) -> Result<&'static Preset, ConfigError> {
    let name = fields.text("provider")?.ok_or_else(|| fields.error("provider", "is missing".to_owned()))?;
    presets::find(name).ok_or_else(|| {
        let known = presets::ALL.iter().map(|preset| preset.name);
        fields.error("provider", format!("no such provider{}", fields::did_you_mean(name, known)))
    })
}

fn parse_secrets(fields: &Fields<'_>, preset: &Preset, lookup: Lookup<'_>) -> Result<Vec<Key>, ConfigError> {
    let names = fields.texts("secrets")?.unwrap_or_default();
    let mut keys = Vec::new();
    for name in names {
        // What does not look like a name may be the secret itself, so it is not shown.
        if !is_secret_name(name) {
            let problem = "lists the names of Worker secrets, such as BILLING_SECRET, never a secret itself";
            return Err(ConfigError { key: fields.key("secrets"), problem: problem.to_owned() });
        }
        let text = lookup(name).ok_or_else(|| {
            fields.error(
                "secrets",
                format!("{name} is not set: put it into .dev.vars, or when deployed, `wrangler secret put {name}`"),
            )
        })?;
        let key = Secret::new(text).and_then(|secret| secret.key(preset.scheme.secret));
        keys.push(key.map_err(|problem| fields.error("secrets", format!("{name} {problem}")))?);
    }
    Ok(keys)
}

fn is_secret_name(name: &str) -> bool {
    let word = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    (1..=64).contains(&name.len()) && name.bytes().all(word) && !name.starts_with(|c: char| c.is_ascii_digit())
}

fn parse_tolerance(fields: &Fields<'_>, preset: &Preset) -> Result<Option<Duration>, ConfigError> {
    let Some(tolerance) = fields.duration("tolerance")? else { return Ok(None) };
    if preset.scheme.forms.iter().all(|form| form.timestamp.is_none()) {
        let problem = format!("{} signs no timestamp, so there is nothing to tolerate; remove it", preset.name);
        return Err(fields.error("tolerance", problem));
    }
    if tolerance < Duration::from_secs(1) || tolerance > LONGEST_DURATION {
        return Err(fields.error("tolerance", "must lie between 1s and 366d".to_owned()));
    }
    Ok(Some(tolerance))
}

fn parse_deliver(
    fields: &Fields<'_>,
    name: &SourceName,
    bindings: Bindings,
    default_origin: Option<&str>,
) -> Result<Deliver, ConfigError> {
    let own = fields.text("origin")?;
    let origin = match own.or(default_origin) {
        None => None,
        Some(text) => {
            let key = if own.is_some() { fields.key("origin") } else { "ORIGIN".to_owned() };
            let parsed = Origin::parse(&text.replace("{source}", name.as_str()));
            Some(parsed.map_err(|problem| ConfigError { key, problem: format!("\"{text}\": {problem}") })?)
        }
    };
    match fields.choice("deliver", &["queue", "origin"])?.unwrap_or("queue") {
        "origin" => {
            let missing = || fields.error("deliver", "needs an `origin`, or the variable ORIGIN".to_owned());
            Ok(Deliver::Origin(origin.ok_or_else(missing)?))
        }
        _ if !bindings.events => {
            let problem = "the queue needs the binding EVENTS in [[queues.producers]]; or set deliver = \"origin\"";
            Err(fields.error("deliver", problem.to_owned()))
        }
        _ => Ok(Deliver::Queue(origin)),
    }
}

fn parse_dedup(fields: &Fields<'_>, bindings: Bindings) -> Result<Dedup, ConfigError> {
    let (dedup, bound, needs) = match fields.choice("dedup", &["kv", "exact", "none"])?.unwrap_or("kv") {
        "none" => return Ok(Dedup::None),
        "exact" => (Dedup::Exact, bindings.claims, "CLAIMS in [[durable_objects.bindings]]; or set dedup = \"kv\""),
        _ => (Dedup::Kv, bindings.dedup, "DEDUP in [[kv_namespaces]]; or set dedup = \"none\""),
    };
    if bound { Ok(dedup) } else { Err(fields.error("dedup", format!("needs the binding {needs}"))) }
}

/// The lifetime of a key must outlive every moment at which a replay would still be fresh, and every retry.
fn parse_ttl(fields: &Fields<'_>, verifier: &Verifier) -> Result<Duration, ConfigError> {
    let preset = verifier.preset();
    let windows = preset.scheme.forms.iter().filter_map(|form| verifier.window(form)).map(Tolerance::span);
    let shortest = windows.fold(preset.retry_span.max(SHORTEST_TTL), Duration::max);
    match fields.duration("dedup_ttl")? {
        None => Ok(DEFAULT_TTL.max(shortest)),
        Some(ttl) if ttl > LONGEST_DURATION => Err(fields.error("dedup_ttl", "must be at most 366d".to_owned())),
        Some(ttl) if ttl >= shortest => Ok(ttl),
        Some(_) => {
            let problem = format!("a replay or a retry could outlive it; use at least \"{}\"", span::shown(shortest));
            Err(fields.error("dedup_ttl", problem))
        }
    }
}

fn parse_events(fields: &Fields<'_>) -> Result<Option<EventFilter>, ConfigError> {
    let Some(patterns) = fields.texts("events")? else { return Ok(None) };
    let plain = |pattern: &&str| !pattern.is_empty() && !pattern.trim_end_matches('*').contains('*');
    if patterns.is_empty() || !patterns.iter().all(plain) {
        let problem = "lists event types, such as \"invoice.paid\" or \"invoice.*\", with `*` at the end only";
        return Err(fields.error("events", problem.to_owned()));
    }
    Ok(Some(EventFilter(patterns.into_iter().map(str::to_owned).collect())))
}

/// Sources that share a secret: who may sign for one may sign for the other, which is rarely meant.
fn shared_secrets(tables: &serde_json::Map<String, Value>, lookup: Lookup<'_>) -> Vec<String> {
    let mut users: Vec<(String, Vec<&str>)> = Vec::new();
    for (source, table) in tables {
        let names = table.get("secrets").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        for secret in names.filter_map(lookup) {
            match users.iter_mut().find(|(known, _)| *known == secret) {
                Some((_, sources)) if sources.last() == Some(&source.as_str()) => {}
                Some((_, sources)) => sources.push(source),
                None => users.push((secret, vec![source])),
            }
        }
    }
    let shared = users.into_iter().filter(|(_, sources)| sources.len() > 1);
    shared
        .map(|(_, sources)| format!("{} share a secret: who signs for one, signs for all", sources.join(", ")))
        .collect()
}
