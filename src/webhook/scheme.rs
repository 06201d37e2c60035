//! How providers sign, as data: where the signature stands, what it covers, how it is encoded.

/// The path of object keys to a value in a JSON body.
pub type JsonPath = &'static [&'static str];

/// How a provider signs its webhooks with HMAC-SHA256, and where in a delivery the signed facts stand.
#[derive(Debug)]
pub struct Scheme {
    /// How the secret's text becomes the key.
    pub secret: SecretForm,
    /// The header that carries the signature, lower case.
    pub header: &'static str,
    /// The forms this header may have. The provider's documentation allows all of them; the first whose shape fits is
    /// the only one tried.
    pub forms: &'static [Form],
    /// Where the event's id stands, where it is signed at all.
    pub id: IdAt,
    /// Where the event's type stands; the first place that holds a text counts.
    pub event_type: &'static [TypeAt],
}

/// One form of signing.
#[derive(Debug)]
pub struct Form {
    /// How the header is laid out.
    pub layout: Layout,
    /// How a signature is written.
    pub encoding: Encoding,
    /// What is signed, in this order, with nothing between.
    pub content: &'static [Part],
    /// Where the signed time stands.
    pub timestamp: Option<TimestampAt>,
}

/// How a secret's text becomes the HMAC key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretForm {
    /// The UTF-8 bytes of the whole text, whatever it looks like.
    Utf8,
    /// Base64 of the key, after a prefix that may be left out.
    Base64AfterPrefix(&'static str),
}

/// How a signature header is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// One signature after a fixed prefix, which may be empty: `sha256=<signature>`.
    Single {
        /// The prefix.
        prefix: &'static str,
    },
    /// A comma list of fields: `t=<unix>,v1=<signature>[,v1=<signature>]`. Other fields are passed over.
    Fields {
        /// The field with the timestamp, exactly one.
        timestamp: &'static str,
        /// The field with a signature, one or more.
        signature: &'static str,
    },
    /// A list separated by blanks: `v1,<signature> v1,<signature>`. Entries of other versions are passed over.
    Versions {
        /// The version that counts.
        version: &'static str,
    },
}

/// How a signature is written. Each has one text per signature, but for the case of hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// Hexadecimal, either case.
    Hex,
    /// Base64 (RFC 4648, section 4), padded, without stray bits.
    Base64,
}

/// A part of the signed content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A fixed text.
    Literal(&'static str),
    /// The timestamp's text as received.
    Timestamp,
    /// A header's text as received; refused where it is missing, empty or contains a `.`, the separator.
    Header(&'static str),
    /// The raw body.
    Body,
    /// The body's RFC 8785 form, quoted again as one JSON string (RelayBox).
    CanonicalJsonString,
}

/// Where a signed time stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimestampAt {
    /// In the signature header, as [`Layout::Fields`] names it: Unix seconds.
    Field,
    /// In a header of its own: Unix seconds.
    Header(&'static str),
    /// In the JSON body: RFC 3339.
    Json(JsonPath),
}

/// What a signed time is the time of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// Of this delivery: each retry is signed afresh.
    Delivery,
    /// Of the event: an honest retry is as old as the retries go.
    Event,
}

impl TimestampAt {
    /// What the time is the time of: providers stamp deliveries in headers and events in bodies.
    pub fn clock(self) -> Clock {
        match self {
            Self::Field | Self::Header(_) => Clock::Delivery,
            Self::Json(_) => Clock::Event,
        }
    }
}

/// Where the signed id of an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdAt {
    /// In a header that the signature covers.
    SignedHeader(&'static str),
    /// In the JSON body.
    Json(JsonPath, WithoutId),
    /// Nowhere: the body's digest identifies the event.
    Nowhere,
}

/// What becomes of an authentic delivery whose body has no usable id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WithoutId {
    /// It is refused: the provider always sends one.
    Refuse,
    /// The body's digest identifies it: the provider has deliveries without an id.
    UseDigest,
}

/// Where the type of an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeAt {
    /// In the JSON body, signed.
    Json(JsonPath),
    /// In a header that no signature covers.
    UnsignedHeader(&'static str),
}
