//! Who calls `/api`, and what the caller may do.
//!
//! A caller is known by a bearer token, or by the identity that the runtime states after Cloudflare Access has let the
//! request in. A request with an `authorization` header is judged by its token alone. The headers of Cloudflare Access
//! (`cf-access-…`) prove nothing, because anybody can send them.

use super::routes;
use crate::config::{AdminTokens, CallerKind, Config, ConfigError};
use crate::pipeline::ports::{AccessIdentity, Request};
use crate::pipeline::refusal::Refusal;

/// The longest address or name that Cloudflare Access may state, in bytes (RFC 5321: 254 for an address).
const LONGEST_IDENTITY: usize = 254;

/// A call without any proof. The page in a browser makes one such call, to learn whether it needs a token.
const NO_HEADER: &str = "no authorization header";
const NO_IDENTITY: &str = "no authorization header, and no identity of Cloudflare Access";

/// A known caller of `/api`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The name of the token, the address of a person, or `service:` and the name of a service. No two of them look alike,
    /// because the name of a token has neither `@` nor `:`.
    pub name: String,
    /// What the caller may do.
    pub kind: CallerKind,
}

/// The caller of `/api`.
///
/// # Errors
/// [`Refusal::NotFound`] if nothing opens `/api` at this URL. [`Refusal::Unauthorized`] if the caller is not known.
/// [`Refusal::CrossSite`] if another site sends the request with the caller's session.
pub async fn caller(request: &impl Request, config: &Result<Config, ConfigError>) -> Result<Caller, Refusal> {
    let config = config.as_ref().ok().ok_or(Refusal::NotFound)?;
    let is_open = config.admin.open_at(&request.host());
    match (request.header("authorization"), config.access) {
        (_, None) if !is_open => Err(Refusal::NotFound),
        (Some(header), _) => by_token(&header, request, &config.admin),
        (None, Some(kind)) => by_access(request, kind).await,
        (None, None) => Err(Refusal::Unauthorized(NO_HEADER)),
    }
}

/// Whether a refused call claims to be nobody. A wrong token is a guess, and counts as a refused request.
pub fn claims_nothing(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Unauthorized(NO_HEADER | NO_IDENTITY))
}

/// The tokens that open `/api` at this URL. `None` if no token opens it there.
pub fn admin<'c>(request: &impl Request, config: &'c Result<Config, ConfigError>) -> Option<&'c AdminTokens> {
    config.as_ref().ok().map(|config| &config.admin).filter(|admin| admin.open_at(&request.host()))
}

/// The caller whose token is in the header `authorization`. A sender over the limit is checked too, because the operator may
/// share an address with an attacker.
///
/// # Errors
/// [`Refusal::Unauthorized`].
pub fn by_token(header: &str, request: &impl Request, admin: &AdminTokens) -> Result<Caller, Refusal> {
    let bearer = header.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
    let (_, given) = bearer.ok_or(Refusal::Unauthorized("the request has no bearer token"))?;
    let token = admin.find(given.trim_start_matches(' '), &request.host());
    let token = token.ok_or(Refusal::Unauthorized("the token is not in ADMIN_TOKEN or ADMIN_TOKENS"))?;
    Ok(Caller { name: token.name.clone(), kind: token.kind })
}

/// The caller whom Cloudflare Access has let in.
async fn by_access(request: &impl Request, kind: CallerKind) -> Result<Caller, Refusal> {
    let identity = request.access_identity().await.map_err(Refusal::failed("access_failed"))?;
    let identity = identity.ok_or(Refusal::Unauthorized(NO_IDENTITY))?;
    let name = name(identity).ok_or(Refusal::Unauthorized("the identity of Cloudflare Access has no usable name"))?;
    // A browser adds the session of Cloudflare Access to each request, also to one that another site makes. A change would be
    // made in the caller's name. A secret that is read has an entry in the audit. A page of another site cannot see what a
    // read answers, but it can measure how long the answer takes, and so find out what a search finds.
    if is_from_another_site(request) && !is_opened_page(request) {
        return Err(Refusal::CrossSite);
    }
    Ok(Caller { name, kind })
}

fn name(identity: AccessIdentity) -> Option<String> {
    let plain = |name: &String| {
        let letters = name.chars().all(|letter| !letter.is_control() && !letter.is_whitespace());
        (1..=LONGEST_IDENTITY).contains(&name.len()) && letters
    };
    match (identity.email, identity.common_name) {
        (Some(email), _) if !email.is_empty() => Some(email).filter(plain).filter(|email| email.contains('@')),
        (_, service) => service.filter(plain).map(|service| format!("service:{service}")),
    }
}

/// Whether a person opens a list in a window of its own, by a link or by the address bar. The page with the link does not see
/// the answer.
fn is_opened_page(request: &impl Request) -> bool {
    let is = |name: &str, value: &str| request.header(name).is_some_and(|header| header == value);
    let path = request.path();
    is("sec-fetch-mode", "navigate")
        && is("sec-fetch-dest", "document")
        && path.strip_prefix("/api/").is_some_and(|path| routes::is_open_to_readers(&request.method(), path))
}

/// Whether a page of another site made the browser send the request. Every browser sends one of the two headers with a
/// change, and the newer ones send `sec-fetch-site` with each request. Other clients send neither.
fn is_from_another_site(request: &impl Request) -> bool {
    let is_other = |origin: String| {
        let host = origin.split_once("://").map(|(_, authority)| {
            let port = authority.rfind(':').filter(|colon| authority.rfind(']').is_none_or(|end| end < *colon));
            port.and_then(|colon| authority.get(..colon)).unwrap_or(authority)
        });
        host != Some(request.host().as_str())
    };
    request.header("origin").is_some_and(is_other)
        || request.header("sec-fetch-site").is_some_and(|site| site != "same-origin")
}
