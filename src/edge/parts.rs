//! Reads a stream of bytes in parts.

use super::timer::Timer;
use crate::pipeline::ports::BodyError;
use wasm_bindgen::prelude::*;
use web_sys::{ReadableStream, ReadableStreamByobReader};
use worker::js_sys::{Reflect, Uint8Array};
use worker::wasm_bindgen_futures::JsFuture;

/// The largest part, in bytes.
const LARGEST: u32 = 64 * 1024;

/// Reads all parts into one buffer. By default, the runtime makes a new buffer for each part of 4 KiB, so that a large body
/// would use its own size again in JavaScript's memory. The `worker` crate has no reader with one buffer.
pub struct Parts {
    reader: ReadableStreamByobReader,
    buffer: Uint8Array,
}

impl Parts {
    pub fn of(stream: &ReadableStream) -> Result<Self, BodyError> {
        let reader = ReadableStreamByobReader::new(stream).map_err(broken)?;
        Ok(Self { reader, buffer: Uint8Array::new_with_length(LARGEST) })
    }

    /// The next part, or `None` at the end. The part is valid until the next call. An error after `milliseconds`.
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

    /// Cancels the stream.
    pub async fn cancel(self) {
        // An error of a stream that nobody reads does not matter.
        let _ = JsFuture::from(self.reader.cancel()).await;
    }
}

pub fn broken(error: JsValue) -> BodyError {
    BodyError::Broken(worker::Error::from(error).to_string())
}
