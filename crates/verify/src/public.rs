//! Public keys, and what the core asks of somebody else: the primitives that the runtime has built in.

use super::json::{self, Scalar};
use super::{Hash, JsonPath, PublicAlgorithm, SecretEncoding};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// What the runtime has built in: so that the Worker need not carry it, or because it is faster over a large body.
pub trait Crypto {
    /// HMAC (RFC 2104) under `key` over `parts`, one after the other.
    fn hmac(&self, hash: Hash, key: &[u8], parts: &[&[u8]]) -> Vec<u8>;

    /// The digest of `content`.
    fn digest(&self, hash: Hash, content: &[u8]) -> Vec<u8>;

    /// Whether `signature` is one over `content` under `key`. A key or a signature that cannot be read proves nothing:
    /// `false`.
    fn verifies(&self, algorithm: PublicAlgorithm, key: &PublicKey, content: &[u8], signature: &[u8]) -> bool;
}

/// A provider's public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// A SubjectPublicKeyInfo in DER (RFC 5280, section 4.1).
    Spki(Vec<u8>),
    /// A JSON Web Key (RFC 7517), as text.
    Jwk(String),
    /// An X.509 certificate in DER, whose key counts.
    Certificate(Vec<u8>),
}

/// Where a provider publishes its public keys. The request never says at which host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKeySource {
    /// A JSON Web Key Set at this URL (RFC 7517, section 5).
    Jwks(String),
    /// An X.509 certificate, whose URL stands at this path of the body and lies at one of these hosts.
    Certificate(JsonPath, Vec<HostPattern>),
}

/// Hosts of one owner: a name, in which `*` stands for any one label, and `{region}` for one that names a region of a cloud,
/// as `sns.{region}.amazonaws.com`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern(String);

impl HostPattern {
    /// Reads a pattern. `None` where a label is not one, or where the last two are not fixed: those say whose hosts they are.
    pub fn parse(text: &str) -> Option<Self> {
        let open = |label: &str| matches!(label, "*" | "{region}");
        let labels = || text.split('.');
        let fixed = labels().rev().take_while(|label| is_label(label)).count();
        (fixed >= 2 && labels().all(|label| open(label) || is_label(label))).then(|| Self(text.to_owned()))
    }

    /// The path of `url` where it is an https URL at such a host: no other port, no user.
    pub fn path_of<'u>(&self, url: &'u str) -> Option<&'u str> {
        let (host, path) = url.strip_prefix("https://")?.split_once('/')?;
        let mut labels = host.split('.');
        let fits = |wanted: &str| {
            labels.next().is_some_and(|label| match wanted {
                "*" => is_label(label),
                "{region}" => is_region(label),
                wanted => label == wanted,
            })
        };
        let fit = self.0.split('.').all(fits) && labels.next().is_none();
        (fit && path.bytes().all(|b| b.is_ascii_graphic())).then_some(path)
    }
}

