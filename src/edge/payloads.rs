//! Stores in R2 the bodies that are too large for a queue message.

use super::ports::{Bindings, failed};
use super::request::each_part;
use super::{environment, seconds};
use crate::pipeline::ports::{Page, Payloads, PortError, Stored};
use hookgate_verify::UnixTime;
use wasm_bindgen::prelude::*;
use worker::js_sys::Uint8Array;
use worker::wasm_bindgen_futures::JsFuture;
use worker::web_sys::ReadableStream;
use worker::worker_sys::R2Bucket;
use worker::{Bucket, Object, ResponseBody};

/// The time limit of each call, enough for the largest body (25 MiB). It is shorter than the lease of a claim (30 s).
const PATIENCE_MS: u32 = 15_000;

impl Bindings {
    fn bucket(&self) -> Result<Bucket, PortError> {
        self.env.bucket("PAYLOADS").map_err(failed("R2"))
    }
}

impl Payloads for Bindings {
    /// The runtime streams the body from R2 to the destination. The body does not enter WASM.
    type Body = ReadableStream;

    fn stores_payloads(&self) -> bool {
        environment::has(&self.env, "PAYLOADS")
    }

    async fn store(&self, name: &str, body: &[u8]) -> Result<(), PortError> {
        // Not by the `worker` crate, because it would copy the body within WASM first.
        let bucket: R2Bucket = JsValue::from(self.bucket()?).unchecked_into();
        let storing = bucket.put(name.to_owned(), Uint8Array::from(body).into(), JsValue::UNDEFINED);
        let storing = JsFuture::from(storing.map_err(failed("R2 put"))?);
        self.within(PATIENCE_MS, "R2 put", storing).await.map(|_| ())
    }

    async fn open(&self, name: &str) -> Result<Stored<ReadableStream>, PortError> {
        let bucket = self.bucket()?;
        let found = self.within(PATIENCE_MS, "R2 get", bucket.get(name).execute()).await?;
        let Some(found) = found else { return Ok(Stored::Nothing) };
        // The mark of a delivered event is an object without bytes. A stored body always has bytes, because a small body is
        // in the queue message.
        if found.size() == 0 {
            return Ok(Stored::Delivered);
        }
        let body = found.body().ok_or_else(|| PortError("R2 get: the object has no body".to_owned()))?;
        match body.response_body().map_err(failed("R2 get"))? {
            ResponseBody::Stream(stream) => Ok(Stored::Bytes(stream)),
            ResponseBody::Empty | ResponseBody::Body(_) => {
                Err(PortError("R2 get: the body is not a stream".to_owned()))
            }
        }
    }

    async fn read(&self, body: ReadableStream, part: impl FnMut(&[u8])) -> Result<(), PortError> {
        let reading = each_part(body, part, &self.timer).await;
        reading.map_err(|error| PortError(format!("R2 get: {error:?}")))
    }

    async fn load(&self, name: &str) -> Result<Stored, PortError> {
        let body = match self.open(name).await? {
            Stored::Bytes(body) => body,
            Stored::Delivered => return Ok(Stored::Delivered),
            Stored::Nothing => return Ok(Stored::Nothing),
        };
        let mut bytes = Vec::new();
        self.read(body, |part| bytes.extend_from_slice(part)).await?;
        Ok(Stored::Bytes(bytes))
    }

    async fn mark_delivered(&self, name: &str) -> Result<(), PortError> {
        self.store(name, b"").await
    }

    async fn discard(&self, names: &[String]) -> Result<(), PortError> {
        self.within(PATIENCE_MS, "R2 delete", self.bucket()?.delete_multiple(names.to_vec())).await
    }

    async fn stored_before(&self, prefix: &str, before: UnixTime, cursor: Option<String>) -> Result<Page, PortError> {
        let bucket = self.bucket()?;
        let listing = bucket.list().prefix(prefix);
        let listing = if let Some(cursor) = cursor { listing.cursor(cursor) } else { listing };
        let page = self.within(PATIENCE_MS, "R2 list", listing.execute()).await?;
        let is_old = |object: &Object| seconds(object.uploaded().as_millis()) < before;
        let names = page.objects().iter().filter(|object| is_old(object)).map(Object::key).collect();
        Ok(Page { names, next: page.cursor().filter(|_| page.truncated()) })
    }
}
