//! The threat model's section on signatures.

use crate::*;

#[test]
fn an_empty_signature_is_refused_before_comparing() {
    for case in every_form() {
        let good = good(&case);
        assert_malformed(&case, &with(&good.headers, case.header(), ""), "nothing");
        assert_malformed(&case, &with_signature(&case, &good, ""), "an empty signature in its frame");
        assert_malformed(&case, &with(&good.headers, case.header(), " "), "a blank");
        assert_malformed(&case, &with(&good.headers, case.header(), "v1,"), "`v1,`");
    }
}

#[test]
fn a_signature_of_any_length_but_the_digests_is_refused_before_comparing() {
    for case in every_form() {
        let good = good(&case);
        let text = signature_text(&case, &good.headers);
        let mut bytes = decode(&case, text);
        bytes.extend_from_slice(&[0; 96]);
        for length in (0..=128).filter(|length| *length != 32) {
            let text = case.encode(&bytes[..length]);
            assert_malformed(&case, &with_signature(&case, &good, &text), &format!("{length} bytes"));
        }
        assert_malformed(&case, &with_signature(&case, &good, &text[..text.len() - 1]), "a letter short");
        assert_malformed(&case, &with_signature(&case, &good, &format!("{text}0")), "a letter more");
        assert_eq!(case.encode(&bytes[..32]), text, "32 bytes are the good one");
    }
}

#[test]
fn every_byte_of_a_signature_is_compared() {
    for case in every_form() {
        let good = good(&case);
        let right = decode(&case, signature_text(&case, &good.headers));
        for place in 0..right.len() {
            let mut wrong: [u8; 32] = right.clone().try_into().unwrap();
            wrong[place] ^= 1;
            let headers = with_signature(&case, &good, &case.encode(&wrong));
            let error = case.verify(SEED, &headers, &good.body, NOW).expect_err("another signature");
            assert!(matches!(error, VerifyError::SignatureMismatch { .. }), "{}, byte {place}", case.preset.name);
        }
    }
}

#[test]
fn an_unsigned_request_is_refused_everywhere() {
    for case in every_form() {
        let good = good(&case);
        let unsigned = without(&good.headers, case.header());
        let error = case.verify(SEED, &unsigned, &good.body, NOW).expect_err("unsigned");
        assert_eq!(error, VerifyError::SignatureMissing { place: case.header().to_owned() });
    }
}

#[test]
fn there_is_no_scheme_that_does_not_sign_the_body() {
    for case in every_form() {
        let covers = |part: &Part| matches!(part, Part::Body | Part::CanonicalJsonString);
        assert!(case.form.content.iter().any(covers), "{}", case.preset.name);
    }
}

#[test]
fn an_empty_secret_makes_no_key() {
    for text in ["", " ", "\n"] {
        assert_eq!(Secret::new(text).map(|_| ()), Err(SecretError::Empty), "{text:?}");
    }
    for case in every_form() {
        if let SecretForm::Base64AfterPrefix(prefix) = &case.scheme().secret {
            let key = Secret::new(prefix.as_str())
                .and_then(|secret| secret.key(case.scheme().algorithm, &case.scheme().secret));
            assert_eq!(key.map(|_| ()), Err(SecretError::Empty), "{}: a prefix and nothing", case.preset.name);
        }
    }
}

#[test]
fn without_a_secret_nothing_verifies() {
    for case in every_form() {
        let good = good(&case);
        let verifier = Verifier::new(Arc::clone(case.preset), Vec::new(), None).unwrap();
        let error = verifier.receive(&good.headers).unwrap().verify(&good.body, NOW, &Native).expect_err("no key");
        assert_eq!(error.code(), "signature_mismatch", "{}", case.preset.name);
    }
}

