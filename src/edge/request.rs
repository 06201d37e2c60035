//! An HTTP request as the pipeline reads it.

use super::room::{LARGE, Room, Turn, room};
use super::task::{Work, settled};
use crate::headers::HeaderLines;
use crate::pace::Pace;
use crate::pipeline::ports::{BodyError, Request};
use hookgate_verify::Head;
use js_sys::{JsString, Reflect, Uint8Array};
use std::cell::RefCell;
use wasm_bindgen::prelude::*;
use web_sys::{ReadableStream, ReadableStreamDefaultReader};

/// How much of a body over the limit is still read, so that a sender that is almost done gets to read our 413.
const DRAIN: usize = 1024 * 1024;
/// How long a sender may take for the next piece of a body.
const CHUNK_PATIENCE_MS: u32 = 10_000;

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
    work: Work,
    /// Held from the first byte of a large body until the request ends.
    room: RefCell<Option<Room>>,
}

impl Incoming {
    pub fn new(request: web_sys::Request, work: Work) -> Self {
        let (headers, line) = (request.headers(), request_line(&request));
        Self { request, headers, line, work, room: RefCell::default() }
    }

    /// Waits for room for a large body.
    async fn make_room(&self) -> Result<(), BodyError> {
        let room = room(&self.work, Turn::Last).await.ok_or(BodyError::Busy)?;
        self.room.replace(Some(room));
        Ok(())
    }

    /// Reads a large body, or one whose length is not told, in chunks: it is held once. It waits for room where it has shown
    /// that it is large: a length that a head tells is nothing that a stranger has sent.
    async fn collect(&self, told: Option<usize>, limit: usize) -> Result<Vec<u8>, BodyError> {
        let mut reading = Reading::of(self.request.body(), limit, DRAIN);
        if reading.read(Some(LARGE.min(limit)), &self.work).await? == Read::Paused {
            self.make_room().await?;
            reading.goes_on_in_the_room(told.filter(|length| *length <= limit));
        }
        reading.read(None, &self.work).await?;
        reading.end().await
    }

    fn method_and_url(&self) -> (&str, &str) {
        self.line.split_once(' ').unwrap_or_default()
    }

    fn after_scheme(&self) -> &str {
        let url = self.method_and_url().1;
        url.split_once("://").map_or(url, |(_, rest)| rest)
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
pub async fn collect(
    stream: Option<ReadableStream>,
    limit: usize,
    drain: usize,
    work: &Work,
) -> Result<Vec<u8>, BodyError> {
    let mut reading = Reading::of(stream, limit, drain);
    reading.read(None, work).await?;
    reading.end().await
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole milliseconds since 1970")]
fn now_ms() -> u64 {
    js_sys::Date::now() as u64
}

/// How far a reading came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Read {
    All,
    /// It has read as much as it was asked to.
    Paused,
}

/// A body while it is read.
struct Reading {
    reader: Option<ReadableStreamDefaultReader>,
    body: Vec<u8>,
    /// So many bytes are over the limit.
    over: usize,
    limit: usize,
    drain: usize,
    ended: bool,
    /// While it holds the room.
    pace: Option<Pace>,
}

impl Reading {
    fn of(stream: Option<ReadableStream>, limit: usize, drain: usize) -> Self {
        let reader = stream.map(|stream| stream.get_reader().unchecked_into());
        Self { reader, body: Vec::new(), over: 0, limit, drain, ended: false, pace: None }
    }

    /// What is read from now on holds the room: it has to keep pace, and is held once, so that its place is made at once.
    fn goes_on_in_the_room(&mut self, told: Option<usize>) {
        self.body.reserve_exact(told.unwrap_or_default().saturating_sub(self.body.len()));
        self.pace = Some(Pace::begun(now_ms()));
    }

    /// Reads to the end, or until it has more than `pause` bytes.
    async fn read(&mut self, pause: Option<usize>, work: &Work) -> Result<Read, BodyError> {
        let Some(reader) = &self.reader else { return Ok(Read::All) };
        while !self.ended && self.over <= self.drain {
            if pause.is_some_and(|most| self.body.len() > most) {
                return Ok(Read::Paused);
            }
            // Whoever holds the room and sends next to nothing would keep it from all others.
            let left = self.pace.as_ref().map_or(Some(CHUNK_PATIENCE_MS), |pace| pace.left(now_ms()));
            let left = left.ok_or_else(|| BodyError::Broken("too slow for a large body".to_owned()))?;
            work.limit(left.min(CHUNK_PATIENCE_MS));
            let Some(chunk) = next_chunk(reader).await? else {
                self.ended = true;
                break;
            };
            let length = usize::try_from(chunk.length()).unwrap_or(usize::MAX);
            if let Some(pace) = &mut self.pace {
                pace.came(length);
            }
            if self.over > 0 || self.body.len().saturating_add(length) > self.limit {
                self.body = Vec::new();
                self.over = self.over.saturating_add(length);
            } else {
                let held = self.body.len();
                self.body.resize(held.saturating_add(length), 0);
                if let Some(free) = self.body.get_mut(held..) {
                    chunk.copy_to(free);
                }
            }
        }
        Ok(Read::All)
    }

    async fn end(self) -> Result<Vec<u8>, BodyError> {
        if self.over == 0 {
            return Ok(self.body);
        }
        if let Some(reader) = self.reader {
            let _ = settled(reader.cancel()).await;
        }
        Err(BodyError::TooLarge)
    }
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
    fn host(&self) -> String {
        let authority = self.after_scheme().split(['/', '?', '#']).next().unwrap_or_default();
        // The runtime has parsed the URL: what follows the last colon is a port, unless it is within brackets.
        let end = authority.rfind(':').filter(|colon| authority.rfind(']').is_none_or(|bracket| bracket < *colon));
        authority.get(..end.unwrap_or(authority.len())).unwrap_or_default().to_owned()
    }

    fn path(&self) -> String {
        let after_scheme = self.after_scheme();
        let path = after_scheme.find('/').and_then(|start| after_scheme.get(start..)).unwrap_or("/");
        path.split(['?', '#']).next().unwrap_or_default().to_owned()
    }

    fn headers(&self) -> HeaderLines {
        HeaderLines::new(header_lines(&self.headers))
    }

    async fn body(&self, limit: usize) -> Result<Vec<u8>, BodyError> {
        // A body whose length is told cannot be longer: that is how HTTP finds its end. It is read in one go.
        let told = self.header("content-length").and_then(|text| text.parse::<usize>().ok());
        if told.is_none_or(|length| length > limit.min(LARGE)) {
            return self.collect(told, limit).await;
        }
        let promise = self.request.array_buffer().map_err(broken)?;
        let body = bytes(&settled(promise).await.map_err(broken)?);
        if body.len() <= limit { Ok(body) } else { Err(BodyError::TooLarge) }
    }
}
