//! The operator's API, `/api/…`: list and redrive dead letters, read the secrets from handshakes, and forget keys.

pub mod access;
mod dead_letters;
mod handshakes;
mod keys;

use crate::answer::Answer;
use crate::config::{Config, ConfigError};
use crate::pipeline::ports::{Ports, Request};
use crate::pipeline::refusal::Refusal;
use crate::record::Record;
use hookgate_verify::UnixTime;

/// Handles a request for `/api/{path}`. Without an `ADMIN_TOKEN`, the answer is 404.
pub async fn serve<R: Request, P: Ports>(
    request: &R,
    path: &str,
    config: &Result<Config, ConfigError>,
    ports: &P,
    now: UnixTime,
    record: &mut Record,
) -> Result<Answer, Refusal> {
    access::authorize(request, access::admin(request, config).ok_or(Refusal::NotFound)?)?;
    if let Some(source) = path.strip_prefix("handshakes/") {
        return handshakes::read(request, source, ports, record).await;
    }
    if path == "keys" {
        return keys::forget(request, config, ports, now, record).await;
    }
    let path = path.strip_prefix("dead-letters").ok_or(Refusal::NotFound)?;
    dead_letters::serve(request, path, ports, now, record).await
}

fn allow(request: &impl Request, allowed: &'static str) -> Result<(), Refusal> {
    if request.method() == allowed { Ok(()) } else { Err(Refusal::WrongMethod { allowed }) }
}
