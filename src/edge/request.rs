//! Implements the pipeline's port for an HTTP request.

use super::large_body::{self, LARGE, LargeBodyPermit};
use super::milliseconds;
use super::parts::{Parts, broken};
use super::ports::failed;
use super::timer::Timer;
use crate::headers::HeaderLines;
use crate::minimum_rate::MinimumRate;
use crate::pipeline::ports::{AccessIdentity, BodyError, PortError, Request};
use hookgate_verify::Head;
use std::cell::RefCell;
use wasm_bindgen::prelude::*;
use worker::Context;
use worker::js_sys::{Promise, Uint8Array};
use worker::wasm_bindgen_futures::JsFuture;
use worker::web_sys::{self, ReadableStream};
use worker::worker_sys::Context as JsContext;

/// How many bytes over the limit are still read. A sender that is almost done can then read the 413.
const DRAIN: usize = 1024 * 1024;
/// The longest wait for the next part of a body.
const PART_PATIENCE_MS: u32 = 10_000;
/// The longest wait for the identity of Cloudflare Access.
const ACCESS_PATIENCE_MS: u32 = 10_000;

#[wasm_bindgen(module = "/src/edge/calls.js")]
extern "C" {
    #[wasm_bindgen(js_name = headerLines)]
    fn header_lines(headers: &web_sys::Headers) -> String;
    // With `catch`, the glue has a function for it. WASM would otherwise import the module itself, which the bundle lacks.
    #[wasm_bindgen(js_name = accessIdentity, catch)]
    fn access_identity(context: &JsValue) -> Result<Promise, JsValue>;
}

/// The runtime's request. Its fields are read only when they are needed.
pub struct Incoming {
    request: web_sys::Request,
    headers: web_sys::Headers,
    url: String,
    /// The context of the request, for the identity of Cloudflare Access.
    context: JsValue,
    timer: Timer,
    /// The permit of a large body. It is kept until the request ends.
    permit: RefCell<Option<LargeBodyPermit>>,
}

impl Incoming {
    pub fn new(request: web_sys::Request, context: &Context) -> Self {
        let (headers, url) = (request.headers(), request.url());
        let context = AsRef::<JsValue>::as_ref(AsRef::<JsContext>::as_ref(context)).clone();
        Self { request, headers, url, context, timer: Timer::default(), permit: RefCell::default() }
    }

    /// Waits for the permit of a large body.
    async fn acquire_permit(&self) -> Result<(), BodyError> {
        let permit = large_body::acquire(&self.timer).await.ok_or(BodyError::Busy)?;
        self.permit.replace(Some(permit));
        Ok(())
    }

    /// Reads a large body, or a body of unknown length, in parts into one buffer. It waits for the permit only after more
    /// than [`LARGE`] bytes arrived: `content-length` alone costs an unproven sender nothing. `told` is `content-length`.
    async fn collect(&self, told: Option<usize>, limit: usize) -> Result<Vec<u8>, BodyError> {
        let mut reading = BodyReader::of(self.request.body(), limit, DRAIN)?;
        if reading.read(Some(LARGE.min(limit)), &self.timer).await? == Read::Paused {
            self.acquire_permit().await?;
            reading.hold_permit(told.filter(|length| *length <= limit));
        }
        reading.read(None, &self.timer).await?;
        reading.end().await
    }

    fn after_scheme(&self) -> &str {
        self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest)
    }
}

/// Reads a body of unknown length. A body over `limit` is [`BodyError::TooLarge`]. Up to `drain` of its bytes over the
/// limit are read and thrown away.
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

/// Reads a stream to its end, and calls `part` with each part.
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

/// Why a read stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Read {
    All,
    /// The body has more bytes than the `pause` of the read.
    Paused,
}

/// Reads a body.
struct BodyReader {
    parts: Option<Parts>,
    body: Vec<u8>,
    /// The bytes of the part that exceeded the limit, and of all parts after it.
    over: usize,
    limit: usize,
    drain: usize,
    ended: bool,
    /// The minimum rate, which starts with the permit.
    pace: Option<MinimumRate>,
}

impl BodyReader {
    fn of(stream: Option<ReadableStream>, limit: usize, drain: usize) -> Result<Self, BodyError> {
        let parts = stream.as_ref().map(Parts::of).transpose()?;
        Ok(Self { parts, body: Vec::new(), over: 0, limit, drain, ended: false, pace: None })
    }

    /// Goes on with the permit: the minimum rate starts. All memory for the `told` length is reserved at once, so that a
    /// growing buffer does not copy the body.
    fn hold_permit(&mut self, told: Option<usize>) {
        self.body.reserve_exact(told.unwrap_or_default().saturating_sub(self.body.len()));
        self.pace = Some(MinimumRate::begun(milliseconds()));
    }

    /// Reads to the end, or until the body has more than `pause` bytes.
    async fn read(&mut self, pause: Option<usize>, timer: &Timer) -> Result<Read, BodyError> {
        let Some(parts) = &mut self.parts else { return Ok(Read::All) };
        while !self.ended && self.over <= self.drain {
            if pause.is_some_and(|most| self.body.len() > most) {
                return Ok(Read::Paused);
            }
            // Without the minimum rate, one slow sender could keep the permit from all others.
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
        // An error means that the name is invalid, so no header has it.
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
        // The runtime has parsed the URL. So a port follows the last colon, unless the colon is within brackets (IPv6).
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
        // HTTP ends a body after `content-length` bytes. So a body with a small `content-length` is read in one call.
        let told = self.header("content-length").and_then(|text| text.parse::<usize>().ok());
        if told.is_none_or(|length| length > limit.min(LARGE)) {
            return self.collect(told, limit).await;
        }
        let reading = JsFuture::from(self.request.array_buffer().map_err(broken)?);
        let body = Uint8Array::new(&reading.await.map_err(broken)?).to_vec();
        if body.len() <= limit { Ok(body) } else { Err(BodyError::TooLarge) }
    }

    async fn access_identity(&self) -> Result<Option<AccessIdentity>, PortError> {
        let failed = failed("the identity of Cloudflare Access");
        let reading = JsFuture::from(access_identity(&self.context).map_err(&failed)?);
        let read = self.timer.within(ACCESS_PATIENCE_MS, reading).await;
        let read = read.map_err(|late| PortError(format!("the identity of Cloudflare Access: {late}")))?;
        let Some(text) = read.map_err(&failed)?.as_string() else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(|error| PortError(error.to_string()))
    }
}
