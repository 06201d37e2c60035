//! The threat model's section on time.

use crate::*;
use hookgate_verify::Clock;
use std::time::Duration;

fn timed() -> impl Iterator<Item = Case> {
    every_form().filter(|case| case.form.timestamp.is_some())
}

/// The forms whose time is a Unix text in a header.
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
fn a_unix_time_has_one_text_though_the_mac_over_another_be_right() {
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
                continue; // A comma there begins another field.
            }
            let headers = signed_at_text(&case, text, &body);
            let error = case.verify(SEED, &headers, &body, NOW).expect_err(text);
            let is_list = matches!(case.form.layout, Layout::List { assign: '=', .. });
            if is_list && text.ends_with([' ', '\t']) {
                // A blank before a comma is none of the time's, and so the MAC is over another text.
                assert_eq!(error.code(), "signature_mismatch", "{text:?}");
                continue;
            }
            let VerifyError::TimestampMalformed { expected, place } = &error else { panic!("{text:?}: {error:?}") };
            let at = case.time_in_header().unwrap_or("the signature header");
            assert_eq!(place, at);
            assert_eq!(*expected, "Unix seconds, digits only");
        }
        let headers = signed_at_text(&case, "1768478400", &body);
        assert!(case.verify(SEED, &headers, &body, NOW).is_ok(), "{}: the one text", case.preset.name);
        seen += 1;
    }
    assert!(seen >= 4, "LRDefender's timed form, Slack, Standard Webhooks, Stripe");
}

#[test]
fn the_signed_time_cannot_be_exchanged_for_a_fresh_one() {
    for case in unix_timed() {
        let good = good(&case);
        let later = at(NOW.seconds() + 1000);
        let fresh = match case.time_in_header() {
            Some(name) => with(&good.headers, name, &later.to_string()),
            None => {
                let text = signature_text(&case, &good.headers);
                with(&good.headers, case.header(), &case.signature_header(&later.to_string(), text))
            }
        };
        let error = case.verify(SEED, &fresh, &good.body, later).expect_err("exchanged");
        let place = case.header().to_owned();
        assert_eq!(error, VerifyError::SignatureMismatch { place, candidates: 1, secrets: 1 });
    }
}

#[test]
fn both_sides_of_the_window_are_checked_and_its_bounds_are_inside() {
    for case in timed() {
        let good = good(&case);
        let past = match case.form.timestamp.as_ref().unwrap().clock {
            Clock::Delivery => 300,
            Clock::Event => i64::try_from(case.preset.retry_span.as_secs()).unwrap() + 300,
        };
        let check = |now: i64| {
            let verified = case.verify(SEED, &good.headers, &good.body, at(now));
            verified.map(|verified| verified.signed_at())
        };
        let signed_at = NOW;
        let now = NOW.seconds();
        assert_eq!(check(now + past), Ok(Some(NOW)), "{}", case.preset.name);
        assert_eq!(check(now - 300), Ok(Some(NOW)), "{}", case.preset.name);
        let tolerance = Duration::from_secs(u64::try_from(past).unwrap());
        let stale = VerifyError::TooOld { signed_at, now: at(now + past + 1), age: past + 1, tolerance };
        assert_eq!(check(now + past + 1), Err(stale));
        let tolerance = Duration::from_secs(300);
        let future = VerifyError::TooNew { signed_at, now: at(now - 301), ahead: 301, tolerance };
        assert_eq!(check(now - 301), Err(future));
    }
}

#[test]
fn a_window_set_for_the_source_counts_on_both_sides() {
    for case in timed() {
        let good = good(&case);
        let tolerance = Duration::from_secs(60);
        let verifier = Verifier::new(Arc::clone(case.preset), vec![case.key(SEED)], Some(tolerance)).unwrap();
        let check = |now: i64| {
            let verified = verifier.receive(&good.headers).unwrap().verify(&good.body, at(now), &Native);
            verified.map(|_| ()).map_err(|error| error.code())
        };
        let now = NOW.seconds();
        assert_eq!(check(now + 60), Ok(()), "{}", case.preset.name);
        assert_eq!(check(now + 61), Err("too_old"), "{}", case.preset.name);
        assert_eq!(check(now - 60), Ok(()), "{}", case.preset.name);
        assert_eq!(check(now - 61), Err("too_new"), "{}", case.preset.name);
    }
}

#[test]
fn the_ends_of_time_do_not_overflow() {
    for case in timed() {
        let good = good(&case);
        let code = |now| case.verify(SEED, &good.headers, &good.body, at(now)).expect_err("far").code();
        assert_eq!(code(i64::MAX), "too_old", "{}", case.preset.name);
        assert_eq!(code(i64::MIN), "too_new", "{}", case.preset.name);
        assert_eq!(code(0), "too_new", "{}", case.preset.name);
    }
    for case in unix_timed() {
        let body = case.plain_body(ID, NOW);
        let code = |text| case.verify(SEED, &signed_at_text(&case, text, &body), &body, NOW).expect_err(text).code();
        assert_eq!(code("999999999999"), "too_new", "{}", case.preset.name);
        assert_eq!(code("1"), "too_old", "{}", case.preset.name);
    }
}

#[test]
fn a_time_in_the_body_is_rfc_3339_with_a_zone_and_nothing_else() {
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
    assert!(seen >= 5, "the five systems, but for LRDefender's timed form");
}

#[test]
fn a_body_that_tells_no_time_is_refused_where_the_time_is_there() {
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
fn an_unsigned_timestamp_is_never_freshness() {
    let week_later = at(NOW.seconds() + 7 * 86_400);
    let fresh: Headers = [
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
    .map(|name| (name.to_owned(), week_later.to_string()))
    .into();
    for case in every_form() {
        let good = good(&case);
        let read = |name: &String| good.headers.iter().any(|(n, _)| n == name);
        let unsigned = fresh.iter().filter(|(name, _)| !read(name)).cloned();
        let headers: Headers = good.headers.iter().cloned().chain(unsigned).collect();
        let outcome = case.verify(SEED, &headers, &good.body, week_later);
        match &case.form.timestamp {
            // Nothing signed tells the time: neither fresh nor stale. Deduplication alone guards these.
            None => assert_eq!(outcome.expect("no time").signed_at(), None, "{}", case.preset.name),
            Some(_) => assert_eq!(outcome.expect_err("stale").code(), "too_old", "{}", case.preset.name),
        }
    }
}

#[test]
fn a_stale_delivery_is_stale_whatever_its_body_holds() {
    // Where the time is in a header, nothing in the body is needed to see that a capture is old; the sender is
    // told no more than that.
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
