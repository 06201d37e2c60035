//! How providers test an endpoint before they send events to it, as data, and what they are answered.
//!
//! A handshake must not become a tool: nothing is reflected that a browser could run, no challenge is signed that could be
//! a delivery, and no secret is taken from a request unless the operator waits for it.

use super::content::{form_value, json_text, query_value};
use super::{Crypto, Encoding, Head, JsonPath, Location, PublicKeySource, VerificationKey, Verifier};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// One kind of test request, and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// The method it comes with.
    pub method: String,
    /// What the request must have, all of it.
    pub when: Vec<(Location, Condition)>,
    /// How the request proves itself.
    pub proof: HandshakeProof,
    /// Where the challenge stands, where there is one.
    pub challenge: Option<Location>,
    /// What a challenge may consist of.
    pub alphabet: Alphabet,
    /// Whether the challenge is a secret for the deliveries to come.
    pub installs: bool,
    /// Where the body has a URL that confirms the endpoint when it is visited, at one of the hosts of the provider's keys.
    pub visits: Option<JsonPath>,
    /// What is answered.
    pub reply: Reply,
}

/// What a test request must have at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// A text, whatever it is.
    Any,
    /// This text.
    Text(String),
    /// Nothing at all. A place that cannot be read, or has something else than a text, has something.
    Nothing,
}

/// How a test request proves itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HandshakeProof {
    /// It is signed as a delivery is.
    Signature,
    /// At this place stands the token that the user chose.
    VerifyToken(Location),
    /// Not at all: anybody may ask, and learns nothing by it.
    Nothing,
}

/// What a challenge may consist of, so that sending it back is harmless. At most 256 characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alphabet {
    /// `A-Z a-z 0-9 _ -`.
    Word,
    /// These and `+ / = .`.
    Base64,
    /// These and blanks, `:` and `,`: a sentence, with nothing that a browser could take for markup.
    Prose,
}

impl Alphabet {
    fn admits(self, challenge: &[u8]) -> bool {
        let extra: &[u8] = match self {
            Self::Word => b"_-",
            Self::Base64 => b"_-+/=.",
            Self::Prose => b"_-+/=. :,",
        };
        (1..=256).contains(&challenge.len()) && challenge.iter().all(|b| b.is_ascii_alphanumeric() || extra.contains(b))
    }
}

/// The answer to a test request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers beside those that every answer has.
    pub headers: Vec<(String, Vec<ReplyPart>)>,
    /// The body.
    pub body: ReplyBody,
}

/// The body of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplyBody {
    /// None.
    Empty,
    /// A plain text.
    Text(Vec<ReplyPart>),
    /// A JSON object of texts.
    Json(Vec<(String, Vec<ReplyPart>)>),
}

impl Reply {
    fn has(&self, wanted: impl Fn(&ReplyPart) -> bool) -> bool {
        let mut headers = self.headers.iter().flat_map(|(_, pieces)| pieces);
        headers.any(&wanted)
            || match &self.body {
                ReplyBody::Empty => false,
                ReplyBody::Text(pieces) => pieces.iter().any(wanted),
                ReplyBody::Json(fields) => fields.iter().flat_map(|(_, pieces)| pieces).any(wanted),
            }
    }

    /// Whether it cannot be written without a challenge.
    pub fn has_challenge(&self) -> bool {
        self.has(|piece| match piece {
            ReplyPart::Challenge | ReplyPart::Mac(_) => true,
            ReplyPart::Literal(_) | ReplyPart::Account => false,
        })
    }
}

/// A piece of a text that is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReplyPart {
    /// A fixed text.
    Literal(String),
    /// The challenge.
    Challenge,
    /// The challenge's MAC under the first secret.
    Mac(Encoding),
    /// The public name of the user's account.
    Account,
}

impl ReplyPart {
    fn is_mac(&self) -> bool {
        match self {
            Self::Mac(_) => true,
            Self::Literal(_) | Self::Challenge | Self::Account => false,
        }
    }
}

