//! The pipeline's ports, over Workers KV, Queues and fetch.

use super::environment::{Env, KvNamespace, Queue};
use super::request::{collect, text_of};
use super::room::Room;
use super::task::{Work, settled, within};
use super::{log_error, seconds};
use crate::config::Origin;
use crate::dedup::DedupKey;
use crate::delivery::{Forward, Message};
use crate::pipeline::Isolate;
use crate::pipeline::ports::{BodyError, Fetched, Keys, Local, Notes, OriginAnswer, Outbox, PortError, Upstream};
use crate::record::Record;
use crate::retry::RetryAfter;
use hookgate_verify::UnixTime;
use js_sys::{Date, Object, Promise, Reflect, Uint8Array};
use std::cell::RefCell;
use std::time::Duration;
use wasm_bindgen::prelude::*;
use web_sys::{AbortSignal, RequestInit, RequestRedirect, Response};

#[wasm_bindgen(module = "/src/edge/calls.js")]
extern "C" {
    #[wasm_bindgen(catch, js_name = lookUp)]
    fn look_up(work: &Work, milliseconds: u32, store: &KvNamespace, key: &str) -> Result<Promise, JsValue>;
    #[wasm_bindgen(catch)]
    fn enqueue(
        work: &Work,
        milliseconds: u32,
        queue: &Queue,
        message: &str,
        body: Option<&[u8]>,
    ) -> Result<Promise, JsValue>;
    #[wasm_bindgen(catch)]
    fn remember(
        work: &Work,
        store: &KvNamespace,
        key: &str,
        value: f64,
        ttl: f64,
        complain: &Closure<dyn FnMut(JsValue)>,
    ) -> Result<(), JsValue>;
}

#[wasm_bindgen]
extern "C" {
    // By its full name: within the glue, `fetch` is our own export.
    #[wasm_bindgen(js_namespace = globalThis, js_name = fetch)]
    fn send_request(request: &web_sys::Request) -> Promise;
}

/// Longer than KV or a queue ever takes, and well within a claim's lease.
const PATIENCE_MS: u32 = 10_000;

/// More than any key set has.
const MOST_PUBLISHED: usize = 64 * 1024;

thread_local! {
    static ISOLATE: &'static Isolate = Box::leak(Box::default());
    /// Numbers that are yet to be used: drawing one takes as long as drawing many.
    static RANDOM: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
    static PUT_FAILED: Closure<dyn FnMut(JsValue)> = Closure::new(|error: JsValue| put_failed(&error));
}

fn put_failed(error: &JsValue) {
    let detail = format!("a duplicate of this event would pass: {}", text_of(error));
    log_error(&Record::complaint("put_failed", detail).line());
}

/// Draws many numbers, and gives one. Without random numbers every claim would have one token, and each could confirm the
/// others': such a request ends here, before anything is claimed.
#[expect(clippy::expect_used, reason = "a claim without a token of its own is worse than a request that fails")]
fn refill(drawn: &mut Vec<u64>) -> u64 {
    let mut bytes = [0; 64 * 8];
    getrandom::fill(&mut bytes).expect("the runtime's crypto.getRandomValues, which is there in every event");
    drawn.extend(bytes.as_chunks().0.iter().map(|chunk| u64::from_le_bytes(*chunk)));
    drawn.pop().expect("64 numbers were put there just now")
}

/// The bindings of one event.
pub struct Bindings {
    pub(super) env: Env,
    pub(super) work: Work,
    isolate: &'static Isolate,
    /// Held from the loading of a stored body until the event ends.
    pub(super) room: RefCell<Option<Room>>,
}

impl Bindings {
    pub fn new(env: Env, work: Work) -> Self {
        Self { env, work, isolate: ISOLATE.with(|isolate| *isolate), room: RefCell::default() }
    }

    /// Waits for a call of `what`, and not for longer than `milliseconds`.
    pub(super) async fn called(
        &self,
        what: &str,
        milliseconds: u32,
        call: Result<Promise, JsValue>,
    ) -> Result<JsValue, PortError> {
        within(&self.work, milliseconds, call.map_err(failed(what))?).await.map_err(failed(what))
    }
}

pub(super) fn failed(what: &str) -> impl Fn(JsValue) -> PortError + '_ {
    move |error| PortError(format!("{what}: {}", text_of(&error)))
}

pub(super) fn missing(what: &str) -> PortError {
    PortError(format!("the binding {what} is missing"))
}

/// `{ [name]: value }`, as options are handed over.
pub fn object(name: &str, value: impl Into<JsValue>) -> JsValue {
    let object = Object::new();
    let _ = Reflect::set(&object, &name.into(), &value.into());
    object.into()
}

impl Keys for Bindings {
    async fn is_known(&self, key: &DedupKey) -> Result<bool, PortError> {
        let store = self.env.dedup().ok_or_else(|| missing("DEDUP"))?;
        let reading = look_up(&self.work, PATIENCE_MS, &store, &key.to_string()).map_err(failed("KV get"))?;
        Ok(!settled(reading).await.map_err(failed("KV get"))?.is_null())
    }

    fn remember(&self, key: &DedupKey, ttl: Duration, now: UnixTime) {
        let Some(store) = self.env.dedup() else { return };
        let (key, now, ttl) = (key.to_string(), now.seconds() as f64, ttl.as_secs() as f64);
        let begun = PUT_FAILED.with(|complain| remember(&self.work, &store, &key, now, ttl, complain));
        if let Err(error) = begun {
            put_failed(&error);
        }
    }

