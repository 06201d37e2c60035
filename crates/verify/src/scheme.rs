//! How providers sign, as data: where the signature stands, what it covers, how it is encoded.

use super::{Framing, Handshake, HeaderPattern, IdentityRule, JsonPath, KeySource};
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

/// How a provider signs its webhooks, and where in a delivery the signed facts stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scheme {
    /// What proves a delivery.
    pub algorithm: Algorithm,
    /// How the secret's text becomes the key.
    pub secret: SecretForm,
    /// The places that may carry the signature; each that is there counts.
    pub places: Vec<Place>,
    /// The forms it may have there. The provider's documentation allows all of them; the first whose shape fits is the
    /// only one tried.
    pub forms: Vec<Form>,
    /// What the claims of a signed token must say.
    pub claims: Claims,
    /// Where the event's id stands.
    pub id: IdAt,
    /// What identifies an event that has no readable id.
    pub identity: IdentityRule,
    /// Where the event's type stands; the first place that holds one counts.
    pub event_type: Vec<TypeAt>,
    /// Where the provider publishes its public keys.
    pub keys: Option<KeySource>,
    /// Where the signed body names the user's account, which must be the configured one: this provider signs for all of
    /// its users with one key.
    pub account: Option<JsonPath>,
}

/// What proves a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC (RFC 2104) under the shared secret.
    Hmac(Hash),
    /// SHA-256 over the shared secret and the content, one after the other.
    PlainHash,
    /// The shared secret itself stands in the request: it proves the sender, and nothing about the content.
    Token,
    /// A signature under the provider's private key.
    Public(PublicAlgorithm),
}

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    /// SHA-1: sound within HMAC, and what these providers offer.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

/// A public-key signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicAlgorithm {
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// ECDSA over P-256 with SHA-256; the signature in ASN.1 DER (RFC 3279, section 2.2.3).
    EcdsaP256Der,
    /// The same; the signature as two numbers of 32 bytes (RFC 7518, section 3.4).
    EcdsaP256Fixed,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RsaSha256,
    /// RSASSA-PKCS1-v1_5 with SHA-1.
    RsaSha1,
}

/// One form of signing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Form {
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

/// The form that a scheme declares for a signed value, where its neighbours do not tell where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declared {
    /// Any text: the one part that is free.
    Any,
    /// `A-Z a-z 0-9 _ - + / =`.
    Word,
    /// 36 hexadecimal digits and hyphens.
    Uuid,
}

/// How a secret's text becomes the key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SecretForm {
    /// The UTF-8 bytes of the whole text, whatever it looks like.
    #[default]
    Utf8,
    /// Hexadecimal.
    Hex,
    /// Base64 of the key, after a prefix that may be left out; the prefix may be empty.
    Base64AfterPrefix(String),
    /// The SHA-1 digest of the text (Braintree).
    Sha1,
    /// The text with `&amp;`, `&lt;`, `&gt;`, `&quot;` and `&#039;` decoded (WordPress).
    Html,
}

impl Default for Algorithm {
    fn default() -> Self {
        Self::Hmac(Hash::Sha256)
    }
}

impl Default for Layout {
    fn default() -> Self {
        Self::Single { prefixes: vec![String::new()] }
    }
}

/// Where a signature stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the header of this name, lower case.
    Header(String),
    /// In the query, under this name.
    Query(String),
    /// In the JSON body.
    Json(JsonPath),
    /// In a form body, under this name.
    Form(String),
}

impl Place {
    /// Whether the body has to be read for it.
    pub fn is_in_body(&self) -> bool {
        matches!(self, Self::Json(_) | Self::Form(_))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => f.write_str(name),
            Self::Query(name) => write!(f, "?{name}="),
            Self::Json(path) => path.fmt(f),
            Self::Form(name) => write!(f, "{name}="),
        }
    }
}

/// How the text at a signature's place is laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// One signature after a fixed prefix, which may be empty: `sha256=<signature>`. A header may have several, with commas
    /// between: the same header twice is such a list (RFC 9110, section 5.3). Each has its prefix, and each counts.
    Single {
        /// The prefixes, at least one, the longest first. The first that fits is the signature's.
        prefixes: Vec<String>,
    },
    /// A list of named entries: `t=<unix>,v1=<signature>[,v1=<signature>]`, `v1,<signature> v1,<signature>`. Entries of
    /// other names are passed over. A header that came twice is two such lists, with a comma and a blank between.
    List {
        /// The one or two characters that separate entries. Where a blank is one of two, or a comma among them, empty entries
        /// are passed over, and so are blanks and tabs beside a comma (RFC 9110, section 5.6.1).
        separators: String,
        /// What stands between an entry's name and its value.
        assign: char,
        /// The name of an entry with a signature, one or more. `None`: the user's account, or any name where the
        /// configuration has no account.
        signature: Option<String>,
        /// The name of the entry with the timestamp. One that stands twice must be the same.
        timestamp: Option<String>,
    },
    /// A comma list without names: the timestamp, then signatures. In a header that came twice both times are the same.
    Positional,
    /// A JSON Web Signature in compact form (RFC 7515, section 7.1), after a prefix.
    Jws {
        /// The prefix, such as `Bearer `.
        prefix: String,
    },
}