#[test]
fn four_secrets_are_tried_and_five_are_not_taken() {
    for case in every_form() {
        let good = good(&case);
        for place in 0..MAX_SECRETS {
            let mut seeds = ["one", "two", "three", "four"];
            seeds[place] = SEED;
            let verified = case.verifier(&seeds).receive(&good.headers).unwrap().verify(&good.body, NOW, &Native);
            assert!(verified.is_ok(), "{}: secret {place}: {verified:?}", case.preset.name);
        }
        let none = case.verifier(&["one", "two", "three", "four"]);
        let error = none.receive(&good.headers).unwrap().verify(&good.body, NOW, &Native).expect_err("none of four");
        let header = case.header().to_owned();
        assert_eq!(error, VerifyError::SignatureMismatch { place: header, candidates: 1, secrets: 4 });
        let five = ["one", "two", "three", "four", SEED].map(|seed| case.key(seed));
        assert!(Verifier::new(Arc::clone(case.preset), five.to_vec(), None).is_none());
    }
}

#[test]
fn hex_has_either_case_and_no_other_text() {
    for case in every_form().filter(|case| case.form.encoding == Encoding::Hex) {
        let good = good(&case);
        let text = signature_text(&case, &good.headers);
        let upper = with_signature(&case, &good, &text.to_uppercase());
        assert_ne!(upper, good.headers);
        let verified = case.verify(SEED, &upper, &good.body, NOW).expect("upper case");
        assert_eq!(verified.identity(), &case.identity(ID, &good.body, verified.identity()), "the same event");
        for (text, what) in other_texts(text) {
            assert_malformed(&case, &with_signature(&case, &good, &text), what);
        }
    }
}

#[test]
fn base64_has_one_text_per_signature() {
    let mut with_plus_and_slash = 0;
    for case in every_form().filter(|case| case.form.encoding == Encoding::Base64) {
        // Many secrets, so that every letter of the alphabet comes up.
        for n in 0..64 {
            let seed = format!("secret {n}");
            let body = case.plain_body(ID, NOW);
            let headers = case.sign(&seed, ID, NOW, &body).unwrap();
            let text = signature_text(&case, &headers).to_owned();
            let good = Good { headers, body };
            let url_safe = text.replace('+', "-").replace('/', "_");
            if url_safe != text {
                with_plus_and_slash += 1;
                assert_malformed(&case, &with_signature(&case, &good, &url_safe), "base64url");
            }
            assert_malformed(&case, &with_signature(&case, &good, text.trim_end_matches('=')), "no padding");
            for stray in stray_bits(&text) {
                assert_malformed(&case, &with_signature(&case, &good, &stray), "stray bits");
            }
            for (text, what) in other_texts(&text) {
                assert_malformed(&case, &with_signature(&case, &good, &text), what);
            }
        }
    }
    assert!(with_plus_and_slash > 10, "{with_plus_and_slash} signatures differ in base64url");
}

#[test]
fn the_text_of_a_signature_is_never_a_key() {
    // Were it one, the same capture under another text would be a new event.
    for case in every_form().filter(|case| case.form.encoding == Encoding::Hex) {
        let good = good(&case);
        let text = signature_text(&case, &good.headers).to_owned();
        let mixed: String = text
            .chars()
            .enumerate()
            .map(|(n, digit)| if n % 2 == 0 { digit.to_ascii_uppercase() } else { digit })
            .collect();
        let identities = [text.to_uppercase(), mixed, text].map(|text| {
            let headers = with_signature(&case, &good, &text);
            case.verify(SEED, &headers, &good.body, NOW).expect("the same signature").identity().clone()
        });
        assert_eq!(identities[0], identities[1], "{}", case.preset.name);
        assert_eq!(identities[0], identities[2], "{}", case.preset.name);
    }
}

