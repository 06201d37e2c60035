//! The error of a configuration.

use thiserror::Error;

/// A mistake in the configuration: the key, its value, and the remedy.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{key}: {problem}")]
pub struct ConfigError {
    /// The key's full name, such as `SOURCES.billing.dedup`.
    pub key: String,
    /// The mistake and the remedy, with the value if the value cannot be a secret.
    pub problem: String,
}
