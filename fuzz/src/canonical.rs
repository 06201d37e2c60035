//! RelayBox signs the canonical text of the body. The text equals the text of another implementation, and the canonical text
//! of a canonical text is the same text. The input is the body.

#[path = "../../crates/verify/tests/common/canonical.rs"]
mod oracle;

use super::common::case;
use super::{ID, NOW, SEED};
use hookgate_verify::native::Native;

pub fn run(body: &[u8]) {
    let case = case("relaybox");
    let sign = |body: &[u8]| case.sign(SEED, ID, NOW, body).ok().and_then(|mut headers| headers.pop());
    let mac = |quoted: Vec<u8>| case.encode(&case.key(SEED).mac(&[quoted.as_slice()], &Native));
    let right = oracle::quoted(body).map(|quoted| (case.header().to_owned(), mac(quoted)));
    if let Some(canonical) = oracle::canonical(body) {
        assert_eq!(sign(canonical.as_bytes()), right, "{canonical}");
    }
    // hookgate also refuses a body that is expensive to sort.
    if let Some(signature) = sign(body) {
        assert_eq!(Some(signature), right, "{}", String::from_utf8_lossy(body));
    }
}
