//! Tokens that prove a caller. Only their hashes are kept.

use sha2::{Digest, Sha256};
use std::fmt;
use subtle::{ConditionallySelectable, ConstantTimeEq};

/// The shortest token, in bytes. A shorter token could be guessed.
const SHORTEST: usize = 16;
/// The longest token, in bytes: the largest secret of a Worker.
const LONGEST: usize = 5 * 1024;
/// The longest name in `ADMIN_TOKENS`, in bytes. A name is shorter than every token. So a token in the place of the name is
/// a mistake, and never becomes a name in the log.
const LONGEST_NAME: usize = SHORTEST - 1;
/// The most entries of `ADMIN_TOKENS`.
const MOST: usize = 32;
/// Fewer different bytes than this make a token easy to guess.
const FEWEST_DIFFERENT: usize = 8;
/// What stands before the hash of a token in `ADMIN_TOKENS`.
const HASHED: &str = "sha256:";

/// The public `ADMIN_TOKEN` in `.dev.vars.example`.
const EXAMPLE: &str = "local-admin-token";

/// The name of `ADMIN_TOKEN`.
const ADMIN: &str = "admin";

/// What a caller of `/api` may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallerKind {
    /// Only read, and no secret.
    Read,
    /// Everything.
    Write,
}

impl CallerKind {
    /// Reads `read` or `write`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "read" => Some(Self::Read),
            "write" => Some(Self::Write),
            _ => None,
        }
    }
}

/// One token for `/api`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminToken {
    /// The name of the token in the log and in the audit.
    pub name: String,
    /// What the token allows.
    pub kind: CallerKind,
    token: HashedToken,
    is_example: bool,
}

impl AdminToken {
    /// Reads `ADMIN_TOKEN`. `None` if it is too short, or begins or ends with white space.
    fn parse(text: &str) -> Option<Self> {
        let usable = text.len() >= SHORTEST && text.trim() == text;
        let token = || HashedToken::of(text);
        usable.then(|| Self {
            name: ADMIN.to_owned(),
            kind: CallerKind::Write,
            token: token(),
            is_example: text == EXAMPLE,
        })
    }

    /// Reads one entry of `ADMIN_TOKENS`: `name:kind:token`, or `name:kind:sha256:hash`. The error shows no part of the
    /// entry, because any part may be the token in a wrong place.
    fn parse_entry(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(3, ':');
        let (Some(name), Some(kind), Some(token)) = (parts.next(), parts.next(), parts.next()) else {
            return Err("it is not name:kind:token".to_owned());
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !(1..=LONGEST_NAME).contains(&name.len()) || !name.bytes().all(plain) {
            return Err(format!("its name is not 1 to {LONGEST_NAME} letters, digits, hyphens and underscores"));
        }
        if name == ADMIN {
            return Err(format!("its name is {ADMIN}, which is the name of ADMIN_TOKEN; choose another name"));
        }
        let kind = CallerKind::parse(kind).ok_or("its kind is not read or write")?;
        let token = match token.strip_prefix(HASHED) {
            Some(hash) => HashedToken::from_hex(hash).ok_or("sha256: is not followed by 64 hexadecimal digits")?,
            None if token.len() < SHORTEST => return Err(format!("its token is shorter than {SHORTEST} characters")),
            None if !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
                return Err("its token has a character outside visible ASCII, which a header cannot carry".to_owned());
            }
            None if is_guessable(token) => return Err(GUESSABLE.to_owned()),
            None => HashedToken::of(token),
        };
        if token == HashedToken::of(EXAMPLE) {
            return Err("its token is the public one of .dev.vars.example; choose another token".to_owned());
        }
        Ok(Self { name: name.to_owned(), kind, token, is_example: false })
    }

    /// Whether the token opens `/api` at a URL with this host. The public example opens `/api` only on localhost.
    fn opens_at(&self, host: &str) -> bool {
        !self.is_example || matches!(host, "localhost" | "127.0.0.1" | "[::1]")
    }
}

const GUESSABLE: &str = "its token repeats few characters and is easy to guess; make one with `openssl rand -hex 32`";

