//! The limit on refusals: a refusal is counted for its sender, and a sender over the limit gets 429 instead.

use super::ports::{Local, Request};
use super::refusal::Refusal;
use crate::limit;
use crate::record::Record;
use hookgate_verify::UnixTime;

/// Whether this isolate knows that the sender is over the limit at `subject`, a source or `/api`.
pub fn is_limited(request: &impl Request, subject: &str, ports: &impl Local, now: UnixTime) -> bool {
    let limited = ports.isolate().limited.borrow();
    !limited.is_empty() && limited.is_limited(&limit::pair(subject, request), now)
}

/// Counts a refusal and notes it in the record. Returns the refusal for the sender, and whether to write a line to the log.
pub async fn settle(
    refusal: Refusal,
    request: &impl Request,
    record: &mut Record,
    ports: &impl Local,
    now: UnixTime,
) -> (Refusal, bool) {
    let (refusal, count) = counted(refusal, request, record, ports, now).await;
    record.refused(refusal.verdict(), refusal.code(), refusal.detail());
    record.count = count.filter(|count| *count > 1);
    (refusal, count.is_some())
}

async fn counted(
    refusal: Refusal,
    request: &impl Request,
    record: &Record,
    ports: &impl Local,
    now: UnixTime,
) -> (Refusal, Option<u64>) {
    let limited = &ports.isolate().limited;
    if !is_limited(request, record.place(), ports, now) {
        if refusal.counts() {
            let pair = limit::pair(record.place(), request);
            if ports.is_over_limit(&pair).await {
                limited.borrow_mut().limit(pair, now);
            }
        }
        return (refusal, Some(1));
    }
    // A request with the right token is proven, so the operator still gets the refusal itself.
    let unproven = refusal.counts() || (record.source.is_some() && refusal.is_before_the_proof());
    if !unproven {
        return (refusal, Some(1));
    }
    let count = limited.borrow_mut().tell(&limit::pair(record.place(), request), now);
    (refusal.of_limited(), count)
}
