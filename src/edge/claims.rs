//! The claims, from the outside of the Durable Objects that hold them.

use super::ports::{Bindings, failed};
use crate::dedup::{ClaimOutcome, ClaimTerms, ClaimToken, Rings, RingsRefused, Shard};
use crate::pipeline::ports::{ClaimStore, PortError};
use std::time::Duration;
use wasm_bindgen::prelude::*;
use worker::js_sys::Promise;
use worker::wasm_bindgen_futures::JsFuture;

/// The time limit of a call. A request calls an object three times at most: two attempts to claim and one to release. So the
/// provider has its 503 within five seconds, which is the shortest time limit of a provider.
const PATIENCE_MS: u32 = 1500;
/// The object with the numbers of shards that hold claims.
const REGISTRY: &str = "rings";
/// The object with the secrets that providers sent.
const HANDSHAKES: &str = "handshakes";

#[wasm_bindgen(module = "/src/edge/calls.js")]
extern "C" {
    #[wasm_bindgen(js_name = callObject, catch)]
    fn call_object(stub: &JsValue, method: &str, args: Vec<JsValue>) -> Result<JsValue, JsValue>;
}

impl Bindings {
    /// Calls a method of the object `name`. The crate has no function for it.
    async fn call(&self, name: &str, method: &str, args: Vec<JsValue>) -> Result<JsValue, PortError> {
        let stub = self.env.durable_object("CLAIMS").and_then(|space| space.get_by_name(name));
        let stub: JsValue = stub.map_err(failed("claims object"))?.into_rpc();
        let calling = call_object(&stub, method, args).map_err(failed("claims object"))?;
        // The call returns a thenable of the runtime's own, and `JsFuture` takes a Promise.
        let calling = Promise::resolve(&calling);
        self.within(PATIENCE_MS, "claims object", JsFuture::from(calling)).await
    }
}

fn seconds(span: Duration) -> JsValue {
    u32::try_from(span.as_secs()).unwrap_or(u32::MAX).into()
}

/// No answer is taken for a "no", and none for a "yes": an event could pass twice, or never.
fn unreadable() -> PortError {
    PortError("claims object: its answer cannot be read".to_owned())
}

fn yes_or_no(answer: &JsValue) -> Result<bool, PortError> {
    answer.as_bool().ok_or_else(unreadable)
}

fn text_or_nothing(answer: &JsValue) -> Result<Option<String>, PortError> {
    if answer.is_null_or_undefined() { Ok(None) } else { answer.as_string().map(Some).ok_or_else(unreadable) }
}

impl ClaimStore for Bindings {
    async fn claim(
        &self,
        shard: Shard,
        name: &str,
        terms: ClaimTerms,
        token: ClaimToken,
    ) -> Result<ClaimOutcome, PortError> {
        let args = vec![name.into(), seconds(terms.lease), seconds(terms.ttl), token.to_string().into()];
        let claim = self.call(&shard.to_string(), "claim", args).await?;
        claim.as_string().and_then(|text| ClaimOutcome::from_json(&text)).ok_or_else(unreadable)
    }

    async fn confirm(&self, shard: Shard, name: &str, token: ClaimToken, ttl: Duration) -> Result<bool, PortError> {
        let args = vec![name.into(), token.to_string().into(), seconds(ttl)];
        yes_or_no(&self.call(&shard.to_string(), "confirm", args).await?)
    }

    async fn release(&self, shard: Shard, name: &str, token: ClaimToken) -> Result<bool, PortError> {
        let args = vec![name.into(), token.to_string().into()];
        yes_or_no(&self.call(&shard.to_string(), "release", args).await?)
    }

    async fn forget_claim(&self, shard: Shard, name: &str) -> Result<bool, PortError> {
        yes_or_no(&self.call(&shard.to_string(), "forget", vec![name.into()]).await?)
    }

    async fn admit(&self, rings: Rings, hold: Duration) -> Result<Result<(), RingsRefused>, PortError> {
        let before = rings.before.map_or(JsValue::UNDEFINED, JsValue::from);
        let refused = self.call(REGISTRY, "admit", vec![rings.current.into(), before, seconds(hold)]).await?;
        match text_or_nothing(&refused)? {
            None => Ok(Ok(())),
            Some(text) => RingsRefused::from_json(&text).map(Err).ok_or_else(unreadable),
        }
    }

    async fn install(&self, source: &str, secret: &str) -> Result<bool, PortError> {
        yes_or_no(&self.call(HANDSHAKES, "install", vec![source.into(), secret.into()]).await?)
    }

    async fn installed(&self, source: &str) -> Result<Option<String>, PortError> {
        text_or_nothing(&self.call(HANDSHAKES, "installed", vec![source.into()]).await?)
    }
}
