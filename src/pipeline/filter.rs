//! What becomes of the key of an event that the source does not want.

use super::claims::{Acquisition, KeyClaim};
use super::ports::Ports;
use super::refusal::Refusal;
use super::settle;
use crate::config::{Config, Source};
use crate::dedup::DedupKey;
use crate::record::Record;
use hookgate_verify::{UnixTime, Verified};

/// Whether a filtered event claims its key: where no signature covers the type, and one covers the rest. Then whoever captured
/// the request could send it again under a type that is wanted. Where nothing of the content is signed, a stranger needs no
/// capture of this very event, and a claim would keep nobody out.
pub(super) fn claims(source: &Source, verified: &Verified<'_>) -> bool {
    verified.event_types().unsigned.is_some() && !source.verifier.preset().scheme.proves_only_sender()
}

/// Claims `key`, where there is one, as if its event had been accepted, so that the same request does not pass later. To be
/// done before the 2xx.
pub(super) async fn claim<P: Ports>(
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
    let taken = KeyClaim::take(source, config, key, ports, now).await;
    match taken.map_err(Refusal::failed("claim_failed"))? {
        Acquisition::Acquired(claim) => settle(claim, key, source, ports, now, record).await,
        Acquisition::InFlight(_) => return Err(Refusal::InFlight),
        Acquisition::Duplicate => {}
    }
    Ok(())
}
