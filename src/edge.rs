//! Connects the pipeline to the Workers runtime, by the `worker` crate. This module receives the runtime's events and
//! implements the pipeline's ports. It decides nothing.
//!
//! `wasm-bindgen-futures` drives one future for each event. A panic ends the whole WASM instance. `entry.js` then answers
//! the events that were in flight in that instance, and starts a new instance.

mod audit;
mod claims;
mod crypto;
mod database;
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
use crate::pause::Pauses;
use crate::pipeline::{self, Disposition, ReceivedMessage};
use crate::record::{Record, Verdict};
use crate::retry;
use crate::serve::serve;
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
    Context, Delay, Env, MessageExt, QueueRetryOptionsBuilder, RawMessage, Result, ScheduleContext, ScheduledEvent,
    console_error, console_log, event, web_sys,
};

#[wasm_bindgen(module = "/src/edge/calls.js")]
extern "C" {
    #[wasm_bindgen(catch)]
    fn answer(status: u16, lines: &str, body: Option<&str>) -> std::result::Result<web_sys::Response, JsValue>;
}

/// The cron trigger that only watches. Any other trigger also sweeps.
const EACH_MINUTE: &str = "* * * * *";
/// How long refused requests and duplicates wait for others before they are written together.
const LOG_DELAY: Duration = Duration::from_secs(5);

#[event(start)]
fn start() {
    std::panic::set_hook(Box::new(panicked));
}

/// Throws an error named `panic`, with the message and the location of the panic, for `entry.js`. Without this hook, the
/// panic would be a trap, which has neither.
fn panicked(panic: &PanicHookInfo<'_>) {
    let text = panic.payload_as_str().unwrap_or("a panic without a message");
    let place = panic.location().map(|place| format!(", at {}:{}", place.file(), place.line()));
    let error = js_sys::Error::new(&format!("{text}{}", place.as_deref().unwrap_or(", at an unknown location")));
    error.set_name("panic");
    wasm_bindgen::throw_val(error.into())
}

/// The answer to a request whose instance failed, as JSON. `entry.js` reads it at its start, so that a failed instance has
/// nothing left to do.
#[wasm_bindgen(js_name = brokenOff)]
#[must_use]
pub fn broken_off() -> String {
    let Answer { status, headers, body } = Answer::unavailable();
    serde_json::json!({ "status": status, "headers": headers, "body": body }).to_string()
}

/// The delay in seconds before the queue redelivers a message that this Worker could not settle. `attempts` counts from 1.
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
        let incoming = Incoming::new(request, &context);
        let bindings = Bindings::new(env.clone(), Some(context));
        let outcome = serve(&incoming, config, &bindings, seconds(began)).await;
        if let Some(mut record) = outcome.record {
            for request in std::mem::take(&mut record.requests) {
                write(request, began);
            }
            write(record, began);
        }
        if outcome.must_write_log {
            bindings.after_answer(write_log_later(env));
        }
        outcome.answer
    });
    // `None`: the event was too old, and another request ended it. Its sender has gone, or gets 500 from the runtime, and
    // sends the request again.
    response(&answered.await.unwrap_or_else(Answer::unavailable))
}

/// Writes the log of this isolate a few seconds later, so that many requests share one write.
async fn write_log_later(env: Env) {
    Delay::from(LOG_DELAY).await;
    write_log(env).await;
}

/// Writes the log of this isolate. `entry.js` calls it after each batch of a queue.
#[wasm_bindgen(js_name = writeLog, wasm_bindgen_futures = worker::wasm_bindgen_futures, js_sys = worker::js_sys)]
pub async fn write_log(env: Env) -> JsValue {
    if let Some(record) = pipeline::write_log(&Bindings::new(env, None)).await {
        write(record, milliseconds());
    }
    JsValue::UNDEFINED
}

/// Reads the pauses for a batch of messages. Returns the text that [`settle`] takes. `entry.js` keeps the text, because the
/// memory of an instance ends with a panic, and other batches read newer pauses meanwhile.
///
/// # Errors
/// The event was too old and was ended. The caller asks the queue to redeliver the batch.
#[wasm_bindgen(js_name = readPauses, wasm_bindgen_futures = worker::wasm_bindgen_futures, js_sys = worker::js_sys)]
#[expect(clippy::expect_used, reason = "texts and numbers are JSON")]
pub async fn read_pauses(env: Env) -> Result<JsValue, JsValue> {
    let began = milliseconds();
    let read = life::bounded(began, async move { pipeline::read_pauses(&Bindings::new(env, None)).await });
    let Some((pauses, record)) = read.await else { return Err("the event is too old and was ended".into()) };
    if let Some(record) = record {
        write(record, began);
    }
    Ok(serde_json::to_string(&pauses).expect("pauses are a list of texts and numbers").into())
}