/// How a signature is written. Each has one text per signature, but for the case of hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    /// Hexadecimal, either case.
    #[default]
    Hex,
    /// Base64 (RFC 4648, section 4), padded, without stray bits.
    Base64,
    /// Base64 for URLs (RFC 4648, section 5), without padding and stray bits.
    Base64Url,
    /// The text itself.
    Text,
}

/// A part of the signed content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A fixed text.
    Literal(String),
    /// The timestamp's text as received.
    Timestamp,
    /// A header's text as received; refused where it is missing, empty, or contains the literal that follows it.
    Header(String),
    /// A query value, decoded; refused as a header is.
    Query(String),
    /// The same in lower case.
    QueryLower(String),
    /// The public URL of this endpoint as the configuration has it, and the request's query after it.
    Url,
    /// The request's method.
    Method,
    /// The path of the public URL, and the request's query after it, escaped twice (Contentful).
    Path,
    /// The headers that this header lists, each as `name:value`, by name, with `;` between (Contentful). The list has to
    /// name itself, and the timestamp's header.
    ListedHeaders(String),
    /// The raw body.
    Body,
    /// SHA-256 of the raw body, in lower-case hex.
    BodySha256,
    /// SHA-256 of the raw body, its 32 bytes.
    BodySha256Bytes,
    /// The body's RFC 8785 form, quoted again as one JSON string (RelayBox).
    CanonicalJsonString,
    /// A scalar of the JSON body as text; empty where there is none.
    Json(JsonPath),
    /// A value of the form body, decoded.
    Form(String),
    /// The form body: each name and its value, sorted, a repeated pair once.
    SortedForm,
    /// The query's pairs, sorted by name and encoded again.
    SortedQuery,
    /// For each of these keys that the JSON body has: the key, a newline, its text, a newline.
    JsonLines(Vec<String>),
    /// A JSON Web Signature's header and claims, as received.
    Jws,
}

/// Where a signed time stands, and how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timestamp {
    /// Where it stands.
    pub at: TimestampAt,
    /// How it is written.
    pub unit: TimeUnit,
    /// What it is the time of.
    pub clock: Clock,
    /// How old a delivery may be by it, where the provider's own check allows more or less than the customary five minutes.
    pub tolerance: Option<Duration>,
}

/// Where a signed time stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimestampAt {
    /// In the signature's place, as its layout names it.
    Field,
    /// In a header of its own.
    Header(String),
    /// In the JSON body.
    Json(JsonPath),
    /// In a claim of the signed token.
    Claim(String),
}

/// How a time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeUnit {
    /// Unix seconds.
    Seconds,
    /// Unix milliseconds.
    Milliseconds,
    /// Unix seconds or milliseconds, told by the number of digits: 1 to 11 are seconds, 13 milliseconds (Mercado Pago).
    Unix,
    /// RFC 3339, with a zone.
    Rfc3339,
    /// RFC 3339 in UTC, whose zone may be missing; one that stands there is `Z` or `+00:00` (Orb).
    Rfc3339Utc,
    /// A date as in mails and HTTP: `Tue, 20 Feb 2024 10:00:00 GMT` (RFC 2822).
    HttpDate,
}

/// What a signed time is the time of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// Of this delivery: each retry is signed afresh.
    Delivery,
    /// Of the event: an honest retry is as old as the retries go.
    Event,
}

/// What the claims of a signed token must say. The token's own times, `exp` and `nbf`, always count.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Claims {
    /// Claims and the texts they must have, such as the issuer.
    pub fixed: Vec<(String, ClaimText)>,
    /// The claim with the SHA-256 of the body, and how it is written.
    pub body_hash: Option<(String, Encoding)>,
    /// The claim with the SHA-256 of the public URL, in hex.
    pub url_hash: Option<String>,
    /// The value of the signed query with the SHA-256 of the body, in hex.
    pub query_body_hash: Option<String>,
}

/// The text that a claim must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimText {
    /// This one.
    Fixed(String),
    /// The public URL, without a query.
    Url,
    /// The same, where the source has a `url` of its own and the token has the claim.
    UrlIfKnown,
    /// The user's account, as the configuration has it.
    Account,
}

