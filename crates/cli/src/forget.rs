//! `hookgate forget`: lets the gateway forget an event, so that the provider's next sending of it is a new one.

use super::CommandResult;
use super::http::{Answer, Client, is_loopback};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::Write;

/// Let a gateway forget an event, so that it takes the provider's next sending of it
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Forget {
    /// The source that the event came to
    #[arg(long, value_name = "NAME")]
    source: String,
    #[command(flatten)]
    event: Event,
    /// Where the gateway is
    #[arg(long, default_value = "http://127.0.0.1:8787")]
    url: String,
}

/// Which event.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Event {
    /// The event's id, as the answer to the provider and the log have it
    #[arg(long)]
    id: Option<String>,
    /// The event's key, as the log has it
    #[arg(long, value_name = "HEX")]
    key: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  ADMIN_TOKEN=... hookgate forget --url https://hooks.example.com --source billing --id evt_1

The environment variable ADMIN_TOKEN holds the gateway's secret of that name. Then let the provider send the event again.
Fails where the gateway knows no such event, and so has nothing to forget.";

impl Forget {
    /// Asks the gateway, and prints what happened.
    pub fn run(self, out: &mut dyn Write) -> Result<CommandResult> {
        let token = std::env::var("ADMIN_TOKEN").ok().filter(|token| !token.is_empty()).context(
            "ADMIN_TOKEN: put the gateway's secret of that name into the environment, never into an argument",
        )?;
        // Whoever sees the token may read and redrive every dead letter.
        if !self.url.starts_with("https://") && !is_loopback(&self.url) {
            bail!("{:?} would carry the token in the clear: name the gateway by https", self.url);
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
            "forgotten: the next sending of it is a new event"
        } else {
            "not known: the gateway remembers no such event, and takes its next sending in any case"
        };
        writeln!(out, "{} {event}: {told}", self.source)?;
        Ok(forgotten.into())
    }
}

/// Whether there was anything to forget; a refusal says why, in the gateway's own words where it has some.
fn forgotten(answer: &Answer) -> Result<bool> {
    let body: Value = serde_json::from_str(&answer.body).unwrap_or(Value::Null);
    match (answer.status, body.get("forgotten").and_then(Value::as_bool)) {
        (200, Some(forgotten)) => Ok(forgotten),
        (401, _) => bail!("the gateway answered 401: ADMIN_TOKEN is not its secret of that name, or it has none"),
        (status, _) => {
            let text = |key: &str| body.get(key).and_then(Value::as_str);
            let said = text("detail").or(text("title")).unwrap_or(answer.body.trim_end());
            bail!("the gateway answered {status}: {said}")
        }
    }
}
