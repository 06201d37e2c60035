//! `hookgate providers`: the providers that the gateway can verify, and the configuration of each.

use super::{CommandResult, catalogue, table};
use anyhow::{Context, Result, anyhow};
use hookgate_verify::grammar::span;
use hookgate_verify::presets::{self, About, FACTS};
use hookgate_verify::{
    Algorithm, Clock, Condition, Encoding, Handshake, HandshakeProof, Hash, IdentityRule, Layout, Location, Part,
    Preset, PublicAlgorithm, SecretEncoding, TimestampLocation, TypeLocation, Variant,
};
use std::fmt::Write as _;
use std::io::Write;

/// List the providers that the gateway can verify, or show one: its scheme, its traps, and a block of configuration
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Providers {
    /// The provider to show
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// Write the list as Markdown, for docs/providers.md
    #[arg(long, conflicts_with = "name")]
    markdown: bool,
}

const EXAMPLES: &str = "\
Examples:
  hookgate providers
  hookgate providers stripe
  hookgate providers | grep weak

strong: the signature covers the body. weak: it does not, or there is no signature; a reader of one request can forge
another.";

impl Providers {
    /// Prints the list, or one provider.
    pub fn run(self, out: &mut dyn Write) -> Result<CommandResult> {
        match &self.name {
            Some(name) => {
                let preset = presets::find(name).ok_or_else(|| anyhow!("{name:?}: {}", presets::unknown(name)))?;
                out.write_all(page(&preset)?.as_bytes())?;
            }
            None if self.markdown => out.write_all(markdown()?.as_bytes())?,
            None => list(out)?,
        }
        Ok(CommandResult::Success)
    }
}

fn list(out: &mut dyn Write) -> Result<()> {
    let mut rows = vec![["provider", "algorithm", "freshness", "strength", "proof", "duplicates"].map(str::to_owned)];
    for (preset, about) in presets::described() {
        rows.push(row(preset, &about)?);
    }
    table::write(rows, out)?;
    writeln!(out, "{} providers; `hookgate providers NAME` shows one", presets::ALL.len())?;
    Ok(())
}

fn row(preset: &Preset, about: &About) -> Result<[String; 6]> {
    let strength = preset.scheme.strength().to_string();
    let proof = about.best_proof().context("a preset without a vector: add one to tests/vectors/")?;
    let recognition = preset.scheme.recognition();
    Ok([preset.name.clone(), algorithm(preset), freshness(preset), strength, proof.to_string(), recognition])
}

fn algorithm(preset: &Preset) -> String {
    let scheme = &preset.scheme;
    let name = match scheme.algorithm {
        Algorithm::Hmac(Hash::Sha1) => "HMAC-SHA1",
        Algorithm::Hmac(Hash::Sha256) => "HMAC-SHA256",
        Algorithm::Hmac(Hash::Sha512) => "HMAC-SHA512",
        Algorithm::PlainHash => "SHA-256",
        Algorithm::StaticToken if scheme.variants.iter().any(|variant| variant.encoding == Encoding::Base64) => {
            "basic auth"
        }
        Algorithm::StaticToken => "static token",
        Algorithm::Public(PublicAlgorithm::Ed25519) => "Ed25519",
        Algorithm::Public(PublicAlgorithm::EcdsaP256Der | PublicAlgorithm::EcdsaP256Fixed) => "ECDSA P-256",
        Algorithm::Public(PublicAlgorithm::RsaSha256) => "RSA-SHA256",
        Algorithm::Public(PublicAlgorithm::RsaSha1) => "RSA-SHA1",
    };
    let is_token = scheme.variants.iter().any(|variant| matches!(variant.layout, Layout::Jws { .. }));
    if is_token { format!("JWT, {name}") } else { name.to_owned() }
}

fn freshness(preset: &Preset) -> String {
    let of = |variant: &Variant| match &variant.timestamp {
        None => "none".to_owned(),
        Some(timestamp) if timestamp.clock == Clock::Request => "of the delivery".to_owned(),
        Some(_) => format!("of the event, {}", span::shown(preset.retry_span)),
    };
    let mut all: Vec<String> = preset.scheme.variants.iter().map(of).collect();
    all.dedup();
    all.join(" or ")
}

/// The reason for the rule of identity.
fn why(rule: &IdentityRule) -> Option<String> {
    match rule {
        IdentityRule::Unstated => None,
        IdentityRule::Content { differs } | IdentityRule::Digest { differs, .. } => {
            Some(format!("two events differ in: {differs}"))
        }
        IdentityRule::None { why } => Some(why.clone()),
    }
}

