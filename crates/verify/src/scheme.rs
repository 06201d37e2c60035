//! How providers sign, as data: where the signature stands, what it covers, how it is encoded.

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

/// A provider's scheme and habits, under a name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Preset {
    /// The name in the configuration; `own scheme` where the configuration describes it.
    pub name: String,
    /// How it signs.
    pub scheme: Scheme,
    /// How long after the first attempt the provider still retries, or lets its user redeliver.
    pub retry_span: Duration,
    /// The least time within which all of its tries may pass, where that is less than `retry_span`: each is refused at once.
    pub tries_within: Option<Duration>,
    /// What it sends to prove that the endpoint is its user's.
    pub handshakes: Vec<Handshake>,
    /// The headers that go on to the origin, beside those that the scheme names.
    pub headers: Vec<HeaderPattern>,
    /// Whether it wants no body in any answer, be it a 200 or a 401.
    pub empty_answers: bool,
    /// The body that it wants in each 200, and the body's media type; a refusal has its own body.
    pub answer: Option<(String, String)>,
}

impl Preset {
    /// The least time within which all of the provider's tries may pass.
    pub fn tries_within(&self) -> Duration {
        self.tries_within.unwrap_or(self.retry_span).min(self.retry_span)
    }
}

/// How a provider signs its webhooks, and where in a delivery the signed facts stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scheme {
    /// What proves a delivery.
    pub algorithm: Algorithm,
    /// How the secret's text becomes the key.
    pub secret: SecretEncoding,
    /// The places that may carry the signature; each that is there counts.
    pub locations: Vec<Location>,
    /// The forms it may have there. The provider's documentation allows all of them; the first whose shape fits is the
    /// only one tried.
    pub variants: Vec<Variant>,
    /// What the claims of a signed token must say.
    pub token_claims: TokenClaims,
    /// Where the event's id stands.
    pub id: IdLocation,
    /// What identifies an event that has no readable id.
    pub identity: IdentityRule,
    /// Where the event's type stands; the first place that holds one counts.
    pub event_type: Vec<TypeLocation>,
    /// Where the provider publishes its public keys.
    pub public_keys: Option<PublicKeySource>,
    /// Where the signed body names the user's account, which must be the configured one: this provider signs for all of
    /// its users with one key.
    pub account: Option<JsonPath>,
}

/// One form of signing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Variant {
    /// How the signature's place is laid out.
    pub layout: Layout,
    /// How a signature is written.
    pub encoding: Encoding,
    /// What is signed, in this order, with nothing between.
    pub content: Vec<Part>,
    /// The places in `content` of values that a request may lack. Without its value, the literals before and after it are
    /// not signed either.
    pub optional: Vec<usize>,
    /// Whether this is another content of the form before it, with the same layout: what is signed is one or the other.
    pub alternative: bool,
    /// Where the signed time stands.
    pub timestamp: Option<Timestamp>,
    /// What keeps the parts of `content` apart: [`Framing::of`] makes it. Without it, nothing is proven.
    pub framing: Framing,
}

/// Where the id of an event stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum IdLocation {
    /// In a header that the signature covers.
    SignedHeader(String),
    /// In a header that no signature covers, of a scheme that proves only who sends.
    UnsignedHeader(String, WithoutId),
    /// In the JSON body.
    Json {
        /// The path to it.
        path: JsonPath,
        /// What must stand in the body, whatever it is, for the id to name the event and not something else.
        when: Option<JsonPath>,
        /// What becomes of an event without it.
        missing: WithoutId,
    },
    /// Nowhere: [`Scheme::identity`] identifies the event.
    #[default]
    Nowhere,
}

/// What becomes of an authentic request that has no usable id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithoutId {
    /// It is refused: the provider always sends one.
    Refuse,
    /// [`Scheme::identity`] identifies its event: the provider has events without an id.
    ByRule,
}

/// Where the type of an event stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TypeLocation {
    /// In the JSON body.
    Json(JsonPath),
    /// In a header that no signature covers.
    UnsignedHeader(String),
}

/// How a delivery can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strength {
    /// The signature covers the body.
    Strong,
    /// Who has seen one delivery can send another: [`Scheme::weakness`] says why.
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

/// Why who has seen one delivery can send another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weakness {
    /// The signature does not cover the body.
    Unsigned,
    /// The signature covers named members of the body, and nothing else of it.
    Partial,
    /// The hash over secret and content can be continued without the secret.
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
            Self::Unframed => "nothing separates a form's names and values in what is signed",
        })
    }
}

