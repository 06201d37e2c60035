//! Project Wycheproof's vectors of HMAC against [`VerificationKey::mac`]. `make test` runs this program twice: on this
//! machine, and in WASM on Node (`tools/wasm.mjs`).
//!
//! The program has no test harness. WASM without an operating system prints nothing, so nobody would see a harness that
//! found no test.

#![allow(
    clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects,
    missing_docs
)]

use hookgate_verify::{Algorithm, Hash, VerificationKey};
use wycheproof::TestResult;
use wycheproof::mac::{TestName, TestSet};

fn main() {
    hmac_agrees_with_wycheproof();
    #[cfg(not(target_arch = "wasm32"))]
    the_other_hashes_agree_with_wycheproof();
    println!("HMAC agrees with Wycheproof");
}

fn hmac_agrees_with_wycheproof() {
    let set = TestSet::load(TestName::HmacSha256).expect("the vectors of the crate");
    agrees(&set, |key, parts| {
        let VerificationKey::HmacSha256(key) = VerificationKey::new(Algorithm::Hmac(Hash::Sha256), key) else {
            panic!("of SHA-256")
        };
        key.mac(parts).to_vec()
    });
}

/// In the Worker, the runtime computes these hashes. Here, `ring` computes them.
#[cfg(not(target_arch = "wasm32"))]
fn the_other_hashes_agree_with_wycheproof() {
    for (name, hash) in [(TestName::HmacSha1, Hash::Sha1), (TestName::HmacSha512, Hash::Sha512)] {
        let set = TestSet::load(name).expect("the vectors of the crate");
        agrees(&set, |key, parts| {
            VerificationKey::new(Algorithm::Hmac(hash), key).mac(parts, &hookgate_verify::native::Native)
        });
    }
}

fn agrees(set: &TestSet, mac: impl Fn(&[u8], &[&[u8]]) -> Vec<u8>) {
    let (mut valid, mut invalid) = (0_usize, 0_usize);
    for group in &set.test_groups {
        let tag_bytes = group.tag_size / 8;
        for test in &group.tests {
            let whole = mac(&test.key, &[test.msg.as_slice()]);
            // A shorter tag is the beginning of the whole tag.
            let agrees = whole[..tag_bytes] == test.tag[..];
            match test.result {
                TestResult::Valid | TestResult::Acceptable => valid += 1,
                TestResult::Invalid => invalid += 1,
            }
            assert_eq!(agrees, test.result != TestResult::Invalid, "vector {}: {}", test.tc_id, test.comment);
            // The MAC does not depend on the bounds of the parts.
            let (head, tail) = test.msg.split_at(test.msg.len() / 2);
            assert_eq!(mac(&test.key, &[head, &[], tail]), whole);
        }
    }
    assert_eq!(valid + invalid, set.number_of_tests, "vectors were left out");
    assert!(valid > 50 && invalid > 50, "{valid} valid and {invalid} invalid vectors are too few");
}
