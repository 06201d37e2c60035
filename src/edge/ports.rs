//! Implements the pipeline's ports with Workers KV, Queues and fetch.

use super::environment;
use super::request::collect;
use super::timer::Timer;
use crate::config::Destination;
use crate::dedup::DedupKey;
use crate::message::{AttemptRequest, OutgoingMessage};
use crate::pipeline::IsolateState;
use crate::pipeline::ports::{
    BodyError, DedupKeys, DestinationAnswer, Fetched, Http, Local, Notes, Outbox, PortError, QueueBacklog,
};
use crate::record::Record;
use crate::retry::RetryAfter;
use hookgate_verify::UnixTime;
use std::cell::OnceCell;
use std::fmt::Display;
use std::time::Duration;
use wasm_bindgen::prelude::*;
use worker::js_sys::{Promise, Uint8Array};
use worker::wasm_bindgen_futures::{JsFuture, spawn_local};
use worker::{
    AbortSignal, Context, Env, Fetch, Headers, KvStore, Method, QueueContentType, RawMessageBuilder, RequestInit,
    RequestRedirect, console_error, web_sys,
};

#[wasm_bindgen(module = "/src/edge/calls.js")]
extern "C" {
    #[wasm_bindgen(js_name = messageText)]
    fn message_text(text: &str, body: Option<&[u8]>) -> JsValue;
    #[wasm_bindgen(js_name = queueBacklog, catch)]
    fn queue_backlog(queue: &JsValue) -> Result<Promise, JsValue>;
}

/// The time limit of a fetch of keys, and of a call of KV, of a queue or of the rate limiter. A queue's call and the R2
/// write before it fit into the usual lease of a claim (30 s).
const PATIENCE_MS: u32 = 10_000;
/// The time limit of a question to a queue. An operator waits for the answer.
const BACKLOG_MS: u32 = 2_000;

/// The largest key set of a provider, in bytes. Real key sets are smaller.
const MOST_PUBLISHED: usize = 64 * 1024;

thread_local! {
    static ISOLATE: &'static IsolateState = Box::leak(Box::default());
    /// The KV namespace of the keys, which is the same for every event. It is kept because the `worker` crate looks up five
    /// of its methods each time.
    static KEYS: OnceCell<KvStore> = const { OnceCell::new() };
}

/// The bindings, for one event.
pub struct Bindings {
    pub(super) env: Env,
    /// The context of a request. Queue and scheduled events have none.
    context: Option<Context>,
    isolate: &'static IsolateState,
    pub(super) timer: Timer,
}

impl Bindings {
    pub fn new(env: Env, context: Option<Context>) -> Self {
        let isolate = ISOLATE.with(|isolate| *isolate);
        Self { env, context, isolate, timer: Timer::default() }
    }

    /// Goes on with `work` after the answer. An event without an answer has no such limit.
    pub fn after_answer(&self, work: impl Future<Output = ()> + 'static) {
        match &self.context {
            Some(context) => context.wait_until(work),
            None => spawn_local(work),
        }
    }

    /// Waits for `call`, up to `milliseconds`. `what` names the call in the error.
    pub(super) async fn within<T, E: Into<worker::Error>>(
        &self,
        milliseconds: u32,
        what: &str,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, PortError> {
        match self.timer.within(milliseconds, call).await {
            Ok(answer) => answer.map_err(failed(what)),
            Err(late) => Err(PortError(format!("{what}: {late}"))),
        }
    }

    fn keys(&self) -> Result<KvStore, PortError> {
        KEYS.with(|keys| match keys.get() {
            Some(keys) => Ok(keys.clone()),
            None => {
                let found = self.env.kv("DEDUP").map_err(failed("KV"))?;
                Ok(keys.get_or_init(|| found).clone())
            }
        })
    }

    /// Sends the message as text, so that the consumer gets exactly this text, after `delay` seconds.
    async fn put_into(&self, queue: &str, message: JsValue, delay: u32) -> Result<(), PortError> {
        let queue = self.env.queue(queue).map_err(failed("queue send"))?;
        let message = RawMessageBuilder::new(message);
        let message = if delay > 0 { message.delay_seconds(delay) } else { message };
        let message = message.build_with_content_type(QueueContentType::Text);
        self.within(PATIENCE_MS, "queue send", queue.send_raw(message)).await
    }
}

pub(super) fn failed<E: Into<worker::Error>>(what: &str) -> impl Fn(E) -> PortError + '_ {
    move |error| PortError(format!("{what}: {}", error.into()))
}

fn put_failed(error: &impl Display) {
    let detail = format!("a duplicate of this event may be delivered: {error}");
    console_error!("{}", Record::complaint("put_failed", detail).line());
}

impl DedupKeys for Bindings {
    async fn is_known(&self, key: &DedupKey) -> Result<bool, PortError> {
        let reading = self.keys()?.get(&key.to_string()).text();
        Ok(self.within(PATIENCE_MS, "KV get", reading).await?.is_some())
    }

    fn remember(&self, key: &DedupKey, ttl: Duration, now: UnixTime) {
        let put = self.keys().and_then(|keys| keys.put(&key.to_string(), now.seconds()).map_err(failed("KV put")));
        let put = match put {
            Ok(put) => put.expiration_ttl(ttl.as_secs()),
            Err(PortError(problem)) => return put_failed(&problem),
        };
        // The put may end after the answer.
        let putting = async move {
            if let Err(error) = put.execute().await {
                put_failed(&error);
            }
        };
        self.after_answer(putting);
    }

    async fn forget(&self, key: &DedupKey) -> Result<(), PortError> {
        let keys = self.keys()?;
        self.within(PATIENCE_MS, "KV delete", keys.delete(&key.to_string())).await
    }
}

