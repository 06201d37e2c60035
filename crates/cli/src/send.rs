//! `hookgate send`: signs a body as a provider does, and posts it.

use super::CommandResult;
use super::http::Client;
use super::sign::Request;
use anyhow::{Result, anyhow};
use std::io::Write;

/// Sign a body as a provider does, and post it to the gateway
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Send {
    #[command(flatten)]
    request: Request,
    /// The URL to post to [default: http://127.0.0.1:8787/webhooks/NAME, with the name of the source or provider]
    #[arg(long)]
    url: Option<String>,
    /// An additional header, as 'name: value'; may be repeated
    #[arg(long = "header", value_name = "HEADER")]
    headers: Vec<String>,
    /// Send the same request N times
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
}

const EXAMPLES: &str = "\
Examples:
  hookgate send --source generic --fresh-id examples/generic/user.created.json
  hookgate send --source generic --repeat 2 examples/generic/user.created.json    # a duplicate
  hookgate send --source generic --at -3h examples/generic/user.created.json      # too old
  hookgate send --source github --header 'x-github-event: ping' ping.json

Fails unless every answer is a 2xx. Writes the time and the id into the body as `hookgate sign` does.";

impl Send {
    /// Posts, and prints the status and the body of each answer.
    pub fn run(self, out: &mut dyn Write) -> Result<CommandResult> {
        let extra = self.headers.iter().zip(1..).map(header).collect::<Result<Vec<_>>>()?;
        let url = self.url.clone();
        let url = url.unwrap_or_else(|| format!("http://127.0.0.1:8787/webhooks/{}", self.request.name()));
        let delivery = self.request.sign(&url)?;
        let content_type = ("content-type", content_type(&delivery.body));
        let signed = delivery.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        // Some providers sign the media type.
        let mut given = signed.clone().chain(extra.iter().copied());
        let typed = given.any(|(name, _)| name.eq_ignore_ascii_case(content_type.0));
        let headers = (!typed).then_some(content_type).into_iter().chain(signed).chain(extra);
        let headers: Vec<(&str, &str)> = headers.collect();
        let client = Client::new(&if delivery.query.is_empty() { url } else { format!("{url}?{}", delivery.query) });
        let mut all_accepted = true;
        for _ in 0..self.repeat {
            let answer = client.post(headers.iter().copied(), &delivery.body)?;
            all_accepted &= answer.is_success();
            writeln!(out, "{} {}", answer.status, answer.body.trim_end())?;
        }
        Ok(all_accepted.into())
    }
}

/// Parses a header. An error names its number, because its text may be a secret.
fn header((text, number): (&String, usize)) -> Result<(&str, &str)> {
    let (name, value) = text.split_once(':').ok_or_else(|| anyhow!("--header number {number} is not 'name: value'"))?;
    Ok((name.trim(), value.trim()))
}

fn content_type(body: &[u8]) -> &'static str {
    match serde_json::from_slice::<serde::de::IgnoredAny>(body) {
        Ok(_) => "application/json",
        Err(_) => "application/octet-stream",
    }
}
