//! The threat model's rows on time.

use crate::*;
use std::time::Duration;

/// The variants with a time in a header.
fn timed_in_head() -> impl Iterator<Item = Case> {
    every_variant().filter(|case| case.form.timestamp.is_some() && case.time_in_body().is_none())
}

fn at(seconds: i64) -> UnixTime {
    UnixTime::from_seconds(seconds)
}

#[test]
fn an_unsigned_timestamp_never_makes_a_request_fresh() {
    let week_later = at(NOW.seconds() + 7 * 86_400);
    let time = week_later.to_string();
    let fresh = [
        "date", "timestamp", "x-timestamp", "x-webhook-timestamp", "webhook-timestamp", "x-slack-request-timestamp",
        "x-shopify-triggered-at", "x-relock-timestamp", "x-relaybox-webhook-timestamp", "svix-timestamp",
    ]
    .map(|name| (name, time.as_str()));
    for good in every_good() {
        let outcome = good.case.verify(SEED, &good.with_more(fresh), &good.body, week_later);
        match &good.case.form.timestamp {
            // No time is signed, so the request is neither fresh nor stale. Only deduplication protects this variant.
            None => assert_eq!(outcome.expect("no time").signed_at(), None, "{good}"),
            Some(_) => assert_eq!(outcome.expect_err("stale").code(), "too_old", "{good}"),
        }
    }
}

#[test]
fn a_request_outside_the_window_is_refused_with_any_body() {
    let tolerance = Duration::from_secs(300);
    let later = at(NOW.seconds() + 301);
    let stale = VerifyError::TooOld { signed_at: NOW, now: later, age: 301, tolerance };
    let earlier = at(NOW.seconds() - 301);
    let early = VerifyError::TooNew { signed_at: NOW, now: earlier, ahead: 301, tolerance };
    for case in timed_in_head() {
        for body in [r#"{"id":"a","id":"b","type":"x","type":"y"}"#, "no JSON", "{}", ""] {
            let headers = signed(&case, body.as_bytes());
            let error = |now| case.verify(SEED, &headers, body.as_bytes(), now).expect_err("outside the window");
            assert_eq!([error(later), error(earlier)], [stale.clone(), early.clone()], "{}: {body}", case.preset.name);
        }
    }
}
