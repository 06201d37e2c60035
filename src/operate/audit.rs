//! `/api/audit`: who changed what.

use super::{Call, query};
use crate::answer::Answer;
use crate::audit::AuditEntry;
use crate::pipeline::ports::{Ports, Request};
use crate::pipeline::refusal::Refusal;
use crate::record::{Record, Verdict};
use serde::Serialize;

/// The most entries of a page.
pub(super) const MOST: u32 = 100;

/// A page of the audit.
#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub(super) struct AuditPage {
    /// The entries, the newest first.
    pub(super) audit: Vec<AuditEntry>,
    /// `before` for the next page. `null` on the last page.
    pub(super) next: Option<String>,
}

/// `GET /api/audit?before=…&limit=…`: a page of the audit, the newest entry first.
pub async fn list<R: Request, P: Ports>(call: &Call<'_, R, P>, record: &mut Record) -> Result<Answer, Refusal> {
    if !call.ports.keeps_audit() {
        return Err(Refusal::Off { binding: "LOG" });
    }
    let (mut before, mut limit) = (None, MOST);
    query::read(&call.request.query(), &["before", "limit"], |name, value| {
        match name {
            "before" if AuditEntry::is_id(value) => before = Some(value.to_owned()),
            "before" => return Err("must be the `next` of a page".to_owned()),
            "limit" => limit = query::limit(value, MOST)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    // One entry more than asked for shows whether there is another page.
    let asked = call.ports.audited(before.as_deref(), limit.saturating_add(1)).await;
    let mut audit = asked.map_err(Refusal::failed("list_failed"))?;
    let most = usize::try_from(limit).unwrap_or(usize::MAX);
    let is_last = audit.len() <= most;
    audit.truncate(most);
    let next = audit.last().filter(|_| !is_last).map(|entry| entry.id.clone());
    record.verdict = Verdict::Listed;
    Ok(Answer::ok(&AuditPage { audit, next }))
}