fn is_label(label: &str) -> bool {
    !label.is_empty() && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// A region's name: words of letters, then a number, as `eu-central-1` and `us-gov-west-1`. No service has such a name.
fn is_region(label: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    let Some((words, number)) = label.rsplit_once('-') else { return false };
    words.contains('-')
        && words.split('-').all(word)
        && matches!(number.len(), 1..=2)
        && number.bytes().all(|b| b.is_ascii_digit())
}

/// What stands before the 32 bytes of an Ed25519 key in its SubjectPublicKeyInfo (RFC 8410, section 4).
const ED25519_SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

impl PublicKey {
    /// Reads a key as providers show them: PEM, a JSON Web Key, or as `form` says 32 bytes of Ed25519 or a
    /// SubjectPublicKeyInfo.
    pub(super) fn parse(algorithm: PublicAlgorithm, text: &str, form: &SecretEncoding) -> Option<Self> {
        if let Some(armoured) = text.strip_prefix("-----BEGIN ") {
            let (label, rest) = armoured.split_once("-----")?;
            let (encoded, _) = rest.split_once("-----END ")?;
            let der = STANDARD.decode(encoded.split_whitespace().collect::<String>()).ok()?;
            return match label {
                "PUBLIC KEY" => Some(Self::Spki(der)),
                "CERTIFICATE" => Some(Self::Certificate(der)),
                _ => None,
            };
        }
        if text.starts_with('{') {
            let key: Value = serde_json::from_slice(text.as_bytes()).ok()?;
            return key.get("kty").map(|_| Self::Jwk(text.to_owned()));
        }
        let bytes = match form {
            SecretEncoding::Hex => hex::decode(text).ok()?,
            SecretEncoding::Base64AfterPrefix(prefix) => {
                STANDARD.decode(text.strip_prefix(prefix.as_str()).unwrap_or(text)).ok()?
            }
            SecretEncoding::Utf8 | SecretEncoding::Sha1 | SecretEncoding::Html => return None,
        };
        match (algorithm, bytes.len()) {
            (PublicAlgorithm::Ed25519, 32) => Some(Self::Spki([&ED25519_SPKI, bytes.as_slice()].concat())),
            (_, 33..) => Some(Self::Spki(bytes)),
            _ => None,
        }
    }

    /// The id of a JSON Web Key (RFC 7517, section 4.5), where it has one.
    pub(super) fn id(&self) -> Option<String> {
        let Self::Jwk(text) = self else { return None };
        match json::extract(text.as_bytes(), &[&JsonPath::of_key("kid")]).ok()?.pop()? {
            Some(Scalar::Text(id)) => Some(id),
            _ => None,
        }
    }

    /// Reads what a provider publishes: a JSON Web Key Set, or a certificate in PEM.
    pub fn parse_published(text: &[u8]) -> Option<Vec<Self>> {
        if text.first() == Some(&b'{') {
            let mut set: Value = serde_json::from_slice(text).ok()?;
            let Some(Value::Array(keys)) = set.get_mut("keys").map(Value::take) else { return None };
            return keys.iter().map(|key| serde_json::to_string(key).ok().map(Self::Jwk)).collect();
        }
        let text = std::str::from_utf8(text).ok()?.trim_start();
        Self::parse(PublicAlgorithm::RsaSha256, text, &SecretEncoding::Utf8).map(|key| vec![key])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_admits_the_hosts_of_one_owner() {
        let sns = HostPattern::parse("sns.{region}.amazonaws.com").expect("a pattern");
        assert_eq!(sns.path_of("https://sns.us-gov-west-1.amazonaws.com/a.pem"), Some("a.pem"));
        assert_eq!(sns.path_of("https://sns.eu-central-1.amazonaws.com/a.pem"), Some("a.pem"));
        assert_eq!(sns.path_of("https://sns.eu-central-1.amazonaws.com/?A=b&c=%20"), Some("?A=b&c=%20"));
        for url in [
            "http://sns.eu-central-1.amazonaws.com/a.pem",
            "https://sns.eu-central-1.amazonaws.com",
            "https://sns.eu-central-1.amazonaws.com.evil.example/a.pem",
            "https://sns.eu-central-1.amazonaws.com:443/a.pem",
            "https://sns.eu-central-1.amazonaws.com@evil.example/a.pem",
            "https://evil@sns.eu-central-1.amazonaws.com/a.pem",
            "https://sns.a.b.amazonaws.com/a.pem",
            // A bucket called `sns`, of whoever comes first.
            "https://sns.s3.amazonaws.com/a.pem",
            "https://sns.s3-us-west-2.amazonaws.com/a.pem",
            "https://sns.eu-1.amazonaws.com/a.pem",
            "https://sns.eu-central-123.amazonaws.com/a.pem",
            "https://sns..amazonaws.com/a.pem",
            "https://sns.a\\b.amazonaws.com/a.pem",
            "https://sns.EU.amazonaws.com/a.pem",
            "https://evil.example/sns.eu-central-1.amazonaws.com/a.pem",
            "https://sns.eu-central-1.amazonaws.com/a b.pem",
            "https://amazonaws.com/a.pem",
        ] {
            assert_eq!(sns.path_of(url), None, "{url}");
        }
    }

    #[test]
    fn a_pattern_says_whose_hosts_they_are() {
        for pattern in ["sns.{region}.amazonaws.com", "*.keys.example.com", "keys.example.com", "*.example.com"] {
            assert!(HostPattern::parse(pattern).is_some(), "{pattern}");
        }
        for pattern in [
            "*",
            "*.com",
            "com",
            "",
            "keys.*.com",
            "keys.example.*",
            "a..example.com",
            "{region}.com",
            "Keys.example.com",
            "https://a.example.com",
        ] {
            assert_eq!(HostPattern::parse(pattern), None, "{pattern}");
        }
    }
}
