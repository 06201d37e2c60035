//! Reads the table of one source into a [`Source`].

use super::variables::SourceEntry;
use super::{
    Bindings, ConfigError, Dedup, Deliver, Destination, EventFilter, HashedToken, LogPolicy, Pattern, Source, Success,
    VariableLookup, answer, log,
};
use crate::source_name::SourceName;
use hookgate_verify::grammar::{self, Fields, span};
use hookgate_verify::{
    ClaimText, MAX_SECRETS, Preset, SHORTEST_SECRET, Secret, SecretError, Tolerance, VerificationKey, Verifier, presets,
};
use std::sync::Arc;
use std::time::Duration;

/// The keys of a source.
const SOURCE_KEYS: &[&str] = &[
    "provider", "scheme", "secrets", "url", "account", "handshake", "handshake_secret", "deliver", "origin", "dedup",
    "dedup_ttl", "tolerance", "max_body", "events", "headers", "answer", "log_bodies", "redact", "paused",
];

/// The default of `dedup_ttl`. Most providers retry for a shorter time.
const DEFAULT_TTL: Duration = Duration::from_secs(7 * 24 * 3600);
/// The shortest lifetime in Workers KV (its documentation, `expirationTtl`).
const SHORTEST_TTL: Duration = Duration::from_secs(60);
const LONGEST_DURATION: Duration = Duration::from_secs(366 * 24 * 3600);
const DEFAULT_MAX_BODY: usize = 1024 * 1024;
/// An isolate has 128 MB, and holds a body twice while it encodes the body.
const LARGEST_MAX_BODY: usize = 25 * 1024 * 1024;

/// The part of the configuration that all sources share.
pub(super) struct SourceContext<'a> {
    pub bindings: Bindings,
    /// The variable `ORIGIN`.
    pub origin: Option<String>,
    /// The variable `PUBLIC_URL`.
    pub public_url: Option<String>,
    pub lookup: VariableLookup<'a>,
}

/// Reads one source.
pub(super) fn parse(entry: &SourceEntry<'_>, outside: &SourceContext<'_>) -> Result<Source, ConfigError> {
    let path = entry.path();
    if let Some(error) = entry.ambiguity() {
        return Err(error);
    }
    let name = SourceName::parse(entry.name).ok_or_else(|| ConfigError {
        key: path.clone(),
        problem: "a source's name is 1 to 64 of `a-z 0-9 _ -`, begins with a letter or digit, and is not `health`"
            .to_owned(),
    })?;
    let fields = Fields::of(&path, entry.table, SOURCE_KEYS)?;
    let preset = parse_preset(&path, &fields)?;
    let tolerance = parse_tolerance(&fields, &preset)?;
    let armed = fields.choice("handshake", &[("armed", ())])?.is_some();
    if armed && !outside.bindings.claims {
        let problem =
            "needs the binding CLAIMS in [[durable_objects.bindings]], where the provider's secret waits for you";
        return Err(fields.error("handshake", problem.to_owned()));
    }
    let keys = parse_secrets(&fields, &preset, outside.lookup)?;
    let may_lack = armed || preset.scheme.public_keys.is_some();
    let keys = Some(keys).filter(|keys| may_lack || !keys.is_empty());
    let keys = keys.ok_or_else(|| fields.error("secrets", format!("name 1 to {MAX_SECRETS} secrets")))?;
    let verifier =
        Verifier::new(preset, keys, tolerance).map_err(|problem| fields.error("secrets", problem.to_string()))?;
    // The fields are filled one by one. A variable for each field, dropped at every `?`, would double the size of the code.
    let mut source = Source {
        name,
        verifier,
        secrets: Vec::new(),
        deliver: Deliver::Queue(None),
        dedup: Dedup::None,
        dedup_ttl: DEFAULT_TTL,
        dedup_ttl_asked: None,
        max_body: 0,
        events: None,
        headers: Vec::new(),
        success: Success::Json,
        verify_token: None,
        armed,
        log: LogPolicy::default(),
        paused: fields.flag("paused")?,
    };
    source.secrets = fields.texts("secrets")?.unwrap_or_default().into_iter().map(str::to_owned).collect();
    let url = parse_url(&fields, &source, outside)?;
    source.verifier = source.verifier.with_url(url);
    match fields.text("account")? {
        Some(account) if account.trim().is_empty() => {
            return Err(fields.error("account", "is empty; write your name at the provider".to_owned()));
        }
        Some(account) => source.verifier = source.verifier.with_account(account.to_owned()),
        None if source.verifier.preset().scheme.signs_account() => {
            let problem = "is missing: the provider signs for all its users alike; say which account is yours";
            return Err(fields.error("account", problem.to_owned()));
        }
        None => {}
    }
    source.deliver = parse_deliver(&fields, &source.name, outside.bindings, outside.origin.as_deref())?;
    if source.paused && matches!(source.deliver, Deliver::Direct(_)) {
        let problem =
            "needs deliver = \"queue\": with \"origin\" the provider waits for the destination, so no event can wait";
        return Err(fields.error("paused", problem.to_owned()));
    }
    source.dedup = parse_dedup(&fields, source.verifier.preset(), outside.bindings)?;
    (source.dedup_ttl, source.dedup_ttl_asked) = parse_ttl(&fields, &source.verifier)?;
    source.max_body = match fields.size("max_body")?.map(usize::try_from) {
        None => DEFAULT_MAX_BODY,
        Some(Ok(size)) if (1..=LARGEST_MAX_BODY).contains(&size) => size,
        Some(_) => return Err(fields.error("max_body", "must lie between 1 B and 25 MiB".to_owned())),
    };
    source.events = parse_events(&fields, source.verifier.preset())?;
    source.headers = fields.headers("headers", source.verifier.preset())?;
    source.success = answer::parse(&fields, source.verifier.preset())?;
    source.verify_token = parse_handshake_token(&fields, outside.lookup)?;
    source.log = log::parse(&fields)?;
    Ok(source)
}