fn is_guessable(token: &str) -> bool {
    let mut bytes = token.as_bytes().to_vec();
    bytes.sort_unstable();
    bytes.dedup();
    bytes.len() < FEWEST_DIFFERENT
}

/// The tokens for `/api`: `ADMIN_TOKEN`, and the entries of `ADMIN_TOKENS`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AdminTokens(Vec<AdminToken>);

impl AdminTokens {
    /// Reads both secrets. A bad entry is left out, because the other tokens and the sources do not need it. `mistakes`
    /// names each bad entry, and `warnings` what is allowed, but probably wrong.
    pub(super) fn parse(
        admin: Option<&str>,
        several: Option<&str>,
        mistakes: &mut Vec<String>,
        warnings: &mut Vec<String>,
    ) -> Self {
        let mut tokens: Vec<AdminToken> = admin.and_then(|text| parse_admin(text, warnings)).into_iter().collect();
        if let Some(several) = several {
            let entries = parse_entries(several, &tokens, mistakes);
            tokens.extend(entries);
        }
        if !tokens.is_empty() && tokens.iter().all(|token| token.kind == CallerKind::Read) {
            let problem = "every token in ADMIN_TOKENS only reads: no token can redrive an event or forget a key";
            warnings.push(problem.to_owned());
        }
        Self(tokens)
    }

    /// Whether a token opens `/api` at a URL with this host.
    pub fn open_at(&self, host: &str) -> bool {
        self.0.iter().any(|token| token.opens_at(host))
    }

    /// The token that is `given`, if that token opens `/api` at a URL with this host. The hashes of all tokens are compared
    /// in constant time. The time shows neither the length of a token, nor the number of correct bytes, nor which token it
    /// is.
    pub fn find(&self, given: &str, host: &str) -> Option<&AdminToken> {
        // A short token never matches, even if its hash is in ADMIN_TOKENS.
        if !(SHORTEST..=LONGEST).contains(&given.len()) {
            return None;
        }
        let given = HashedToken::of(given);
        let mut found = u32::MAX;
        for (place, token) in (0_u32..).zip(&self.0) {
            found.conditional_assign(&place, token.token.0.ct_eq(&given.0));
        }
        let token = usize::try_from(found).ok().and_then(|place| self.0.get(place));
        token.filter(|token| token.opens_at(host))
    }
}

/// Reads `ADMIN_TOKEN`. A bad token is a warning and no error, because the sources do not need the token.
fn parse_admin(text: &str, warnings: &mut Vec<String>) -> Option<AdminToken> {
    let admin = AdminToken::parse(text);
    let problem = match &admin {
        Some(token) if token.is_example => {
            "ADMIN_TOKEN is the public one of .dev.vars.example: /api opens on localhost alone, and is 404 \
                elsewhere; set another with `wrangler secret put ADMIN_TOKEN`"
        }
        Some(_) if is_guessable(text) => {
            "ADMIN_TOKEN repeats few characters and is easy to guess; make another with `openssl rand -hex 32`"
        }
        Some(_) => return admin,
        None => "ADMIN_TOKEN is shorter than 16 characters, or begins or ends with a blank, and opens nothing",
    };
    warnings.push(problem.to_owned());
    admin
}

/// Reads the entries of `ADMIN_TOKENS`. Entries with the same name or the same token are all left out: nothing says which of
/// them is meant. An entry with the token of `ADMIN_TOKEN` is left out too.
fn parse_entries(text: &str, admin: &[AdminToken], mistakes: &mut Vec<String>) -> Vec<AdminToken> {
    let mut tokens = Vec::new();
    let mut count = 0_usize;
    for (number, entry) in (1_usize..).zip(text.split_whitespace()) {
        count = number;
        match AdminToken::parse_entry(entry) {
            _ if number > MOST => {}
            Ok(token) => tokens.push(token),
            Err(problem) => mistakes.push(format!("ADMIN_TOKENS: entry {number} is not used: {problem}")),
        }
    }
    if count == 0 {
        mistakes.push("ADMIN_TOKENS has no entry: write name:kind:token, with the kind read or write".to_owned());
    }
    if count > MOST {
        mistakes.push(format!("ADMIN_TOKENS has {count} entries, and the entries after number {MOST} are not used"));
    }
    let several = |same: &dyn Fn(&&AdminToken) -> bool| tokens.iter().filter(same).nth(1).is_some();
    let is_named_twice = |token: &AdminToken| several(&|other| other.name == token.name);
    let is_twice = |token: &AdminToken| several(&|other| other.token == token.token);
    let mut kept = Vec::new();
    for token in &tokens {
        let problem = if is_named_twice(token) {
            "another entry has the same name"
        } else if is_twice(token) {
            "another entry has the same token"
        } else if admin.iter().any(|admin| admin.token == token.token) {
            "ADMIN_TOKEN is the same token"
        } else {
            kept.push(token.clone());
            continue;
        };
        mistakes.push(format!("ADMIN_TOKENS: the entry {} is not used: {problem}", token.name));
    }
    kept
}

