//! `GET /api/caller`: who calls, what the caller may do, and which features are off. A user interface asks this first.

use super::Call;
use crate::answer::Answer;
use crate::config::CallerKind;
use crate::pipeline::ports::{Ports, Request};
use crate::pipeline::refusal::Refusal;
use crate::record::{Record, Verdict};
use serde::Serialize;

/// Who calls, and what the gateway offers.
#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_arch = "wasm32"), schemars(rename = "Caller"))]
pub(super) struct Told<'c> {
    /// The name of the token, the address of a person, or `service:` and the name of a service.
    pub(super) name: &'c str,
    /// `read` if the caller may only read, `write` if the caller may also change something.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("enum" = ["read", "write"])))]
    pub(super) kind: &'static str,
    /// The version of hookgate.
    pub(super) version: &'static str,
    /// Each binding that is missing, with what is off without it: `LOG: …`.
    pub(super) off: &'c [&'static str],
}

/// `GET /api/caller`. It reads no store.
pub fn read<R: Request, P: Ports>(call: &Call<'_, R, P>, record: &mut Record) -> Result<Answer, Refusal> {
    let config = call.config()?;
    record.verdict = Verdict::Listed;
    Ok(Answer::ok(&Told {
        name: &call.caller.name,
        kind: match call.caller.kind {
            CallerKind::Read => "read",
            CallerKind::Write => "write",
        },
        version: env!("CARGO_PKG_VERSION"),
        off: &config.off,
    }))
}
