//! hookgate: a webhook gateway on Cloudflare Workers.
//!
//! Providers POST to `/webhooks/{source}`. hookgate proves each request authentic and fresh, drops duplicates, queues
//! the other events and forwards each of them to its destination, byte for byte.
//! Three promises: nothing forged, nothing lost, nothing twice (as far as each deduplication level can promise it).
//!
//! # The map
//!
//! Imports flow one way: `edge → pipeline → {config, dedup, message, letter, limit, retry} → hookgate_verify`.
//!
//! - [`hookgate_verify`]: the pure core, a crate of its own. Headers, bytes and a time in; a proof or a precise error out.
//! - [`config`]: wrangler's variables in, types that cannot be wrong out.
//! - [`dedup`]: deduplication keys, and the claims on them.
//! - [`message`]: the queue message, and the request of an attempt. [`letter`]: the dead letter.
//! - [`forwarded_headers`]: which headers are forwarded. [`headers`]: the headers of a request, in one text.
//! - [`pending_secret`]: secrets that providers sent. [`source_name`]: the names of sources.
//! - [`retry`]: the delays between attempts. [`limit`]: which addresses are over the rate limit.
//!   [`minimum_rate`]: how fast a large body must arrive.
//! - [`answer`]: what senders read. [`record`], [`health`]: what operators read. [`truncate`]: cuts long texts.
//! - [`pipeline`]: each step of a request and of a queue message, in order, over ports. Start reading here.
//! - `edge`: the only module that knows the runtime. It passes events to the pipeline and implements the ports. It decides
//!   nothing. It and its dependencies are compiled for `wasm32` alone, so no other module can call them.
//!
//! # Invariants
//!
//! - Verify first: before the signature is proven nothing is stored, looked up or forwarded.
//! - Only signed material decides freshness and identity.
//! - The raw bytes stay unchanged, from the provider to the destination.
//! - Claim → durable → confirm → 2xx, in that order; on failure release.
//! - Fail closed: a source without a usable secret answers 500, and never accepts a request.
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
