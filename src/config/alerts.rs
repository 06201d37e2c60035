//! `ALERTS`: the thresholds of the alerts, and their receiver.

use super::variables::SourceEntry;
use super::{ConfigError, Destination, VariableLookup};
use crate::alert::{Format, Rules, Thresholds};
use hookgate_verify::grammar::{Fields, did_you_mean};
use serde_json::Value;
use std::fmt;
use std::time::Duration;

/// The name of the variable.
pub const NAME: &str = "ALERTS";

const KEYS: &[&str] = &[
    "url", "url_secret", "format", "remind", "sources", "refusals", "failed_attempts", "minimum", "dead_letters",
    "backlog", "paused", "silent",
];
/// The keys of one source in `sources`: the thresholds.
const SOURCE_KEYS: &[&str] = &["refusals", "failed_attempts", "minimum", "dead_letters", "backlog", "paused", "silent"];

/// The bounds of a duration. Below a minute, two evaluations cannot tell.
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);
/// The shortest time between two reminders.
const SHORTEST_REMIND: Duration = Duration::from_secs(3600);
/// The longest `PUBLIC_URL` of which a notice has a link, in bytes: a notice has a bound.
pub const LONGEST_PUBLIC_URL: usize = 512;
/// The longest `url`. A queue message and a log line have space for it.
const LONGEST_URL: usize = 2048;

/// The alerts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Alerts {
    /// When an alert fires.
    pub rules: Rules,
    /// Who is told. `None`: alerts are only listed.
    pub to: Option<Recipient>,
}

/// The receiver of the notices.
#[derive(Clone, PartialEq, Eq)]
pub struct Recipient {
    /// Its URL. The URL of a webhook of Slack is a secret, so it is never shown.
    pub destination: Destination,
    /// The format of the notices.
    pub format: Format,
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({:?} at {})", self.format, self.host())
    }
}

impl Recipient {
    /// The scheme and the host of the URL, for people: the rest may be a secret.
    pub fn host(&self) -> &str {
        let url = self.destination.as_str();
        let begin = url.find("//").map_or(0, |at| at.saturating_add(2));
        let rest = url.get(begin..).unwrap_or_default();
        let end = rest.find(['/', '?']).map_or(url.len(), |length| begin.saturating_add(length));
        url.get(..end).unwrap_or_default()
    }
}

