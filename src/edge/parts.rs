//! A stream of bytes, part by part.

use super::timer::Timer;
use crate::pipeline::ports::BodyError;
use wasm_bindgen::prelude::*;
use web_sys::{ReadableStream, ReadableStreamByobReader};
use worker::js_sys::{Reflect, Uint8Array};
use worker::wasm_bindgen_futures::JsFuture;

/// The largest part.
const LARGEST: u32 = 64 * 1024;

/// Reads into the same buffer again and again. The runtime cuts a body into parts of 4 KiB and makes a buffer for each: a
/// large body would leave as much again behind in JavaScript's memory. The crate has no such reader.
pub struct Parts {
    reader: ReadableStreamByobReader,
    buffer: Uint8Array,
}

impl Parts {
    pub fn of(stream: &ReadableStream) -> Result<Self, BodyError> {
        let reader = ReadableStreamByobReader::new(stream).map_err(broken)?;
        Ok(Self { reader, buffer: Uint8Array::new_with_length(LARGEST) })
    }

    /// The next part, which counts until the one after it is asked for; `None` at the end. An error after `milliseconds`.
    pub async fn next(&mut self, milliseconds: u32, timer: &Timer) -> Result<Option<Uint8Array>, BodyError> {
        let reading = JsFuture::from(self.reader.read_with_array_buffer_view(&self.buffer));
        let read = timer.within(milliseconds, reading).await.map_err(|late| BodyError::Broken(late.to_string()))?;
        let read = read.map_err(broken)?;
        let field = |name: &str| Reflect::get(&read, &name.into()).map_err(broken);
        if field("done")?.is_truthy() {
            return Ok(None);
        }
        let part: Uint8Array = field("value")?.dyn_into().map_err(broken)?;
        self.buffer = Uint8Array::new(&part.buffer());
        Ok(Some(part))
    }

    /// Reads no further.
    pub async fn cancel(self) {
        // What is wrong with a stream that nobody reads is of no account.
        let _ = JsFuture::from(self.reader.cancel()).await;
    }
}

pub fn broken(error: JsValue) -> BodyError {
    BodyError::Broken(worker::Error::from(error).to_string())
}
