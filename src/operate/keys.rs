//! `/api/keys`: forget keys.

use super::{Call, query};
use crate::answer::Answer;
use crate::dedup::DedupKey;
use crate::pipeline::claims;
use crate::pipeline::ports::{Ports, Request};
use crate::pipeline::refusal::Refusal;
use crate::record::{Record, Verdict};
use crate::source_name::SourceName;
use hookgate_verify::Identity;
use serde::Serialize;

/// Whether a key was forgotten.
#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub(super) struct Forgotten {
    /// `false` if the gateway knew no such key.
    pub(super) forgotten: bool,
}

/// `DELETE /api/keys?source=…&id=…`, or `key=` instead of `id=`: forgets the key of an event, so that the provider can send
/// the event again.
pub async fn forget<R: Request, P: Ports>(call: &Call<'_, R, P>, record: &mut Record) -> Result<Answer, Refusal> {
    let asked = Forget::parse(&call.request.query())?;
    let config = call.config()?;
    let source = config
        .source(&asked.source)
        .ok_or_else(|| Refusal::Unusable(format!("the parameter source={}: no source has this name", asked.source)))?;
    let source = source.map_err(|error| Refusal::Misconfigured(error.clone()))?;
    call.intend("forget_key", &asked.source, &asked.event()).await?;
    let mut forgotten = false;
    for key in asked.keys(&source.name) {
        let forget = claims::forget(source, config, key, call.ports, call.now).await;
        forgotten |= forget.map_err(Refusal::failed("forget_failed"))?;
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
    fn parse(query: &str) -> Result<Self, Refusal> {
        let (mut source, mut id, mut key) = (None, None, None);
        query::read(query, &["source", "id", "key"], |name, value| {
            match name {
                "source" => source = Some(value.to_owned()),
                "id" if value.is_empty() => return Err("must not be empty".to_owned()),
                "id" => id = Some(value.to_owned()),
                "key" => key = Some(DedupKey::parse(value).ok_or("must be 64 hex digits, as in the log")?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        let unusable = |problem: &str| Refusal::Unusable(problem.to_owned());
        let source = source.ok_or_else(|| unusable("the parameter source is missing"))?;
        if id.is_some() == key.is_some() {
            return Err(unusable("exactly one of the parameters id and key is needed"));
        }
        Ok(Self { source, id, key })
    }

    /// The event, for the audit.
    fn event(&self) -> String {
        let (id, key) = (self.id.as_ref().map(|id| format!("id={id}")), self.key.map(|key| format!("key={key}")));
        id.or(key).unwrap_or_default()
    }

    /// All keys that the event may have at its source.
    fn keys(&self, source: &SourceName) -> Vec<DedupKey> {
        let identities = self.id.iter().flat_map(|id| Identity::shown_as(id));
        self.key.into_iter().chain(identities.filter_map(|identity| DedupKey::new(source, &identity))).collect()
    }
}
