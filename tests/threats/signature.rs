//! The threat model's rows on one signature. `lists.rs` has the rows on several.

use crate::*;

#[test]
fn an_empty_signature_is_malformed() {
    for good in every_good() {
        good.assert_malformed_header("", "nothing");
        good.assert_malformed_signature("", "an empty signature in its layout");
        good.assert_malformed_header(" ", "a blank");
        good.assert_malformed_header("v1,", "`v1,`");
    }
}

#[test]
fn a_signature_of_another_length_than_the_digest_s_is_malformed() {
    for good in every_good() {
        let text = good.signature();
        let mut bytes = decode(&good.case, text);
        bytes.extend_from_slice(&[0; 96]);
        for length in (0..=128).filter(|length| *length != 32) {
            good.assert_malformed_signature(&good.case.encode(&bytes[..length]), &format!("{length} bytes"));
        }
        good.assert_malformed_signature(&text[..text.len() - 1], "one letter too few");
        good.assert_malformed_signature(&format!("{text}0"), "one letter too many");
        assert_eq!(good.case.encode(&bytes[..32]), text, "32 bytes are the good signature");
    }
}

#[test]
fn every_byte_of_a_signature_is_compared() {
    for good in every_good() {
        let right = decode(&good.case, good.signature());
        for place in 0..right.len() {
            let mut wrong = right.clone();
            wrong[place] ^= 1;
            let error = good.verify(&good.with_signature(&good.case.encode(&wrong))).expect_err("another signature");
            assert_eq!(error, mismatch(&good.case, 1, 1), "{good}, byte {place}");
        }
    }
}

#[test]
fn an_unsigned_request_is_refused_in_every_form() {
    for good in every_good() {
        let place = good.case.header().to_owned();
        let error = good.verify(&without(&good.headers, &place)).expect_err("unsigned");
        assert_eq!(error, VerifyError::SignatureMissing { place });
    }
}

#[test]
fn every_scheme_signs_the_body() {
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
        if let SecretEncoding::Base64AfterPrefix(prefix) = &case.scheme().secret {
            let key = Secret::new(prefix.as_str())
                .and_then(|secret| secret.key(case.scheme().algorithm, &case.scheme().secret));
            assert_eq!(key.map(|_| ()), Err(SecretError::Empty), "{}: only the prefix", case.preset.name);
        }
    }
}

#[test]
fn without_a_secret_no_request_verifies() {
    for good in every_good() {
        let verifier = Verifier::new(Arc::clone(good.case.preset), Vec::new(), None).unwrap();
        let error = verifier.receive(&good.headers).unwrap().verify(&good.body, NOW, &Native).expect_err("no key");
        assert_eq!(error.code(), "signature_mismatch", "{good}");
    }
}

#[test]
fn four_secrets_are_tried_and_five_are_refused() {
    let others = ["one", "two", "three", "four"];
    for good in every_good() {
        let verify = |seeds: &[&str]| {
            good.case.verifier(seeds).receive(&good.headers)?.verify(&good.body, NOW, &Native).map(drop)
        };
        for place in 0..MAX_SECRETS {
            let mut seeds = others;
            seeds[place] = SEED;
            assert_eq!(verify(&seeds), Ok(()), "{good}: secret {place}");
        }
        assert_eq!(verify(&others), Err(mismatch(&good.case, 1, 4)));
        let five = ["one", "two", "three", "four", SEED].map(|seed| good.case.key(seed));
        let refused = Verifier::new(Arc::clone(good.case.preset), five.to_vec(), None).map(drop);
        assert_eq!(refused, Err(KeysError::TooMany));
    }
}

#[test]
fn hex_digits_may_be_upper_case_and_nothing_else_may_change() {
    for good in every_good().filter(|good| good.case.form.encoding == Encoding::Hex) {
        let text = good.signature();
        let upper = good.with_signature(&text.to_uppercase());
        assert_ne!(upper, good.headers);
        let verified = good.verify(&upper).expect("upper case");
        assert_eq!(verified.identity(), &good.case.identity(ID, &good.body, verified.identity()), "the same event");
        for (text, what) in other_texts(text) {
            good.assert_malformed_signature(&text, what);
        }
    }
}

#[test]
fn a_base64_signature_has_only_one_spelling() {
    let mut with_plus_and_slash = 0;
    for case in every_form().filter(|case| case.form.encoding == Encoding::Base64) {
        // With 64 secrets, every letter of the alphabet occurs.
        for n in 0..64 {
            let body = case.plain_body(ID, NOW);
            let headers = case.sign(&format!("secret {n}"), ID, NOW, &body).unwrap();
            let good = Good { case, headers, body };
            let text = good.signature();
            let url_safe = text.replace('+', "-").replace('/', "_");
            if url_safe != text {
                with_plus_and_slash += 1;
                good.assert_malformed_signature(&url_safe, "base64url");
            }
            good.assert_malformed_signature(text.trim_end_matches('='), "no padding");
            for stray in stray_bits(text) {
                good.assert_malformed_signature(&stray, "stray bits");
            }
            for (text, what) in other_texts(text) {
                good.assert_malformed_signature(&text, what);
            }
        }
    }
    assert!(with_plus_and_slash > 10, "{with_plus_and_slash} signatures differ in base64url");
}

