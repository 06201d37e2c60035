//! An HTTP request as the pipeline reads it.

use super::large_body::{self, LARGE, LargeBodyPermit};
use super::milliseconds;
use super::parts::{Parts, broken};
use super::timer::Timer;
use crate::headers::HeaderLines;
use crate::minimum_rate::MinimumRate;
use crate::pipeline::ports::{BodyError, Request};
use hookgate_verify::Head;
use std::cell::RefCell;
use wasm_bindgen::prelude::*;
use worker::js_sys::Uint8Array;
use worker::wasm_bindgen_futures::JsFuture;
use worker::web_sys::{self, ReadableStream};

/// How much of a body over the limit is still read, so that a sender that is almost done gets to read our 413.
const DRAIN: usize = 1024 * 1024;
/// How long a sender may take for the next piece of a body.
const PART_PATIENCE_MS: u32 = 10_000;

#[wasm_bindgen(module = "/src/edge/calls.js")]
extern "C" {
    #[wasm_bindgen(js_name = headerLines)]
    fn header_lines(headers: &web_sys::Headers) -> String;
}

/// The runtime's request; its fields are read when they are needed.
pub struct Incoming {
    request: web_sys::Request,
    headers: web_sys::Headers,
    url: String,
    timer: Timer,
    /// Held from the first byte of a large body until the request ends.
    room: RefCell<Option<LargeBodyPermit>>,
}

impl Incoming {
    pub fn new(request: web_sys::Request) -> Self {
        let (headers, url) = (request.headers(), request.url());
        Self { request, headers, url, timer: Timer::default(), room: RefCell::default() }
    }

    /// Waits for room for a large body.
    async fn make_room(&self) -> Result<(), BodyError> {
        let room = large_body::acquire(&self.timer).await.ok_or(BodyError::Busy)?;
        self.room.replace(Some(room));
        Ok(())
    }

    /// Reads a large body, or one whose length is not told, in chunks: it is held once. It waits for room where it has shown
    /// that it is large: a length that a head tells is nothing that a stranger has sent.
    async fn collect(&self, told: Option<usize>, limit: usize) -> Result<Vec<u8>, BodyError> {
        let mut reading = BodyReader::of(self.request.body(), limit, DRAIN)?;
        if reading.read(Some(LARGE.min(limit)), &self.timer).await? == Read::Paused {
            self.make_room().await?;
            reading.goes_on_in_the_room(told.filter(|length| *length <= limit));
        }
        reading.read(None, &self.timer).await?;
        reading.end().await
    }

    fn after_scheme(&self) -> &str {
        self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest)
    }
}

/// Reads a body of unknown length, and counts while it reads; of what is over `limit` it reads `drain` bytes, for nobody.
pub async fn collect(
    stream: Option<ReadableStream>,
    limit: usize,
    drain: usize,
    timer: &Timer,
) -> Result<Vec<u8>, BodyError> {
    let mut reading = BodyReader::of(stream, limit, drain)?;
    reading.read(None, timer).await?;
    reading.end().await
}

/// Reads a stream to its end, and hands it over part by part.
pub async fn each_part(stream: ReadableStream, mut part: impl FnMut(&[u8]), timer: &Timer) -> Result<(), BodyError> {
    let mut parts = Parts::of(&stream)?;
    let mut bytes = Vec::new();
    while let Some(next) = parts.next(PART_PATIENCE_MS, timer).await? {
        bytes.resize(next.length() as usize, 0);
        next.copy_to(&mut bytes);
        part(&bytes);
    }
    Ok(())
}

/// How far a reading came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Read {
    All,
    /// It has read as much as it was asked to.
    Paused,
}

/// A body while it is read.
struct BodyReader {
    parts: Option<Parts>,
    body: Vec<u8>,
    /// So many bytes are over the limit.
    over: usize,
    limit: usize,
    drain: usize,
    ended: bool,
    /// While it holds the room.
    pace: Option<MinimumRate>,
}

impl BodyReader {
    fn of(stream: Option<ReadableStream>, limit: usize, drain: usize) -> Result<Self, BodyError> {
        let parts = stream.as_ref().map(Parts::of).transpose()?;
        Ok(Self { parts, body: Vec::new(), over: 0, limit, drain, ended: false, pace: None })
    }

    /// What is read from now on holds the room: it has to keep pace, and is held once, so that its place is made at once.
    fn goes_on_in_the_room(&mut self, told: Option<usize>) {
        self.body.reserve_exact(told.unwrap_or_default().saturating_sub(self.body.len()));
        self.pace = Some(MinimumRate::begun(milliseconds()));
    }

    /// Reads to the end, or until it has more than `pause` bytes.
    async fn read(&mut self, pause: Option<usize>, timer: &Timer) -> Result<Read, BodyError> {
        let Some(parts) = &mut self.parts else { return Ok(Read::All) };
        while !self.ended && self.over <= self.drain {
            if pause.is_some_and(|most| self.body.len() > most) {
                return Ok(Read::Paused);
            }
            // Whoever holds the room and sends next to nothing would keep it from all others.
            let left = self.pace.as_ref().map_or(Some(PART_PATIENCE_MS), |pace| pace.left(milliseconds()));
            let left = left.ok_or_else(|| BodyError::Broken("too slow for a large body".to_owned()))?;
            let Some(part) = parts.next(left.min(PART_PATIENCE_MS), timer).await? else {
                self.ended = true;
                break;
            };
            let length = part.length() as usize;
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
                    part.copy_to(free);
                }
            }
        }
        Ok(Read::All)
    }

    async fn end(self) -> Result<Vec<u8>, BodyError> {
        if self.over == 0 {
            return Ok(self.body);
        }
        if let Some(parts) = self.parts {
            parts.cancel().await;
        }
        Err(BodyError::TooLarge)
    }
}

impl Head for Incoming {
    fn header(&self, name: &str) -> Option<String> {
        // An error says that no header can have this name: nothing has it.
        self.headers.get(name).ok().flatten()
    }

    fn method(&self) -> String {
        self.request.method()
    }

    fn query(&self) -> String {
        let url = self.url.split_once('#').map_or(self.url.as_str(), |(url, _)| url);
        url.split_once('?').map_or("", |(_, query)| query).to_owned()
    }
}

impl Request for Incoming {
    fn host(&self) -> String {
        let after_scheme = self.after_scheme();
        let authority = after_scheme.find(['/', '?', '#']).map_or(after_scheme, |end| &after_scheme[..end]);
        // The runtime has parsed the URL: what follows the last colon is a port, unless it is within brackets.
        let end = authority.rfind(':').filter(|colon| authority.rfind(']').is_none_or(|bracket| bracket < *colon));
        end.map_or(authority, |end| &authority[..end]).to_owned()
    }

    fn path(&self) -> String {
        let after_scheme = self.after_scheme();
        let path = after_scheme.find('/').map_or("/", |start| &after_scheme[start..]);
        path.find(['?', '#']).map_or(path, |end| &path[..end]).to_owned()
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
        let reading = JsFuture::from(self.request.array_buffer().map_err(broken)?);
        let body = Uint8Array::new(&reading.await.map_err(broken)?).to_vec();
        if body.len() <= limit { Ok(body) } else { Err(BodyError::TooLarge) }
    }
}