/// Reads the variable. Without the variable, the default thresholds hold, and nobody is told.
pub(super) fn parse(entries: &[SourceEntry<'_>], lookup: VariableLookup<'_>) -> Result<Alerts, ConfigError> {
    let Some(text) = lookup(NAME) else { return Ok(Alerts::default()) };
    // The error does not show the text: it may have the URL.
    let table: Value = serde_json::from_slice(text.as_bytes()).unwrap_or(Value::Null);
    if !table.is_object() {
        let problem = "must be a table, as [vars.ALERTS] with `url` and `format`".to_owned();
        return Err(ConfigError { key: NAME.to_owned(), problem });
    }
    let fields = Fields::of(NAME, &table, KEYS)?;
    let general = thresholds(&fields, &Thresholds::default())?;
    let mut sources = Vec::new();
    for (name, table) in fields.map("sources")?.into_iter().flatten() {
        let key = format!("{NAME}.sources.{name}");
        if !entries.iter().any(|entry| entry.name == name) {
            let hint = did_you_mean(name, entries.iter().map(|entry| entry.name));
            return Err(ConfigError { key, problem: format!("no such source{hint}") });
        }
        sources.push((name.clone(), thresholds(&Fields::of(&key, table, SOURCE_KEYS)?, &general)?));
    }
    let remind = duration(&fields, "remind", Rules::default().remind, SHORTEST_REMIND)?;
    Ok(Alerts { rules: Rules { general, sources, remind }, to: recipient(&fields, lookup)? })
}

/// The URL of the dashboard, for the links in notices. After a mistake in `PUBLIC_URL`, the notices are without a link.
pub(super) fn dashboard(public_url: Option<&str>, mistakes: &mut Vec<String>) -> Option<String> {
    let url = public_url?.trim_end_matches('/');
    let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or_default();
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:/[]%".contains(&b);
    if host.is_empty() || !host.bytes().all(plain) || url.len() > LONGEST_PUBLIC_URL {
        let problem = "must be the URL of this Worker, such as https://hooks.example.com; notices have no link now";
        mistakes.push(format!("PUBLIC_URL {problem}"));
        return None;
    }
    Some(format!("{url}/dashboard"))
}

fn recipient(fields: &Fields<'_>, lookup: VariableLookup<'_>) -> Result<Option<Recipient>, ConfigError> {
    let format = fields.choice("format", &[("standard", Format::Standard), ("slack", Format::Slack)])?;
    let (key, url) = match (fields.text("url")?, fields.text("url_secret")?) {
        (Some(_), Some(_)) => {
            return Err(error(fields, "url_secret", "goes without `url`: remove one of the two"));
        }
        (Some(url), None) => ("url", url.to_owned()),
        (None, Some(name)) => {
            let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if !is_name {
                let problem = "must be the name of a Worker secret, such as ALERTS_URL, never the URL itself";
                return Err(error(fields, "url_secret", problem));
            }
            let problem = || {
                let problem =
                    format!("{name} is not set: put it into .dev.vars, or when deployed, `wrangler secret put {name}`");
                error(fields, "url_secret", &problem)
            };
            ("url_secret", lookup(name).ok_or_else(problem)?)
        }
        (None, None) => {
            let problem = "needs `url` or `url_secret`, where the notices are sent";
            return format.map_or(Ok(None), |_| Err(error(fields, "format", problem)));
        }
    };
    let wrong = |problem: &str| error(fields, key, problem);
    if url.len() > LONGEST_URL {
        return Err(wrong(&format!("is longer than {LONGEST_URL} bytes")));
    }
    let destination = Destination::parse(&url).map_err(wrong)?;
    let format = format
        .ok_or_else(|| error(fields, "format", "is missing: write \"standard\" for Standard Webhooks, or \"slack\""))?;
    Ok(Some(Recipient { destination, format }))
}

/// The thresholds of a table. A missing key has its value in `general`.
fn thresholds(fields: &Fields<'_>, general: &Thresholds) -> Result<Thresholds, ConfigError> {
    Ok(Thresholds {
        refusals: percent(fields, "refusals", general.refusals)?,
        failed_attempts: percent(fields, "failed_attempts", general.failed_attempts)?,
        minimum: match fields.number("minimum")? {
            None => general.minimum,
            Some(minimum) if minimum >= 2 => minimum.into(),
            Some(_) => return Err(error(fields, "minimum", "must be at least 2: one of one is no share")),
        },
        dead_letters: match fields.value("dead_letters") {
            None => general.dead_letters,
            Some(Value::String(text)) if text == OFF => None,
            Some(Value::Number(_)) => match fields.number("dead_letters")? {
                Some(0) | None => return Err(error(fields, "dead_letters", DEAD_LETTERS)),
                Some(number) => Some(number.into()),
            },
            Some(_) => return Err(error(fields, "dead_letters", DEAD_LETTERS)),
        },
        backlog: duration(fields, "backlog", general.backlog, SHORTEST)?,
        paused: duration(fields, "paused", general.paused, SHORTEST)?,
        silent: duration(fields, "silent", general.silent, SHORTEST)?,
    })
}

const OFF: &str = "off";
const DEAD_LETTERS: &str = "must be a number in an hour, such as 1, or \"off\"";

fn percent(fields: &Fields<'_>, key: &str, general: Option<u8>) -> Result<Option<u8>, ConfigError> {
    let problem = || fields.error(key, "must be a share from \"1%\" to \"100%\", or \"off\"".to_owned());
    match fields.value(key) {
        None => Ok(general),
        Some(Value::String(text)) if text == OFF => Ok(None),
        Some(Value::String(text)) => {
            let digits = text.strip_suffix('%').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
            let share = digits.and_then(|digits| digits.parse().ok()).filter(|share| (1..=100).contains(share));
            share.map(Some).ok_or_else(problem)
        }
        Some(_) => Err(problem()),
    }
}

fn duration(
    fields: &Fields<'_>,
    key: &str,
    general: Option<Duration>,
    shortest: Duration,
) -> Result<Option<Duration>, ConfigError> {
    match fields.value(key) {
        None => Ok(general),
        Some(Value::String(text)) if text == OFF => Ok(None),
        Some(_) => {
            let span = fields.duration(key)?.filter(|span| (shortest..=LONGEST).contains(span));
            let shortest = hookgate_verify::grammar::span::shown(shortest);
            span.map(Some).ok_or_else(|| fields.error(key, format!("must be from {shortest} to 30d, or \"off\"")))
        }
    }
}

/// An error without the value: the value may be a secret.
fn error(fields: &Fields<'_>, key: &str, problem: &str) -> ConfigError {
    ConfigError { key: fields.key(key), problem: problem.to_owned() }
}
