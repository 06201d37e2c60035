//! `hookgate forget`: makes the gateway forget an event, so that the provider's next retry is a new event.

use super::CommandResult;
use super::http::{Answer, Client, is_loopback};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::Write;

/// Make a gateway forget an event, so that the gateway accepts the event again
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Forget {
    /// The source of the event
    #[arg(long, value_name = "NAME")]
    source: String,
    #[command(flatten)]
    event: Event,
    /// The gateway's URL
    #[arg(long, default_value = "http://127.0.0.1:8787")]
    url: String,
}

/// The event to forget.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Event {
    /// The event's id, from the answer to the provider or from the log
    #[arg(long)]
    id: Option<String>,
    /// The event's key, from the log
    #[arg(long, value_name = "HEX")]
    key: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  ADMIN_TOKEN=... hookgate forget --url https://hooks.example.com --source billing --id evt_1

The environment variable ADMIN_TOKEN holds the gateway's secret ADMIN_TOKEN. Afterwards, let the provider send the event
again. Fails if the gateway does not know the event.";

impl Forget {
    /// Asks the gateway, and prints the result.
    pub fn run(self, out: &mut dyn Write) -> Result<CommandResult> {
        let token = std::env::var("ADMIN_TOKEN").ok().filter(|token| !token.is_empty()).context(
            "ADMIN_TOKEN is not set: put the gateway's secret ADMIN_TOKEN into the environment, never into an argument",
        )?;
        // The holder of the token can read and redrive every dead letter.
        if !self.url.starts_with("https://") && !is_loopback(&self.url) {
            bail!("{:?} would send the token unencrypted: write the URL with https", self.url);
        }
        let (parameter, event) = match (&self.event.id, &self.event.key) {
            (Some(id), _) => ("id", id),
            (None, Some(key)) => ("key", key),
            (None, None) => bail!("name the event by --id or --key"),
        };
        let mut query = form_urlencoded::Serializer::new(String::new());
        let query = query.append_pair("source", &self.source).append_pair(parameter, event).finish();
        let client = Client::new(&format!("{}/api/keys?{query}", self.url.trim_end_matches('/')));
        let answer = client.delete([("authorization", &*format!("Bearer {token}"))])?;
        let forgotten = forgotten(&answer)?;
        let told = if forgotten {
            "forgotten: the next request with this event is a new event"
        } else {
            "not known: the gateway has no such event, and accepts the next request with it"
        };
        writeln!(out, "{} {event}: {told}", self.source)?;
        Ok(forgotten.into())
    }
}

/// Whether the gateway knew the event. A refusal becomes an error with the gateway's text.
fn forgotten(answer: &Answer) -> Result<bool> {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or(Value::Null);
    match (answer.status, body.get("forgotten").and_then(Value::as_bool)) {
        (200, Some(forgotten)) => Ok(forgotten),
        (401, _) => bail!(
            "the gateway answered 401: ADMIN_TOKEN is not the gateway's secret, or the gateway has no ADMIN_TOKEN"
        ),
        (status, _) => {
            let text = |key: &str| body.get(key).and_then(Value::as_str);
            let said = text("detail").or(text("title")).unwrap_or(answer.body.trim_end());
            bail!("the gateway answered {status}: {said}")
        }
    }
}
