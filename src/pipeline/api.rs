//! The operator's API, `/api/…`: list and redrive dead letters, read the secrets from handshakes, and forget keys.

use super::claims;
use super::ports::{PortError, Ports, Request};
use super::refusal::Refusal;
use crate::answer::Answer;
use crate::config::{AdminToken, Config, ConfigError, LONGEST_IN_QUEUE};
use crate::dedup::DedupKey;
use crate::letter::{Filter, KEPT, Letter};
use crate::message::Event;
use crate::record::{Record, Verdict};
use crate::source_name::SourceName;
use hookgate_verify::{Identity, UnixTime};
use serde::Serialize;
use serde_json::Value;
use std::time::Duration;

const MAX_BODY: usize = 16 * 1024;
/// The lease of a redrive on its letter.
const REDRIVE_LEASE: Duration = Duration::from_secs(60);

#[derive(Serialize)]
struct List {
    dead_letters: Vec<Letter>,
}

/// A secret from a handshake. The operator stores it.
#[derive(Serialize)]
struct Installed<'a> {
    source: &'a str,
    secret: String,
}

#[derive(Serialize)]
struct Forgotten {
    forgotten: bool,
}

#[derive(Serialize)]
struct Redriven {
    redriven: usize,
    failed: usize,
}

/// Handles a request for `/api/{path}`. Without an `ADMIN_TOKEN`, the answer is 404.
pub async fn serve<R: Request, P: Ports>(
    request: &R,
    path: &str,
    config: &Result<Config, ConfigError>,
    ports: &P,
    now: UnixTime,
    record: &mut Record,
) -> Result<Answer, Refusal> {
    authorize(request, admin(request, config).ok_or(Refusal::NotFound)?)?;
    if let Some(source) = path.strip_prefix("handshakes/") {
        allow(request, "GET")?;
        let secret = ports.installed(source).await.map_err(Refusal::failed("list_failed"))?.ok_or(Refusal::NotFound)?;
        record.verdict = Verdict::Listed;
        return Ok(Answer::ok(&Installed { source, secret }));
    }
    if let Some(source) = path.strip_prefix("sources/").and_then(|path| path.strip_suffix("/test")) {
        allow(request, "POST")?;
        return super::test_event::serve(request, source, config, ports, now, record).await;
    }
    if path == "keys" {
        return forget(request, config, ports, now, record).await;
    }
    let path = path.strip_prefix("dead-letters").ok_or(Refusal::NotFound)?;
    match path {
        "" => list(request, ports, record).await,
        "/redrive" => redrive_all(request, ports, now, record).await,
        _ => {
            let id = path.strip_prefix('/').and_then(|path| path.strip_suffix("/redrive"));
            redrive_one(request, id.ok_or(Refusal::NotFound)?, ports, now, record).await
        }
    }
}

/// The token of the operator's API at this URL. `None` if the API is off there.
pub fn admin<'c>(request: &impl Request, config: &'c Result<Config, ConfigError>) -> Option<&'c AdminToken> {
    config.as_ref().ok()?.admin.as_ref().filter(|admin| admin.opens_at(&request.host()))
}

/// Checks the token. A sender over the limit is checked too, because the operator may share an address with an attacker.
///
/// # Errors
/// [`Refusal::Unauthorized`].
pub fn authorize(request: &impl Request, admin: &AdminToken) -> Result<(), Refusal> {
    let given = request.header("authorization").ok_or(Refusal::Unauthorized("no authorization header"))?;
    let given = given.strip_prefix("Bearer ").ok_or(Refusal::Unauthorized("no bearer token"))?;
    if admin.is(given) { Ok(()) } else { Err(Refusal::Unauthorized("the token is not ADMIN_TOKEN")) }
}

/// `DELETE /api/keys?source=…&id=…`, or `key=` instead of `id=`: forgets the key of an event, so that the provider can send
/// the event again.
async fn forget<R: Request, P: Ports>(
    request: &R,
    config: &Result<Config, ConfigError>,
    ports: &P,
    now: UnixTime,
    record: &mut Record,
) -> Result<Answer, Refusal> {
    allow(request, "DELETE")?;
    let asked = Forget::parse(&request.query()).map_err(Refusal::Unusable)?;
    let config = config.as_ref().map_err(|error| Refusal::Misconfigured(error.clone()))?;
    let source = config
        .source(&asked.source)
        .ok_or_else(|| Refusal::Unusable(format!("the parameter source={}: no source has this name", asked.source)))?;
    let source = source.map_err(|error| Refusal::Misconfigured(error.clone()))?;
    let mut forgotten = false;
    for key in asked.keys(&source.name) {
        forgotten |= claims::forget(source, config, key, ports, now).await.map_err(Refusal::failed("forget_failed"))?;
        record.key = Some(key.to_string());
    }
    record.verdict = Verdict::Forgotten;
    record.id = asked.id;
    Ok(Answer::ok(&Forgotten { forgotten }))
}

/// The query of `DELETE /api/keys`.
struct Forget {
    source: String,
    id: Option<String>,
    key: Option<DedupKey>,
}

impl Forget {
    fn parse(query: &str) -> Result<Self, String> {
        let (mut source, mut id, mut key) = (None, None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "source" => source = Some(value.into_owned()),
                "id" if !value.is_empty() => id = Some(value.into_owned()),
                "key" => {
                    let problem = || format!("the parameter key={value}: 64 hex digits, as in the log");
                    key = Some(DedupKey::parse(&value).ok_or_else(problem)?);
                }
                _ => return Err(format!("unknown parameter {name}={value}: the parameters are source, and id or key")),
            }
        }
        let source = source.ok_or("the parameter source is missing")?;
        if id.is_some() == key.is_some() {
            return Err("exactly one of the parameters id and key is needed".to_owned());
        }
        Ok(Self { source, id, key })
    }

    /// All keys that the event may have at its source.
    fn keys(&self, source: &SourceName) -> Vec<DedupKey> {
        let identities = self.id.iter().flat_map(|id| Identity::shown_as(id));
        self.key.into_iter().chain(identities.filter_map(|identity| DedupKey::new(source, &identity))).collect()
    }
}

