//! The runtime's side, over the `worker` crate: its events in, the pipeline's ports out. Nothing is decided here.
//!
//! `wasm-bindgen-futures` drives one future for each event. A panic breaks off the whole instance of the WASM: `entry.js`
//! answers the events that are in flight in it, and goes on with a new instance.

mod claims;
mod crypto;
mod environment;
mod large_body;
mod letters;
mod life;
mod object;
mod parts;
mod payloads;
mod ports;
mod request;
mod timer;

use crate::answer::Answer;
use crate::pipeline::{self, Disposition, ReceivedMessage};
use crate::record::{Record, Verdict};
use crate::retry;
use environment::text_or_json;
use hookgate_verify::UnixTime;
use ports::Bindings;
use request::Incoming;
use std::panic::PanicHookInfo;
use std::time::Duration;
use wasm_bindgen::prelude::*;
use worker::js_sys::{self, Date};
use worker::worker_sys::Message;
use worker::{
    Context, Env, MessageExt, QueueRetryOptionsBuilder, RawMessage, Result, ScheduleContext, ScheduledEvent,
    console_error, console_log, event, web_sys,
};

#[wasm_bindgen(module = "/src/edge/calls.js")]
extern "C" {
    #[wasm_bindgen(catch)]
    fn answer(status: u16, lines: &str, body: Option<&str>) -> std::result::Result<web_sys::Response, JsValue>;
}

#[event(start)]
fn start() {
    std::panic::set_hook(Box::new(panicked));
}

/// Hands the text and the place of a panic to `entry.js`, as an error of this name. The trap that a panic ends in would tell
/// neither.
fn panicked(panic: &PanicHookInfo<'_>) {
    let text = panic.payload_as_str().unwrap_or("a panic without a text");
    let place = panic.location().map(|place| format!(", at {}:{}", place.file(), place.line()));
    let error = js_sys::Error::new(&format!("{text}{}", place.as_deref().unwrap_or(", at an unknown place")));
    error.set_name("panic");
    wasm_bindgen::throw_val(error.into())
}

/// The answer to a request that broke off, as JSON. It is made when all is well, so that nothing is left to do afterwards.
#[wasm_bindgen(js_name = brokenOff)]
#[must_use]
pub fn broken_off() -> String {
    let Answer { status, headers, body } = Answer::unavailable();
    serde_json::json!({ "status": status, "headers": headers, "body": body }).to_string()
}

/// After how many seconds the queue gives a message again that broke off.
#[wasm_bindgen]
#[must_use]
pub fn backoff(attempts: u32) -> u32 {
    whole_seconds(retry::backoff(attempts, random() as u32))
}

#[event(fetch)]
async fn fetch(request: web_sys::Request, env: Env, context: Context) -> Result<web_sys::Response> {
    let began = milliseconds();
    let answered = life::bounded(began, async move {
        let config = environment::config(&env);
        let bindings = Bindings::new(env, Some(context));
        let outcome = pipeline::serve(&Incoming::new(request), config, &bindings, seconds(began)).await;
        if let Some(record) = outcome.record {
            write(record, began);
        }
        outcome.answer
    });
    // The runtime has dropped an event that was ended: nobody reads this.
    response(&answered.await.unwrap_or_else(Answer::unavailable))
}

/// One message of a queue. Not `#[event(queue)]`: the crate does not tell a message's attempts, and makes a panic of an error.
///
/// # Errors
/// An event that was given up: the queue gives its message again.
#[wasm_bindgen(wasm_bindgen_futures = worker::wasm_bindgen_futures, js_sys = worker::js_sys)]
pub async fn settle(queue: String, message: Message, attempt: u32, env: Env) -> Result<JsValue, JsValue> {
    let began = milliseconds();
    let message = RawMessage::from(message);
    let text = text_or_json(&message.body());
    let settled = life::bounded(began, async move {
        let config = environment::config(&env);
        let handed = ReceivedMessage { text: &text, queue: &queue, attempt, now: seconds(began) };
        let (disposition, record) = pipeline::consume(handed, config, &Bindings::new(env, None)).await;
        write(record, began);
        disposition
    });
    match settled.await {
        None => return Err("this event was given up: it is too old".into()),
        Some(Disposition::Ack) => message.ack(),
        Some(Disposition::Retry(delay)) => {
            let options = QueueRetryOptionsBuilder::new().with_delay_seconds(whole_seconds(delay)).build();
            message.retry_with_options(&options);
        }
    }
    Ok(JsValue::UNDEFINED)
}

/// Deletes what is no longer needed.
#[event(scheduled)]
async fn scheduled(_: ScheduledEvent, env: Env, _: ScheduleContext) {
    let began = milliseconds();
    let swept = life::bounded(began, async move { pipeline::sweep(&Bindings::new(env, None), seconds(began)).await });
    if let Some(record) = swept.await {
        write(record, began);
    }
}

/// The queue takes whole seconds.
#[expect(clippy::expect_used, reason = "the longest delay is of hours")]
fn whole_seconds(delay: Duration) -> u32 {
    u32::try_from(delay.as_millis().div_ceil(1000)).expect("a delay of hours at most")
}

/// Without random numbers every claim would have the same token, and each could confirm the others': such an event ends
/// here, before anything is claimed.
#[expect(clippy::expect_used, reason = "a claim without a token of its own is worse than a request that fails")]
fn random() -> u64 {
    getrandom::u64().expect("crypto.getRandomValues gives random numbers in every event")
}

fn write(mut record: Record, began: u64) {
    record.ms = milliseconds().saturating_sub(began);
    let line = record.line();
    if matches!(record.verdict, Verdict::Failed | Verdict::Dead) {
        console_error!("{line}");
    } else {
        console_log!("{line}");
    }
}

/// Whole milliseconds since 1970.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the clock is past 1970, and below 2^53")]
fn milliseconds() -> u64 {
    Date::now() as u64
}

fn now() -> UnixTime {
    seconds(milliseconds())
}

#[expect(clippy::expect_used, reason = "2^64 thousandths are below 2^63")]
fn seconds(milliseconds: u64) -> UnixTime {
    UnixTime::from_seconds(i64::try_from(milliseconds / 1000).expect("a thousandth of 64 bits"))
}

fn response(of: &Answer) -> Result<web_sys::Response> {
    let lines: Vec<String> = of.headers.iter().map(|(name, value)| format!("{name}:{value}")).collect();
    // Without a body the runtime invents no content type, and a 204 takes no body, not even an empty one.
    Ok(answer(of.status, &lines.join("\n"), (!of.body.is_empty()).then_some(of.body.as_str()))?)
}
