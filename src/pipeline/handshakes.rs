//! Handshakes: the requests with which a provider tests an endpoint. A handshake is answered, and is never an event.

use super::ports::{Fetched, PortError, Ports, Request};
use super::refusal::Refusal;
use crate::answer::Answer;
use crate::config::Source;
use crate::record::{Record, Verdict};
use hookgate_verify::{Crypto, HandshakeAnswer, HandshakeStage, UnixTime, VerifyError};

/// The largest body of a handshake without a signature.
const MAX_BODY: usize = 16 * 1024;

/// A handshake in the request's head, or a signed handshake with a method other than POST.
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

/// A handshake without a signature, found in the body. Any other request is refused with the error `unsigned`.
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

/// The handshake's answer, if the request is a handshake that the source allows.
pub fn find<R: Request>(
    request: &R,
    source: &Source,
    stage: HandshakeStage<'_>,
    crypto: &impl Crypto,
) -> Option<HandshakeAnswer> {
    let is_token = |text: &str| source.verify_token.as_ref().is_some_and(|token| token.is(text));
    source.verifier.answer_handshake(request, stage, source.armed, is_token, crypto)
}

/// Answers a handshake. The secret in it is first stored for the operator. Another secret that waits is not replaced.
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