#[test]
fn the_request_cannot_choose_a_weaker_scheme() {
    for case in every_form() {
        let good = good(&case);
        let text = signature_text(&case, &good.headers);
        let timed = format!("t={NOW}");
        let weaker = [
            format!("sha1={text}"),
            format!("sha1={},sha256=", &text[..40]),
            format!("md5={text}"),
            format!("none={text}"),
            format!("v2={text}"),
            format!("v1a,{text}"),
            format!("v0,{text}"),
            format!("{timed},v0={text}"),
            format!("{timed},v1a={text}"),
            format!("{timed},sha1={text}"),
            format!("SHA256={text}"),
            format!("V0={text}"),
        ];
        for header in weaker {
            assert_malformed(&case, &with(&good.headers, case.header(), &header), &header);
        }
    }
}

#[test]
fn a_signature_of_another_version_counts_for_nothing_beside_the_scheme_s_own() {
    let mut seen = 0;
    for case in every_form() {
        let good = good(&case);
        let text = signature_text(&case, &good.headers);
        let zeros = case.encode(&[0; 32]);
        let beside = match case.form.layout {
            Layout::Single { .. } => continue,
            Layout::List { assign: '=', .. } => format!("t={NOW},v0={text},v1={zeros},v2={text}"),
            Layout::List { assign: ',', .. } => format!("v1a,{text} v1,{zeros} v2,{text}"),
            ref layout => panic!("{layout:?}"),
        };
        let headers = with(&good.headers, case.header(), &beside);
        let error = case.verify(SEED, &headers, &good.body, NOW).expect_err("only v1 counts");
        let header = case.header().to_owned();
        assert_eq!(error, VerifyError::SignatureMismatch { place: header, candidates: 1, secrets: 1 });
        seen += 1;
    }
    assert!(seen >= 3, "Stripe, LRDefender's timed form, Standard Webhooks");
}

#[test]
fn one_form_s_signature_is_none_in_another() {
    // LRDefender has a form with the time in the header, and one without. What was captured in one must not pass
    // in the other, or the window could be chosen.
    let forms: Vec<Case> = every_form().filter(|case| case.preset.name == "lrdefender").collect();
    let (timed, plain) = (&forms[0], &forms[1]);
    assert_eq!(timed.form.timestamp.as_ref().map(|timestamp| &timestamp.at), Some(&TimestampAt::Field));
    assert_eq!(plain.number, 1);
    let (sent_timed, sent_plain) = (good(timed), good(plain));
    let later = UnixTime::from_seconds(NOW.seconds() + 86_400);
    let mismatch = VerifyError::SignatureMismatch { place: timed.header().to_owned(), candidates: 1, secrets: 1 };

    let captured = signature_text(plain, &sent_plain.headers);
    let fresh = with(&sent_plain.headers, plain.header(), &timed.signature_header(&later.to_string(), captured));
    assert_eq!(timed.verify(SEED, &fresh, &sent_plain.body, later).expect_err("a new time"), mismatch);

    let captured = signature_text(timed, &sent_timed.headers);
    let bare = with(&sent_timed.headers, timed.header(), captured);
    assert_eq!(plain.verify(SEED, &bare, &sent_timed.body, NOW).expect_err("no time"), mismatch);

    let content = [format!("{NOW}.").as_bytes(), &sent_timed.body].concat();
    let error = plain.verify(SEED, &bare, &content, NOW).expect_err("the signed text as a body");
    assert_eq!(error, VerifyError::FormAmbiguous);
}