impl Notes for Bindings {
    async fn note(&self, name: &str) -> Result<Option<String>, PortError> {
        // Without KV there are no notes.
        if !environment::has(&self.env, "DEDUP") {
            return Ok(None);
        }
        self.within(PATIENCE_MS, "KV get", self.keys()?.get(name).text()).await
    }

    async fn put_note(&self, name: &str, text: &str, ttl: Duration) -> Result<(), PortError> {
        if !environment::has(&self.env, "DEDUP") {
            return Ok(());
        }
        let put = self.keys()?.put(name, text).map_err(failed("KV put"))?;
        self.within(PATIENCE_MS, "KV put", put.expiration_ttl(ttl.as_secs()).execute()).await
    }
}

impl Outbox for Bindings {
    async fn enqueue(&self, message: &OutgoingMessage<'_>) -> Result<(), PortError> {
        let (text, body) = message.parts();
        self.put_into("EVENTS", message_text(text, body), 0).await
    }

    async fn enqueue_later(&self, message: &str, delay: Duration) -> Result<(), PortError> {
        self.put_into("EVENTS", message.into(), super::whole_seconds(delay)).await
    }

    async fn send_to_dead_letters(&self, message: &str) -> Result<(), PortError> {
        self.put_into("DEAD", message.into(), 0).await
    }

    async fn backlog(&self) -> Result<Option<QueueBacklog>, PortError> {
        let asked = queue_backlog(&environment::value(&self.env, "EVENTS")).map_err(failed("queue metrics"))?;
        let told = self.within(BACKLOG_MS, "queue metrics", JsFuture::from(asked)).await?;
        let Some(text) = told.as_string() else { return Ok(None) };
        let told: (u64, u64) = serde_json::from_slice(text.as_bytes())
            .map_err(|error| PortError(format!("queue metrics: {text}: {error}")))?;
        let (messages, oldest) = told;
        Ok(Some(QueueBacklog { messages, oldest: (oldest > 0).then(|| super::seconds(oldest)) }))
    }
}

/// Sends a request and returns the head of the answer. It follows no redirect. The request and the reading of the answer
/// end after `milliseconds`.
async fn send(url: &str, mut init: RequestInit, milliseconds: u32) -> Result<web_sys::Response, PortError> {
    init.with_redirect(RequestRedirect::Manual);
    let request = worker::Request::new_with_init(url, &init).map_err(failed("fetch"))?;
    // The runtime may parse a URL differently. So its result must obey the same rules as the configured URL.
    Destination::parse(&request.inner().url()).map_err(|problem| PortError(format!("the origin {problem}")))?;
    // The runtime's timer also ends the reading of the answer's body. The `worker` crate has no such timer.
    let signal = AbortSignal::from(web_sys::AbortSignal::timeout_with_u32(milliseconds));
    Fetch::Request(request).send_with_signal(&signal).await.map(Into::into).map_err(failed("fetch"))
}

/// Cancels the body of an answer, because an unread body keeps the connection open.
async fn leave(response: &web_sys::Response) {
    if let Some(body) = response.body() {
        // An error does not matter: the head of the answer is known, and the runtime ends the connection in the end.
        let _ = JsFuture::from(body.cancel()).await;
    }
}

#[expect(clippy::expect_used, reason = "the longest time limit is 30 seconds")]
fn whole_milliseconds(limit: Duration) -> u32 {
    u32::try_from(limit.as_millis()).expect("a time limit is at most 30 seconds")
}

impl Http for Bindings {
    async fn send(
        &self,
        forward: AttemptRequest<'_>,
        stored: Option<web_sys::ReadableStream>,
        timeout: Duration,
    ) -> Result<DestinationAnswer, PortError> {
        let headers = Headers::new();
        for (name, value) in &forward.headers {
            headers.append(name, value).map_err(failed("headers"))?;
        }
        let mut init = RequestInit::new();
        init.with_method(Method::Post).with_headers(headers);
        init.with_body(Some(stored.map_or_else(|| Uint8Array::from(forward.body).into(), Into::into)));
        let response = send(forward.origin.as_str(), init, whole_milliseconds(timeout)).await?;
        leave(&response).await; // the pipeline uses only the head
        let retry_after = response.headers().get("retry-after").map_err(failed("fetch"))?;
        Ok(DestinationAnswer {
            status: response.status(),
            retry_after: retry_after.and_then(|text| RetryAfter::parse(&text)),
        })
    }

    async fn published(&self, url: &str) -> Result<Fetched, PortError> {
        let response = send(url, RequestInit::new(), PATIENCE_MS).await?;
        if response.status() != 200 {
            leave(&response).await;
            return Ok(Fetched::Status(response.status()));
        }
        match collect(response.body(), MOST_PUBLISHED, 0, &self.timer).await {
            Ok(text) => Ok(Fetched::Text(text)),
            Err(BodyError::TooLarge) => Ok(Fetched::TooLong),
            Err(BodyError::Broken(problem)) => Err(PortError(format!("fetch: {problem}"))),
            Err(BodyError::Busy) => Err(PortError("fetch: no permit".to_owned())),
        }
    }
}

impl Local for Bindings {
    fn isolate(&self) -> &IsolateState {
        self.isolate
    }

    fn now(&self) -> UnixTime {
        super::now()
    }

    fn milliseconds(&self) -> u64 {
        super::milliseconds()
    }

    fn random(&self) -> u64 {
        super::random()
    }

    async fn is_over_limit(&self, pair: &str) -> bool {
        // Without the binding, nothing is over the limit, as the port promises.
        let Ok(limiter) = self.env.rate_limiter("REJECTS") else { return false };
        let counted = self.within(PATIENCE_MS, "rate limiter", limiter.limit(pair.to_owned())).await;
        counted.is_ok_and(|outcome| !outcome.success)
    }
}