impl Scheme {
    /// How a delivery can be trusted that this scheme proves.
    pub fn strength(&self) -> Strength {
        if self.weakness().is_none() { Strength::Strong } else { Strength::Weak }
    }

    /// Why a delivery that this scheme proves can be trusted less than others.
    pub fn weakness(&self) -> Option<Weakness> {
        let names = |part: &Part| part.covers() == Covers::Members;
        if let Some(form) = self.variants.iter().find(|form| !self.signs_body(form)) {
            Some(if form.content.iter().any(names) { Weakness::Partial } else { Weakness::Unsigned })
        } else if self.algorithm == Algorithm::PlainHash {
            Some(Weakness::Extendable)
        } else if self.variants.iter().any(|form| form.content.contains(&Part::SortedForm)) {
            Some(Weakness::Unframed)
        } else {
            None
        }
    }

    /// Whether a request may lack the signed header `name`.
    pub fn may_lack(&self, name: &str) -> bool {
        let lacks = |form: &Variant| {
            let named = |place: &usize| matches!(form.content.get(*place), Some(Part::Header(known)) if known == name);
            form.optional.iter().any(named)
        };
        self.variants.iter().any(lacks)
    }

    /// The forms that a request of this form's layout may have: it, and its alternatives.
    pub(super) fn with_alternatives<'s>(&'s self, form: &'s Variant) -> impl Iterator<Item = &'s Variant> {
        let from = self.variants.iter().skip_while(move |known| !std::ptr::eq(*known, form));
        from.enumerate().take_while(|(number, form)| *number == 0 || form.alternative).map(|(_, form)| form)
    }

    /// Whether the configured URL is signed with its own query, so that a request must have that query and no other.
    pub fn pins_query(&self) -> bool {
        self.variants.iter().any(|form| form.framing.pins_query())
    }

    /// Where the signature stands, for people: the first of its places.
    pub(super) fn location(&self) -> String {
        self.locations.first().map_or_else(|| "no place".to_owned(), ToString::to_string)
    }

    /// Whether the signature covers all of what the body says, in this form. One that names members leaves the others open.
    pub fn signs_body(&self, form: &Variant) -> bool {
        let whole = |part: &Part| matches!(part.covers(), Covers::Bytes | Covers::Meaning);
        let hashes = self.token_claims.body_hash.is_some() || self.token_claims.query_body_hash.is_some();
        self.algorithm != Algorithm::StaticToken && (hashes || form.content.iter().any(whole))
    }

    /// Whether the signature covers what stands at `path` in the body, in this form.
    pub fn signs(&self, form: &Variant, path: &JsonPath) -> bool {
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
        self.token_claims.body_hash.is_some() || form.content.iter().any(names)
    }

    /// Whether the endpoint's public URL is signed, so that the configuration has to have it.
    pub fn signs_url(&self) -> bool {
        let signs = |form: &Variant| form.content.iter().any(Part::is_of_url);
        self.token_claims.url_hash.is_some()
            || self.token_claims.want(&ClaimText::Url)
            || self.variants.iter().any(signs)
    }

    /// Whether the user's account is signed, so that the configuration has to have it: the provider signs for all of its
    /// users with one key.
    pub fn signs_account(&self) -> bool {
        self.account.is_some() || self.token_claims.want(&ClaimText::Account)
    }

    /// Whether this scheme proves who sends and nothing of what is sent: a static token, basic auth, a signed token that
    /// says nothing of the body. Whoever can send one request can write any body, so an unsigned id is as good as the body.
    pub fn proves_only_sender(&self) -> bool {
        let hashes = self.token_claims.body_hash.is_some() || self.token_claims.query_body_hash.is_some();
        let is_bare = |form: &Variant| form.content.iter().all(|part| part.covers() == Covers::Token);
        self.algorithm == Algorithm::StaticToken || (!hashes && self.variants.iter().all(is_bare))
    }

    /// Whether events can be told from their retries at all, by an id or otherwise.
    pub fn identifies(&self) -> bool {
        !(matches!(self.id, IdLocation::Nowhere) && matches!(self.identity, IdentityRule::None { .. }))
    }

    /// Whether the identity of an event without an id is what the configuration says nothing about.
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
                format!("by {path}{unsigned} where {when} stands beside it, else {identity}")
            }
        }
    }

    /// Whether an event without an id is known by its body's bytes, and not by what is signed: the signature covers all
    /// of them, or says nothing of the event at all.
    pub fn signs_bytes(&self, form: &Variant) -> bool {
        self.algorithm == Algorithm::StaticToken
            || form.content.iter().any(|part| matches!(part.covers(), Covers::Bytes | Covers::Token))
    }
}