#[test]
fn a_repeated_header_of_one_signature_is_a_list_of_several() {
    let mut seen = 0;
    for case in every_form().filter(|case| matches!(case.form.layout, Layout::Single { .. })) {
        let good = good(&case);
        let right = value(&good.headers, case.header()).to_owned();
        let wrong = case.signature_header(&NOW.to_string(), &case.encode(&[0; 32]));
        let verify = |text: &str| case.verify(SEED, &with(&good.headers, case.header(), text), &good.body, NOW);
        let once = verify(&right).expect("once").identity().clone();
        for text in [
            format!("{right}, {right}"),
            format!("{right},{wrong}"),
            format!("{wrong} \t,\t {right}"),
            format!(",, {wrong}, ,{right},"),
            format!("{}{right}", format!("{wrong}, ").repeat(MAX_SIGNATURES - 1)),
        ] {
            let verified = verify(&text).unwrap_or_else(|error| panic!("{}: {text}: {error}", case.preset.name));
            assert_eq!(verified.identity(), &once, "the text of a signature is never a key");
        }
        let place = case.header().to_owned();
        let mismatch = VerifyError::SignatureMismatch { place: place.clone(), candidates: 2, secrets: 1 };
        assert_eq!(verify(&format!("{wrong}, {wrong}")).expect_err("two of nobody"), mismatch);
        let nine = format!("{right}{}", format!(", {wrong}").repeat(MAX_SIGNATURES));
        let too_many = VerifyError::TooManySignatures { place, max: 8 };
        assert_eq!(verify(&nine).expect_err("nine"), too_many);
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
            assert_malformed(&case, &with(&good.headers, case.header(), &text), &text);
        }
        seen += 1;
    }
    assert!(seen >= 4, "GitHub, Shopify, Slack");
}

#[test]
fn a_repeated_header_of_named_entries_has_one_time() {
    let mut seen = 0;
    for case in every_form() {
        let Layout::List { separators, timestamp, .. } = &case.form.layout else { continue };
        let good = good(&case);
        let right = value(&good.headers, case.header()).to_owned();
        let wrong = case.signature_header(&NOW.to_string(), &case.encode(&[0; 32]));
        let later = case.signature_header("1768478401", signature_text(&case, &good.headers));
        let verify = |text: &str| case.verify(SEED, &with(&good.headers, case.header(), text), &good.body, NOW);
        for text in [format!("{right}, {right}"), format!("{right}, {wrong}"), format!("{wrong}, {right}")] {
            assert!(verify(&text).is_ok(), "{}: {text}", case.preset.name);
        }
        if separators == " " {
            // Standard Webhooks has blanks between its entries, and no commas but the one that joins two headers.
            for text in [format!("{right},{right}"), format!("{right},, {right}"), format!("{right} , {right}")] {
                assert_malformed(&case, &with(&good.headers, case.header(), &text), &text);
            }
            for text in [format!("{right},"), format!("{right}, "), format!(", {right}"), format!("{right}, v1,")] {
                assert_malformed(&case, &with(&good.headers, case.header(), &text), &text);
            }
            seen += 1;
            continue;
        }
        assert!(timestamp.is_some(), "Stripe's kind");
        for text in [format!("{right}, {later}"), format!("{later}, {right}")] {
            assert_malformed(&case, &with(&good.headers, case.header(), &text), "two times");
        }
        seen += 1;
    }
    assert!(seen >= 3, "Stripe, LRDefender's timed form, Standard Webhooks");
}

#[test]
fn blanks_beside_the_commas_of_named_entries_are_passed_over() {
    let mut seen = 0;
    for case in every_form() {
        if !matches!(&case.form.layout, Layout::List { separators, .. } if separators == ",") {
            continue;
        }
        let good = good(&case);
        let whole = value(&good.headers, case.header()).to_owned();
        let verify = |text: &str| case.verify(SEED, &with(&good.headers, case.header(), text), &good.body, NOW);
        for text in [whole.replace(',', ", "), whole.replace(',', " \t,,\t "), format!(",{whole},")] {
            assert!(verify(&text).is_ok(), "{}: {text}", case.preset.name);
        }
        for text in [format!("{whole} "), whole.replace('=', " = ")] {
            assert_malformed(&case, &with(&good.headers, case.header(), &text), &text);
        }
        let other_blank = whole.replace(',', "\u{a0},");
        assert_eq!(verify(&other_blank).expect_err("no blank of a list").code(), "timestamp_malformed");
        seen += 1;
    }
    assert!(seen >= 2, "Stripe, LRDefender's timed form");
}

