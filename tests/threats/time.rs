//! The threat model's rows on time.

use crate::*;
use hookgate_verify::Clock;
use std::time::Duration;

fn timed() -> impl Iterator<Item = Case> {
    every_form().filter(|case| case.form.timestamp.is_some())
}

/// The forms whose time is Unix seconds in a header.
fn unix_timed() -> impl Iterator<Item = Case> {
    timed().filter(|case| case.time_in_body().is_none())
}

/// The forms whose time is RFC 3339 in the body.
fn body_timed() -> impl Iterator<Item = Case> {
    timed().filter(|case| case.time_in_body().is_some())
}

fn at(seconds: i64) -> UnixTime {
    UnixTime::from_seconds(seconds)
}

#[test]
fn a_unix_time_has_only_one_spelling_even_if_the_signature_over_another_is_right() {
    let texts = [
        "",
        "0",
        "00",
        "01768478400",
        "+1768478400",
        "-1768478400",
        "-1",
        "1768478400.0",
        "1768478400.",
        "1.5",
        "1e9",
        "1768478400000",
        "1000000000000",
        " 1768478400",
        "1768478400 ",
        "1,768,478,400",
        "1_768_478_400",
        "0x69",
        "１７６８４７８４００",
        "NaN",
        "inf",
        "2026-01-15T12:00:00Z",
        "1768478400\0",
    ];
    let digits = "1".repeat(400);
    let mut seen = 0;
    for case in unix_timed() {
        let body = case.plain_body(ID, NOW);
        for text in texts.iter().copied().chain([digits.as_str()]) {
            if text.contains(',') && matches!(case.form.layout, Layout::List { assign: '=', .. }) {
                continue; // In this header, a comma begins another field.
            }
            let headers = signed_at_text(&case, text, &body);
            let error = case.verify(SEED, &headers, &body, NOW).expect_err(text);
            let is_list = matches!(case.form.layout, Layout::List { assign: '=', .. });
            if is_list && text.ends_with([' ', '\t']) {
                // A blank before a comma does not belong to the time, so the signature is over another text.
                assert_eq!(error.code(), "signature_mismatch", "{text:?}");
                continue;
            }
            let VerifyError::TimestampMalformed { expected, place } = &error else { panic!("{text:?}: {error:?}") };
            let at = case.time_in_header().unwrap_or("the signature header");
            assert_eq!(place, at);
            assert_eq!(*expected, "Unix seconds, digits only");
        }
        let headers = signed_at_text(&case, "1768478400", &body);
        assert!(case.verify(SEED, &headers, &body, NOW).is_ok(), "{}: the only spelling", case.preset.name);
        seen += 1;
    }
    assert!(seen >= 4, "LRDefender's timed form, Slack, Standard Webhooks, Stripe");
}

#[test]
fn a_fresh_time_cannot_replace_the_signed_time() {
    for case in unix_timed() {
        let good = Good::new(case);
        let later = at(NOW.seconds() + 1000);
        let fresh = match case.time_in_header() {
            Some(name) => with(&good.headers, name, &later.to_string()),
            None => good.with_header(&case.signature_header(&later.to_string(), good.signature())),
        };
        let error = case.verify(SEED, &fresh, &good.body, later).expect_err("another time");
        assert_eq!(error, mismatch(&case, 1, 1));
    }
}

#[test]
fn both_sides_of_the_window_are_checked_and_its_bounds_are_inside() {
    for case in timed() {
        let good = Good::new(case);
        let past = match case.form.timestamp.as_ref().unwrap().clock {
            Clock::Request => 300,
            Clock::Event => i64::try_from(case.preset.retry_span.as_secs()).unwrap() + 300,
        };
        let check = |now: i64| {
            let verified = case.verify(SEED, &good.headers, &good.body, at(now));
            verified.map(|verified| verified.signed_at())
        };
        let (signed_at, now) = (NOW, NOW.seconds());
        assert_eq!(check(now + past), Ok(Some(NOW)), "{good}");
        assert_eq!(check(now - 300), Ok(Some(NOW)), "{good}");
        let tolerance = Duration::from_secs(u64::try_from(past).unwrap());
        let stale = VerifyError::TooOld { signed_at, now: at(now + past + 1), age: past + 1, tolerance };
        assert_eq!(check(now + past + 1), Err(stale));
        let tolerance = Duration::from_secs(300);
        let future = VerifyError::TooNew { signed_at, now: at(now - 301), ahead: 301, tolerance };
        assert_eq!(check(now - 301), Err(future));
    }
}