#[expect(clippy::expect_used, reason = "`entry.js` gives the text of `read_pauses`")]
fn parse_pauses(text: &str) -> Pauses {
    serde_json::from_slice(text.as_bytes()).expect("the text of `read_pauses`")
}

/// Handles one message of a queue. It does not use `#[event(queue)]`, because the crate hides a message's number of
/// attempts and turns an error into a panic.
///
/// # Errors
/// The event was too old and was ended. The caller asks the queue to redeliver the message.
#[wasm_bindgen(wasm_bindgen_futures = worker::wasm_bindgen_futures, js_sys = worker::js_sys)]
pub async fn settle(
    queue: String,
    message: Message,
    attempt: u32,
    pauses: String,
    env: Env,
) -> Result<JsValue, JsValue> {
    let began = milliseconds();
    let message = RawMessage::from(message);
    let text = text_or_json(&message.body());
    let settled = life::bounded(began, async move {
        let config = environment::config(&env);
        let pauses = parse_pauses(&pauses);
        let handed = ReceivedMessage { text: &text, queue: &queue, attempt, now: seconds(began), pauses: &pauses };
        let (disposition, record) = pipeline::consume(handed, config, &Bindings::new(env, None)).await;
        write(record, began);
        disposition
    });
    match settled.await {
        None => return Err("the event is too old and was ended".into()),
        Some(Disposition::Ack) => message.ack(),
        Some(Disposition::Retry(delay)) => {
            let options = QueueRetryOptionsBuilder::new().with_delay_seconds(whole_seconds(delay)).build();
            message.retry_with_options(&options);
        }
    }
    Ok(JsValue::UNDEFINED)
}

/// Watches the alerts, and runs the hourly sweep.
#[event(scheduled)]
async fn scheduled(event: ScheduledEvent, env: Env, _: ScheduleContext) {
    let began = milliseconds();
    let watching = env.clone();
    let watched = life::bounded(began, async move {
        let config = environment::config(&watching);
        pipeline::watch(&Bindings::new(watching, None), config, seconds(began)).await
    });
    if let Some(record) = watched.await.flatten() {
        write(record, began);
    }
    if event.cron() == EACH_MINUTE {
        return;
    }
    let swept = life::bounded(began, async move {
        let config = environment::config(&env);
        pipeline::sweep(&Bindings::new(env, None), config, seconds(began)).await
    });
    if let Some(record) = swept.await {
        write(record, began);
    }
}

/// Rounds up, because the queue takes whole seconds.
#[expect(clippy::expect_used, reason = "the longest delay is 12 hours")]
fn whole_seconds(delay: Duration) -> u32 {
    u32::try_from(delay.as_millis().div_ceil(1000)).expect("a delay is at most 12 hours")
}

/// A random number. Without random numbers, all claims would have the same token, and each claim could confirm the others.
/// So the event panics before it claims anything.
#[expect(clippy::expect_used, reason = "a failed request is better than two claims with one token")]
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

/// The time in whole milliseconds since 1970.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the clock is after 1970 and below 2^53")]
fn milliseconds() -> u64 {
    Date::now() as u64
}

fn now() -> UnixTime {
    seconds(milliseconds())
}

#[expect(clippy::expect_used, reason = "2^64 / 1000 is below 2^63")]
fn seconds(milliseconds: u64) -> UnixTime {
    UnixTime::from_seconds(i64::try_from(milliseconds / 1000).expect("2^64 / 1000 is below 2^63"))
}

fn response(of: &Answer) -> Result<web_sys::Response> {
    let lines: Vec<String> = of.headers.iter().map(|(name, value)| format!("{name}:{value}")).collect();
    // An empty body is passed as no body: the runtime then adds no content type, and it refuses any body with a 204.
    Ok(answer(of.status, &lines.join("\n"), (!of.body.is_empty()).then_some(of.body.as_str()))?)
}
