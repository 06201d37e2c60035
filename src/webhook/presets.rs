//! The providers hookgate knows, as a table of data. Each row cites where its facts come from.

use super::scheme::{Encoding, Form, IdAt, Layout, Part, Scheme, SecretForm, TimestampAt, TypeAt, WithoutId};
use std::time::Duration;

/// A provider's scheme and habits.
#[derive(Debug)]
pub struct Preset {
    /// The name in the configuration.
    pub name: &'static str,
    /// Where the facts of this row stand.
    pub citation: Citation,
    /// How it signs.
    pub scheme: Scheme,
    /// How long after the first attempt the provider still retries, or lets its user redeliver.
    pub retry_span: Duration,
}

/// Where facts come from: for people who read the table or ask the command line. The Worker does not carry it.
#[derive(Debug, Clone, Copy)]
pub struct Citation {
    #[cfg(not(target_arch = "wasm32"))]
    text: &'static str,
}

impl Citation {
    /// The documents and sources.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn text(self) -> &'static str {
        self.text
    }
}

const fn cite(_text: &'static str) -> Citation {
    Citation {
        #[cfg(not(target_arch = "wasm32"))]
        text: _text,
    }
}

/// The preset called `name`.
pub fn find(name: &str) -> Option<&'static Preset> {
    ALL.iter().find(|preset| preset.name == name)
}

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// HMAC over the raw body, in hex after `prefix`; the time is the event's own, in the body.
const fn hex_of_body(prefix: &'static str, timestamp: Option<TimestampAt>) -> Form {
    Form { layout: Layout::Single { prefix }, encoding: Encoding::Hex, content: &[Part::Body], timestamp }
}

/// `t=<unix>,v1=<hex>` over `<t>.<body>`.
const TIMESTAMPED_FIELDS: Form = Form {
    layout: Layout::Fields { timestamp: "t", signature: "v1" },
    encoding: Encoding::Hex,
    content: &[Part::Timestamp, Part::Literal("."), Part::Body],
    timestamp: Some(TimestampAt::Field),
};

