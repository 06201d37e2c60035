//! `/api/handshakes`: read the secrets from handshakes.

use super::Call;
use crate::answer::Answer;
use crate::pipeline::ports::{Ports, Request};
use crate::pipeline::refusal::Refusal;
use crate::record::{Record, Verdict};
use serde::Serialize;

/// A secret from a handshake. The operator stores it.
#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub(super) struct Installed<'a> {
    /// The source's name.
    pub(super) source: &'a str,
    /// The secret, as the provider sent it.
    pub(super) secret: String,
}

/// `GET /api/handshakes/{source}`: the secret that waits for `source`. Whoever has the secret can sign webhooks, so the audit
/// names the caller.
pub async fn read<R: Request, P: Ports>(
    call: &Call<'_, R, P>,
    source: &str,
    record: &mut Record,
) -> Result<Answer, Refusal> {
    call.intend("read_secret", source, "").await?;
    let secret = call.ports.installed(source).await.map_err(Refusal::failed("list_failed"))?;
    let secret = secret.ok_or(Refusal::NotFound)?;
    record.verdict = Verdict::Listed;
    Ok(Answer::ok(&Installed { source, secret }))
}
