//! Bodies that no queue message can hold, in R2.

use super::environment::{Bucket, BucketObject};
use super::ports::{Bindings, failed, missing, object};
use super::request::bytes;
use super::room::{Turn, room};
use crate::pipeline::ports::{Page, Payloads, PortError, Stored};
use hookgate_verify::UnixTime;
use js_sys::{Array, Date, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;

/// The largest body has 25 MiB. Shorter than the lease under which it is stored.
const PATIENCE_MS: u32 = 15_000;

impl Bindings {
    fn bucket(&self) -> Result<Bucket, PortError> {
        self.env.payloads().ok_or_else(|| missing("PAYLOADS"))
    }
}

impl Payloads for Bindings {
    fn stores_payloads(&self) -> bool {
        self.env.payloads().is_some()
    }

    async fn store(&self, name: &str, body: &[u8]) -> Result<(), PortError> {
        let storing = self.bucket()?.put(name, &Uint8Array::from(body));
        self.called("R2 put", PATIENCE_MS, storing).await.map(|_| ())
    }

    async fn load(&self, name: &str) -> Result<Stored, PortError> {
        if self.room.borrow().is_none() {
            let room = room(&self.work, Turn::Next).await;
            let room = room.ok_or_else(|| PortError("R2 get: other large bodies have the memory".to_owned()))?;
            self.room.replace(Some(room));
        }
        let getting = self.bucket()?.get(name);
        let found = self.called("R2 get", PATIENCE_MS, getting).await?;
        if found.is_null() {
            return Ok(Stored::Nothing);
        }
        let found: BucketObject = found.unchecked_into();
        let read = self.called("R2 get", PATIENCE_MS, found.array_buffer()).await?;
        let bytes = bytes(&read);
        // The mark is an object without bytes: no body is stored that a queue message could hold.
        Ok(if bytes.is_empty() { Stored::Delivered } else { Stored::Bytes(bytes) })
    }

    async fn mark_delivered(&self, name: &str) -> Result<(), PortError> {
        self.store(name, b"").await
    }

    async fn discard(&self, names: &[String]) -> Result<(), PortError> {
        let names: Array = names.iter().map(JsValue::from).collect();
        let deleting = self.bucket()?.delete(&names);
        self.called("R2 delete", PATIENCE_MS, deleting).await.map(|_| ())
    }

    async fn stored_before(&self, prefix: &str, before: UnixTime, cursor: Option<String>) -> Result<Page, PortError> {
        let options = object("prefix", prefix);
        if let Some(cursor) = cursor {
            Reflect::set(&options, &"cursor".into(), &cursor.into()).map_err(failed("R2 list"))?;
        }
        let listing = self.bucket()?.list(&options);
        let page = self.called("R2 list", PATIENCE_MS, listing).await?;
        let field = |of: &JsValue, name: &str| Reflect::get(of, &name.into()).unwrap_or_default();
        let objects: Array = field(&page, "objects").unchecked_into();
        let is_old = |object: &JsValue| {
            let uploaded: Date = field(object, "uploaded").unchecked_into();
            super::seconds(uploaded.get_time()) < before
        };
        let names = objects.iter().filter(is_old).filter_map(|object| field(&object, "key").as_string()).collect();
        let next = field(&page, "cursor").as_string().filter(|_| field(&page, "truncated").is_truthy());
        Ok(Page { names, next })
    }
}
