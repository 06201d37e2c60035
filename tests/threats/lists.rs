//! The threat model's rows on several signatures in one header.

use crate::*;

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
    assert!(seen >= 3, "Stripe, LRDefender's timed form, Standard Webhooks");
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
fn a_repeated_header_of_named_entries_has_one_time() {
    let mut seen = 0;
    for good in every_good() {
        let Layout::List { separators, timestamp, .. } = &good.case.form.layout else { continue };
        let right = good.header();
        let wrong = good.case.signature_header(&NOW.to_string(), &good.zeros());
        let later = good.case.signature_header("1768478401", good.signature());
        for text in [format!("{right}, {right}"), format!("{right}, {wrong}"), format!("{wrong}, {right}")] {
            assert!(good.verify_header(&text).is_ok(), "{good}: {text}");
        }
        seen += 1;
        let refused = if separators == " " {
            // Standard Webhooks separates entries by blanks. Its only comma joins two headers.
            vec![
                format!("{right},{right}"),
                format!("{right},, {right}"),
                format!("{right} , {right}"),
                format!("{right},"),
                format!("{right}, "),
                format!(", {right}"),
                format!("{right}, v1,"),
            ]
        } else {
            assert!(timestamp.is_some(), "the header has the time, as Stripe's");
            vec![format!("{right}, {later}"), format!("{later}, {right}")]
        };
        for text in refused {
            good.assert_malformed_header(&text, &text);
        }
    }
    assert!(seen >= 3, "Stripe, LRDefender's timed form, Standard Webhooks");
}

#[test]
fn blanks_beside_the_commas_of_named_entries_are_skipped() {
    let mut seen = 0;
    for good in every_good() {
        if !matches!(&good.case.form.layout, Layout::List { separators, .. } if separators == ",") {
            continue;
        }
        let whole = good.header();
        for text in [whole.replace(',', ", "), whole.replace(',', " \t,,\t "), format!(",{whole},")] {
            assert!(good.verify_header(&text).is_ok(), "{good}: {text}");
        }
        for text in [format!("{whole} "), whole.replace('=', " = ")] {
            good.assert_malformed_header(&text, &text);
        }
        let other_blank = whole.replace(',', "\u{a0},");
        assert_eq!(good.verify_header(&other_blank).expect_err("not a list's blank").code(), "timestamp_malformed");
        seen += 1;
    }
    assert!(seen >= 2, "Stripe, LRDefender's timed form");
}

#[test]
fn two_timestamps_in_one_header_are_refused() {
    for good in every_good().filter(|good| matches!(good.case.form.layout, Layout::List { assign: '=', .. })) {
        for times in [[NOW.seconds(), 1], [1, NOW.seconds()]] {
            let header = format!("t={},t={},v1={}", times[0], times[1], good.signature());
            let refused = good.case.verifier(&[SEED]).receive(&good.with_header(&header)).err();
            let (place, problem) = (good.case.header().to_owned(), "two timestamps");
            assert_eq!(refused, Some(VerifyError::SignatureMalformed { place, problem }));
        }
    }
}

#[test]
fn eight_signatures_are_compared_and_nine_are_refused() {
    let mut seen = 0;
    for good in every_good() {
        let (text, zeros) = (good.signature(), good.zeros());
        let list = |count: usize| match good.case.form.layout {
            Layout::Single { .. } => None,
            Layout::List { assign: '=', .. } => {
                Some(format!("t={NOW}{},v1={text}", format!(",v1={zeros}").repeat(count - 1)))
            }
            Layout::List { assign: ',', .. } => Some(format!("{}v1,{text}", format!("v1,{zeros} ").repeat(count - 1))),
            ref layout => panic!("{layout:?}"),
        };
        let Some(eight) = list(MAX_SIGNATURES) else { continue };
        assert!(good.verify_header(&eight).is_ok(), "{good}: the eighth counts");
        let nine = good.with_header(&list(MAX_SIGNATURES + 1).unwrap());
        let error = good.case.verifier(&[SEED]).receive(&nine).expect_err("nine");
        assert_eq!(error, VerifyError::TooManySignatures { place: good.case.header().to_owned(), max: 8 });
        seen += 1;
    }
    assert!(seen >= 3, "Stripe, LRDefender's timed form, Standard Webhooks");
}
