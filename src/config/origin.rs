//! Where forwards go.

use http::Uri;
use std::fmt;
use std::net::IpAddr;

/// An origin's URL: `https`, or `http` to the loopback for development; no user name or password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    url: String,
    loopback: bool,
}

impl Origin {
    /// Parses an origin's URL.
    ///
    /// # Errors
    /// What is wrong with it, and what to do.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let uri: Uri = text.parse().map_err(|_| "is not a URL, such as https://app.example.com/hooks")?;
        let host = uri.host().ok_or("has no host; write it as https://app.example.com/hooks")?;
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err("must not contain a user name or password");
        }
        let loopback = is_loopback(host);
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if loopback => {}
            Some("http") => return Err("must be https; http is allowed to the loopback only"),
            _ => return Err("must begin with https://"),
        }
        Ok(Self { url: text.to_owned(), loopback })
    }

    /// The URL as configured.
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// Whether it lies on the machine itself, where only development can reach it.
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