#[test]
fn the_tolerance_of_a_source_counts_on_both_sides() {
    for case in timed() {
        let good = Good::new(case);
        let tolerance = Duration::from_secs(60);
        let verifier = Verifier::new(Arc::clone(case.preset), vec![case.key(SEED)], Some(tolerance)).unwrap();
        let check = |now: i64| {
            let verified = verifier.receive(&good.headers).unwrap().verify(&good.body, at(now), &Native);
            verified.map(|_| ()).map_err(|error| error.code())
        };
        let outcomes = [60, 61, -60, -61].map(|seconds| check(NOW.seconds() + seconds));
        assert_eq!(outcomes, [Ok(()), Err("too_old"), Ok(()), Err("too_new")], "{good}");
    }
}

#[test]
fn extreme_times_do_not_overflow() {
    for case in timed() {
        let good = Good::new(case);
        let code = |now| case.verify(SEED, &good.headers, &good.body, at(now)).expect_err("far").code();
        assert_eq!([i64::MAX, i64::MIN, 0].map(code), ["too_old", "too_new", "too_new"], "{good}");
    }
    for case in unix_timed() {
        let body = case.plain_body(ID, NOW);
        let code = |text| case.verify(SEED, &signed_at_text(&case, text, &body), &body, NOW).expect_err(text).code();
        assert_eq!(["999999999999", "1"].map(code), ["too_new", "too_old"], "{}", case.preset.name);
    }
}

#[test]
fn a_time_in_the_body_must_be_rfc_3339_with_a_zone() {
    let noon = NOW.seconds();
    let fraction = format!("2026-01-15T12:00:00.{}Z", "9".repeat(5000));
    let good = [
        ("2026-01-15T12:00:00Z", noon),
        ("2026-01-15t12:00:00z", noon),
        ("2026-01-15T12:00:00+00:00", noon),
        ("2026-01-15T12:00:00-00:00", noon),
        ("2026-01-15T14:30:00+02:30", noon),
        ("2026-01-15T02:00:00-10:00", noon),
        ("2026-01-15T12:00:00.1Z", noon),
        (fraction.as_str(), noon),
        ("2016-12-31T23:59:60Z", 1_483_228_799),
    ];
    let bad = [
        "",
        " ",
        "2026-01-15T12:00:00",
        "2026-01-15T12:00:00.5",
        "2026-01-15",
        "12:00:00Z",
        "2026-01-15T12:00Z",
        "2026-01-15T12:00:00+2:30",
        "2026-01-15T12:00:00+0230",
        "2026-01-15T12:00:00+24:00",
        "2026-01-15T12:00:00 UTC",
        "2026-01-15T24:00:00Z",
        "2026-01-15T12:60:00Z",
        "2026-01-15T12:00:60Z",
        "2026-01-15T12:00:61Z",
        "2026-02-29T12:00:00Z",
        "2026-00-15T12:00:00Z",
        "2026-1-15T12:00:00Z",
        "-2026-01-15T12:00:00Z",
        "+2026-01-15T12:00:00Z",
        "10000-01-15T12:00:00Z",
        "2026-01-15T12:00:00.Z",
        "2026-01-15T12:00:00Zx",
        "x2026-01-15T12:00:00Z",
        "1768478400",
        "Thu, 15 Jan 2026 12:00:00 GMT",
        "٢٠٢٦-01-15T12:00:00Z",
    ];
    let mut seen = 0;
    for case in body_timed() {
        let place = case.time_in_body().expect("in the body").0.to_string();
        for (text, time) in good {
            let body = body_at(&case, text.into());
            let verified = case.verify(SEED, &signed(&case, &body), &body, at(time)).expect(text);
            assert_eq!(verified.signed_at(), Some(at(time)), "{}: {text}", case.preset.name);
        }
        let others = [Value::Null, true.into(), noon.into(), Value::Array(Vec::new()), Value::Object(Map::new())];
        for value in bad.map(Value::from).into_iter().chain(others) {
            let body = body_at(&case, value.clone());
            let error = case.verify(SEED, &signed(&case, &body), &body, NOW).expect_err("malformed");
            let right = VerifyError::TimestampMalformed { place: place.clone(), expected: "RFC 3339 with a zone" };
            assert_eq!(error, right, "{}: {value}", case.preset.name);
        }
        for (text, code) in [
            ("0000-01-01T00:00:00Z", "too_old"),
            ("9999-12-31T23:59:59Z", "too_new"),
            ("0000-01-01T00:00:00+23:59", "too_old"),
            ("9999-12-31T23:59:59-23:59", "too_new"),
        ] {
            let body = body_at(&case, text.into());
            let error = case.verify(SEED, &signed(&case, &body), &body, NOW).expect_err(text);
            assert_eq!(error.code(), code, "{}: {text}", case.preset.name);
        }
        seen += 1;
    }
    assert!(seen >= 5, "the five systems, except LRDefender's timed form");
}

