//! The operator's API, `/api/…`: see the log and the numbers, send events again, and change what the gateway keeps.
//!
//! `routes.rs` has the table of routes, `access.rs` says who may call them, and `query.rs` reads their parameters. Each
//! resource has a file.

pub(crate) mod access;
mod alerts;
mod audit;
mod caller;
mod dead_letters;
mod events;
mod handshakes;
mod keys;
mod metrics;
#[cfg(not(target_arch = "wasm32"))]
mod openapi;
mod pauses;
mod query;
mod refused;
mod replay;
mod routes;
mod sources;
mod stats;
mod test_event;

pub use access::Caller;
#[cfg(not(target_arch = "wasm32"))]
pub use openapi::openapi;
pub use routes::{Endpoint, ROUTES, Route};

use crate::answer::Answer;
use crate::audit::AuditEntry;
use crate::config::{Config, ConfigError};
use crate::database::{Rows, Statement};
use crate::json_object;
use crate::pause::Pauses;
use crate::pipeline::ports::{PortError, Ports, Request};
use crate::pipeline::refusal::Refusal;
use crate::pipeline::write_log;
use crate::record::Record;
use hookgate_verify::UnixTime;

/// The longest body where none is expected: room for `{}`, and for an object with a mistake.
const LONGEST_UNUSED_BODY: usize = 1024;

/// A request of a known caller, for the handler of its route.
struct Call<'a, R, P> {
    request: &'a R,
    caller: &'a Caller,
    config: &'a Result<Config, ConfigError>,
    ports: &'a P,
    now: UnixTime,
}

impl<'a, R: Request, P: Ports> Call<'a, R, P> {
    /// Stores that the caller asks for a change. The handler calls this right before it makes the change, so no change is
    /// without an entry. Without a database there is no audit, and the log alone names the caller.
    ///
    /// # Errors
    /// The entry is not stored. The change must not be made then.
    async fn intend(&self, action: &'static str, target: &str, detail: &str) -> Result<(), Refusal> {
        if !self.ports.keeps_audit() {
            return Ok(());
        }
        let entry = AuditEntry::new(self.now, self.ports.random(), &self.caller.name, action, target, detail);
        self.ports.audit(&entry).await.map_err(Refusal::failed("audit_failed"))
    }

    /// The configuration.
    ///
    /// # Errors
    /// It cannot be read.
    fn config(&self) -> Result<&'a Config, Refusal> {
        self.config.as_ref().map_err(|error| Refusal::Misconfigured(error.clone()))
    }

    /// The body of the request, of at most `limit` bytes.
    async fn body(&self, limit: usize) -> Result<Vec<u8>, Refusal> {
        self.request.body(limit).await.map_err(|error| Refusal::body_over(error, limit))
    }

    /// # Errors
    /// There is a body other than an empty object.
    async fn has_no_body(&self) -> Result<(), Refusal> {
        let members = json_object::members(&self.body(LONGEST_UNUSED_BODY).await?).map_err(Refusal::Unusable)?;
        match members.keys().next() {
            None => Ok(()),
            Some(name) => Err(Refusal::Unusable(format!("the member {name}: a body has no members here"))),
        }
    }

    /// # Errors
    /// There is no database.
    fn needs_database(&self) -> Result<(), Refusal> {
        if self.ports.has_database() { Ok(()) } else { Err(Refusal::Off { binding: "LOG" }) }
    }

    /// The ports, if they have a database. What this isolate has collected is written first, so that the operator sees it
    /// at once.
    async fn logged(&self, record: &mut Record) -> Result<&'a P, Refusal> {
        self.needs_database()?;
        if let Some(Record { reason: Some(reason), detail: Some(problem), .. }) = write_log(self.ports).await {
            record.trouble(reason, problem);
        }
        Ok(self.ports)
    }
}

/// The answers of the database to the statements of a list.
async fn rows<P: Ports>(ports: &P, statements: Vec<Statement>) -> Result<Vec<Rows>, Refusal> {
    ports.run(statements).await.map_err(Refusal::failed("list_failed"))
}

/// The answers to `statements`, and the sources that the API has paused.
async fn rows_and_pauses<P: Ports>(ports: &P, mut statements: Vec<Statement>) -> Result<(Vec<Rows>, Pauses), Refusal> {
    statements.push(Pauses::read());
    let mut answers = rows(ports, statements).await?;
    let pauses = Pauses::of(answers.pop().unwrap_or_default()).map_err(unreadable)?;
    Ok((answers, pauses))
}

/// The refusal of a list whose rows have other columns.
fn unreadable(problem: String) -> Refusal {
    Refusal::failed("list_failed")(PortError(problem))
}

/// Handles a request for `/api/{path}`. The answer is 404 if neither a token nor Cloudflare Access opens `/api`.
pub(crate) async fn serve<R: Request, P: Ports>(
    request: &R,
    path: &str,
    config: &Result<Config, ConfigError>,
    ports: &P,
    now: UnixTime,
    record: &mut Record,
) -> Result<Answer, Refusal> {
    let caller = access::caller(request, config).await?;
    record.by = Some(caller.name.clone());
    let (endpoint, part) = routes::find(&request.method(), path, caller.kind)?;
    if !endpoint.has_parameters() {
        query::read(&request.query(), &[], |_, _| Ok(false))?;
    }
    let call = Call { request, caller: &caller, config, ports, now };
    if !endpoint.has_body() && !routes::only_reads(&request.method()) {
        call.has_no_body().await?;
    }
    match endpoint {
        Endpoint::Alerts => alerts::list(&call, record).await,
        Endpoint::Acknowledge => alerts::acknowledge(&call, part, record).await,
        Endpoint::TestAlerts => alerts::test(&call, record).await,
        Endpoint::Audit => audit::list(&call, record).await,
        Endpoint::Caller => caller::read(&call, record),
        Endpoint::DeadLetters => dead_letters::list(&call, record).await,
        Endpoint::DeadLetterGroups => dead_letters::groups(&call, record).await,
        Endpoint::RedriveAll => dead_letters::redrive_all(&call, record).await,
        Endpoint::RedriveOne => dead_letters::redrive_one(&call, part, record).await,
        Endpoint::Events => events::list(&call, record).await,
        Endpoint::Event => events::one(&call, part, record).await,
        Endpoint::Replay => replay::one(&call, part, record).await,
        Endpoint::Handshake => handshakes::read(&call, part, record).await,
        Endpoint::ForgetKey => keys::forget(&call, record).await,
        Endpoint::Metrics => metrics::read(&call, record).await,
        Endpoint::Refused => refused::list(&call, record).await,
        Endpoint::ReplayJobs => replay::list(&call, record).await,
        Endpoint::ReplayMany => replay::many(&call, record).await,
        Endpoint::ReplayJob => replay::job(&call, part, record).await,
        Endpoint::CancelReplay => replay::cancel(&call, part, record).await,
        Endpoint::Sources => sources::list(&call, record).await,
        Endpoint::Source => sources::one(&call, part, record).await,
        Endpoint::Test => test_event::send_test(&call, part, record).await,
        Endpoint::Pause => pauses::pause(&call, part, record).await,
        Endpoint::Resume => pauses::resume(&call, part, record).await,
        Endpoint::Stats => stats::read(&call, record).await,
    }
}
