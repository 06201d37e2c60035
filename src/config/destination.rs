//! The destination of a source.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The URL of a destination: `https`, or `http` to the loopback for development. It has no user name and no password.
///
/// A destination must be simpler than a URL may be. Its host consists of letters, digits, `-` and `.`, or is an IPv6 address
/// in brackets. It has no character that two URL parsers read differently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    url: String,
    loopback: bool,
}

impl Destination {
    /// Parses the URL of a destination.
    ///
    /// # Errors
    /// The problem, and the solution.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = text.split_once(':').ok_or("must begin with https://")?;
        let rest = rest.strip_prefix("//").ok_or("must begin with https://")?;
        let authority = rest.split(['/', '?']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err("must not contain a user name or password");
        }
        let host = host_of(authority).filter(|_| rest.chars().all(is_plain));
        let host = host.ok_or("is not a URL, such as https://app.example.com/hooks")?;
        let loopback = is_loopback(host);
        if !loopback && is_internal(host) {
            return Err("must not be an address of a private, local or reserved network");
        }
        match scheme {
            "https" => {}
            "http" if loopback => {}
            "http" => return Err("must be https; http is allowed to the loopback only"),
            _ => return Err("must begin with https://"),
        }
        Ok(Self { url: text.to_owned(), loopback })
    }

    /// The URL as configured.
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// The URL as configured, without its query. The query may have a secret.
    pub fn without_query(&self) -> &str {
        self.url.split_once('?').map_or(&self.url, |(url, _)| url)
    }

    /// Whether the destination is on the same machine. Only a Worker in development can reach such a destination.
    pub fn is_loopback(&self) -> bool {
        self.loopback
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)
    }
}

fn is_plain(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '\\' | '#' | '"' | '<' | '>' | '^' | '`' | '{' | '|' | '}')
}

/// The host of `host`, `host:port`, `[v6]` or `[v6]:port`.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port, well_formed) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, port) = rest.split_once(']')?;
        (host, port, host.parse::<Ipv6Addr>().is_ok())
    } else {
        let (host, port) = authority.split_at_checked(authority.find(':').unwrap_or(authority.len()))?;
        let is_part = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'.';
        (host, port, !host.is_empty() && host.bytes().all(is_part))
    };
    // `parse` accepts `+80`. A URL parser does not.
    let is_port = |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
    let has_port = port.strip_prefix(':').is_some_and(is_port);
    (well_formed && (port.is_empty() || has_port)).then_some(host)
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether a host is an address that is not public, or a number that a URL parser could read as an address. URL parsers
/// read `0x7f.1` and `2130706433` as 127.0.0.1.
fn is_internal(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => is_internal_v4(address),
        Ok(IpAddr::V6(address)) => match (address.to_ipv4(), address.octets()) {
            (Some(embedded), _) => is_internal_v4(embedded),
            (None, [first, second, ..]) => {
                let local = first & 0xfe == 0xfc || (first == 0xfe && second & 0x80 == 0x80);
                let translated = (first, second) == (0x00, 0x64) || (first, second) == (0x20, 0x02);
                local || translated || address.is_multicast()
            }
        },
        Err(_) => {
            let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
            last.starts_with(|c: char| c.is_ascii_digit())
        }
    }
}

fn is_internal_v4(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    let shared = first == 100 && second & 0xc0 == 64;
    first == 0 || first >= 224 || shared || address.is_private() || address.is_link_local() || address.is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_https_or_http_to_the_loopback() {
        for url in [
            "https://app.example.com", "https://app.example.com:8443/hooks?x=1", "https://[2001:db8::1]/hooks",
            "https://93.184.216.34/", "https://4you.example", "http://127.0.0.1:9000/relock", "http://localhost:9000",
            "http://[::1]:9000/",
        ] {
            assert_eq!(Destination::parse(url).map(|origin| origin.to_string()), Ok(url.to_owned()));
        }
    }

    #[test]
    fn a_url_that_parsers_may_read_differently_is_refused() {
        let refused = |url: &str| Destination::parse(url).expect_err(url);
        assert!(refused("http://app.example.com").contains("https"));
        assert!(refused("http://127.0.0.1.example.com").contains("https"));
        assert!(refused("ftp://app.example.com").contains("https://"));
        assert!(refused("app.example.com").contains("https://"));
        assert!(refused("https://user:password@app.example.com").contains("password"));
        for url in [
            "https://", "https:///path", "https://a b", "https://app.example.com\\evil.example", "https://é.example",
            "https://app.example.com:port", "https://app.example.com:+80", "https://[::1",
            "https://app.example.com#evil.example", "https://a\n.b",
        ] {
            assert_eq!(refused(url), "is not a URL, such as https://app.example.com/hooks", "{url}");
        }
    }

    #[test]
    fn an_address_that_is_not_public_is_refused() {
        for host in [
            "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
            "224.0.0.1", "255.255.255.255", "[fd00::1]", "[fe80::1]", "[::]", "[::ffff:10.0.0.1]", "[::127.0.0.1]",
            "[64:ff9b::a00:1]", "[2002:a00:1::]", "[ff02::1]", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "10.1",
            "1.2.3.4.",
        ] {
            let told = "must not be an address of a private, local or reserved network";
            assert_eq!(Destination::parse(&format!("https://{host}/")), Err(told), "{host}");
        }
    }
}
