//! `/api/handshakes`: read the secrets from handshakes.

use super::allow;
use crate::answer::Answer;
use crate::pipeline::ports::{Ports, Request};
use crate::pipeline::refusal::Refusal;
use crate::record::{Record, Verdict};
use serde::Serialize;

/// A secret from a handshake. The operator stores it.
#[derive(Serialize)]
struct Installed<'a> {
    source: &'a str,
    secret: String,
}

/// `GET /api/handshakes/{source}`: the secret that waits for `source`.
pub async fn read<R: Request, P: Ports>(
    request: &R,
    source: &str,
    ports: &P,
    record: &mut Record,
) -> Result<Answer, Refusal> {
    allow(request, "GET")?;
    let secret = ports.installed(source).await.map_err(Refusal::failed("list_failed"))?.ok_or(Refusal::NotFound)?;
    record.verdict = Verdict::Listed;
    Ok(Answer::ok(&Installed { source, secret }))
}
