//! Project Wycheproof's vectors of HMAC-SHA256 against [`Key::mac`], on this machine and, from this same source, in
//! WebAssembly.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs
)]

use hookgate::webhook::Key;
use wycheproof::TestResult;
use wycheproof::mac::{TestName, TestSet};

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test::wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn hmac_sha256_agrees_with_wycheproof() {
    let set = TestSet::load(TestName::HmacSha256).expect("the vectors of the crate");
    let (mut valid, mut invalid) = (0_usize, 0_usize);
    for group in &set.test_groups {
        let tag_bytes = group.tag_size / 8;
        for test in &group.tests {
            let mac = Key::new(&test.key).mac([test.msg.as_slice()]);
            // A tag of fewer bits is the beginning of the whole one.
            let agrees = mac[..tag_bytes] == test.tag[..];
            match test.result {
                TestResult::Valid | TestResult::Acceptable => valid += 1,
                TestResult::Invalid => invalid += 1,
            }
            assert_eq!(agrees, test.result != TestResult::Invalid, "vector {}: {}", test.tc_id, test.comment);
            in_pieces_is_the_same(&test.key, &test.msg, mac);
        }
    }
    assert_eq!(valid + invalid, set.number_of_tests, "vectors were left out");
    assert!(valid > 50 && invalid > 50, "{valid} valid and {invalid} invalid vectors are too few");
}

/// The signed content comes in parts; where they are cut does not matter.
fn in_pieces_is_the_same(key: &[u8], message: &[u8], whole: [u8; 32]) {
    let (head, tail) = message.split_at(message.len() / 2);
    assert_eq!(Key::new(key).mac([head, &[], tail]), whole);
}
