//! Public keys, and the cryptographic primitives that the core needs from the runtime.

use super::json::{self, Scalar};
use super::{Hash, JsonPath, PublicAlgorithm, SecretEncoding};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// The primitives that the runtime has built in. The Worker is smaller with them, and they are faster over a large body.
pub trait Crypto {
    /// HMAC (RFC 2104) under `key` over the concatenated `parts`.
    fn hmac(&self, hash: Hash, key: &[u8], parts: &[&[u8]]) -> Vec<u8>;

    /// The digest of `content`.
    fn digest(&self, hash: Hash, content: &[u8]) -> Vec<u8>;

    /// Whether `signature` is a signature over `content` under `key`. `false` if the key or the signature cannot be read.
    fn verifies(&self, algorithm: PublicAlgorithm, key: &PublicKey, content: &[u8], signature: &[u8]) -> bool;
}

/// A provider's public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// A SubjectPublicKeyInfo in DER (RFC 5280, section 4.1).
    Spki(Vec<u8>),
    /// A JSON Web Key (RFC 7517), as text.
    Jwk(String),
    /// An X.509 certificate in DER. Only its public key is used: the certificate's own signature is not checked.
    Certificate(Vec<u8>),
}

/// The location of a provider's public keys. The request never chooses the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKeySource {
    /// A JSON Web Key Set at this URL (RFC 7517, section 5).
    Jwks(String),
    /// An X.509 certificate. The body has its URL at this path, and the URL is at one of these hosts.
    Certificate(JsonPath, Vec<HostPattern>),
}

/// Hosts of one owner, as a name with placeholders: `sns.{region}.amazonaws.com`. `*` is any one label, and `{region}` is a
/// label that names a region of a cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostPattern(String);

impl HostPattern {
    /// Reads a pattern. `None` if the text is not a pattern, or if one of the last two labels is a placeholder: the last
    /// two labels name the owner.
    pub fn parse(text: &str) -> Option<Self> {
        let open = |label: &str| matches!(label, "*" | "{region}");
        let labels = || text.split('.');
        let fixed = labels().rev().take_while(|label| is_label(label)).count();
        (fixed >= 2 && labels().all(|label| open(label) || is_label(label))).then(|| Self(text.to_owned()))
    }

    /// The path of `url`. `None` if `url` is not an https URL at such a host, or has a port or a user.
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

/// Whether the label is the name of a region: words of letters, then a number, such as `eu-central-1`. No service has such
/// a name.
fn is_region(label: &str) -> bool {
    let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    let Some((words, number)) = label.rsplit_once('-') else { return false };
    words.contains('-')
        && words.split('-').all(word)
        && matches!(number.len(), 1..=2)
        && number.bytes().all(|b| b.is_ascii_digit())
}

/// The bytes before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410, section 4).
const ED25519_SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

impl PublicKey {
    /// Reads a key of `algorithm` as providers show keys: PEM, a JSON Web Key, or the encoded bytes of an Ed25519 key or of
    /// a SubjectPublicKeyInfo. `None` if the text is none of these, or is the key of another algorithm.
    pub(super) fn parse(algorithm: PublicAlgorithm, text: &str, encoding: &SecretEncoding) -> Option<Self> {
        let key = match text.as_bytes().first()? {
            b'-' => Self::parse_pem(text),
            b'{' => Some(Self::Jwk(text.to_owned())),
            _ => Self::parse_bytes(algorithm, text, encoding),
        };
        key.filter(|key| key.fits(algorithm))
    }

    fn parse_pem(text: &str) -> Option<Self> {
        let (label, rest) = text.strip_prefix("-----BEGIN ")?.split_once("-----")?;
        let (encoded, _) = rest.split_once("-----END ")?;
        let der = STANDARD.decode(encoded.split_whitespace().collect::<String>()).ok()?;
        match label {
            "PUBLIC KEY" => Some(Self::Spki(der)),
            "CERTIFICATE" => Some(Self::Certificate(der)),
            _ => None,
        }
    }

    fn parse_bytes(algorithm: PublicAlgorithm, text: &str, encoding: &SecretEncoding) -> Option<Self> {
        let bytes = match encoding {
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

    /// Whether the key is of the family that `algorithm` needs, by the identifier in its encoding. The runtime reads the
    /// rest.
    pub(super) fn fits(&self, algorithm: PublicAlgorithm) -> bool {
        let (identifier, family): (&[u8], [Option<&str>; 2]) = match algorithm {
            // RFC 8410, section 3, and RFC 8037, section 2.
            PublicAlgorithm::Ed25519 => (&[0x06, 0x03, 0x2b, 0x65, 0x70], [Some("OKP"), Some("Ed25519")]),
            // The curve: RFC 5480, section 2.1.1.1, and RFC 7518, section 6.2.1.
            PublicAlgorithm::EcdsaP256Der | PublicAlgorithm::EcdsaP256Fixed => {
                (&[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07], [Some("EC"), Some("P-256")])
            }
            // RFC 8017, appendix A.1, and RFC 7518, section 6.3. An RSA key has no curve.
            PublicAlgorithm::RsaSha256 | PublicAlgorithm::RsaSha1 => {
                (&[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01], [Some("RSA"), None])
            }
        };
        match self {
            Self::Spki(der) | Self::Certificate(der) => {
                der.windows(identifier.len()).any(|window| window == identifier)
            }
            Self::Jwk(_) => ["kty", "crv"].map(|name| self.member(name)) == family.map(|text| text.map(str::to_owned)),
        }
    }

    /// The id of a JSON Web Key (RFC 7517, section 4.5). `None` if the key has no id.
    pub(super) fn id(&self) -> Option<String> {
        self.member("kid")
    }

    /// The text of a member of a JSON Web Key.
    fn member(&self, name: &str) -> Option<String> {
        let Self::Jwk(text) = self else { return None };
        match json::extract(text.as_bytes(), &[&JsonPath::of_key(name)]).ok()?.pop()? {
            Some(Scalar::Text(text)) => Some(text),
            Some(Scalar::Integer(_) | Scalar::Other(_)) | None => None,
        }
    }

    /// Reads the text that a provider publishes: a JSON Web Key Set, or a certificate in PEM.
    pub fn parse_published(text: &[u8]) -> Option<Vec<Self>> {
        if text.first() == Some(&b'{') {
            let mut set: Value = serde_json::from_slice(text).ok()?;
            let Some(Value::Array(keys)) = set.get_mut("keys").map(Value::take) else { return None };
            return keys.iter().map(|key| serde_json::to_string(key).ok().map(Self::Jwk)).collect();
        }
        Self::parse_pem(std::str::from_utf8(text).ok()?.trim_start()).map(|key| vec![key])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_pattern_matches_hosts_of_one_owner_only() {
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
            // Anybody can create a bucket with the name `sns`.
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
    fn a_host_pattern_must_name_the_owner() {
        for pattern in ["sns.{region}.amazonaws.com", "*.keys.example.com", "keys.example.com", "*.example.com"] {
            assert!(HostPattern::parse(pattern).is_some(), "{pattern}");
        }
        for pattern in [
            "*", "*.com", "com", "", "keys.*.com", "keys.example.*", "a..example.com", "{region}.com",
            "Keys.example.com", "https://a.example.com",
        ] {
            assert_eq!(HostPattern::parse(pattern), None, "{pattern}");
        }
    }
}