async fn list<R: Request, P: Ports>(request: &R, ports: &P, record: &mut Record) -> Result<Answer, Refusal> {
    allow(request, "GET")?;
    let ports = letters(ports)?;
    let filter = filter_of(&request.query())?;
    is_there(&filter, ports).await?;
    let dead_letters = ports.list(&filter).await.map_err(Refusal::failed("list_failed"))?;
    record.verdict = Verdict::Listed;
    Ok(Answer::ok(&List { dead_letters }))
}

async fn redrive_one<R: Request, P: Ports>(
    request: &R,
    id: &str,
    ports: &P,
    now: UnixTime,
    record: &mut Record,
) -> Result<Answer, Refusal> {
    allow(request, "POST")?;
    let failed = Refusal::failed("redrive_failed");
    match redrive(id, letters(ports)?, now).await {
        Ok(true) => {
            record.verdict = Verdict::Redriven;
            record.id = Some(id.to_owned());
            Ok(Answer::ok(&Redriven { redriven: 1, failed: 0 }))
        }
        Ok(false) => Err(Refusal::NotFound),
        Err(error) => Err(failed(error)),
    }
}

async fn redrive_all<R: Request, P: Ports>(
    request: &R,
    ports: &P,
    now: UnixTime,
    record: &mut Record,
) -> Result<Answer, Refusal> {
    allow(request, "POST")?;
    let ports = letters(ports)?;
    let body = request.body(MAX_BODY).await.map_err(|error| Refusal::body_over(error, MAX_BODY))?;
    let filter = filter_in(&body)?;
    is_there(&filter, ports).await?;
    let mut done = Redriven { redriven: 0, failed: 0 };
    for letter in ports.list(&filter).await.map_err(Refusal::failed("list_failed"))? {
        match redrive(&letter.id, ports, now).await {
            Ok(true) => done.redriven = done.redriven.saturating_add(1),
            Ok(false) => {} // another redrive has the letter
            Err(PortError(problem)) => {
                done.failed = done.failed.saturating_add(1);
                record.trouble("redrive_failed", format!("{}: {problem}", letter.id));
            }
        }
    }
    record.verdict = Verdict::Redriven;
    record.detail = Some(format!("{} redriven, {} failed", done.redriven, done.failed));
    Ok(Answer::ok(&done))
}

/// Puts the event of the dead letter `id` into the queue again. `false` if there is no such letter, or another redrive has
/// it.
///
/// The event is enqueued before the redrive is noted. After a crash between the two, the letter can be redriven again, and
/// no event is lost.
async fn redrive<P: Ports>(id: &str, ports: &P, now: UnixTime) -> Result<bool, PortError> {
    let expires = now.plus(KEPT.max(LONGEST_IN_QUEUE));
    let Some(letter) = ports.take(id, now, now.plus(REDRIVE_LEASE), expires).await? else { return Ok(false) };
    let event = Event::decode(&letter.message).map_err(|error| PortError(error.to_string()))?.redriven(now);
    ports.enqueue(&event.encode_again().map_err(|error| PortError(error.to_string()))?).await?;
    ports.redriven(id, letter.redrives, now).await?;
    Ok(true)
}

/// Refuses a filter after an unknown letter. Such a list would begin at its start, and a redrive would redrive all letters.
async fn is_there<P: Ports>(filter: &Filter, ports: &P) -> Result<(), Refusal> {
    let Some(after) = &filter.after else { return Ok(()) };
    if ports.has(after).await.map_err(Refusal::failed("list_failed"))? {
        return Ok(());
    }
    Err(Refusal::Unusable(format!(
        "after={after}: this letter does not exist or has expired; begin again without `after`"
    )))
}

/// The ports, if they keep dead letters.
fn letters<P: Ports>(ports: &P) -> Result<&P, Refusal> {
    if ports.keeps_letters() { Ok(ports) } else { Err(Refusal::Off { binding: "LOG" }) }
}

fn allow(request: &impl Request, allowed: &'static str) -> Result<(), Refusal> {
    if request.method() == allowed { Ok(()) } else { Err(Refusal::WrongMethod { allowed }) }
}

/// The filter in a body. An empty body selects all letters.
fn filter_in(body: &[u8]) -> Result<Filter, Refusal> {
    let unusable = |problem: String| Refusal::Unusable(format!("the filter: {problem}"));
    match body.trim_ascii_start() {
        [] => Ok(Filter::default()),
        body => match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Filter::from_json(members).map_err(unusable),
            Ok(_) => Err(unusable(r#"expected an object such as {"source": "billing"}"#.to_owned())),
            Err(error) => Err(unusable(error.to_string())),
        },
    }
}

fn filter_of(query: &str) -> Result<Filter, Refusal> {
    let mut filter = Filter::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let unusable = |expected: &str| Refusal::Unusable(format!("the parameter {name}={value}: {expected}"));
        match &*name {
            "source" => filter.source = Some(value.into_owned()),
            "after" => filter.after = Some(value.into_owned()),
            "limit" => filter.limit = value.parse().map_err(|_| unusable("a number from 1 to 100"))?,
            _ => return Err(unusable("the parameters are source, after and limit")),
        }
    }
    Ok(filter.bounded())
}
