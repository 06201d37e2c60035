//! The threat model's section on bodies: which bytes are signed.

use crate::*;

#[test]
fn the_mac_is_over_the_bytes_as_received() {
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00";
    for case in every_form().filter(|case| !case.needs_json()) {
        let bodies: [&[u8]; 7] = [b"", b"\xef\xbb\xbf{}", b"{\r\n}\r\n", b"\xff\xfe\x00", gzip, b"\0", b"\xed\xa0\x80"];
        for body in bodies {
            let verified = case.verify(SEED, &signed(&case, body), body, NOW);
            let verified = verified.map_err(|error| format!("{}: {body:?}: {error}", case.preset.name)).unwrap();
            assert!(std::ptr::eq(verified.body(), body), "the very bytes");
        }
    }
}

#[test]
fn an_authentic_body_that_is_not_the_json_it_should_be_is_not_json() {
    let gzip = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00";
    let bodies: [&[u8]; 8] = [b"", b" ", b"\xef\xbb\xbf{}", b"\xff\xfe\x00", gzip, b"\0", b"{}{}", b"payload=%7B%7D"];
    for case in every_form().filter(|case| case.needs_json() && !case.signs_the_value()) {
        for body in bodies {
            let error = case.verify(SEED, &signed(&case, body), body, NOW).expect_err("not JSON");
            assert!(matches!(error, VerifyError::NotJson { .. }), "{}: {body:?}: {error:?}", case.preset.name);
            assert!(error.is_authentic(), "a 422, not a 401");
        }
    }
    for case in every_form().filter(Case::signs_the_value) {
        let good = good(&case);
        for body in bodies {
            let error = case.verify(SEED, &good.headers, body, NOW).expect_err("not JSON");
            assert!(matches!(error, VerifyError::NotCanonical { .. }), "{body:?}: {error:?}");
            assert!(!error.is_authentic(), "nothing is proven: a 401");
        }
    }
}

#[test]
fn a_byte_changed_added_or_lost_on_the_way_is_a_forgery() {
    for case in every_form() {
        let good = good(&case);
        let text = String::from_utf8(good.body.clone()).unwrap();
        let mut changed = vec![
            format!("\u{feff}{text}").into_bytes(),
            format!("{text}\0").into_bytes(),
            good.body[1..].to_vec(),
            good.body[..good.body.len() - 1].to_vec(),
            Vec::new(),
        ];
        if !case.signs_the_value() {
            changed.push(format!("{text}\n").into_bytes());
            changed.push(format!(" {text}").into_bytes());
            changed.push(text.replace(',', ",\r\n").replace(':', ": ").into_bytes());
        }
        for body in changed {
            let error = case.verify(SEED, &good.headers, &body, NOW).expect_err("changed");
            let right = if case.signs_the_value() { "not_canonical" } else { "signature_mismatch" };
            assert_eq!(error.code(), right, "{}: {}", case.preset.name, String::from_utf8_lossy(&body));
        }
    }
}

#[test]
fn a_gzip_label_changes_nothing() {
    for case in every_form() {
        let good = good(&case);
        for label in ["gzip", "br", "deflate", "gzip, gzip"] {
            let headers = with(&good.headers, "content-encoding", label);
            let verified = case.verify(SEED, &headers, &good.body, NOW).expect("as received");
            assert!(std::ptr::eq(verified.body(), good.body.as_slice()));
        }
    }
}

#[test]
fn an_unproven_body_cannot_fill_the_log() {
    // Anybody can send this much; a reason that quotes it would be written for each.
    let key = "k".repeat(100_000);
    let body = format!("{{\"{key}\":1,\"{key}\":2}}");
    let number = format!("{{\"n\":{}}}", "9".repeat(100_000));
    for case in every_form() {
        let good = good(&case);
        for body in [&body, &number] {
            let error = case.verify(SEED, &good.headers, body.as_bytes(), NOW).expect_err("forged");
            assert!(!error.is_authentic());
            let length = error.to_string().len();
            assert!(length < 1000, "{}: a reason of {length} bytes", case.preset.name);
        }
    }
}
