//! An HTTP request as the pipeline reads it.

use super::task::settled;
use crate::pipeline::ports::{BodyError, Request};
use crate::webhook::Head;
use js_sys::{ArrayBuffer, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{ReadableStream, ReadableStreamDefaultReader};

/// How much of a body over the limit is still read, so that a sender that is almost done gets to read our 413.
const DRAIN: usize = 1024 * 1024;

#[wasm_bindgen(module = "/src/edge/drive.js")]
extern "C" {
    #[wasm_bindgen(js_name = headerLines)]
    fn header_lines(headers: &web_sys::Headers) -> String;
}

/// The runtime's request; its fields are read when they are needed.
pub struct Incoming {
    request: web_sys::Request,
    headers: web_sys::Headers,
}

impl Incoming {
    pub fn new(request: web_sys::Request) -> Self {
        let headers = request.headers();
        Self { request, headers }
    }
}

/// Reads a body of unknown length, and counts while it reads; of what is over `limit` it reads `drain` bytes, for nobody.
pub async fn collect(stream: Option<ReadableStream>, limit: usize, drain: usize) -> Result<Vec<u8>, BodyError> {
    let Some(stream) = stream else { return Ok(Vec::new()) };
    let reader: ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
    let mut body = Vec::new();
    let mut over = 0_usize;
    while let Some(chunk) = next_chunk(&reader).await? {
        let length = usize::try_from(chunk.length()).unwrap_or(usize::MAX);
        if over > 0 || body.len().saturating_add(length) > limit {
            body = Vec::new();
            over = over.saturating_add(length);
            if over > drain {
                break;
            }
        } else {
            body.extend_from_slice(&chunk.to_vec());
        }
    }
    if over > 0 {
        let _ = settled(reader.cancel()).await;
        return Err(BodyError::TooLarge);
    }
    Ok(body)
}

async fn next_chunk(reader: &ReadableStreamDefaultReader) -> Result<Option<Uint8Array>, BodyError> {
    let read = settled(reader.read()).await.map_err(broken)?;
    let value = Reflect::get(&read, &"value".into()).unwrap_or_default();
    Ok(value.dyn_into().ok())
}

fn broken(error: JsValue) -> BodyError {
    BodyError::Broken(text_of(&error))
}

/// What JavaScript threw, as text.
pub fn text_of(error: &JsValue) -> String {
    error.unchecked_ref::<js_sys::Object>().to_string().into()
}

impl Head for Incoming {
    fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).ok().flatten()
    }

    fn method(&self) -> String {
        self.request.method()
    }

    fn query(&self) -> String {
        let url = self.request.url();
        url.split_once('?').map(|(_, query)| query.split('#').next().unwrap_or_default().to_owned()).unwrap_or_default()
    }
}

impl Request for Incoming {
    fn path(&self) -> String {
        let url = self.request.url();
        let after_scheme = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
        let path = after_scheme.find('/').and_then(|start| after_scheme.get(start..)).unwrap_or("/");
        path.split(['?', '#']).next().unwrap_or_default().to_owned()
    }

    fn headers(&self) -> Vec<(String, String)> {
        let lines = header_lines(&self.headers);
        let pair = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.to_owned()));
        lines.lines().filter_map(pair).collect()
    }

    async fn body(&self, limit: usize) -> Result<Vec<u8>, BodyError> {
        // A body whose length is told cannot be longer: that is how HTTP finds its end. It is read in one go.
        let told = self.header("content-length").and_then(|text| text.parse::<usize>().ok());
        if told.is_none_or(|length| length > limit) {
            return collect(self.request.body(), limit, DRAIN).await;
        }
        let promise = self.request.array_buffer().map_err(broken)?;
        let buffer: ArrayBuffer = settled(promise).await.map_err(broken)?.unchecked_into();
        let bytes = Uint8Array::new(&buffer);
        if usize::try_from(bytes.length()).is_ok_and(|length| length <= limit) {
            Ok(bytes.to_vec())
        } else {
            Err(BodyError::TooLarge)
        }
    }
}
