//! hookgate: a webhook gateway on Cloudflare Workers.
//!
//! Providers POST to `/webhooks/{source}`. The gateway proves each request authentic and fresh, drops duplicates, makes the
//! event durable, and forwards it to the source's destination, byte for byte. Four promises: nothing forged, nothing lost,
//! nothing twice (as far as each deduplication level can promise it), nothing hidden.
//!
//! Not in scope: how providers sign. The crate `hookgate_verify` decides that, without I/O and without a clock.
//!
//! Start with [`pipeline`]: it has the way of a webhook from top to bottom. `docs/ARCHITECTURE.md` has the map and the
//! invariants.

pub mod alert;
pub mod answer;
pub mod audit;
pub mod config;
pub mod database;
pub mod dedup;
pub mod forwarded_headers;
pub mod headers;
pub mod health;
mod json_object;
pub mod letter;
pub mod limit;
pub mod log;
pub mod message;
pub mod minimum_rate;
pub mod openmetrics;
pub mod operate;
pub mod pause;
pub mod payload;
pub mod pending_secret;
pub mod pipeline;
pub mod record;
pub mod redact;
pub mod replay;
pub mod retry;
pub mod rotation;
pub mod serve;
pub mod source_name;
pub mod trace;
pub mod truncate;

#[cfg(target_arch = "wasm32")]
mod edge;
