//! The claim on the key of a filtered event.

use super::claims::{Acquisition, KeyClaim};
use super::ports::Ports;
use super::refusal::Refusal;
use super::settle;
use crate::config::{Config, Source};
use crate::dedup::DedupKey;
use crate::record::Record;
use hookgate_verify::{UnixTime, Verified};

/// Whether the key of a filtered event must be claimed: if the signature covers the content but not the type. Without the
/// claim, a stranger who captured the request could send it again with a type that the source wants. If the signature covers
/// no content, a stranger needs no captured request, and a claim would not help.
pub(super) fn must_claim(source: &Source, verified: &Verified<'_>) -> bool {
    verified.event_types().unsigned.is_some() && !source.verifier.preset().scheme.proves_only_sender()
}

/// Claims and confirms `key`, so that the same request is a duplicate later. The caller answers 2xx only after this.
pub(super) async fn claim_filtered<P: Ports>(
    key: Option<DedupKey>,
    source: &Source,
    config: &Config,
    ports: &P,
    now: UnixTime,
    record: &mut Record,
) -> Result<(), Refusal> {
    if key.is_none() {
        return Ok(());
    }
    let acquired = KeyClaim::acquire(source, config, key, ports, now).await;
    match acquired.map_err(Refusal::failed("claim_failed"))? {
        Acquisition::Acquired(claim) => settle(claim, key, source, ports, now, record).await,
        Acquisition::InFlight(_) => return Err(Refusal::InFlight),
        Acquisition::Duplicate => {}
    }
    Ok(())
}
