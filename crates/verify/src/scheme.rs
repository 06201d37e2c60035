//! How providers sign, as data: the location of the signature, the signed content and the encoding.

mod algorithm;
mod claims;
mod location;
mod part;
mod time;

pub use algorithm::{Algorithm, Hash, PublicAlgorithm, SecretEncoding};
pub use claims::{ClaimText, TokenClaims};
pub use location::{Encoding, Layout, Location};
pub(crate) use part::Covers;
pub use part::{DeclaredFormat, Part};
pub use time::{Clock, TimeUnit, Timestamp, TimestampLocation};

use super::{Framing, Handshake, HeaderPattern, IdentityRule, JsonPath, PublicKeySource};
use std::fmt;
use std::time::Duration;

/// A provider's scheme and habits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Preset {
    /// The name in the configuration, or `own scheme` for a scheme in the configuration.
    pub name: String,
    /// How the provider signs.
    pub scheme: Scheme,
    /// How long after its first request the provider still retries, or lets the user redeliver.
    pub retry_span: Duration,
    /// The shortest time in which the provider may use up all its tries, if each try is refused at once. `None` if that is
    /// `retry_span`.
    pub tries_within: Option<Duration>,
    /// The requests with which the provider checks that the endpoint is its user's.
    pub handshakes: Vec<Handshake>,
    /// The headers that the destination gets in addition to the headers of the scheme.
    pub headers: Vec<HeaderPattern>,
    /// Whether the provider wants an empty body in every answer.
    pub empty_answers: bool,
    /// The body that the provider wants in each 200, and the body's media type. A refusal has its own body.
    pub answer: Option<(String, String)>,
}

impl Preset {
    /// The shortest time in which the provider may use up all its tries.
    pub fn tries_within(&self) -> Duration {
        self.tries_within.unwrap_or(self.retry_span).min(self.retry_span)
    }
}

/// How a provider signs its webhooks, and the locations of the signed facts in a request.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scheme {
    /// The algorithm that proves a request.
    pub algorithm: Algorithm,
    /// How the secret's text becomes the key.
    pub secret: SecretEncoding,
    /// The locations that may carry the signature. Each location that a request has counts.
    pub locations: Vec<Location>,
    /// The variants of signing that the provider's documentation allows. Only the first variant with a fitting layout is
    /// tried, with its alternatives.
    pub variants: Vec<Variant>,
    /// The necessary claims of a signed token.
    pub token_claims: TokenClaims,
    /// The location of the event's id.
    pub id: IdLocation,
    /// The identity of an event without a readable id.
    pub identity: IdentityRule,
    /// The locations of the event's type. The first location with a type counts.
    pub event_type: Vec<TypeLocation>,
    /// The location of the provider's published public keys.
    pub public_keys: Option<PublicKeySource>,
    /// The path of the user's account in the signed body. The account must be the configured account, because the provider
    /// signs for all its users with one key.
    pub account: Option<JsonPath>,
}

/// One variant of signing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Variant {
    /// The layout of the text at the signature's location.
    pub layout: Layout,
    /// The encoding of a signature.
    pub encoding: Encoding,
    /// The signed content: the concatenation of these parts.
    pub content: Vec<Part>,
    /// The indexes in `content` of values that a request may lack. Without its value, the literals before and after it are
    /// not signed either.
    pub optional: Vec<usize>,
    /// Whether this is an alternative content of the variant before it, with the same layout.
    pub alternative: bool,
    /// The location of the signed time.
    pub timestamp: Option<Timestamp>,
    /// The constraints that keep the parts of `content` apart, from [`Framing::of`]. Without constraints, nothing is
    /// proven.
    pub framing: Framing,
}

/// The location of an event's id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum IdLocation {
    /// In a header that the signature covers.
    SignedHeader(String),
    /// In an unsigned header, in a scheme that proves only the sender.
    UnsignedHeader(String, WithoutId),
    /// In the JSON body.
    Json {
        /// The path to it.
        path: JsonPath,
        /// A path at which the body must have a value. Without the value, the id is not the id of an event.
        when: Option<JsonPath>,
        /// The treatment of an event without an id.
        missing: WithoutId,
    },
    /// The event has no id. [`Scheme::identity`] identifies it.
    #[default]
    Nowhere,
}

