//! The runtime's side: its events in, the pipeline's ports out. Nothing is decided here.
//!
//! How the boundary works: the pipeline is one future per event, and JavaScript's own event loop drives it. An export
//! polls the future until it waits for a promise, leaves that promise with `work.js`, and is called again with what became
//! of it. A webhook costs one call into WASM per promise it really waits for; there are no wakers and no queued microtasks.

mod claims;
mod crypto;
mod environment;
mod letters;
mod object;
mod payloads;
mod ports;
mod request;
mod room;
mod task;

use crate::answer::{Answer, Header};
use crate::pipeline::{self, Disposition, Handed};
use crate::record::{Record, Verdict};
use crate::retry;
use environment::{Env, text_or_json};
use hookgate_verify::UnixTime;
use js_sys::Date;
use ports::{Bindings, object};
use request::Incoming;
use std::cell::RefCell;
use std::time::Duration;
use task::Work;
use wasm_bindgen::prelude::*;

/// Half the size of the default allocator, and constant time (TLSF).
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

#[wasm_bindgen(module = "/src/edge/calls.js")]
extern "C" {
    #[derive(Clone)]
    type Bodiless;
    fn bodiless(status: u16, lines: &str) -> Bodiless;
    fn answer(bodiless: &Bodiless, body: Option<&str>) -> JsValue;
}

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_namespace = console, js_name = log)]
    fn log(line: &str);

    #[wasm_bindgen(js_namespace = console, js_name = error)]
    fn log_error(line: &str);

    /// A message of the queue.
    pub type Message;
    #[wasm_bindgen(method, getter)]
    fn body(this: &Message) -> JsValue;
    #[wasm_bindgen(method, getter)]
    fn attempts(this: &Message) -> u32;
    #[wasm_bindgen(method)]
    fn ack(this: &Message);
    #[wasm_bindgen(method)]
    fn retry(this: &Message, options: &JsValue);
}

/// Notes that an event broke off, in another instance than this one.
#[wasm_bindgen]
pub fn broke(why: &str) {
    log_error(&Record::complaint("panic", why.to_owned()).line());
}

/// The answer to a request that broke off.
#[wasm_bindgen]
pub fn failed() -> JsValue {
    response(&Answer::failed())
}

/// What becomes of a message that broke off: the queue gives it again, and leaves its neighbours alone.
#[wasm_bindgen(js_name = giveBack)]
pub fn give_back(message: &Message) {
    retry_after(message, retry::backoff(message.attempts(), entropy()));
}

/// One HTTP request. Returns a `Response`, or what it waits for.
#[wasm_bindgen]
pub fn fetch(task: u32, work: Work, request: web_sys::Request, env: Env) -> JsValue {
    let began = Date::now();
    task::run(task, began, async move {
        let config = environment::config(&env);
        let incoming = Incoming::new(request, work.clone());
        let bindings = Bindings::new(env, work);
        let outcome = pipeline::serve(&incoming, config, &bindings, seconds(began)).await;
        if let Some(record) = outcome.record {
            write(record, began);
        }
        response(&outcome.answer)
    })
}

/// One message of a queue. Returns nothing once it is settled, or what it waits for.
#[wasm_bindgen]
pub fn settle(task: u32, work: Work, queue: String, message: Message, env: Env) -> JsValue {
    let began = Date::now();
    task::run(task, began, async move {
        let config = environment::config(&env);
        let bindings = Bindings::new(env, work);
        let text = text_or_json(&message.body());
        let handed = Handed { text: &text, queue: &queue, attempt: message.attempts(), now: seconds(began) };
        let (disposition, record) = pipeline::consume(handed, config, &bindings).await;
        write(record, began);
        match disposition {
            Disposition::Ack => message.ack(),
            Disposition::Retry(delay) => retry_after(&message, delay),
        }
        JsValue::UNDEFINED
    })
}

/// The cron trigger: deletes what is no longer needed. Returns nothing once that is done, or what it waits for.
#[wasm_bindgen]
pub fn scheduled(task: u32, work: Work, env: Env) -> JsValue {
    let began = Date::now();
    task::run(task, began, async move {
        let bindings = Bindings::new(env, work);
        write(pipeline::sweep(&bindings, seconds(began)).await, began);
        JsValue::UNDEFINED
    })
}

fn retry_after(message: &Message, delay: Duration) {
    // The queue takes whole seconds.
    message.retry(&object("delaySeconds", delay.as_millis().div_ceil(1000) as f64));
}

fn entropy() -> u32 {
    getrandom::u32().unwrap_or_default()
}

fn write(mut record: Record, began: f64) {
    record.ms = (Date::now() - began).max(0.0) as u64;
    let line = record.line();
    if matches!(record.verdict, Verdict::Failed | Verdict::Dead) { log_error(&line) } else { log(&line) }
}

fn now() -> UnixTime {
    seconds(Date::now())
}

fn seconds(milliseconds: f64) -> UnixTime {
    UnixTime::from_seconds((milliseconds / 1000.0) as i64)
}

thread_local! {
    /// What answers are made from, without their bodies: the same few come again and again.
    static BODILESS: RefCell<Vec<(u16, Vec<Header>, Bodiless)>> = const { RefCell::new(Vec::new()) };
}

/// So many of them are kept.
const MOST_BODILESS: usize = 16;

fn response(of: &Answer) -> JsValue {
    let made_from = BODILESS.with_borrow_mut(|known| {
        if let Some((_, _, found)) =
            known.iter().find(|(status, headers, _)| *status == of.status && *headers == of.headers)
        {
            return found.clone();
        }
        let lines: Vec<String> = of.headers.iter().map(|(name, value)| format!("{name}:{value}")).collect();
        let made = bodiless(of.status, &lines.join("\n"));
        if known.len() < MOST_BODILESS {
            known.push((of.status, of.headers.clone(), made.clone()));
        }
        made
    });
    // Without a body the runtime invents no content type, and a 204 takes no body, not even an empty one.
    answer(&made_from, (!of.body.is_empty()).then_some(of.body.as_str()))
}
