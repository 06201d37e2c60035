//! A provider's tests of an endpoint: answered, and never an event.

use super::ports::{Fetched, PortError, Ports, Request};
use super::refusal::Refusal;
use crate::answer::Answer;
use crate::config::Source;
use crate::record::{Record, Verdict};
use hookgate_verify::{Crypto, HandshakeAnswer, HandshakeStage, UnixTime, VerifyError};

/// The largest body of a test without a signature.
const MAX_BODY: usize = 16 * 1024;

/// A test that shows in the request's head, or that comes by another method than POST.
pub fn in_head<R: Request>(
    request: &R,
    source: &Source,
    crypto: &impl Crypto,
    now: UnixTime,
) -> Result<Option<HandshakeAnswer>, Refusal> {
    if source.verifier.preset().handshakes.is_empty() {
        return Ok(None);
    }
    let handshake = find(request, source, HandshakeStage::Head, crypto);
    if handshake.is_some() || request.method() == "POST" || !source.verifier.has_signed_handshake(&request.method()) {
        return Ok(handshake);
    }
    source.verifier.receive(request)?.verify(b"", now, crypto)?;
    Ok(find(request, source, HandshakeStage::Signed(b""), crypto))
}

/// A test without a signature, told by its body; anything else is refused as `unsigned` says.
pub async fn in_unsigned_body<R: Request>(
    request: &R,
    source: &Source,
    unsigned: VerifyError,
    crypto: &impl Crypto,
) -> Result<HandshakeAnswer, Refusal> {
    if !matches!(unsigned, VerifyError::SignatureMissing { .. }) || !source.verifier.has_handshake_in_unsigned_body() {
        return Err(unsigned.into());
    }
    let body = request.body(MAX_BODY).await.map_err(|error| Refusal::body_over(error, MAX_BODY))?;
    find(request, source, HandshakeStage::Unsigned(&body), crypto).ok_or_else(|| unsigned.into())
}

/// What the provider gets, if the request is a test that its user lets it make.
pub fn find<R: Request>(
    request: &R,
    source: &Source,
    standing: HandshakeStage<'_>,
    crypto: &impl Crypto,
) -> Option<HandshakeAnswer> {
    let is_token = |text: &str| source.verify_token.as_ref().is_some_and(|token| token.is(text));
    source.verifier.answer_handshake(request, standing, source.armed, is_token, crypto)
}

/// Answers a test. A secret that it brings is kept for the operator first, unless another waits there: that one stays.
pub async fn answer<P: Ports>(
    handshake: HandshakeAnswer,
    source: &Source,
    ports: &P,
    record: &mut Record,
) -> Result<Answer, Refusal> {
    if let Some(secret) = &handshake.secret {
        let name = source.name.as_str();
        if !ports.install(name, secret).await.map_err(Refusal::failed("handshake_failed"))? {
            return Err(Refusal::SecretPending);
        }
    }
    if let Some(url) = &handshake.visit {
        let visited = ports.published(url).await.map_err(Refusal::failed("handshake_failed"))?;
        if let Fetched::Status(status) = visited {
            let problem = format!("the URL that confirms the endpoint answered {status}");
            return Err(Refusal::failed("handshake_failed")(PortError(problem)));
        }
    }
    record.verdict = Verdict::Handshake;
    Ok(Answer::handshake(handshake))
}