#[test]
fn two_timestamps_among_the_fields_are_refused() {
    for case in every_form().filter(|case| matches!(case.form.layout, Layout::List { assign: '=', .. })) {
        let good = good(&case);
        let text = signature_text(&case, &good.headers);
        for times in [[NOW.seconds(), 1], [1, NOW.seconds()]] {
            let header = format!("t={},t={},v1={text}", times[0], times[1]);
            let refused = case.verifier(&[SEED]).receive(&with(&good.headers, case.header(), &header)).err();
            let problem = "two timestamps";
            assert_eq!(refused, Some(VerifyError::SignatureMalformed { place: case.header().to_owned(), problem }));
        }
    }
}

#[test]
fn eight_signatures_are_looked_at_and_nine_are_refused() {
    let mut seen = 0;
    for case in every_form() {
        let good = good(&case);
        let text = signature_text(&case, &good.headers);
        let zeros = case.encode(&[0; 32]);
        let list = |count: usize| match case.form.layout {
            Layout::Single { .. } => None,
            Layout::List { assign: '=', .. } => {
                Some(format!("t={NOW}{},v1={text}", format!(",v1={zeros}").repeat(count - 1)))
            }
            Layout::List { assign: ',', .. } => Some(format!("{}v1,{text}", format!("v1,{zeros} ").repeat(count - 1))),
            ref layout => panic!("{layout:?}"),
        };
        let Some(eight) = list(MAX_SIGNATURES) else { continue };
        let headers = with(&good.headers, case.header(), &eight);
        assert!(case.verify(SEED, &headers, &good.body, NOW).is_ok(), "{}: the eighth counts", case.preset.name);
        let headers = with(&good.headers, case.header(), &list(MAX_SIGNATURES + 1).unwrap());
        let error = case.verifier(&[SEED]).receive(&headers).expect_err("nine");
        assert_eq!(error, VerifyError::TooManySignatures { place: case.header().to_owned(), max: 8 });
        seen += 1;
    }
    assert!(seen >= 3, "Stripe, LRDefender's timed form, Standard Webhooks");
}

#[test]
fn ten_thousand_signatures_are_refused_unread() {
    for case in every_form() {
        let good = good(&case);
        let all = [",v1=", " v1,", "v1=", ",", " "].map(|entry| entry.repeat(10_000));
        let text = signature_text(&case, &good.headers);
        let signed = [format!("t={NOW}"), format!("v1,{text}"), format!("sha256={text}"), text.to_owned()];
        for entries in &all {
            for head in &signed {
                let headers = with(&good.headers, case.header(), &format!("{head}{entries}"));
                let refused = case.verifier(&[SEED]).receive(&headers).err();
                let problem = "longer than 8 KiB";
                assert_eq!(refused, Some(VerifyError::SignatureMalformed { place: case.header().to_owned(), problem }));
            }
        }
    }
}

#[test]
fn letters_beyond_ascii_and_nul_are_refused_without_a_panic() {
    for case in every_form() {
        let good = good(&case);
        let text = signature_text(&case, &good.headers);
        for odd in ["\0", "é", "\u{ff11}", "😀", "\u{7f}", "\r\n", "\u{212a}"] {
            // At every place: in the midst of a letter, were anything cut by bytes.
            let whole = value(&good.headers, case.header());
            for place in 0..=whole.len() {
                let changed = format!("{}{odd}{}", &whole[..place], &whole[place..]);
                let headers = with(&good.headers, case.header(), &changed);
                let code = case.verify(SEED, &headers, &good.body, NOW).expect_err("odd").code();
                let right = ["signature_malformed", "timestamp_malformed"];
                assert!(right.contains(&code), "{}: {changed:?}: {code}", case.preset.name);
            }
            let same_length = odd.repeat(text.len() / odd.len());
            assert_malformed(&case, &with_signature(&case, &good, &same_length), odd);
            for (name, value) in good.headers.iter().filter(|(name, _)| name != case.header()) {
                let headers = with(&good.headers, name, &format!("{value}{odd}"));
                let code = case.verify(SEED, &headers, &good.body, NOW).expect_err("odd").code();
                assert!(["timestamp_malformed", "signature_mismatch"].contains(&code), "{name}: {odd:?}: {code}");
            }
        }
    }
}