/// The page of one provider.
fn page(preset: &Preset) -> Result<String> {
    let about = presets::about(&preset.name).context("every preset is described")?;
    let mut page = format!("{} ({})\n\n", about.title, preset.name);
    let mut fact = |name: &str, text: String| writeln!(page, "  {name:<12}{text}");
    fact("proven by", format!("{}; {}", algorithm(preset), preset.scheme.strength()))?;
    for place in &preset.scheme.locations {
        fact("signature", location_of(place))?;
    }
    for variant in &preset.scheme.variants {
        fact(if variant.alternative { "or" } else { "signed" }, content(variant))?;
        if let Some(timestamp) = variant.timestamp.as_ref().filter(|_| !variant.alternative) {
            fact("time", format!("{}, {}", timestamp_of(&timestamp.at), timestamp.unit.expected()))?;
        }
    }
    fact("duplicates", preset.scheme.recognition())?;
    if let Some(why) = why(&preset.scheme.identity) {
        fact("", why)?;
    }
    fact("event type", event_type(preset))?;
    fact("retries", format!("for {}", span::shown(preset.retry_span)))?;
    if let Some(timeout) = &about.timeout {
        fact("waits", timeout.clone())?;
    }
    if let Some(status) = about.refusal {
        fact("refusal", format!("it expects {status}; it gets 401, as every provider does"))?;
    }
    for handshake in &preset.handshakes {
        fact("handshake", handshake_of(handshake))?;
    }
    fact("secret", format!("{}; {}", secret_encoding(&preset.scheme.secret), about.secret_at))?;
    if !preset.headers.is_empty() {
        let headers: Vec<String> = preset.headers.iter().map(|pattern| pattern.as_str().to_owned()).collect();
        fact("headers", format!("{} go on to the origin", headers.join(", ")))?;
    }
    for trap in &about.traps {
        fact("trap", trap.says.clone())?;
    }
    for note in &about.notes {
        fact("note", note.clone())?;
    }
    fact("proof", format!("vectors by their origin: {}", catalogue::split(&about)))?;
    page.push_str(&what_was_read(&about));
    write!(page, "\n{}", block(preset, &about))?;
    Ok(page)
}

/// The facts about a provider, and their sources.
fn what_was_read(about: &About) -> String {
    let mut text = "\n".to_owned();
    for (name, _) in FACTS {
        if let Some(fact) = about.facts.get(name) {
            text.push_str(&format!("  {name:<12}{fact}\n"));
        }
    }
    text.push('\n');
    for (name, source) in &about.sources {
        text.push_str(&format!("  [{name}] {}, read on {}\n", source.at, source.read));
    }
    text
}

fn location_of(location: &Location) -> String {
    match location {
        Location::Header(name) => format!("header {name}"),
        Location::Query(name) => format!("query value {name}"),
        Location::Json(path) => format!("body, {path}"),
        Location::Form(name) => format!("form value {name}"),
    }
}

fn timestamp_of(at: &TimestampLocation) -> String {
    match at {
        TimestampLocation::Header(name) => format!("header {name}"),
        other => other.to_string(),
    }
}

/// The signed content, in the notation of a scheme.
fn content(variant: &Variant) -> String {
    let part = |part: &Part| match part {
        Part::Literal(text) => text.replace('\n', "\\n"),
        Part::Json(path) => format!("{{json:{}}}", path.to_string().trim_start_matches("$").trim_start_matches('.')),
        part => part.to_string(),
    };
    if variant.content.is_empty() {
        return "nothing".to_owned();
    }
    let bracketed = |(place, of): (usize, &Part)| {
        let is_optional = |place: Option<usize>| place.is_some_and(|place| variant.optional.contains(&place));
        match (is_optional(place.checked_add(1)), is_optional(place.checked_sub(1))) {
            (true, _) => format!("[{}", part(of)),
            (_, true) => format!("{}]", part(of)),
            _ => part(of),
        }
    };
    variant.content.iter().enumerate().map(bracketed).collect()
}

fn event_type(preset: &Preset) -> String {
    let at = |place: &TypeLocation| match place {
        TypeLocation::Json(path) => path.to_string(),
        TypeLocation::UnsignedHeader(name) => format!("{name} (unsigned, so `events` filters by an unsigned value)"),
    };
    let places: Vec<String> = preset.scheme.event_type.iter().map(at).collect();
    if places.is_empty() { "not stated".to_owned() } else { places.join(" or ") }
}

fn secret_encoding(encoding: &SecretEncoding) -> String {
    match encoding {
        SecretEncoding::Utf8 => "the text as it is".to_owned(),
        SecretEncoding::Hex => "hexadecimal".to_owned(),
        SecretEncoding::Base64AfterPrefix(prefix) if prefix.is_empty() => "base64".to_owned(),
        SecretEncoding::Base64AfterPrefix(prefix) => format!("{prefix} and base64"),
        SecretEncoding::Sha1 => "the text, hashed".to_owned(),
        SecretEncoding::Html => "the text, with its HTML entities decoded".to_owned(),
    }
}

