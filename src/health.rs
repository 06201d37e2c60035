//! The answer of `GET /healthz`. It shows nothing secret, and reads no store.

use crate::config::{Config, ConfigError};
use hookgate_verify::UnixTime;
use serde::{Serialize, Serializer};

/// The state of the gateway's configuration.
#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Health<'c> {
    /// `degraded` if the configuration or one source is unusable.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("enum" = ["ok", "degraded"])))]
    status: &'static str,
    /// The version of hookgate.
    version: &'static str,
    /// The time of the Worker.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("format" = "date-time")))]
    time: String,
    /// Only for the operator: the names of sources show which providers somebody uses.
    #[serde(serialize_with = "by_name", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "std::collections::BTreeMap<String, Usable>"))]
    sources: Option<Vec<(&'c str, Usable)>>,
}

#[derive(Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
struct Usable {
    /// Whether the source can accept events.
    usable: bool,
}

impl<'c> Health<'c> {
    /// The state at the time `now`: `degraded` if the configuration or one source is unusable, else `ok`.
    pub fn of(config: &Result<Config, ConfigError>, now: UnixTime) -> Self {
        let is_well = |config: &Config| config.alerts.is_ok() && config.sources().all(|(_, source)| source.is_ok());
        let well = config.as_ref().is_ok_and(is_well);
        let status = if well { "ok" } else { "degraded" };
        Self { status, version: env!("CARGO_PKG_VERSION"), time: now.to_rfc3339(), sources: None }
    }

    /// Adds the name of each source, and whether the source is usable.
    #[must_use]
    pub fn with_sources(self, config: &'c Result<Config, ConfigError>) -> Self {
        let usable = |(name, source): (&'c str, Result<_, _>)| (name, Usable { usable: source.is_ok() });
        Self { sources: Some(config.iter().flat_map(Config::sources).map(usable).collect()), ..self }
    }
}

fn by_name<S: Serializer>(sources: &Option<Vec<(&str, Usable)>>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(sources.iter().flatten().map(|(name, usable)| (name, usable)))
}