/// The treatment of an authentic request without a usable id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithoutId {
    /// The request is refused, because the provider always sends an id.
    Refuse,
    /// [`Scheme::identity`] identifies the event, because the provider has events without an id.
    ByRule,
}

/// The location of an event's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeLocation {
    /// In the JSON body.
    Json(JsonPath),
    /// In an unsigned header.
    UnsignedHeader(String),
}

/// How much a proven request can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// The signature covers the body.
    Strong,
    /// An attacker who has seen one request can make another request: [`Scheme::weakness`] says why.
    Weak,
}

impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Strong => "strong",
            Self::Weak => "weak",
        })
    }
}

/// The reason why an attacker who has seen one request can make another request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakness {
    /// The signature does not cover the body.
    Unsigned,
    /// The signature covers named members of the body, and nothing else of the body.
    Partial,
    /// The hash over the secret and the content can be extended without the secret.
    Extendable,
    /// A form's names and values are signed without anything between them.
    Unframed,
}

impl fmt::Display for Weakness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unsigned => "the body is not signed",
            Self::Partial => "only named members of the body are signed",
            Self::Extendable => "can be extended without the secret",
            Self::Unframed => "nothing separates a form's names and values in the signed content",
        })
    }
}

impl Scheme {
    /// How much a request can be trusted that this scheme proves.
    pub fn strength(&self) -> Strength {
        if self.weakness().is_none() { Strength::Strong } else { Strength::Weak }
    }

    /// The weakness of this scheme, if it has one.
    pub fn weakness(&self) -> Option<Weakness> {
        let names = |part: &Part| part.covers() == Covers::Members;
        if let Some(variant) = self.variants.iter().find(|variant| !self.signs_body(variant)) {
            Some(if variant.content.iter().any(names) { Weakness::Partial } else { Weakness::Unsigned })
        } else if self.algorithm == Algorithm::PlainHash {
            Some(Weakness::Extendable)
        } else if self.variants.iter().any(|variant| variant.content.contains(&Part::SortedForm)) {
            Some(Weakness::Unframed)
        } else {
            None
        }
    }

    /// Whether a request may lack the signed header `name`.
    pub fn may_lack(&self, name: &str) -> bool {
        let lacks = |variant: &Variant| {
            let named =
                |place: &usize| matches!(variant.content.get(*place), Some(Part::Header(known)) if known == name);
            variant.optional.iter().any(named)
        };
        self.variants.iter().any(lacks)
    }

    /// The variant and its alternatives.
    pub(super) fn with_alternatives<'s>(&'s self, variant: &'s Variant) -> impl Iterator<Item = &'s Variant> {
        let from = self.variants.iter().skip_while(move |known| !std::ptr::eq(*known, variant));
        from.enumerate().take_while(|(number, variant)| *number == 0 || variant.alternative).map(|(_, variant)| variant)
    }

    /// Whether the configured URL is signed with its own query, so that a request must have that query and no other.
    pub fn pins_query(&self) -> bool {
        self.variants.iter().any(|variant| variant.framing.pins_query())
    }

    /// The first location of the signature, as a text for people.
    pub(super) fn location(&self) -> String {
        self.locations.first().map_or_else(|| "no location".to_owned(), ToString::to_string)
    }

    /// Whether the signature covers the whole body, in this variant. A signature over named members does not.
    pub fn signs_body(&self, variant: &Variant) -> bool {
        let whole = |part: &Part| matches!(part.covers(), Covers::Bytes | Covers::Meaning);
        let hashes = self.token_claims.body_hash.is_some() || self.token_claims.query_body_hash.is_some();
        self.algorithm != Algorithm::StaticToken && (hashes || variant.content.iter().any(whole))
    }

