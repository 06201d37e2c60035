//! `GET /api/sources`: each configured source, what it did, and which of its secrets are used.

use super::{Call, rows_and_pauses, unreadable};
use crate::answer::Answer;
use crate::config::{Config, ConfigError, Dedup, Deliver, Destination, EventFilter, Source};
use crate::log::{Activity, LastDay, activity, activity_of, days};
use crate::pause::{Pauses, ShownPause};
use crate::pipeline::ports::{PortError, Ports, Request};
use crate::pipeline::refusal::Refusal;
use crate::record::{Record, Verdict};
use crate::rotation::{Observed, SecretState, SecretUse, judge, window};
use hookgate_verify::UnixTime;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The most armed sources of a list whose secret is looked for. Each one is a call of an object.
const MOST_ASKED: usize = 8;

/// A list of sources.
#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub(super) struct SourceList<'c> {
    /// The sources of the configuration, and the variables that cannot be read.
    pub(super) sources: Vec<Shown<'c>>,
}

/// A configured source.
#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_arch = "wasm32"), schemars(rename = "Source"))]
pub(super) struct Shown<'c> {
    /// The source's name, or the name of a variable that cannot be read.
    pub(super) name: &'c str,
    /// Whether the source accepts requests.
    pub(super) usable: bool,
    /// The mistake in its configuration.
    pub(super) error: Option<String>,
    /// Who stopped its deliveries, since when and why. `null` if it is not paused.
    pub(super) pause: Option<ShownPause>,
    /// Whether a secret waits that the provider sent in a handshake. `null` for a source that is not armed.
    pub(super) handshake: Option<Handshake>,
    /// Its settings. `null` for a source that is not usable.
    pub(super) settings: Option<Settings<'c>>,
    /// The verdict on each secret, by its name.
    pub(super) secrets: Vec<SecretUse<'c>>,
    /// When the last event came that was accepted, filtered or a duplicate, in RFC 3339, to a minute; to ten minutes if it
    /// came more than three days ago. `null` if the log knows of no event.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("format" = "date-time")))]
    pub(super) last_event: Option<String>,
    /// The numbers of the last 24 hours. `null` without the database.
    pub(super) last_24h: Option<LastDay>,
}

/// What an armed source (`handshake = "armed"`) has got from its provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub(super) enum Handshake {
    /// Nothing yet, or nobody read the secret within an hour.
    Armed,
    /// A secret waits for the operator: `GET /api/handshakes/{source}`.
    SecretWaits,
    /// The object did not answer, or the list has too many armed sources: ask for this source alone.
    Unknown,
}

/// The settings of a source.
#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_arch = "wasm32"), schemars(rename = "SourceSettings"))]
pub(super) struct Settings<'c> {
    /// The name of the preset, or of the own scheme.
    pub(super) provider: &'c str,
    /// `strong`, or `weak` if an attacker who has seen a request can make another one.
    pub(super) strength: String,
    /// Why it is weak.
    pub(super) weakness: Option<String>,
    /// `queue`, or `origin` if the provider waits for the destination.
    pub(super) deliver: &'static str,
    /// The URL of the destination without its query.
    pub(super) destination: Option<&'c str>,
    /// The level of deduplication: `kv`, `exact` or `none`.
    pub(super) dedup: &'static str,
    /// How long a key is remembered.
    pub(super) dedup_ttl_seconds: u64,
    /// The largest body.
    pub(super) max_body_bytes: usize,
    /// The event types that are wanted. `null` for all.
    pub(super) events: Option<Vec<String>>,
    /// How long the log keeps bodies. `null` if it keeps none.
    pub(super) log_bodies_seconds: Option<u64>,
    /// The number of rules in `redact`.
    pub(super) redact_rules: usize,
}

impl<'c> Settings<'c> {
    fn of(source: &'c Source) -> Self {
        let scheme = &source.verifier.preset().scheme;
        Self {
            provider: &source.verifier.preset().name,
            strength: scheme.strength().to_string(),
            weakness: scheme.weakness().map(|weakness| weakness.to_string()),
            deliver: if matches!(source.deliver, Deliver::Direct(_)) { "origin" } else { "queue" },
            destination: source.deliver.origin().map(Destination::without_query),
            dedup: match source.dedup {
                Dedup::Kv => "kv",
                Dedup::Exact => "exact",
                Dedup::None => "none",
            },
            dedup_ttl_seconds: source.dedup_ttl.as_secs(),
            max_body_bytes: source.max_body,
            events: source.events.as_ref().map(EventFilter::texts),
            log_bodies_seconds: source.log.bodies.map(|kept| kept.as_secs()),
            redact_rules: source.log.redactions.count(),
        }
    }
}

/// What the log knows of the sources, and who paused them. `None` without the database.
type Known = Option<(BTreeMap<String, Activity>, Pauses)>;
type Configured<'c> = (&'c str, Result<&'c Source, &'c ConfigError>);

