//! Who may call `/api`.

use crate::config::{AdminToken, Config, ConfigError};
use crate::pipeline::ports::Request;
use crate::pipeline::refusal::Refusal;

/// The token of the operator's API at this URL. `None` if the API is off there.
pub fn admin<'c>(request: &impl Request, config: &'c Result<Config, ConfigError>) -> Option<&'c AdminToken> {
    config.as_ref().ok()?.admin.as_ref().filter(|admin| admin.opens_at(&request.host()))
}

/// Checks the token. A sender over the limit is checked too, because the operator may share an address with an attacker.
///
/// # Errors
/// [`Refusal::Unauthorized`].
pub fn authorize(request: &impl Request, admin: &AdminToken) -> Result<(), Refusal> {
    let given = request.header("authorization").ok_or(Refusal::Unauthorized("no authorization header"))?;
    let given = given.strip_prefix("Bearer ").ok_or(Refusal::Unauthorized("no bearer token"))?;
    if admin.is(given) { Ok(()) } else { Err(Refusal::Unauthorized("the token is not ADMIN_TOKEN")) }
}
