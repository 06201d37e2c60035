//! hookgate: a webhook gateway on Cloudflare Workers.
//!
//! Providers POST to `/webhooks/{source}`. hookgate proves each request authentic and fresh, drops duplicates, queues
//! the rest and forwards it to an origin, byte for byte. Three promises: nothing forged, nothing lost, nothing twice
//! (as far as each deduplication level can promise it).
//!
//! # The map
//!
//! Imports flow one way: `edge → pipeline → {config, dedup, delivery, letter, limit, retry} → hookgate_verify`.
//!
//! - [`hookgate_verify`]: the pure core, a crate of its own. Headers, bytes and a time in; a proof or a precise error out.
//! - [`config`]: wrangler's variables in, types that cannot be wrong out.
//! - [`dedup`]: keys, and the claims on them. [`delivery`], [`letter`]: the queue message, the forward and the dead
//!   letter. [`forwarded`]: which headers go on. [`installed`]: secrets that providers sent. [`retry`], [`limit`]: delays, and whose forgeries are answered 429.
//!   [`pace`]: how fast a large body has to come.
//!   [`headers`]: a request's, in one text. [`answer`], [`record`], [`health`]: what senders and operators read;
//!   [`shown`]: how much of it. All of them as data.
//! - [`pipeline`]: the way of a webhook, top to bottom, over ports. Start reading here.
//! - `edge`: the only place that knows the runtime. Events in, ports out; it decides nothing. It exists for
//!   `wasm32` alone, and so do its dependencies: nothing above it can call them.
//!
//! # Invariants
//!
//! - Verify first: before the signature is proven nothing is stored, looked up or forwarded.
//! - Only signed material decides freshness and identity.
//! - The raw bytes stay as they are, from the provider to the origin.
//! - Claim → durable → confirm → 2xx, in that order; on failure release.
//! - Fail closed: a source without a usable secret answers 500, never "accept anyway".
//! - No secret leaves, and no input makes the Worker panic.

pub mod answer;
pub mod config;
pub mod dedup;
pub mod forwarded_headers;
pub mod headers;
pub mod health;
pub mod letter;
pub mod limit;
pub mod message;
pub mod minimum_rate;
pub mod pending_secret;
pub mod pipeline;
pub mod record;
pub mod retry;
pub mod source_name;
pub mod truncate;

#[cfg(target_arch = "wasm32")]
mod edge;