/// `GET /api/sources`.
pub async fn list<R: Request, P: Ports>(call: &Call<'_, R, P>, record: &mut Record) -> Result<Answer, Refusal> {
    let all: Vec<_> = call.config.iter().flat_map(Config::sources).collect();
    let known = known(call, &all, record).await?;
    let handshakes = handshakes(call, &all, record).await;
    let shown = |(source, handshake)| shown(source, handshake, known.as_ref(), call.now);
    let sources = all.into_iter().zip(handshakes).map(shown).collect();
    record.verdict = Verdict::Listed;
    Ok(Answer::ok(&SourceList { sources }))
}

/// `GET /api/sources/{name}`.
pub async fn one<R: Request, P: Ports>(
    call: &Call<'_, R, P>,
    name: &str,
    record: &mut Record,
) -> Result<Answer, Refusal> {
    let source = call.config.iter().flat_map(Config::sources).find(|(known, _)| *known == name);
    let source = source.ok_or(Refusal::NotFound)?;
    let known = known(call, &[source], record).await?;
    let handshake = handshakes(call, &[source], record).await.pop().flatten();
    record.verdict = Verdict::Listed;
    Ok(Answer::ok(&shown(source, handshake, known.as_ref(), call.now)))
}

async fn known<R: Request, P: Ports>(
    call: &Call<'_, R, P>,
    sources: &[Configured<'_>],
    record: &mut Record,
) -> Result<Known, Refusal> {
    if !call.ports.has_database() {
        return Ok(None);
    }
    let ports = call.logged(record).await?;
    let usable = sources.iter().filter_map(|(_, source)| source.ok());
    let windows: BTreeSet<u32> = usable.map(|source| days(window(source.verifier.preset().retry_span))).collect();
    let (answers, pauses) = rows_and_pauses(ports, activity(&windows, call.now)).await?;
    Ok(Some((activity_of(answers, &windows).map_err(unreadable)?, pauses)))
}

/// What each source has got from its provider. The secret itself is not shown here, so a caller who only reads may know it.
async fn handshakes<R: Request, P: Ports>(
    call: &Call<'_, R, P>,
    sources: &[Configured<'_>],
    record: &mut Record,
) -> Vec<Option<Handshake>> {
    let (mut all, mut asked) = (Vec::with_capacity(sources.len()), 0_usize);
    for (name, source) in sources {
        if !source.is_ok_and(|source| source.armed) {
            all.push(None);
            continue;
        }
        if asked == MOST_ASKED {
            all.push(Some(Handshake::Unknown));
            continue;
        }
        asked = asked.saturating_add(1);
        all.push(Some(match call.ports.installed(name).await {
            Ok(Some(_)) => Handshake::SecretWaits,
            Ok(None) => Handshake::Armed,
            Err(PortError(problem)) => {
                record.trouble("handshake_unknown", problem);
                Handshake::Unknown
            }
        }));
    }
    all
}

fn shown<'c>(
    (name, source): Configured<'c>,
    handshake: Option<Handshake>,
    known: Option<&(BTreeMap<String, Activity>, Pauses)>,
    now: UnixTime,
) -> Shown<'c> {
    let activity = known.map(|(known, _)| known.get(name).cloned().unwrap_or_default());
    let none = Pauses::default();
    let pauses = known.map_or(&none, |(_, pauses)| pauses);
    Shown {
        name,
        usable: source.is_ok(),
        error: source.err().map(ToString::to_string),
        pause: pauses.shown(name, source.is_ok_and(|source| source.paused)),
        handshake,
        settings: source.ok().map(Settings::of),
        secrets: source.map_or_else(|_| Vec::new(), |source| secrets(source, activity.as_ref(), now)),
        last_event: activity.as_ref().and_then(|known| known.last_event).map(UnixTime::to_rfc3339),
        last_24h: activity.map(|known| known.last_day),
    }
}

fn secrets<'c>(source: &'c Source, activity: Option<&Activity>, now: UnixTime) -> Vec<SecretUse<'c>> {
    let Some(activity) = activity else {
        let unknown = |secret: &'c String| SecretUse {
            secret,
            state: SecretState::Unknown,
            last_matched: None,
            text: "without the binding LOG no match is noted: cannot tell".to_owned(),
        };
        return source.secrets.iter().map(unknown).collect();
    };
    let window = window(source.verifier.preset().retry_span);
    let (events, mismatches) = activity.within(window);
    let verdicts = judge(&Observed {
        names: &source.secrets,
        matches: &activity.matches,
        since: activity.since.unwrap_or(now),
        window,
        events,
        mismatches,
        now,
    });
    // The verdicts are in the order of the names. They must not borrow from `activity`.
    let owned = |(secret, verdict): (&'c String, SecretUse<'_>)| {
        let SecretUse { state, last_matched, text, .. } = verdict;
        SecretUse { secret, state, last_matched, text }
    };
    source.secrets.iter().zip(verdicts).map(owned).collect()
}