    /// Whether the signature covers the value at `path` of the body, in this variant.
    pub fn signs(&self, variant: &Variant, path: &JsonPath) -> bool {
        let names = |part: &Part| match part {
            Part::Json(signed) => signed == path,
            Part::JsonLines(keys) => keys.iter().any(|key| JsonPath::of_key(key) == *path),
            Part::CanonicalJsonString | Part::Body | Part::BodySha256 | Part::BodySha256Bytes => true,
            Part::Literal(_)
            | Part::Timestamp
            | Part::Header(_)
            | Part::Query(_)
            | Part::QueryLower(_)
            | Part::Url
            | Part::Method
            | Part::Path
            | Part::ListedHeaders(_)
            | Part::Form(_)
            | Part::SortedForm
            | Part::SortedQuery
            | Part::Jws => false,
        };
        self.token_claims.body_hash.is_some() || variant.content.iter().any(names)
    }

    /// Whether the endpoint's public URL is signed. Then the configuration must have the URL.
    pub fn signs_url(&self) -> bool {
        let signs = |variant: &Variant| variant.content.iter().any(Part::is_of_url);
        self.token_claims.url_hash.is_some()
            || self.token_claims.want(&ClaimText::Url)
            || self.variants.iter().any(signs)
    }

    /// Whether the user's account is signed. Then the configuration must have the account, because the provider signs for
    /// all its users with one key.
    pub fn signs_account(&self) -> bool {
        self.account.is_some() || self.token_claims.want(&ClaimText::Account)
    }

    /// Whether this scheme proves only the sender and no content, as with a static token, basic authentication, or a signed
    /// token without a digest of the body. Such a sender can write any body, so an unsigned id is as good as the body.
    pub fn proves_only_sender(&self) -> bool {
        let hashes = self.token_claims.body_hash.is_some() || self.token_claims.query_body_hash.is_some();
        let is_bare = |variant: &Variant| variant.content.iter().all(|part| part.covers() == Covers::Token);
        self.algorithm == Algorithm::StaticToken || (!hashes && self.variants.iter().all(is_bare))
    }

    /// Whether the scheme can recognise retries of an event.
    pub fn identifies(&self) -> bool {
        !(matches!(self.id, IdLocation::Nowhere) && matches!(self.identity, IdentityRule::None { .. }))
    }

    /// Whether events without an id occur and the configuration has no rule for their identity.
    pub fn leaves_identity_open(&self) -> bool {
        use WithoutId::{ByRule, Refuse};
        match &self.id {
            IdLocation::SignedHeader(name) => self.may_lack(name) && self.identity == IdentityRule::Unstated,
            IdLocation::UnsignedHeader(_, Refuse) | IdLocation::Json { missing: Refuse, .. } => false,
            IdLocation::UnsignedHeader(_, ByRule) | IdLocation::Json { missing: ByRule, .. } | IdLocation::Nowhere => {
                self.identity == IdentityRule::Unstated
            }
        }
    }

    /// How duplicates are recognised, in words: `by $.id`, `by identical content`, `not recognised`.
    pub fn recognition(&self) -> String {
        let Self { id, identity, .. } = self;
        let unsigned = if self.proves_only_sender() { " (unsigned)" } else { "" };
        match id {
            IdLocation::Nowhere => identity.to_string(),
            IdLocation::SignedHeader(name) if self.may_lack(name) => format!("by {name}, else {identity}"),
            IdLocation::SignedHeader(name) => format!("by {name}"),
            IdLocation::UnsignedHeader(name, WithoutId::Refuse) => format!("by {name} (unsigned)"),
            IdLocation::UnsignedHeader(name, WithoutId::ByRule) => format!("by {name} (unsigned), else {identity}"),
            IdLocation::Json { path, missing: WithoutId::Refuse, .. } => format!("by {path}{unsigned}"),
            IdLocation::Json { path, when: None, .. } => format!("by {path}{unsigned}, else {identity}"),
            IdLocation::Json { path, when: Some(when), .. } => {
                format!("by {path}{unsigned} if {when} is present, else {identity}")
            }
        }
    }

    /// Whether the bytes of the body identify an event without an id. If not, the signed content does. The bytes do so if
    /// the signature covers all of them, or nothing of the event.
    pub fn signs_bytes(&self, variant: &Variant) -> bool {
        self.algorithm == Algorithm::StaticToken
            || variant.content.iter().any(|part| matches!(part.covers(), Covers::Bytes | Covers::Token))
    }
}
