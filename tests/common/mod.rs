//! What the tests of the core share: every form of every preset, driven by the table of presets alone, so that a new
//! preset is tested without a word here.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookgate::webhook::{
    Encoding, Form, IdAt, Identity, Key, Layout, Part, Preset, Scheme, Secret, SecretForm, SignError, TimestampAt,
    TypeAt, UnixTime, Verified, Verifier, VerifyError, WithoutId, presets, sign,
};
use serde_json::{Map, Value};

pub type Headers = Vec<(String, String)>;

/// One of the forms of a preset.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub preset: &'static Preset,
    pub number: usize,
    pub form: &'static Form,
}

pub fn every_form() -> impl Iterator<Item = Case> {
    presets::ALL.iter().flat_map(|preset| {
        let forms = preset.scheme.forms.iter().enumerate();
        forms.map(move |(number, form)| Case { preset, number, form })
    })
}

/// The first form of the preset called `name`.
pub fn case(name: &str) -> Case {
    every_form().find(|case| case.preset.name == name).expect("a preset")
}

impl Case {
    pub fn scheme(&self) -> &'static Scheme {
        &self.preset.scheme
    }

    pub fn header(&self) -> &'static str {
        self.scheme().header
    }

    /// A secret as this preset's look, made from `seed`.
    pub fn secret(&self, seed: &str) -> String {
        match self.scheme().secret {
            SecretForm::Utf8 => seed.to_owned(),
            SecretForm::Base64AfterPrefix(prefix) => format!("{prefix}{}", STANDARD.encode(seed)),
        }
    }

    pub fn key(&self, seed: &str) -> Key {
        Secret::new(self.secret(seed)).and_then(|secret| secret.key(self.scheme().secret)).expect("a usable secret")
    }

    pub fn verifier(&self, seeds: &[&str]) -> Verifier {
        Verifier::new(self.preset, seeds.iter().map(|seed| self.key(seed)).collect(), None).expect("one to four keys")
    }

    /// The headers of a delivery of `body` at `now`, signed under the secret made from `seed`.
    pub fn sign(&self, seed: &str, id: &str, now: UnixTime, body: &[u8]) -> Result<Headers, SignError> {
        let signed = sign(self.preset, self.number, &self.key(seed), id, now, body)?;
        Ok(signed.headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    pub fn verify<'b>(
        &self,
        seed: &str,
        headers: &Headers,
        body: &'b [u8],
        now: UnixTime,
    ) -> Result<Verified<'b>, VerifyError> {
        self.verifier(&[seed]).receive(headers)?.verify(body, now)
    }

    /// A body with all that the scheme reads from one, beside `extra`.
    pub fn body(&self, id: &str, at: UnixTime, event_type: &str, extra: Map<String, Value>) -> Value {
        let mut body = Value::Object(extra);
        for place in self.scheme().event_type {
            if let TypeAt::Json(path) = place {
                put(&mut body, path, event_type.into());
            }
        }
        if let Some(TimestampAt::Json(path)) = self.form.timestamp {
            put(&mut body, path, at.to_rfc3339().into());
        }
        if let IdAt::Json(path, _) = self.scheme().id {
            put(&mut body, path, id.into());
        }
        body
    }

    /// The same, serialised, with a little that is not read.
    pub fn plain_body(&self, id: &str, at: UnixTime) -> Vec<u8> {
        let extra = Map::from_iter([("more".to_owned(), vec![1, 2].into()), ("note".to_owned(), "x".into())]);
        self.body(id, at, "a.type", extra).to_string().into_bytes()
    }

    /// Who an event with that id in that body is.
    pub fn identity(&self, id: &str, body: &[u8]) -> Identity {
        match self.scheme().id {
            IdAt::Nowhere => Identity::of_body(body),
            IdAt::SignedHeader(_) | IdAt::Json(..) => Identity::SignedId(id.to_owned()),
        }
    }

    /// Whether RelayBox's way, the parsed body, is what is signed.
    pub fn signs_the_value(&self) -> bool {
        self.form.content.contains(&Part::CanonicalJsonString)
    }

    /// Whether a body that is no JSON is refused.
    pub fn needs_json(&self) -> bool {
        self.signs_the_value()
            || matches!(self.form.timestamp, Some(TimestampAt::Json(_)))
            || matches!(self.scheme().id, IdAt::Json(_, WithoutId::Refuse))
    }

    /// A signature header as the form lays it out, with `signature` as its text, whatever that is.
    pub fn signature_header(&self, timestamp: &str, signature: &str) -> String {
        match self.form.layout {
            Layout::Single { prefix } => format!("{prefix}{signature}"),
            Layout::Fields { timestamp: t, signature: v } => format!("{t}={timestamp},{v}={signature}"),
            Layout::Versions { version } => format!("{version},{signature}"),
        }
    }

    /// `bytes` as the form writes a signature.
    pub fn encode(&self, bytes: &[u8]) -> String {
        match self.form.encoding {
            Encoding::Hex => hex::encode(bytes),
            Encoding::Base64 => STANDARD.encode(bytes),
        }
    }
}

fn put(object: &mut Value, path: &[&str], value: Value) {
    let (last, way) = path.split_last().expect("a path");
    let mut place = object;
    for key in way {
        place = place.as_object_mut().expect("an object").entry(*key).or_insert_with(|| Value::Object(Map::new()));
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
    }
    place.as_object_mut().expect("an object").insert((*last).to_owned(), value);
}

/// `headers` with `name` set to `value`, once.
pub fn with(headers: &Headers, name: &str, value: &str) -> Headers {
    let mut changed = without(headers, name);
    changed.push((name.to_owned(), value.to_owned()));
    changed
}

pub fn without(headers: &Headers, name: &str) -> Headers {
    headers.iter().filter(|(n, _)| n != name).cloned().collect()
}