/// Every preset, by name.
pub static ALL: &[Preset] = &[
    Preset {
        name: "chekt",
        citation: cite(
            "CHeKT partner API, Advanced Topics, Webhook Setup: `webhook_id` names the endpoint, not the event; \
                   retries after 5 s, 30 s, 5 min",
        ),
        scheme: Scheme {
            secret: SecretForm::Utf8,
            header: "x-webhook-signature",
            forms: &[hex_of_body("sha256=", Some(TimestampAt::Json(&["timestamp"])))],
            id: IdAt::Nowhere,
            event_type: &[TypeAt::Json(&["event"])],
        },
        retry_span: seconds(5 + 30 + 300),
    },
    Preset {
        name: "generic",
        citation: cite(
            "the documented generic system, Webhooks, Verifying Webhooks and Retry Logic: at once, then after \
                   30 s, 5 min, 30 min and 2 h",
        ),
        scheme: Scheme {
            secret: SecretForm::Utf8,
            header: "x-webhook-signature",
            forms: &[hex_of_body("", Some(TimestampAt::Json(&["created_at"])))],
            id: IdAt::Json(&["id"], WithoutId::Refuse),
            event_type: &[TypeAt::Json(&["type"])],
        },
        retry_span: seconds(30 + 300 + 1800 + 2 * HOUR),
    },
    Preset {
        name: "github",
        citation: cite(
            "GitHub Docs, Webhooks, Validating webhook deliveries and Redelivering webhooks: `X-GitHub-Delivery` \
                   and `X-GitHub-Event` are unsigned; deliveries of the last three days can be sent again by hand",
        ),
        scheme: Scheme {
            secret: SecretForm::Utf8,
            header: "x-hub-signature-256",
            forms: &[hex_of_body("sha256=", None)],
            id: IdAt::Nowhere,
            event_type: &[TypeAt::UnsignedHeader("x-github-event")],
        },
        retry_span: seconds(3 * DAY),
    },
    Preset {
        name: "lrdefender",
        citation: cite(
            "LRDefender documentation, Events, Webhooks: both header formats; `webhookId` names the endpoint; \
                   retries after 1, 5, 15, 60 and 300 s",
        ),
        scheme: Scheme {
            secret: SecretForm::Utf8,
            header: "x-webhook-signature",
            forms: &[TIMESTAMPED_FIELDS, hex_of_body("", Some(TimestampAt::Json(&["timestamp"])))],
            id: IdAt::Nowhere,
            event_type: &[TypeAt::Json(&["type"])],
        },
        retry_span: seconds(1 + 5 + 15 + 60 + 300),
    },
    Preset {
        name: "relaybox",
        citation: cite(
            "RelayBox documentation, Webhooks, and its public sources relaybox/webhook and \
                   relaybox/relaybox-rest-js: signs JSON.stringify(canonicalize(payload)); X-Relaybox-Webhook-Id is \
                   unsigned; five tries, 0.5 s doubling, 5 s timeout each",
        ),
        scheme: Scheme {
            secret: SecretForm::Utf8,
            header: "x-relaybox-webhook-signature",
            forms: &[Form {
                layout: Layout::Single { prefix: "" },
                encoding: Encoding::Hex,
                content: &[Part::CanonicalJsonString],
                timestamp: Some(TimestampAt::Json(&["timestamp"])),
            }],
            // The bytes are not what is signed, so their digest would make a replay with other blanks a new event.
            id: IdAt::Json(&["id"], WithoutId::Refuse),
            event_type: &[TypeAt::Json(&["event"])],
        },
        retry_span: seconds(16 + 5 * 5),
    },
    Preset {
        name: "relock",
        citation: cite("Relock documentation, Webhooks: no event id; retries are not stated, a day is assumed"),
        scheme: Scheme {
            secret: SecretForm::Utf8,
            header: "x-relock-signature",
            forms: &[hex_of_body("", Some(TimestampAt::Json(&["data", "timestamp"])))],
            id: IdAt::Nowhere,
            event_type: &[TypeAt::Json(&["event"])],
        },
        retry_span: seconds(DAY),
    },
    Preset {
        name: "shopify",
        citation: cite(
            "Shopify developer docs, Webhooks, Verify deliveries; npm @shopify/shopify-api 13.1, \
                   lib/utils/hmac-validator.ts: topic, ids and time are unsigned headers; 8 retries over 4 h",
        ),
        scheme: Scheme {
            secret: SecretForm::Utf8,
            header: "x-shopify-hmac-sha256",
            forms: &[Form {
                layout: Layout::Single { prefix: "" },
                encoding: Encoding::Base64,
                content: &[Part::Body],
                timestamp: None,
            }],
            id: IdAt::Nowhere,
            event_type: &[TypeAt::UnsignedHeader("x-shopify-topic")],
        },
        retry_span: seconds(4 * HOUR),
    },
    Preset {
        name: "slack",
        citation: cite(
            "docs.slack.dev, Verifying requests from Slack, and Events API, Error handling: commands are forms \
                   without an event id; retries at once, after 1 min and after 5 min",
        ),
        scheme: Scheme {
            secret: SecretForm::Utf8,
            header: "x-slack-signature",
            forms: &[Form {
                layout: Layout::Single { prefix: "v0=" },
                encoding: Encoding::Hex,
                content: &[Part::Literal("v0:"), Part::Timestamp, Part::Literal(":"), Part::Body],
                timestamp: Some(TimestampAt::Header("x-slack-request-timestamp")),
            }],
            id: IdAt::Json(&["event_id"], WithoutId::UseDigest),
            event_type: &[TypeAt::Json(&["event", "type"]), TypeAt::Json(&["type"])],
        },
        retry_span: seconds(60 + 300),
    },
    Preset {
        name: "standard_webhooks",
        citation: cite(
            "Standard Webhooks specification, spec/standard-webhooks.md: signature scheme v1; retries suggested \
                   after 5 s, 5 min, 30 min, 2, 5, 10, 14, 20 and 24 h",
        ),
        scheme: Scheme {
            secret: SecretForm::Base64AfterPrefix("whsec_"),
            header: "webhook-signature",
            forms: &[Form {
                layout: Layout::Versions { version: "v1" },
                encoding: Encoding::Base64,
                content: &[
                    Part::Header("webhook-id"),
                    Part::Literal("."),
                    Part::Timestamp,
                    Part::Literal("."),
                    Part::Body,
                ],
                timestamp: Some(TimestampAt::Header("webhook-timestamp")),
            }],
            id: IdAt::SignedHeader("webhook-id"),
            event_type: &[TypeAt::Json(&["type"])],
        },
        retry_span: seconds(5 + 300 + 1800 + (2 + 5 + 10 + 14 + 20 + 24) * HOUR),
    },
    Preset {
        name: "stripe",
        citation: cite(
            "docs.stripe.com/webhooks, Verify signatures manually; npm stripe 23.1, Webhooks.js: `whsec_` is part \
                   of the key's text; only v1 counts; retries for three days, each signed afresh",
        ),
        scheme: Scheme {
            secret: SecretForm::Utf8,
            header: "stripe-signature",
            forms: &[TIMESTAMPED_FIELDS],
            id: IdAt::Json(&["id"], WithoutId::Refuse),
            event_type: &[TypeAt::Json(&["type"])],
        },
        retry_span: seconds(3 * DAY),
    },
];