#[test]
fn a_body_without_its_time_is_refused() {
    for case in body_timed() {
        let place = case.time_in_body().expect("in the body").0.to_string();
        for body in ["{}", "[]", "1", "null", "\"2026-01-15T12:00:00Z\"", r#"{"data":[]}"#, r#"{"x":{"timestamp":1}}"#]
        {
            let body = body.as_bytes();
            let error = case.verify(SEED, &signed(&case, body), body, NOW).expect_err("no time");
            assert_eq!(error, VerifyError::TimestampMissing { place: place.clone() }, "{}", case.preset.name);
        }
    }
}

#[test]
fn an_unsigned_timestamp_never_makes_a_request_fresh() {
    let week_later = at(NOW.seconds() + 7 * 86_400);
    let time = week_later.to_string();
    let fresh = [
        "date",
        "timestamp",
        "x-timestamp",
        "x-webhook-timestamp",
        "webhook-timestamp",
        "x-slack-request-timestamp",
        "x-shopify-triggered-at",
        "x-relock-timestamp",
        "x-relaybox-webhook-timestamp",
        "svix-timestamp",
    ]
    .map(|name| (name, time.as_str()));
    for good in every_good() {
        let outcome = good.case.verify(SEED, &good.with_more(fresh), &good.body, week_later);
        match &good.case.form.timestamp {
            // No time is signed, so the request is neither fresh nor stale. Only deduplication protects this form.
            None => assert_eq!(outcome.expect("no time").signed_at(), None, "{good}"),
            Some(_) => assert_eq!(outcome.expect_err("stale").code(), "too_old", "{good}"),
        }
    }
}

#[test]
fn a_stale_request_is_stale_with_any_body() {
    // If the time is in a header, the age of a captured request shows without its body. The answer tells nothing else.
    let later = at(NOW.seconds() + 301);
    for case in unix_timed() {
        for body in [r#"{"id":"a","id":"b","type":"x","type":"y"}"#, "no JSON", "{}", ""] {
            let headers = signed(&case, body.as_bytes());
            let error = case.verify(SEED, &headers, body.as_bytes(), later).expect_err("stale");
            assert_eq!(error.code(), "too_old", "{}: {body}: {error}", case.preset.name);
        }
    }
}

fn body_at(case: &Case, time: Value) -> Vec<u8> {
    let (path, _) = case.time_in_body().expect("in the body");
    let mut body = case.body(ID, NOW, "a.type", Map::new());
    put(&mut body, path.steps(), time);
    body.to_string().into_bytes()
}