/// A test request, answered.
#[derive(Debug, PartialEq, Eq)]
pub struct HandshakeAnswer {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// The secret that it would install, for the operator alone.
    pub secret: Option<String>,
    /// The URL that has to be visited first.
    pub visit: Option<String>,
}

impl Handshake {
    /// Whether this request is one of these, as far as it has been read.
    fn is_met(&self, head: &(impl Head + ?Sized), body: Option<&[u8]>) -> bool {
        let holds = |(place, wanted): &(Location, Condition)| match wanted {
            Condition::Any => text_at(place, head, body).is_some(),
            Condition::Text(wanted) => text_at(place, head, body).as_ref() == Some(wanted),
            Condition::Nothing => has_nothing(place, head, body),
        };
        head.method() == self.method && self.when.iter().all(holds)
    }

    fn is_in_head(&self) -> bool {
        !self.when.iter().map(|(place, _)| place).chain(&self.challenge).any(Location::is_in_body)
    }

    /// Whether this answers with the MAC of such a content.
    pub(super) fn would_sign(&self, content: &[Cow<'_, [u8]>]) -> bool {
        self.reply.has(ReplyPart::is_mac) && self.alphabet.admits(&content.concat())
    }

    /// `None` if the answer needs a MAC but the source has no secret, or names the account but the source has none.
    fn answer(&self, challenge: &str, verifier: &Verifier, crypto: &impl Crypto) -> Option<HandshakeAnswer> {
        let write = |piece: &ReplyPart| write(piece, challenge, verifier, crypto);
        let text = |pieces: &[ReplyPart]| pieces.iter().map(write).collect::<Option<String>>();
        let mut headers = Vec::new();
        let mut add = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
        add("cache-control", "no-store");
        add("x-content-type-options", "nosniff");
        let body = match &self.reply.body {
            ReplyBody::Empty => String::new(),
            ReplyBody::Text(pieces) => {
                add("content-type", "text/plain; charset=utf-8");
                text(pieces)?
            }
            ReplyBody::Json(fields) => {
                add("content-type", "application/json");
                let mut object = Map::new();
                for (key, pieces) in fields {
                    object.insert(key.clone(), value(text(pieces)?));
                }
                Value::Object(object).to_string()
            }
        };
        for (name, pieces) in &self.reply.headers {
            add(name, &text(pieces)?);
        }
        let secret = self.installs.then(|| challenge.to_owned());
        Some(HandshakeAnswer { status: self.reply.status, headers, body, secret, visit: None })
    }
}

/// Discord's answer is a number; a text of digits alone is written as one.
fn value(text: String) -> Value {
    let number = if text.len() == 1 { text.parse::<u8>().ok() } else { None };
    number.map_or(Value::String(text), Value::from)
}

fn write(piece: &ReplyPart, challenge: &str, verifier: &Verifier, crypto: &impl Crypto) -> Option<String> {
    match piece {
        ReplyPart::Literal(text) => Some(text.clone()),
        ReplyPart::Challenge => Some(challenge.to_owned()),
        ReplyPart::Account => Some(verifier.account().to_owned()).filter(|account| !account.is_empty()),
        ReplyPart::Mac(encoding) => match verifier.current_key()? {
            VerificationKey::Public(_) => None,
            key @ (VerificationKey::HmacSha256(_)
            | VerificationKey::RuntimeHmac { .. }
            | VerificationKey::Shared(_)) => Some(encoding.encode(&key.mac(&[challenge.as_bytes()], crypto))),
        },
    }
}

fn text_at(place: &Location, head: &(impl Head + ?Sized), body: Option<&[u8]>) -> Option<String> {
    match place {
        Location::Header(name) => head.header(name),
        Location::Query(name) => query_value(&head.query(), name).ok().flatten(),
        Location::Json(path) => json_text(body?, path).ok().flatten(),
        Location::Form(name) => form_value(body?, name).ok().flatten(),
    }
}

/// Whether a request surely has nothing at `place`.
fn has_nothing(place: &Location, head: &(impl Head + ?Sized), body: Option<&[u8]>) -> bool {
    match place {
        Location::Header(name) => head.header(name).is_none(),
        Location::Query(name) => matches!(query_value(&head.query(), name), Ok(None)),
        Location::Json(path) => body.is_some_and(|body| matches!(json_text(body, path), Ok(None))),
        Location::Form(name) => body.is_some_and(|body| matches!(form_value(body, name), Ok(None))),
    }
}

/// What is known of a request that may be a test.
#[derive(Debug, Clone, Copy)]
pub enum HandshakeStage<'b> {
    /// Its head alone.
    Head,
    /// Its body too, and that it does not prove itself as a delivery.
    Unsigned(&'b [u8]),
    /// Its body too, and that it proved itself.
    Signed(&'b [u8]),
}

impl Verifier {
    /// Answers this request where it is one of the provider's tests that may be answered. `is_token` tells whether a
    /// text is the token that the user chose, and `armed` whether the operator waits for a secret.
    pub fn answer_handshake(
        &self,
        head: &(impl Head + ?Sized),
        standing: HandshakeStage<'_>,
        armed: bool,
        is_token: impl Fn(&str) -> bool,
        crypto: &impl Crypto,
    ) -> Option<HandshakeAnswer> {
        self.preset().handshakes.iter().find_map(|handshake| {
            let (body, stage) = match standing {
                HandshakeStage::Head => (None, handshake.proof != HandshakeProof::Signature && handshake.is_in_head()),
                HandshakeStage::Unsigned(body) => (Some(body), handshake.proof != HandshakeProof::Signature),
                HandshakeStage::Signed(body) => (Some(body), handshake.proof == HandshakeProof::Signature),
            };
            if !stage || (handshake.installs && !armed) || !handshake.is_met(head, body) {
                return None;
            }
            if let HandshakeProof::VerifyToken(place) = &handshake.proof
                && !text_at(place, head, body).is_some_and(|text| is_token(&text))
            {
                return None;
            }
            let challenge = match &handshake.challenge {
                None => String::new(),
                Some(place) => text_at(place, head, body).filter(|text| handshake.alphabet.admits(text.as_bytes()))?,
            };
            let mut reply = handshake.answer(&challenge, self, crypto)?;
            if let Some(path) = &handshake.visits {
                reply.visit = Some(self.visitable(path, body)?);
            }
            Some(reply)
        })
    }

    /// Whether a handshake is not answered because its answer names the account, and the source has no account.
    pub fn lacks_account(&self) -> bool {
        let names = |handshake: &Handshake| handshake.reply.has(|piece| *piece == ReplyPart::Account);
        self.account().is_empty() && self.preset().handshakes.iter().any(names)
    }

    /// The URL at `path`, if it is one of the provider's.
    fn visitable(&self, path: &JsonPath, body: Option<&[u8]>) -> Option<String> {
        let Some(PublicKeySource::Certificate(_, hosts)) = &self.preset().scheme.public_keys else { return None };
        let url = json_text(body?, path).ok().flatten()?;
        hosts.iter().any(|host| host.path_of(&url).is_some()).then_some(url)
    }

    /// Whether a request of this method may be a test that proves itself as a delivery does.
    pub fn has_signed_handshake(&self, method: &str) -> bool {
        let signed = |handshake: &Handshake| handshake.proof == HandshakeProof::Signature && handshake.method == method;
        self.preset().handshakes.iter().any(signed)
    }

    /// Whether a request without a signature may be a test all the same, once its body is read.
    pub fn has_handshake_in_unsigned_body(&self) -> bool {
        let unsigned = |handshake: &Handshake| handshake.proof != HandshakeProof::Signature && !handshake.is_in_head();
        self.preset().handshakes.iter().any(unsigned)
    }
}