    async fn forget(&self, key: &DedupKey) -> Result<(), PortError> {
        let store = self.env.dedup().ok_or_else(|| missing("DEDUP"))?;
        self.called("KV delete", PATIENCE_MS, store.delete(&key.to_string())).await.map(|_| ())
    }
}

impl Notes for Bindings {
    async fn note(&self, name: &str) -> Result<Option<String>, PortError> {
        // Without KV nothing is noted, and nothing was.
        let Some(store) = self.env.dedup() else { return Ok(None) };
        Ok(self.called("KV get", PATIENCE_MS, store.get(name)).await?.as_string())
    }

    async fn put_note(&self, name: &str, text: &str, ttl: Duration) -> Result<(), PortError> {
        let Some(store) = self.env.dedup() else { return Ok(()) };
        let options = object("expirationTtl", ttl.as_secs() as f64);
        self.called("KV put", PATIENCE_MS, store.put(name, text, &options)).await.map(|_| ())
    }
}

impl Bindings {
    async fn put_into(
        &self,
        queue: Option<Queue>,
        name: &str,
        message: &str,
        body: Option<&[u8]>,
    ) -> Result<(), PortError> {
        let queue = queue.ok_or_else(|| missing(name))?;
        let sending = enqueue(&self.work, PATIENCE_MS, &queue, message, body).map_err(failed("queue send"))?;
        settled(sending).await.map_err(failed("queue send")).map(|_| ())
    }
}

impl Outbox for Bindings {
    async fn enqueue(&self, message: &Message<'_>) -> Result<(), PortError> {
        let (text, body) = message.parts();
        self.put_into(self.env.events(), "EVENTS", text, body).await
    }

    async fn bury(&self, message: &str) -> Result<(), PortError> {
        self.put_into(self.env.dead(), "DEAD", message, None).await
    }
}

impl Upstream for Bindings {
    async fn send(&self, forward: Forward<'_>, timeout: Duration) -> Result<OriginAnswer, PortError> {
        let headers = web_sys::Headers::new().map_err(failed("headers"))?;
        for (name, value) in &forward.headers {
            headers.append(name, value).map_err(failed("headers"))?;
        }
        let init = RequestInit::new();
        init.set_method("POST");
        init.set_headers(&headers);
        init.set_body(&Uint8Array::from(forward.body));
        init.set_redirect(RequestRedirect::Manual);
        let milliseconds = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
        init.set_signal(Some(&AbortSignal::timeout_with_u32(milliseconds)));
        let request =
            web_sys::Request::new_with_str_and_init(forward.origin.as_str(), &init).map_err(failed("fetch"))?;
        // The runtime reads URLs by rules of its own: what it has read is held to the same rules as what was configured.
        Origin::parse(&request.url()).map_err(|problem| PortError(format!("the origin {problem}")))?;
        let answered = settled(send_request(&request)).await.map_err(failed("fetch"))?;
        let response: Response = answered.unchecked_into();
        // Only the head counts; an unread body would hold the connection.
        if let Some(body) = response.body() {
            let _ = settled(body.cancel()).await;
        }
        let retry_after = response.headers().get("retry-after").ok().flatten().and_then(|text| read_retry_after(&text));
        Ok(OriginAnswer { status: response.status(), retry_after })
    }

    async fn published(&self, url: &str) -> Result<Fetched, PortError> {
        let init = RequestInit::new();
        init.set_redirect(RequestRedirect::Manual);
        init.set_signal(Some(&AbortSignal::timeout_with_u32(PATIENCE_MS)));
        let request = web_sys::Request::new_with_str_and_init(url, &init).map_err(failed("fetch"))?;
        let answered = settled(send_request(&request)).await.map_err(failed("fetch"))?;
        let response: Response = answered.unchecked_into();
        if response.status() != 200 {
            // An unread body would hold the connection.
            if let Some(body) = response.body() {
                let _ = settled(body.cancel()).await;
            }
            return Ok(Fetched::Status(response.status()));
        }
        // The signal ends the reading as well.
        match collect(response.body(), MOST_PUBLISHED, 0, &self.work).await {
            Ok(text) => Ok(Fetched::Text(text)),
            Err(BodyError::TooLarge) => Ok(Fetched::TooLong),
            Err(BodyError::Broken(problem)) => Err(PortError(format!("fetch: {problem}"))),
            Err(BodyError::Busy) => Err(PortError("fetch: no room".to_owned())),
        }
    }
}

/// Delay in seconds, or a date; the runtime reads dates.
fn read_retry_after(text: &str) -> Option<RetryAfter> {
    if let Ok(seconds) = text.trim().parse::<u32>() {
        return Some(RetryAfter::Delay(Duration::from_secs(seconds.into())));
    }
    let milliseconds = Date::parse(text);
    milliseconds.is_finite().then(|| RetryAfter::Date(seconds(milliseconds)))
}

impl Local for Bindings {
    fn isolate(&self) -> &Isolate {
        self.isolate
    }

    fn now(&self) -> UnixTime {
        super::now()
    }

    fn random(&self) -> u64 {
        RANDOM.with_borrow_mut(|drawn| drawn.pop().unwrap_or_else(|| refill(drawn)))
    }

    async fn is_over_limit(&self, pair: &str) -> bool {
        let counting = self.env.rejects().map(|limiter| limiter.limit(&object("key", pair)));
        let Some(Ok(counting)) = counting else { return false };
        let counted = within(&self.work, PATIENCE_MS, counting).await.unwrap_or_default();
        Reflect::get(&counted, &"success".into()).is_ok_and(|success| success == JsValue::FALSE)
    }
}
