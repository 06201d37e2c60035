//! The configuration of the gateway, and the events of its providers.

use super::fakes::random::Random;
use super::world::Parsed;
use hookgate::config::{Bindings, Config};
use hookgate_verify::{Preset, Secret, SignInput, UnixTime, sign};
use serde_json::{Map, Value, json};
use std::sync::Arc;

pub const ADMIN_TOKEN: &str = "simulated-admin-token";
/// Every provider here takes a secret of this form. One provider takes no other form.
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// Every kind of deduplication with every kind of delivery.
pub const SOURCES: [(&str, &str); 6] =
    [("kv", "queue"), ("exact", "queue"), ("none", "queue"), ("kv", "origin"), ("exact", "origin"), ("none", "origin")];

/// Presets with ids in the body, with ids in a header, with digests, and with both. Presets with the time of the request,
/// the time of the event, and no time.
const PRESETS: [&str; 6] = ["stripe", "generic", "github", "standard_webhooks", "slack", "shopify"];

/// Presets with the type in the body. A filter by a signed type needs no claim.
const SIGNS_TYPE: [&str; 4] = ["stripe", "generic", "standard_webhooks", "slack"];

/// Types that the filter wants, and a type that it does not want.
const WANTED: [&str; 2] = ["thing.made", "other.wanted"];
const UNWANTED: &str = "other.made";

/// A wanted, unwanted or unreadable type.
fn type_of(random: &Random) -> Value {
    match random.below(4) {
        0 => UNWANTED.into(),
        1 => [json!({}), json!(true), json!([WANTED[0]])][random.index(3)].clone(),
        _ => WANTED[random.index(WANTED.len())].into(),
    }
}

pub fn name(source: usize) -> String {
    let (dedup, deliver) = SOURCES[source];
    format!("{dedup}-{deliver}")
}

/// The first configuration and the configuration of the deployment. In some runs, the second has another number of objects.
pub fn configs(random: &Random) -> [Parsed; 2] {
    let mut sources = Map::new();
    for (number, (dedup, deliver)) in SOURCES.iter().enumerate() {
        let provider = PRESETS[random.index(PRESETS.len())];
        let mut source = json!({ "provider": provider, "secrets": ["SECRET"], "dedup": dedup, "deliver": deliver });
        if SIGNS_TYPE.contains(&provider) && random.chance(500) {
            source["events"] = json!(["thing.*", "other.wanted"]);
        }
        sources.insert(name(number), source);
    }
    let sources = Value::Object(sources);
    let rollout = random.chance(500);
    [("2", None), if rollout { ("3", Some("2")) } else { ("2", None) }].map(|(shards, before)| {
        let lookup = |name: &str| match name {
            "SECRET" => Some(SECRET.to_owned()),
            "ORIGIN" => Some("https://origin.example/{source}".to_owned()),
            "ORIGIN_SIGNING_SECRET" => Some(OTHER_SECRET.to_owned()),
            "ADMIN_TOKEN" => Some(ADMIN_TOKEN.to_owned()),
            "CLAIM_SHARDS" => Some(shards.to_owned()),
            "CLAIM_SHARDS_BEFORE" => before.map(str::to_owned),
            _ => None,
        };
        let all = Bindings::ALL;
        Config::parse(&sources, all, &lookup)
    })
}

/// One event at its provider.
pub struct Signer {
    pub preset: Arc<Preset>,
    pub path: String,
    pub id: String,
    pub body: Vec<u8>,
    /// Whether the source's filter may drop it.
    pub unwanted: bool,
}

impl Signer {
    /// An event of `source` at the time `now`, with `filler` in its body.
    pub fn new(random: &Random, config: &Parsed, source: usize, filler: &str, now: UnixTime) -> Self {
        let name = name(source);
        let parsed = config.as_ref().unwrap().source(&name).unwrap().unwrap();
        let preset = Arc::clone(parsed.verifier.preset());
        let id = format!("evt_{}", random.next());
        let event_type = type_of(random);
        let types = SIGNS_TYPE.contains(&preset.name.as_str());
        let unwanted = types && parsed.events.is_some() && event_type == UNWANTED;
        let body = match preset.name.as_str() {
            // The gateway does not parse the body of this preset.
            "github" => [&[0xff, 0x00, b'"'], id.as_bytes(), filler.as_bytes()].concat(),
            "shopify" => json!({ "id": id, "updated_at": now.to_rfc3339(), "note": filler }).to_string().into_bytes(),
            "slack" => json!({ "event_id": id, "type": event_type, "text": filler }).to_string().into_bytes(),
            _ => {
                let body = json!({ "id": id, "type": event_type, "created_at": now.to_rfc3339(), "data": filler });
                body.to_string().into_bytes()
            }
        };
        Self { preset, path: format!("/webhooks/{name}"), id, body, unwanted }
    }

    /// The headers of an authentic request at `now`.
    pub fn headers(&self, body: &[u8], now: UnixTime) -> Vec<(String, String)> {
        self.signed(SECRET, body, now)
    }

    /// The headers of a forger, who does not know the secret.
    pub fn forged_headers(&self, body: &[u8], now: UnixTime) -> Vec<(String, String)> {
        self.signed(OTHER_SECRET, body, now)
    }

    fn signed(&self, secret: &str, body: &[u8], now: UnixTime) -> Vec<(String, String)> {
        let scheme = &self.preset.scheme;
        let key = Secret::new(secret).unwrap().key(scheme.algorithm, &scheme.secret).unwrap();
        let delivery = SignInput { variant: 0, id: &self.id, now, url: "", account: "", body };
        let mut headers = sign(&self.preset, &key, secret, delivery).unwrap().into_headers();
        // For Shopify, the topic is a part of the identity.
        if self.preset.name == "shopify" {
            headers.push(("x-shopify-topic".to_owned(), "orders/create".to_owned()));
        }
        headers
    }

    /// Whether the signature covers the time of the request, so that an old request is stale.
    pub fn ages(&self) -> bool {
        matches!(self.preset.name.as_str(), "stripe" | "standard_webhooks" | "slack")
    }
}
