//! A provider's tests of an endpoint: answered, and never an event.

use super::ports::{Fetched, PortError, Ports, Request};
use super::refusal::Refusal;
use crate::answer::Answer;
use crate::config::Source;
use crate::record::{Record, Verdict};
use hookgate_verify::{Crypto, Greeted, Standing, UnixTime, VerifyError};

/// The largest body of a test without a signature.
const MAX_BODY: usize = 16 * 1024;

/// A test that shows in the request's head, or that comes by another method than POST.
pub fn at_the_door<R: Request>(
    request: &R,
    source: &Source,
    crypto: &impl Crypto,
    now: UnixTime,
) -> Result<Option<Greeted>, Refusal> {
    if source.verifier.preset().handshakes.is_empty() {
        return Ok(None);
    }
    let greeted = greet(request, source, Standing::Head, crypto);
    if greeted.is_some() || request.method() == "POST" || !source.verifier.greets_signed(&request.method()) {
        return Ok(greeted);
    }
    source.verifier.receive(request)?.verify(b"", now, crypto)?;
    Ok(greet(request, source, Standing::Signed(b""), crypto))
}

/// A test without a signature, told by its body; anything else is refused as `unsigned` says.
pub async fn unsigned<R: Request>(
    request: &R,
    source: &Source,
    unsigned: VerifyError,
    crypto: &impl Crypto,
) -> Result<Greeted, Refusal> {
    if !matches!(unsigned, VerifyError::SignatureMissing { .. }) || !source.verifier.greets_unsigned_bodies() {
        return Err(unsigned.into());
    }
    let body = request.body(MAX_BODY).await.map_err(|error| Refusal::body_over(error, MAX_BODY))?;
    greet(request, source, Standing::Unsigned(&body), crypto).ok_or_else(|| unsigned.into())
}

/// What the provider gets, if the request is a test that its user lets it make.
pub fn greet<R: Request>(
    request: &R,
    source: &Source,
    standing: Standing<'_>,
    crypto: &impl Crypto,
) -> Option<Greeted> {
    let is_token = |text: &str| source.handshake_token.as_ref().is_some_and(|token| token.is(text));
    source.verifier.greet(request, standing, source.armed, is_token, crypto)
}

/// Answers a test. A secret that it brings is kept for the operator first, unless another waits there: that one stays.
pub async fn answer<P: Ports>(
    greeted: Greeted,
    source: &Source,
    ports: &P,
    record: &mut Record,
) -> Result<Answer, Refusal> {
    if let Some(secret) = &greeted.secret {
        let name = source.name.as_str();
        if !ports.install(name, secret).await.map_err(Refusal::failed("handshake_failed"))? {
            return Err(Refusal::SecretWaits);
        }
    }
    if let Some(url) = &greeted.visit {
        let visited = ports.published(url).await.map_err(Refusal::failed("handshake_failed"))?;
        if let Fetched::Status(status) = visited {
            let problem = format!("the URL that confirms the endpoint answered {status}");
            return Err(Refusal::failed("handshake_failed")(PortError(problem)));
        }
    }
    record.verdict = Verdict::Handshake;
    Ok(Answer::handshake(greeted))
}
