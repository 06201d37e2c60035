//! What `GET /healthz` tells: which sources can serve. Nothing secret, and nothing is looked up.

use crate::config::{Config, ConfigError};
use crate::webhook::UnixTime;
use serde::{Serialize, Serializer};

/// The state of the gateway's configuration.
#[derive(Serialize)]
pub struct Health<'c> {
    status: &'static str,
    version: &'static str,
    time: String,
    #[serde(serialize_with = "by_name")]
    sources: Vec<(&'c str, Usable)>,
}

#[derive(Serialize)]
struct Usable {
    usable: bool,
}

impl<'c> Health<'c> {
    /// The state at the time `now`: `degraded` as soon as one source is unusable.
    pub fn of(config: &'c Result<Config, ConfigError>, now: UnixTime) -> Self {
        let usable = |(name, source): (&'c str, Result<_, _>)| (name, Usable { usable: source.is_ok() });
        let sources: Vec<_> = config.iter().flat_map(Config::sources).map(usable).collect();
        let well = config.is_ok() && sources.iter().all(|(_, source)| source.usable);
        let status = if well { "ok" } else { "degraded" };
        Self { status, version: env!("CARGO_PKG_VERSION"), time: now.to_rfc3339(), sources }
    }
}

fn by_name<S: Serializer>(sources: &[(&str, Usable)], to: S) -> Result<S::Ok, S::Error> {
    to.collect_map(sources.iter().map(|(name, usable)| (name, usable)))
}
