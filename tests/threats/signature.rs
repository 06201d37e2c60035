//! The threat model's rows on signatures.

use crate::*;

#[test]
fn without_a_secret_no_request_verifies() {
    for good in every_good() {
        let verifier = Verifier::new(Arc::clone(good.case.preset), Vec::new(), None).unwrap();
        let error = verifier.receive(&good.headers).unwrap().verify(&good.body, NOW, &Native).expect_err("no key");
        assert_eq!(error.code(), "signature_mismatch", "{good}");
    }
}

#[test]
fn ten_thousand_signatures_are_refused_unread() {
    for good in every_good() {
        let text = good.signature();
        let signed = [format!("t={NOW}"), format!("v1,{text}"), format!("sha256={text}"), text.to_owned()];
        for entries in [",v1=", " v1,", "v1=", ",", " "].map(|entry| entry.repeat(10_000)) {
            for head in &signed {
                let headers = good.with_header(&format!("{head}{entries}"));
                let refused = good.case.verifier(&[SEED]).receive(&headers).err();
                let (place, problem) = (good.case.header().to_owned(), "longer than 8 KiB");
                assert_eq!(refused, Some(VerifyError::SignatureMalformed { place, problem }));
            }
        }
    }
}

#[test]
fn no_error_shows_the_secret_or_the_right_signature() {
    for good in every_good() {
        let case = &good.case;
        let error = good.verify(&good.with_signature(&good.zeros())).expect_err("forged");
        let shown = format!("{error} {error:?} {:?} {:?}", case.key(SEED), case.verifier(&[SEED]));
        assert!(shown.contains(case.header()), "the error names the header");
        assert!(!shown.contains(&case.secret(SEED)) && !shown.contains(SEED), "{shown}");
        assert!(!shown.contains(good.signature()), "{shown}");
    }
}

#[test]
fn a_signature_of_another_version_does_not_count() {
    let mut seen = 0;
    for good in every_good() {
        let (text, zeros) = (good.signature(), good.zeros());
        let header = match good.case.form.layout {
            Layout::Single { .. } => continue,
            Layout::List { assign: '=', .. } => format!("t={NOW},v0={text},v1={zeros},v2={text}"),
            Layout::List { assign: ',', .. } => format!("v1a,{text} v1,{zeros} v2,{text}"),
            ref layout => panic!("{layout:?}"),
        };
        assert_eq!(good.verify_header(&header).expect_err("only v1 counts"), mismatch(&good.case, 1, 1));
        seen += 1;
    }
    assert!(seen >= 3, "Stripe, LRDefender with a time, Standard Webhooks");
}

#[test]
fn a_repeated_header_of_one_signature_is_a_list_of_signatures() {
    let mut seen = 0;
    for good in every_good().filter(|good| matches!(good.case.form.layout, Layout::Single { .. })) {
        let right = good.header();
        let wrong = good.case.signature_header(&NOW.to_string(), &good.zeros());
        let once = good.verify(&good.headers).expect("once").identity().clone();
        for text in [
            format!("{right}, {right}"),
            format!("{right},{wrong}"),
            format!("{wrong} \t,\t {right}"),
            format!(",, {wrong}, ,{right},"),
            format!("{}{right}", format!("{wrong}, ").repeat(MAX_SIGNATURES - 1)),
        ] {
            let verified = good.verify_header(&text).unwrap_or_else(|error| panic!("{good}: {text}: {error}"));
            assert_eq!(verified.identity(), &once, "the identity does not depend on the header's text");
        }
        let error = good.verify_header(&format!("{wrong}, {wrong}")).expect_err("two wrong signatures");
        assert_eq!(error, mismatch(&good.case, 2, 1));
        let nine = format!("{right}{}", format!(", {wrong}").repeat(MAX_SIGNATURES));
        let too_many = VerifyError::TooManySignatures { place: good.case.header().to_owned(), max: 8 };
        assert_eq!(good.verify_header(&nine).expect_err("nine"), too_many);
        for text in [
            format!("{right}, x"),
            format!("{right}, {}", &wrong[..wrong.len() - 1]),
            format!("{right};{right}"),
            format!("{right} {right}"),
            format!("{right}\u{ff0c}{right}"),
            format!("{right}\u{a0},{right}"),
            format!("{right},\u{2003}{right}"),
            format!("{right},{right} "),
            format!(" {right},{right}"),
            format!("{right}\n,{right}"),
            ", ,".to_owned(),
            ",".to_owned(),
        ] {
            good.assert_malformed_header(&text, &text);
        }
        seen += 1;
    }
    assert!(seen >= 4, "GitHub, Shopify, Slack");
}

#[test]
fn an_unproven_body_cannot_fill_the_log() {
    // Any sender can send a body this long. A reason with the whole body would be in the log once for each request.
    let key = "k".repeat(100_000);
    let body = format!("{{\"{key}\":1,\"{key}\":2}}");
    let number = format!("{{\"n\":{}}}", "9".repeat(100_000));
    for good in every_good() {
        for body in [&body, &number] {
            let error = good.case.verify(SEED, &good.headers, body.as_bytes(), NOW).expect_err("forged");
            assert!(!error.is_authentic());
            let length = error.to_string().len();
            assert!(length < 1000, "{good}: the reason has {length} bytes");
        }
    }
}
