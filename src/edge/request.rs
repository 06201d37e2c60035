//! An HTTP request as the pipeline reads it.

use super::task::settled;
use crate::headers::HeaderLines;
use crate::pipeline::ports::{BodyError, Request};
use crate::webhook::Head;
use js_sys::{JsString, Reflect, Uint8Array};
use std::cell::RefCell;
use wasm_bindgen::prelude::*;
use web_sys::{ReadableStream, ReadableStreamDefaultReader};

/// How much of a body over the limit is still read, so that a sender that is almost done gets to read our 413.
const DRAIN: usize = 1024 * 1024;

#[wasm_bindgen(module = "/src/edge/calls.js")]
extern "C" {
    #[wasm_bindgen(js_name = requestLine)]
    fn request_line(request: &web_sys::Request) -> String;
    #[wasm_bindgen(js_name = headerLines)]
    fn header_lines(headers: &web_sys::Headers) -> String;
    fn header(headers: &web_sys::Headers, name: &JsString) -> Option<String>;
    /// What an `ArrayBuffer` holds.
    pub fn bytes(buffer: &JsValue) -> Vec<u8>;
}

/// The runtime's request; its fields are read when they are needed.
pub struct Incoming {
    request: web_sys::Request,
    headers: web_sys::Headers,
    /// The method, a blank, and the URL.
    line: String,
}

impl Incoming {
    pub fn new(request: web_sys::Request) -> Self {
        let (headers, line) = (request.headers(), request_line(&request));
        Self { request, headers, line }
    }

    fn method_and_url(&self) -> (&str, &str) {
        self.line.split_once(' ').unwrap_or_default()
    }
}

thread_local! {
    /// Names of headers as JavaScript has them: making one costs as much as the look-up.
    static NAMES: RefCell<Vec<(String, JsString)>> = const { RefCell::new(Vec::new()) };
}

/// So many of them are kept: more than the sources in use name. A request that lists headers of its own can fill the rest,
/// which costs speed alone.
const MOST_NAMES: usize = 32;

fn with_name<T>(name: &str, get: impl FnOnce(&JsString) -> T) -> T {
    NAMES.with_borrow_mut(|names| {
        if let Some((_, known)) = names.iter().find(|(known, _)| known == name) {
            return get(known);
        }
        let made = JsString::from(name);
        let got = get(&made);
        if names.len() < MOST_NAMES {
            names.push((name.to_owned(), made));
        }
        got
    })
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
        with_name(name, |name| header(&self.headers, name))
    }

    fn method(&self) -> String {
        self.method_and_url().0.to_owned()
    }

    fn query(&self) -> String {
        let url = self.method_and_url().1;
        url.split_once('?').map(|(_, query)| query.split('#').next().unwrap_or_default().to_owned()).unwrap_or_default()
    }
}

impl Request for Incoming {
    fn path(&self) -> String {
        let url = self.method_and_url().1;
        let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
        let path = after_scheme.find('/').and_then(|start| after_scheme.get(start..)).unwrap_or("/");
        path.split(['?', '#']).next().unwrap_or_default().to_owned()
    }

    fn headers(&self) -> HeaderLines {
        HeaderLines::new(header_lines(&self.headers))
    }

    async fn body(&self, limit: usize) -> Result<Vec<u8>, BodyError> {
        // A body whose length is told cannot be longer: that is how HTTP finds its end. It is read in one go.
        let told = self.header("content-length").and_then(|text| text.parse::<usize>().ok());
        if told.is_none_or(|length| length > limit) {
            return collect(self.request.body(), limit, DRAIN).await;
        }
        let promise = self.request.array_buffer().map_err(broken)?;
        let body = bytes(&settled(promise).await.map_err(broken)?);
        if body.len() <= limit { Ok(body) } else { Err(BodyError::TooLarge) }
    }
}