/// Where the id of an event stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum IdAt {
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
pub enum TypeAt {
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

impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Strong => "strong",
            Self::Weak => "weak",
        })
    }
}

impl Preset {
    /// The least time within which all of the provider's tries may pass.
    pub fn tries_within(&self) -> Duration {
        self.tries_within.unwrap_or(self.retry_span).min(self.retry_span)
    }
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
        let names = |part: &Part| matches!(part, Part::Json(_) | Part::Form(_) | Part::JsonLines(_));
        if let Some(form) = self.forms.iter().find(|form| !self.signs_body(form)) {
            Some(if form.content.iter().any(names) { Weakness::Partial } else { Weakness::Unsigned })
        } else if self.algorithm == Algorithm::PlainHash {
            Some(Weakness::Extendable)
        } else if self.forms.iter().any(|form| form.content.contains(&Part::SortedForm)) {
            Some(Weakness::Unframed)
        } else {
            None
        }
    }

    /// Whether a request may lack the signed header `name`.
    pub fn may_lack(&self, name: &str) -> bool {
        let lacks = |form: &Form| {
            let named = |place: &usize| matches!(form.content.get(*place), Some(Part::Header(known)) if known == name);
            form.optional.iter().any(named)
        };
        self.forms.iter().any(lacks)
    }

    /// The forms that a request of this form's layout may have: it, and its alternatives.
    pub(super) fn with_alternatives<'s>(&'s self, form: &'s Form) -> impl Iterator<Item = &'s Form> {
        let from = self.forms.iter().skip_while(move |known| !std::ptr::eq(*known, form));
        from.enumerate().take_while(|(number, form)| *number == 0 || form.alternative).map(|(_, form)| form)
    }

    /// Whether the configured URL is signed with its own query, so that a request must have that query and no other.
    pub fn pins_query(&self) -> bool {
        self.forms.iter().any(|form| form.framing.pins_query())
    }

    /// Whether the signature covers all of what the body says, in this form. One that names members leaves the others open.
    pub fn signs_body(&self, form: &Form) -> bool {
        let means = |part: &Part| matches!(part, Part::CanonicalJsonString | Part::SortedForm);
        let hashes = self.claims.body_hash.is_some() || self.claims.query_body_hash.is_some();
        self.algorithm != Algorithm::Token
            && (hashes || form.content.iter().any(|part| part.is_bytes_of_body() || means(part)))
    }

    /// Whether the signature covers what stands at `path` in the body, in this form.
    pub fn signs(&self, form: &Form, path: &JsonPath) -> bool {
        let names = |part: &Part| match part {
            Part::Json(signed) => signed == path,
            Part::JsonLines(keys) => keys.iter().any(|key| JsonPath::of_key(key) == *path),
            Part::CanonicalJsonString => true,
            part => part.is_bytes_of_body(),
        };
        self.claims.body_hash.is_some() || form.content.iter().any(names)
    }

    /// Whether the endpoint's public URL is signed, so that the configuration has to have it.
    pub fn signs_url(&self) -> bool {
        let signs = |form: &Form| form.content.iter().any(|part| matches!(part, Part::Url | Part::Path));
        self.claims.url_hash.is_some() || self.claims.want(&ClaimText::Url) || self.forms.iter().any(signs)
    }

    /// Whether the user's account is signed, so that the configuration has to have it: the provider signs for all of its
    /// users with one key.
    pub fn signs_account(&self) -> bool {
        self.account.is_some() || self.claims.want(&ClaimText::Account)
    }

    /// Whether this scheme proves who sends and nothing of what is sent: a static token, basic auth, a signed token that
    /// says nothing of the body. Whoever can send one request can write any body, so an unsigned id is as good as the body.
    pub fn proves_only_sender(&self) -> bool {
        let hashes = self.claims.body_hash.is_some() || self.claims.query_body_hash.is_some();
        let is_bare = |form: &Form| form.content.iter().all(|part| matches!(part, Part::Jws));
        self.algorithm == Algorithm::Token || (!hashes && self.forms.iter().all(is_bare))
    }

    /// Whether events can be told from their retries at all, by an id or otherwise.
    pub fn identifies(&self) -> bool {
        !(matches!(self.id, IdAt::Nowhere) && matches!(self.identity, IdentityRule::None { .. }))
    }

    /// Whether the identity of an event without an id is what the configuration says nothing about.
    pub fn leaves_identity_open(&self) -> bool {
        use WithoutId::{ByRule, Refuse};
        match &self.id {
            IdAt::SignedHeader(name) => self.may_lack(name) && self.identity == IdentityRule::Unstated,
            IdAt::UnsignedHeader(_, Refuse) | IdAt::Json { missing: Refuse, .. } => false,
            IdAt::UnsignedHeader(_, ByRule) | IdAt::Json { missing: ByRule, .. } | IdAt::Nowhere => {
                self.identity == IdentityRule::Unstated
            }
        }
    }

    /// How duplicates are recognised, in words: `by $.id`, `by identical content`, `not recognised`.
    pub fn recognition(&self) -> String {
        let Self { id, identity, .. } = self;
        let unsigned = if self.proves_only_sender() { " (unsigned)" } else { "" };
        match id {
            IdAt::Nowhere => identity.to_string(),
            IdAt::SignedHeader(name) if self.may_lack(name) => format!("by {name}, else {identity}"),
            IdAt::SignedHeader(name) => format!("by {name}"),
            IdAt::UnsignedHeader(name, WithoutId::Refuse) => format!("by {name} (unsigned)"),
            IdAt::UnsignedHeader(name, WithoutId::ByRule) => format!("by {name} (unsigned), else {identity}"),
            IdAt::Json { path, missing: WithoutId::Refuse, .. } => format!("by {path}{unsigned}"),
            IdAt::Json { path, when: None, .. } => format!("by {path}{unsigned}, else {identity}"),
            IdAt::Json { path, when: Some(when), .. } => {
                format!("by {path}{unsigned} where {when} stands beside it, else {identity}")
            }
        }
    }

    /// Whether an event without an id is known by its body's bytes, and not by what is signed: the signature covers all
    /// of them, or says nothing of the event at all.
    pub fn signs_bytes(&self, form: &Form) -> bool {
        self.algorithm == Algorithm::Token
            || form.content.iter().any(|part| part.is_bytes_of_body() || matches!(part, Part::Jws))
    }
}