/// Whether public keys prove the requests of the source in `table`. `false` if the table cannot be read.
#[cfg(not(target_arch = "wasm32"))]
pub fn takes_public_keys(table: &serde_json::Value) -> bool {
    let preset = Fields::of("", table, SOURCE_KEYS).and_then(|fields| parse_preset("", &fields));
    preset.is_ok_and(|preset| matches!(preset.scheme.algorithm, hookgate_verify::Algorithm::Public(_)))
}

/// The preset of the provider, or the source's own scheme.
fn parse_preset(path: &str, fields: &Fields<'_>) -> Result<Arc<Preset>, ConfigError> {
    let own = fields.value("scheme").map(|table| grammar::parse(&format!("{path}.scheme"), "own scheme", table));
    match (fields.text("provider")?, own) {
        (Some(name), None) => presets::find(name).ok_or_else(|| fields.error("provider", presets::unknown(name))),
        (None, Some(scheme)) => scheme.map(Arc::new),
        (None, None) => Err(fields.error("provider", "is missing; or describe your own sender in `scheme`".to_owned())),
        (Some(_), Some(_)) => {
            Err(fields.error("provider", "and `scheme` both say how requests are signed: take one out".to_owned()))
        }
    }
}

/// The URL of the endpoint as the provider knows it. Some providers sign it. The URL in a request is never used.
fn parse_url(fields: &Fields<'_>, source: &Source, outside: &SourceContext<'_>) -> Result<String, ConfigError> {
    let scheme = &source.verifier.preset().scheme;
    let url = match (fields.text("url")?, &outside.public_url) {
        (Some(url), _) => url.to_owned(),
        // A token may name its endpoint. It is compared only to the source's own `url`: PUBLIC_URL may be another name.
        (None, _) if scheme.token_claims.want(&ClaimText::UrlIfKnown) && !scheme.signs_url() => {
            return Ok(String::new());
        }
        (None, Some(public)) => format!("{}/webhooks/{}", public.trim_end_matches('/'), source.name),
        (None, None) if scheme.signs_url() => {
            let problem =
                "is missing: this provider signs the URL it was given. Write it here, or set PUBLIC_URL in [vars]";
            return Err(fields.error("url", problem.to_owned()));
        }
        (None, None) => return Ok(String::new()),
    };
    let plain = |b: u8| b.is_ascii_graphic() && b != b'#';
    if !(url.starts_with("https://") || url.starts_with("http://")) || !url.bytes().all(plain) {
        let problem = "must be the endpoint's URL as the provider has it, as https://hooks.example.com/webhooks/x";
        return Err(fields.error("url", problem.to_owned()));
    }
    // If the provider signs the query of each request, the configured URL has none.
    if url.contains('?') && !scheme.pins_query() {
        let problem = "must be without a query: this provider signs the one that each request has, or none";
        return Err(fields.error("url", problem.to_owned()));
    }
    Ok(url)
}

fn parse_handshake_token(fields: &Fields<'_>, lookup: VariableLookup<'_>) -> Result<Option<HashedToken>, ConfigError> {
    let Some(name) = fields.text("handshake_secret")? else { return Ok(None) };
    let error = |problem: String| ConfigError { key: fields.key("handshake_secret"), problem };
    if !is_secret_name(name) {
        return Err(error("names a Worker secret, such as META_VERIFY_TOKEN, never the secret itself".to_owned()));
    }
    let text = lookup(name).ok_or_else(|| error(not_set(name)))?;
    Secret::new(text.as_str()).map_err(|problem| error(format!("{name} {problem}")))?;
    Ok(Some(HashedToken::of(&text)))
}

fn not_set(name: &str) -> String {
    format!("{name} is not set: put it into .dev.vars, or when deployed, `wrangler secret put {name}`")
}

