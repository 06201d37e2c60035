//! An HTTP client for one URL.

use anyhow::{Result, anyhow};
use std::io::{ErrorKind, Read};
use std::net::IpAddr;
use std::time::Duration;
use ureq::http::Uri;

/// Longer than the gateway's own time limit for a destination.
const TIMEOUT: Duration = Duration::from_secs(30);
/// The longest body of an answer that is read, in bytes.
const LONGEST_ANSWER: u64 = 64 * 1024;

/// Sends requests to one URL.
pub struct Client {
    agent: ureq::Agent,
    url: String,
}

/// The answer to a request.
pub struct Answer {
    pub status: u16,
    /// The body. Bytes that are not UTF-8, and control characters, are replaced, because a terminal would obey them.
    pub body: String,
}

impl Answer {
    /// Whether the status is a 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl Client {
    /// A client for `url`. It does not follow redirects, because providers do not.
    pub fn new(url: &str) -> Self {
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(TIMEOUT))
            .user_agent(concat!("hookgate/", env!("CARGO_PKG_VERSION")));
        // A proxy from the environment cannot reach the ports of this machine.
        if is_loopback(url) {
            config = config.proxy(None);
        }
        Self { agent: config.build().into(), url: url.to_owned() }
    }

    /// Posts `body`.
    pub fn post<'h>(&self, headers: impl IntoIterator<Item = (&'h str, &'h str)>, body: &[u8]) -> Result<Answer> {
        let request = self.agent.post(&self.url);
        let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        self.read(request.send(body))
    }

    /// Sends a DELETE.
    pub fn delete<'h>(&self, headers: impl IntoIterator<Item = (&'h str, &'h str)>) -> Result<Answer> {
        let request = self.agent.delete(&self.url);
        let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
        self.read(request.call())
    }

    fn read(&self, answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Answer> {
        let answer = answer.map_err(|error| self.failed(&error))?;
        let status = answer.status().as_u16();
        let mut bytes = Vec::new();
        answer.into_body().into_reader().take(LONGEST_ANSWER).read_to_end(&mut bytes)?;
        let body = String::from_utf8_lossy(&bytes).replace(is_unprintable, "\u{fffd}");
        Ok(Answer { status, body })
    }

    fn failed(&self, error: &ureq::Error) -> anyhow::Error {
        let url = &self.url;
        match error {
            ureq::Error::Io(error) if error.kind() == ErrorKind::ConnectionRefused => {
                anyhow!("no server listens at {url}: start the gateway with `make dev`, or set its URL with --url")
            }
            ureq::Error::BadUri(_) => {
                anyhow!("{url:?} is not a URL; write one such as http://127.0.0.1:8787/webhooks/generic")
            }
            error => anyhow!("sending to {url} failed: {error}"),
        }
    }
}

fn is_unprintable(c: char) -> bool {
    c.is_control() && c != '\n' && c != '\t'
}

/// Whether `url` is on this machine.
pub fn is_loopback(url: &str) -> bool {
    let uri = url.parse::<Uri>();
    let host = uri.as_ref().ok().and_then(Uri::host).unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
