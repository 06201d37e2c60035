//! `/api/keys`: forget keys.

use super::Call;
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
    let asked = Forget::parse(&call.request.query()).map_err(Refusal::Unusable)?;
    let config = call.config.as_ref().map_err(|error| Refusal::Misconfigured(error.clone()))?;
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
