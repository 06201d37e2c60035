//! The operator's API, `/api/…`: list and replay events, list and redrive dead letters, read the secrets from handshakes,
//! forget keys, and list the audit.
//!
//! `routes.rs` has the table of routes, and `access.rs` says who may call them. Each resource has a file.

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
use crate::pipeline::ports::{Ports, Request};
use crate::pipeline::refusal::Refusal;
use crate::record::Record;
use hookgate_verify::UnixTime;

/// A request of a known caller, for the handler of its route.
struct Call<'a, R, P> {
    request: &'a R,
    caller: &'a Caller,
    config: &'a Result<Config, ConfigError>,
    ports: &'a P,
    now: UnixTime,
}

impl<R: Request, P: Ports> Call<'_, R, P> {
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
    let call = Call { request, caller: &caller, config, ports, now };
    match endpoint {
        Endpoint::Alerts => alerts::list(&call, record).await,
        Endpoint::Acknowledge => alerts::acknowledge(&call, part, record).await,
        Endpoint::TestAlerts => alerts::test(&call, record).await,
        Endpoint::Audit => audit::list(&call, record).await,
        Endpoint::Caller => caller::read(&call, record),
        Endpoint::DeadLetters => dead_letters::list(&call, record).await,
        Endpoint::RedriveAll => dead_letters::redrive_all(&call, record).await,
        Endpoint::RedriveOne => dead_letters::redrive_one(&call, part, record).await,
        Endpoint::Events => events::list(&call, record).await,
        Endpoint::Event => events::one(&call, part, record).await,
        Endpoint::Replay => replay::one(&call, part, record).await,
        Endpoint::Handshake => handshakes::read(&call, part, record).await,
        Endpoint::ForgetKey => keys::forget(&call, record).await,
        Endpoint::Metrics => metrics::read(&call, record).await,
        Endpoint::Refused => refused::list(&call, record).await,
        Endpoint::ReplayMany => replay::many(&call, record).await,
        Endpoint::ReplayJob => replay::job(&call, part, record).await,
        Endpoint::CancelReplay => replay::cancel(&call, part, record).await,
        Endpoint::Sources => sources::list(&call, record).await,
        Endpoint::Source => sources::one(&call, part, record).await,
        Endpoint::Test => test_event::send_test(&call, part, record).await,
        Endpoint::Stats => stats::read(&call, record).await,
    }
}