#[test]
fn the_identity_does_not_depend_on_the_spelling_of_the_signature() {
    // Otherwise a captured request with another spelling would be a new event.
    for good in every_good().filter(|good| good.case.form.encoding == Encoding::Hex) {
        let text = good.signature();
        let alternate = |(n, digit): (usize, char)| if n % 2 == 0 { digit.to_ascii_uppercase() } else { digit };
        let mixed: String = text.chars().enumerate().map(alternate).collect();
        let [one, two, three] = [&text.to_uppercase(), &mixed, text]
            .map(|text| good.verify(&good.with_signature(text)).expect("the same signature").identity().clone());
        assert_eq!((&one, &two), (&two, &three), "{good}");
    }
}

#[test]
fn a_request_cannot_choose_a_weaker_scheme() {
    for good in every_good() {
        let text = good.signature();
        let timed = format!("t={NOW}");
        for header in [
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
        ] {
            good.assert_malformed_header(&header, &header);
        }
    }
}

#[test]
fn a_signature_of_one_form_is_refused_in_another() {
    // LRDefender has a form with the time in the header and a form without a time. If a captured signature of one form
    // passed in the other, an attacker could choose the window.
    let forms: Vec<Case> = every_form().filter(|case| case.preset.name == "lrdefender").collect();
    let (timed, plain) = (Good::new(forms[0]), Good::new(forms[1]));
    assert_eq!(forms[0].form.timestamp.as_ref().map(|timestamp| &timestamp.at), Some(&TimestampLocation::Field));
    assert_eq!(forms[1].number, 1);
    let later = UnixTime::from_seconds(NOW.seconds() + 86_400);

    let fresh = plain.with_header(&forms[0].signature_header(&later.to_string(), plain.signature()));
    let error = forms[0].verify(SEED, &fresh, &plain.body, later).expect_err("a new time");
    assert_eq!(error, mismatch(&forms[0], 1, 1));

    let bare = timed.with_header(timed.signature());
    let error = forms[1].verify(SEED, &bare, &timed.body, NOW).expect_err("no time");
    assert_eq!(error, mismatch(&forms[1], 1, 1));

    let content = [format!("{NOW}.").as_bytes(), &timed.body].concat();
    let error = forms[1].verify(SEED, &bare, &content, NOW).expect_err("the signed content as a body");
    assert_eq!(error, VerifyError::VariantAmbiguous);
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
fn letters_beyond_ascii_and_nul_are_refused_without_a_panic() {
    for good in every_good() {
        let code = |headers: &Headers| good.verify(headers).expect_err("a letter too many").code();
        for odd in ["\0", "é", "\u{ff11}", "😀", "\u{7f}", "\r\n", "\u{212a}"] {
            // At every place. Code that cuts a text by bytes would cut through the letter.
            let whole = good.header();
            for place in 0..=whole.len() {
                let changed = format!("{}{odd}{}", &whole[..place], &whole[place..]);
                let code = code(&good.with_header(&changed));
                assert!(["signature_malformed", "timestamp_malformed"].contains(&code), "{good}: {changed:?}: {code}");
            }
            good.assert_malformed_signature(&odd.repeat(good.signature().len() / odd.len()), odd);
            for (name, value) in good.headers.iter().filter(|(name, _)| name != good.case.header()) {
                let code = code(&with(&good.headers, name, &format!("{value}{odd}")));
                assert!(["timestamp_malformed", "signature_mismatch"].contains(&code), "{name}: {odd:?}: {code}");
            }
        }
    }
}

#[test]
fn a_dot_in_a_signed_id_cannot_shift_the_bounds_of_the_signed_content() {
    let mut seen = 0;
    for case in every_form() {
        let IdLocation::SignedHeader(name) = &case.scheme().id else { continue };
        // Two requests with one text to sign: id `msg`, time 1768478400, body `1.x`; and id `msg.1768478400`, time 1,
        // body `x`.
        let body = b"1.x";
        let captured = case.sign(SEED, "msg", NOW, body).unwrap();
        assert!(case.verify(SEED, &captured, body, NOW).is_ok());
        let time = case.time_in_header().expect("a header");
        let shifted = with(&with(&captured, name, &format!("msg.{NOW}")), time, "1");
        let refused = |headers: &Headers, body: &[u8], now| case.verify(SEED, headers, body, now).map(drop);
        let signed_header = |problem| Err(VerifyError::SignedHeader { place: name.clone(), problem });
        let separator = "not allowed to hold the text that separates it from the other signed parts";
        assert_eq!(refused(&shifted, b"x", UnixTime::from_seconds(1)), signed_header(separator));
        assert_eq!(refused(&without(&captured, name), body, NOW), signed_header("missing"));
        assert_eq!(refused(&with(&captured, name, ""), body, NOW), signed_header("empty"));
        seen += 1;
    }
    assert!(seen >= 1, "Standard Webhooks");
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

fn decode(case: &Case, text: &str) -> Vec<u8> {
    use base64::Engine as _;
    match case.form.encoding {
        Encoding::Hex => hex::decode(text).unwrap(),
        Encoding::Base64 => base64::engine::general_purpose::STANDARD.decode(text).unwrap(),
        encoding => panic!("{encoding:?}"),
    }
}

/// The text with its unused last bits set. A lenient decoder reads the same bytes from it.
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
        (format!("\"{text}\""), "quotes"),
        (format!("0x{text}"), "0x"),
        (format!("{head}={tail}"), "padding inside"),
    ]
}
