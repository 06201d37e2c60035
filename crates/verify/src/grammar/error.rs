//! What can be wrong with a configuration.

use thiserror::Error;

/// What is wrong with the configuration: the key, its value, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{key}: {problem}")]
pub struct ConfigError {
    /// The key's full name, as `SOURCES.billing.dedup`.
    pub key: String,
    /// The value, as far as it may be shown, and what to do.
    pub problem: String,
}