impl Claims {
    /// Whether a claim must have this text.
    pub fn want(&self, wanted: &ClaimText) -> bool {
        self.fixed.iter().any(|(_, text)| text == wanted)
    }
}

impl Part {
    /// Whether it stands in a request's head.
    pub fn is_in_head(&self) -> bool {
        use Part::{Header, ListedHeaders, Method, Path, Query, QueryLower, SortedQuery, Url};
        matches!(self, Header(_) | ListedHeaders(_) | Query(_) | QueryLower(_) | Url | Path | Method | SortedQuery)
    }

    /// Whether it is the body's bytes, or a digest of them.
    pub(crate) fn is_bytes_of_body(&self) -> bool {
        matches!(self, Self::Body | Self::BodySha256 | Self::BodySha256Bytes)
    }
}

/// As it is written in a scheme.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(text) => f.write_str(text),
            Self::Timestamp => f.write_str("{timestamp}"),
            Self::Header(name) => write!(f, "{{header:{name}}}"),
            Self::Query(name) => write!(f, "{{query:{name}}}"),
            Self::QueryLower(name) => write!(f, "{{lower_query:{name}}}"),
            Self::Url => f.write_str("{url}"),
            Self::Path => f.write_str("{path}"),
            Self::ListedHeaders(name) => write!(f, "{{listed_headers:{name}}}"),
            Self::Method => f.write_str("{method}"),
            Self::Body => f.write_str("{body}"),
            Self::BodySha256 => f.write_str("{body_sha256}"),
            Self::BodySha256Bytes => f.write_str("{body_sha256_bytes}"),
            Self::CanonicalJsonString => f.write_str("{canonical_json_string}"),
            Self::Json(path) => write!(f, "{{json:{path}}}"),
            Self::Form(name) => write!(f, "{{form:{name}}}"),
            Self::SortedForm => f.write_str("{form}"),
            Self::SortedQuery => f.write_str("{query}"),
            Self::JsonLines(keys) => write!(f, "{{lines:{}}}", keys.join(",")),
            Self::Jws => f.write_str("the token's header and claims"),
        }
    }
}

impl TimeUnit {
    /// What a time should look like, for people.
    pub fn expected(self) -> &'static str {
        match self {
            Self::Seconds => "Unix seconds, digits only",
            Self::Milliseconds => "Unix milliseconds, digits only",
            Self::Unix => "Unix seconds of 1 to 11 digits, or milliseconds of 13",
            Self::Rfc3339 => "RFC 3339 with a zone",
            Self::Rfc3339Utc => "RFC 3339 in UTC, with or without its zone",
            Self::HttpDate => "a date as in HTTP",
        }
    }
}

impl fmt::Display for TimestampAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field => f.write_str("the signature header"),
            Self::Header(name) => f.write_str(name),
            Self::Json(path) => path.fmt(f),
            Self::Claim(name) => write!(f, "the claim {name}"),
        }
    }
}
