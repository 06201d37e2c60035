//! One source: its table in, a [`Source`] out.

use super::variables::SourceEntry;
use super::{
    Bindings, ConfigError, Dedup, Deliver, Destination, EventFilter, HashedToken, Pattern, Source, Success,
    VariableLookup, answer,
};
use crate::source_name::SourceName;
use hookgate_verify::grammar::{self, Fields, span};
use hookgate_verify::{
    ClaimText, MAX_SECRETS, Preset, SHORTEST_SECRET, Secret, SecretError, Tolerance, VerificationKey, Verifier, presets,
};
use std::sync::Arc;
use std::time::Duration;

/// Keys that a source may have.
const SOURCE_KEYS: &[&str] = &[
    "provider",
    "scheme",
    "secrets",
    "url",
    "account",
    "handshake",
    "handshake_secret",
    "deliver",
    "origin",
    "dedup",
    "dedup_ttl",
    "tolerance",
    "max_body",
    "events",
    "headers",
    "answer",
];

/// How long a key is remembered where the source does not say: longer than most providers retry.
const DEFAULT_TTL: Duration = Duration::from_secs(7 * 24 * 3600);
/// Workers KV keeps nothing for less (its documentation, `expirationTtl`).
const SHORTEST_TTL: Duration = Duration::from_secs(60);
const LONGEST_DURATION: Duration = Duration::from_secs(366 * 24 * 3600);
const DEFAULT_MAX_BODY: u64 = 1024 * 1024;
/// An isolate has 128 MB, and a body is held there twice while it is encoded.
const LARGEST_MAX_BODY: u64 = 25 * 1024 * 1024;

/// What a source's table refers to.
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
    let armed = fields.choice("handshake", &["armed"])?.is_some();
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
    // Filled in place: a value for each field, to be dropped at every `?`, would double the code's size.
    let mut source = Source {
        name,
        verifier,
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
    };
    let url = parse_url(&fields, &source, outside)?;
    let account = fields.text("account")?;
    if account.is_none() && source.verifier.preset().scheme.signs_account() {
        let problem = "is missing: the provider signs for all its users alike; say which account is yours";
        return Err(fields.error("account", problem.to_owned()));
    }
    source.verifier = source.verifier.with_url(url).with_account(account.unwrap_or_default().to_owned());
    source.deliver = parse_deliver(&fields, &source.name, outside.bindings, outside.origin.as_deref())?;
    source.dedup = parse_dedup(&fields, source.verifier.preset(), outside.bindings)?;
    (source.dedup_ttl, source.dedup_ttl_asked) = parse_ttl(&fields, &source.verifier)?;
    let max_body = match fields.size("max_body")? {
        None => DEFAULT_MAX_BODY,
        Some(size) if (1..=LARGEST_MAX_BODY).contains(&size) => size,
        Some(_) => return Err(fields.error("max_body", "must lie between 1 B and 25 MiB".to_owned())),
    };
    source.max_body = usize::try_from(max_body).unwrap_or(usize::MAX);
    source.events = parse_events(&fields, source.verifier.preset())?;
    source.headers = fields.headers("headers", source.verifier.preset())?;
    source.success = answer::parse(&fields, source.verifier.preset())?;
    source.verify_token = parse_handshake_token(&fields, outside.lookup)?;
    Ok(source)
}

/// Whether the source in `table` is proven by public keys, as far as that can be read from it.
#[cfg(not(target_arch = "wasm32"))]
pub fn takes_public_keys(table: &serde_json::Value) -> bool {
    let preset = Fields::of("", table, SOURCE_KEYS).and_then(|fields| parse_preset("", &fields));
    preset.is_ok_and(|preset| matches!(preset.scheme.algorithm, hookgate_verify::Algorithm::Public(_)))
}

/// The provider's preset, or the scheme that the source describes itself.
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

/// The endpoint's URL as the provider knows it, which some sign. Never what the request says.
fn parse_url(fields: &Fields<'_>, source: &Source, outside: &SourceContext<'_>) -> Result<String, ConfigError> {
    let scheme = &source.verifier.preset().scheme;
    let url = match (fields.text("url")?, &outside.public_url) {
        (Some(url), _) => url.to_owned(),
        // A token that names its endpoint is held to the URL that stands here for it. PUBLIC_URL may be another name of the host.
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
    // Where the request's query is signed as it comes, the configured URL ends before it.
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
        // What does not look like a name may be the secret itself, so it is not shown.
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
    if preset.scheme.variants.iter().all(|form| form.timestamp.is_none()) {
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
    match fields.choice("deliver", &["queue", "origin"])?.unwrap_or("queue") {
        "origin" => {
            let missing = || fields.error("deliver", "needs an `origin`, or the variable ORIGIN".to_owned());
            Ok(Deliver::Direct(origin.ok_or_else(missing)?))
        }
        _ if !bindings.events => {
            let problem = "the queue needs the binding EVENTS in [[queues.producers]]; or set deliver = \"origin\"";
            Err(fields.error("deliver", problem.to_owned()))
        }
        _ => Ok(Deliver::Queue(origin)),
    }
}

fn parse_dedup(fields: &Fields<'_>, preset: &Preset, bindings: Bindings) -> Result<Dedup, ConfigError> {
    // Where no event has an identity there are no duplicates to find.
    let customary = if preset.scheme.identifies() { "kv" } else { "none" };
    let (dedup, bound, needs) = match fields.choice("dedup", &["kv", "exact", "none"])?.unwrap_or(customary) {
        "none" => return Ok(Dedup::None),
        "exact" => (Dedup::Exact, bindings.claims, "CLAIMS in [[durable_objects.bindings]]; or set dedup = \"kv\""),
        _ => (Dedup::Kv, bindings.dedup, "DEDUP in [[kv_namespaces]]; or set dedup = \"none\""),
    };
    if bound { Ok(dedup) } else { Err(fields.error("dedup", format!("needs the binding {needs}"))) }
}

/// The lifetime of a key must outlive every moment at which a replay would still be fresh, and every retry. What a preset
/// knows of its provider changes, so a source of a preset that asks for less gets more; `check` says so.
fn parse_ttl(fields: &Fields<'_>, verifier: &Verifier) -> Result<(Duration, Option<Duration>), ConfigError> {
    let preset = verifier.preset();
    let windows = preset.scheme.variants.iter().filter_map(|form| verifier.window(form)).map(Tolerance::span);
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
