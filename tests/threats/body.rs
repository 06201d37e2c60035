//! The threat model's rows on bodies: which bytes are signed.

use crate::*;

const GZIP: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00";

#[test]
fn the_signature_covers_the_bytes_as_received() {
    for case in every_form().filter(|case| !case.needs_json()) {
        let bodies: [&[u8]; 7] = [b"", b"\xef\xbb\xbf{}", b"{\r\n}\r\n", b"\xff\xfe\x00", GZIP, b"\0", b"\xed\xa0\x80"];
        for body in bodies {
            let verified = case.verify(SEED, &signed(&case, body), body, NOW);
            let verified = verified.map_err(|error| format!("{}: {body:?}: {error}", case.preset.name)).unwrap();
            assert!(std::ptr::eq(verified.body(), body), "the very same bytes");
        }
    }
}

#[test]
fn an_authentic_body_that_should_be_json_and_is_not_has_the_error_not_json() {
    let bodies: [&[u8]; 8] = [b"", b" ", b"\xef\xbb\xbf{}", b"\xff\xfe\x00", GZIP, b"\0", b"{}{}", b"payload=%7B%7D"];
    for case in every_form().filter(|case| case.needs_json() && !case.signs_the_value()) {
        for body in bodies {
            let error = case.verify(SEED, &signed(&case, body), body, NOW).expect_err("not JSON");
            assert!(matches!(error, VerifyError::NotJson { .. }), "{}: {body:?}: {error:?}", case.preset.name);
            assert!(error.is_authentic(), "the answer is 422, not 401");
        }
    }
    for good in every_good().filter(|good| good.case.signs_the_value()) {
        for body in bodies {
            let error = good.case.verify(SEED, &good.headers, body, NOW).expect_err("not JSON");
            assert!(matches!(error, VerifyError::NotCanonical { .. }), "{body:?}: {error:?}");
            assert!(!error.is_authentic(), "the signature proves nothing: the answer is 401");
        }
    }
}

#[test]
fn a_changed_added_or_lost_byte_makes_a_forgery() {
    for good in every_good() {
        let text = String::from_utf8(good.body.clone()).unwrap();
        let mut changed = vec![
            format!("\u{feff}{text}").into_bytes(),
            format!("{text}\0").into_bytes(),
            good.body[1..].to_vec(),
            good.body[..good.body.len() - 1].to_vec(),
            Vec::new(),
        ];
        if !good.case.signs_the_value() {
            changed.push(format!("{text}\n").into_bytes());
            changed.push(format!(" {text}").into_bytes());
            changed.push(text.replace(',', ",\r\n").replace(':', ": ").into_bytes());
        }
        for body in changed {
            let error = good.case.verify(SEED, &good.headers, &body, NOW).expect_err("changed");
            let right = if good.case.signs_the_value() { "not_canonical" } else { "signature_mismatch" };
            assert_eq!(error.code(), right, "{good}: {}", String::from_utf8_lossy(&body));
        }
    }
}

#[test]
fn a_gzip_label_changes_nothing() {
    for good in every_good() {
        for label in ["gzip", "br", "deflate", "gzip, gzip"] {
            let headers = with(&good.headers, "content-encoding", label);
            let verified = good.verify(&headers).expect("as received");
            assert!(std::ptr::eq(verified.body(), good.body.as_slice()));
        }
    }
}

#[test]
fn an_unproven_body_cannot_fill_the_log() {
    // Any sender can send a body this long. A reason that quotes the body would be in the log once for each request.
    let key = "k".repeat(100_000);
    let body = format!("{{\"{key}\":1,\"{key}\":2}}");
    let number = format!("{{\"n\":{}}}", "9".repeat(100_000));
    for good in every_good() {
        for body in [&body, &number] {
            let error = good.case.verify(SEED, &good.headers, body.as_bytes(), NOW).expect_err("forged");
            assert!(!error.is_authentic());
            let length = error.to_string().len();
            assert!(length < 1000, "{good}: a reason of {length} bytes");
        }
    }
}
