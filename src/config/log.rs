//! `log_bodies` and `redact`: what the log keeps of a source's requests.

use super::{Config, ConfigError};
use crate::payload::is_copy;
use crate::redact::Redactions;
use hookgate_verify::grammar::{Fields, span};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 3600);
const DEFAULT_BODIES: Duration = Duration::from_secs(7 * 24 * 3600);
const LONGEST_BODIES: Duration = Duration::from_secs(30 * 24 * 3600);

/// What the log keeps of a source's requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPolicy {
    /// How long the log keeps a body: from 1 day to 30 days. `None` if it keeps no bodies.
    pub bodies: Option<Duration>,
    /// What the log leaves out of bodies and headers.
    pub redactions: Redactions,
}

/// Bodies for 7 days, without redaction.
impl Default for LogPolicy {
    fn default() -> Self {
        Self { bodies: Some(DEFAULT_BODIES), redactions: Redactions::default() }
    }
}

impl LogPolicy {
    /// Nothing that may be secret: for a source whose rules are not known.
    pub const UNKNOWN: &'static Self = &Self { bodies: None, redactions: Redactions::UNKNOWN };

    /// How long the log keeps the row of an event.
    pub fn row(&self) -> Duration {
        self.bodies.unwrap_or(DEFAULT_BODIES)
    }

    /// Whether the log keeps the body `name` in R2 after its delivery, as long as it keeps the row. R2 has the exact body,
    /// so a rule for bodies forbids it. A copy of a body in the log is not needed anymore.
    pub fn keeps_stored(&self, name: &str) -> bool {
        self.bodies.is_some() && !self.redactions.has_body_rules() && !is_copy(name)
    }
}

impl Config {
    /// What the log keeps of the requests of the source `name`. If the source does not exist or is misconfigured, its rules
    /// are not known: then the log keeps no body and no value of a header. An event in a queue outlives its source.
    pub fn log_policy(&self, name: &str) -> &LogPolicy {
        self.source(name).and_then(Result::ok).map_or(LogPolicy::UNKNOWN, |source| &source.log)
    }
}

pub(super) fn parse(fields: &Fields<'_>) -> Result<LogPolicy, ConfigError> {
    let problem = || fields.error("log_bodies", "must be \"none\", or a time from \"1d\" to \"30d\"".to_owned());
    let bodies = match fields.text("log_bodies")? {
        None => Some(DEFAULT_BODIES),
        Some("none") => None,
        Some(text) => Some(span::parse(text).filter(|span| (DAY..=LONGEST_BODIES).contains(span)).ok_or_else(problem)?),
    };
    let rules = fields.texts("redact")?.unwrap_or_default();
    let redactions = Redactions::parse(&rules).map_err(|problem| fields.error("redact", problem))?;
    Ok(LogPolicy { bodies, redactions })
}