fn handshake_of(handshake: &Handshake) -> String {
    let when: Vec<String> = handshake
        .when
        .iter()
        .map(|(place, wanted)| match wanted {
            Condition::Any => location_of(place),
            Condition::Text(text) => format!("{} is {text}", location_of(place)),
            Condition::Nothing => format!("no {}", location_of(place)),
        })
        .collect();
    let proof = match &handshake.proof {
        HandshakeProof::Signature => ", proven as a delivery is",
        HandshakeProof::VerifyToken(_) => ", with the token of `handshake_secret`",
        HandshakeProof::Nothing if handshake.installs => ", while handshake = \"armed\"",
        HandshakeProof::Nothing => "",
    };
    let when = if when.is_empty() { "any".to_owned() } else { when.join(", ") };
    format!("{} where {when}{proof}: answered {}", handshake.method, handshake.reply.status)
}

/// A block of configuration to copy.
fn block(preset: &Preset, about: &About) -> String {
    let name = &preset.name;
    let secret = format!("{}_SECRET", name.to_ascii_uppercase());
    let mut block = format!("[vars.SOURCES.{name}]\nprovider = \"{name}\"\n");
    let mut line = |text: String| {
        block.push_str(&text);
        block.push('\n');
    };
    if preset.scheme.public_keys.is_none() {
        line(format!("secrets = [\"{secret}\"]"));
    }
    if preset.scheme.signs_url() {
        line(format!("url = \"https://hooks.example.com/webhooks/{name}\" # or PUBLIC_URL in [vars]"));
    }
    if preset.handshakes.iter().any(|handshake| matches!(handshake.proof, HandshakeProof::VerifyToken(_))) {
        line(format!("handshake_secret = \"{}_VERIFY_TOKEN\"", name.to_ascii_uppercase()));
    }
    if preset.handshakes.iter().any(|handshake| handshake.installs) {
        line("# handshake = \"armed\" # instead of `secrets`, until the provider has sent the secret".to_owned());
    }
    if let Some(account) = about.account.as_ref() {
        line(format!("account = \"{account}\""));
    }
    block
}

/// The whole catalogue as a page of the documentation.
fn markdown() -> Result<String> {
    let counts = catalogue::counts()?;
    let mut page = format!(
        "<!-- Written by `make providers`. Change the files in crates/verify/presets/, not this one. -->\n\
         # Providers\n\n\
         {} providers, each a file in [`presets/`](../crates/verify/presets) with its facts, their sources and the \
         day they were read. \
         `hookgate providers NAME` shows one, and how it is set up.\n\n\
         **proof** counts the preset's vectors in [`tests/vectors/`](../crates/verify/tests/vectors) by the \
         author of the signature. \
         *provider*: the provider published it, or code that the provider published made or took it. *sdk*: the \
         provider's own package \
         makes or takes it, whenever the tests run. *library*: a third party's maintained code does. *own reading*: \
         other code \
         signed it, from what we read in the documentation. {counts}\n\n\
         **weak** says that the signature does not cover the body, or that there is none: a person who saw one request \
         can send another. **by identical content** says that no id names an event: two requests with the same bytes are one \
         event, because the bytes of two events differ. **not recognised**: events may have the same bytes, so a retry is \
         forwarded again. **unsigned**: a stranger who captured a request could change it.\n\n\
         | provider | name | algorithm | freshness | duplicates are recognised | strength | retries | proof \
         |\n|---|---|---|---|---|---|---|---|\n",
        presets::ALL.len()
    );
    for (preset, about) in presets::described() {
        let (title, split) = (&about.title, catalogue::split(&about));
        let [name, algorithm, freshness, strength, _, duplicates] = row(preset, &about)?;
        let strength = if strength == "weak" { "**weak**".to_owned() } else { strength };
        let retries = span::shown(preset.retry_span);
        writeln!(
            page,
            "| {title} | `{name}` | {algorithm} | {freshness} | {duplicates} | {strength} | {retries} | {split} |"
        )?;
    }
    page.push_str("\n## Left out\n\n");
    for (name, why) in LEFT_OUT {
        writeln!(page, "- **{name}**: {why}")?;
    }
    Ok(page)
}

/// Providers of whom nothing can be proven here, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    (
        "PayPal",
        "signs a CRC32 of the body and not the body, so one captured delivery vouches for any other with that checksum; \
         the stronger way it offers, verification by its API, needs your API credentials and a call for each event",
    ),
    ("Fastly log endpoints", "carry no signature"),
    ("Salesforce outbound messages", "carry no signature; mutual TLS is not the gateway's"),
    (
        "Atlassian Connect",
        "signs method, path and query, and not the body, under a secret that its own installation sends",
    ),
];