/// The hash of a token.
#[derive(Clone, PartialEq, Eq)]
pub struct HashedToken([u8; 32]);

impl HashedToken {
    pub(super) fn of(text: &str) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// Reads the hash in hexadecimal digits.
    fn from_hex(text: &str) -> Option<Self> {
        let mut hash = [0; 32];
        hex::decode_to_slice(text, &mut hash).ok()?;
        Some(Self(hash))
    }

    /// Whether `given` is the token. The hashes are compared in constant time, so the time shows neither the length of the
    /// token nor the number of correct bytes.
    pub fn is(&self, given: &str) -> bool {
        let given: [u8; 32] = Sha256::digest(given).into();
        self.0.ct_eq(&given).into()
    }
}

impl fmt::Debug for HashedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashedToken(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_token_is_in_the_example_file() {
        let file = std::fs::read_to_string(".dev.vars.example").expect("the file");
        assert!(file.lines().any(|line| line == format!("ADMIN_TOKEN=\"{EXAMPLE}\"")));
    }

    fn read(admin: Option<&str>, several: Option<&str>) -> (AdminTokens, Vec<String>, Vec<String>) {
        let (mut mistakes, mut warnings) = (Vec::new(), Vec::new());
        let tokens = AdminTokens::parse(admin, several, &mut mistakes, &mut warnings);
        (tokens, mistakes, warnings)
    }

    #[test]
    fn the_example_token_opens_only_the_loopback() {
        let (example, own) = (read(Some(EXAMPLE), None).0, read(Some("0123456789abcdef"), None).0);
        for host in ["localhost", "127.0.0.1", "[::1]"] {
            assert!(example.open_at(host) && own.open_at(host), "{host}");
        }
        for host in ["hooks.example.com", "localhost.example.com", "127.0.0.1.example.com", "10.0.0.1", "::1", ""] {
            assert!(!example.open_at(host) && own.open_at(host), "{host}");
        }
        // A second token opens /api at another host. The example does not.
        let both = read(Some(EXAMPLE), Some("ci:read:0123456789abcdef")).0;
        assert!(both.open_at("hooks.example.com"));
        assert_eq!(both.find(EXAMPLE, "hooks.example.com"), None);
        assert!(both.find(EXAMPLE, "localhost").is_some());
    }

    #[test]
    fn a_hash_stands_for_its_token_and_never_opens_by_itself() {
        let hash = hex::encode(Sha256::digest("0123456789abcdef"));
        let (tokens, mistakes, _) = read(None, Some(&format!("ci:write:sha256:{hash}")));
        assert_eq!(mistakes, [""; 0]);
        let found = tokens.find("0123456789abcdef", "").expect("the token of the hash");
        assert_eq!((found.name.as_str(), found.kind), ("ci", CallerKind::Write));
        assert_eq!(tokens.find(&hash, ""), None);
        assert_eq!(tokens.find(&format!("sha256:{hash}"), ""), None);
        // The hash of a short token, and of no token, opens nothing.
        for short in ["", "short"] {
            let hash = hex::encode(Sha256::digest(short));
            let (tokens, _, _) = read(None, Some(&format!("ci:write:sha256:{hash}")));
            assert_eq!(tokens.find(short, ""), None);
        }
        assert_eq!(tokens.find(&"x".repeat(LONGEST + 1), ""), None);
    }
}