#[test]
fn a_dot_in_a_signed_id_cannot_shift_the_bounds_of_what_is_signed() {
    let mut seen = 0;
    for case in every_form() {
        let IdAt::SignedHeader(name) = &case.scheme().id else { continue };
        // `msg.1768478400` at 1 with the body `x` is signed as `msg` at 1768478400 with the body `1.x` would be.
        let body = b"1.x";
        let captured = case.sign(SEED, "msg", NOW, body).unwrap();
        assert!(case.verify(SEED, &captured, body, NOW).is_ok());
        let time = case.time_in_header().expect("a header");
        let shifted = with(&with(&captured, name, &format!("msg.{NOW}")), time, "1");
        let problem = "not allowed to hold what separates it from the rest of what is signed";
        let error = case.verify(SEED, &shifted, b"x", UnixTime::from_seconds(1)).expect_err("shifted");
        assert_eq!(error, VerifyError::SignedHeader { place: name.clone(), problem });

        let missing = case.verify(SEED, &without(&captured, name), body, NOW).expect_err("missing");
        assert_eq!(missing, VerifyError::SignedHeader { place: name.clone(), problem: "missing" });
        let empty = case.verify(SEED, &with(&captured, name, ""), body, NOW).expect_err("empty");
        assert_eq!(empty, VerifyError::SignedHeader { place: name.clone(), problem: "empty" });
        seen += 1;
    }
    assert!(seen >= 1, "Standard Webhooks");
}

#[test]
fn no_refusal_shows_the_secret_or_the_right_signature() {
    for case in every_form() {
        let good = good(&case);
        let text = signature_text(&case, &good.headers);
        let zeros = with_signature(&case, &good, &case.encode(&[0; 32]));
        let error = case.verify(SEED, &zeros, &good.body, NOW).expect_err("forged");
        let shown = format!("{error} {error:?} {:?} {:?}", case.key(SEED), case.verifier(&[SEED]));
        assert!(shown.contains(case.header()), "it names what was looked at");
        assert!(!shown.contains(&case.secret(SEED)) && !shown.contains(SEED), "{shown}");
        assert!(!shown.contains(text), "{shown}");
    }
}

fn decode(case: &Case, text: &str) -> Vec<u8> {
    use base64::Engine as _;
    match case.form.encoding {
        Encoding::Hex => hex::decode(text).unwrap(),
        Encoding::Base64 => base64::engine::general_purpose::STANDARD.decode(text).unwrap(),
        encoding => panic!("{encoding:?}"),
    }
}

/// The text with its unused last bits set, as a lenient decoder reads the same bytes from it.
fn stray_bits(text: &str) -> impl Iterator<Item = String> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let last = text.as_bytes()[42];
    let value = LETTERS.iter().position(|letter| *letter == last).unwrap();
    let head = text[..42].to_owned();
    (1..4).map(move |bits| format!("{head}{}=", char::from(LETTERS[value | bits])))
}

fn other_texts(text: &str) -> [(String, &'static str); 7] {
    let (head, tail) = text.split_at(text.len() / 2);
    [
        (format!("{head} {tail}"), "a blank inside"),
        (format!("{head}\n{tail}"), "a newline inside"),
        (format!("{text} "), "a blank after it"),
        (format!(" {text}"), "a blank before it"),
        (format!("\"{text}\""), "quoted"),
        (format!("0x{text}"), "0x"),
        (format!("{head}={tail}"), "padding inside"),
    ]
}