fn parse_secrets(
    fields: &Fields<'_>,
    preset: &Preset,
    lookup: VariableLookup<'_>,
) -> Result<Vec<VerificationKey>, ConfigError> {
    let names = fields.texts("secrets")?.unwrap_or_default();
    let mut keys = Vec::new();
    for name in names {
        // A text that is not a name may be the secret itself, so the error does not show it.
        if !is_secret_name(name) {
            let problem = "lists the names of Worker secrets, such as BILLING_SECRET, never a secret itself";
            return Err(ConfigError { key: fields.key("secrets"), problem: problem.to_owned() });
        }
        let text = lookup(name).ok_or_else(|| fields.error("secrets", not_set(name)))?;
        let key = Secret::new(text).and_then(|secret| secret.key(preset.scheme.algorithm, &preset.scheme.secret));
        let is_long = |key: &VerificationKey| key.secret_length().is_none_or(|length| length >= SHORTEST_SECRET);
        let key = key.and_then(|key| if is_long(&key) { Ok(key) } else { Err(SecretError::TooShort) });
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
    if preset.scheme.variants.iter().all(|variant| variant.timestamp.is_none()) {
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
            let parsed = Destination::parse(&text.replace("{source}", name.as_str()));
            Some(parsed.map_err(|problem| ConfigError { key, problem: format!("\"{text}\": {problem}") })?)
        }
    };
    let is_direct = fields.choice("deliver", &[("queue", false), ("origin", true)])?.unwrap_or(false);
    if is_direct {
        let missing = || fields.error("deliver", "needs an `origin`, or the variable ORIGIN".to_owned());
        return Ok(Deliver::Direct(origin.ok_or_else(missing)?));
    }
    if !bindings.events {
        let problem = "the queue needs the binding EVENTS in [[queues.producers]]; or set deliver = \"origin\"";
        return Err(fields.error("deliver", problem.to_owned()));
    }
    Ok(Deliver::Queue(origin))
}

fn parse_dedup(fields: &Fields<'_>, preset: &Preset, bindings: Bindings) -> Result<Dedup, ConfigError> {
    // If events have no identity, no duplicate can be found.
    let customary = if preset.scheme.identifies() { Dedup::Kv } else { Dedup::None };
    let choices = [("kv", Dedup::Kv), ("exact", Dedup::Exact), ("none", Dedup::None)];
    let dedup = fields.choice("dedup", &choices)?.unwrap_or(customary);
    let (bound, needs) = match dedup {
        Dedup::None => return Ok(Dedup::None),
        Dedup::Exact => (bindings.claims, "CLAIMS in [[durable_objects.bindings]]; or set dedup = \"kv\""),
        Dedup::Kv => (bindings.dedup, "DEDUP in [[kv_namespaces]]; or set dedup = \"none\""),
    };
    if bound { Ok(dedup) } else { Err(fields.error("dedup", format!("needs the binding {needs}"))) }
}

/// Reads `dedup_ttl`: the lifetime of a key, and the configured lifetime if that is too short. A key must be remembered for
/// as long as a replay is fresh and as long as the provider retries. With a preset, a shorter time is raised, because the
/// facts of a preset change; `check` says so. With an own scheme, a shorter time is an error.
fn parse_ttl(fields: &Fields<'_>, verifier: &Verifier) -> Result<(Duration, Option<Duration>), ConfigError> {
    let preset = verifier.preset();
    let windows = preset.scheme.variants.iter().filter_map(|variant| verifier.window(variant)).map(Tolerance::span);
    let shortest = windows.fold(preset.retry_span.max(SHORTEST_TTL), Duration::max);
    match fields.duration("dedup_ttl")? {
        None => Ok((DEFAULT_TTL.max(shortest), None)),
        Some(ttl) if ttl > LONGEST_DURATION => Err(fields.error("dedup_ttl", "must be at most 366d".to_owned())),
        Some(ttl) if ttl >= shortest => Ok((ttl, None)),
        Some(ttl) if fields.value("scheme").is_none() => Ok((shortest, Some(ttl))),
        Some(_) => {
            let problem = format!("a replay or a retry could outlive it; use at least \"{}\"", span::shown(shortest));
            Err(fields.error("dedup_ttl", problem))
        }
    }
}

fn parse_events(fields: &Fields<'_>, preset: &Preset) -> Result<Option<EventFilter>, ConfigError> {
    let Some(patterns) = fields.texts("events")? else { return Ok(None) };
    let patterns: Result<Vec<_>, _> = patterns.into_iter().map(Pattern::parse).collect();
    let filter =
        EventFilter::new(patterns.map_err(|problem| fields.error("events", format!("lists event types: {problem}")))?);
    let filter = filter.ok_or_else(|| {
        let problem = "lists event types, such as \"invoice.paid\" or \"invoice.*\"; take it out, and all are";
        fields.error("events", problem.to_owned())
    })?;
    if preset.scheme.event_type.is_empty() && !filter.wants_all() {
        let problem = format!("{} states no type, so every event would be dropped; take it out", preset.name);
        return Err(fields.error("events", problem));
    }
    Ok(Some(filter))
}
