//! The routes that watch the gateway: alerts, metrics, refused requests, sources, and numbers over time.

use super::{AT, EVENT_SOURCE, OFF, misconfigured};
use crate::alert::State;
use crate::log::{
    Backlog, LastDay, RefusedCount, RefusedFilter, RefusedPage, RefusedSample, SourceStats, Stats, StatsQuery,
};
use crate::openmetrics::MEDIA_TYPE;
use crate::operate::alerts::{self, AlertList, Sent};
use crate::operate::caller;
use crate::operate::openapi::operation::{Operation, Schemas};
use crate::operate::openapi::parameters::{in_filter, limit, query};
use crate::operate::refused;
use crate::operate::sources::{Shown, SourceList};
use crate::operate::stats::Told;
use crate::pause::PausedSource;
use crate::rotation::{SecretState, SecretUse};
use serde_json::{Value, json};

/// The host of the receiver of the examples.
const RECEIVER: &str = "hooks.example.com";
/// The state of alerts of the examples, as it is stored.
const ALERTS: &str = r#"{"revision":1,"alerts":[{"id":"0f6d21c7b39a4e58","group":{"rule":"refusals","source":"billing",
"cause":"signature_mismatch"},"status":"open","since":1768480200,"measured":{"kind":"share","failed":40,"all":50,
"seconds":900},"told":1768480200,"reminders":0,"returns":0}]}"#;

#[expect(clippy::expect_used, reason = "a test makes the document from this constant text")]
fn state() -> State {
    State::from_json(ALERTS.as_bytes()).expect("a state with one alert")
}

#[expect(clippy::expect_used, reason = "a test makes the document from this constant text")]
fn alert(state: &State) -> alerts::Shown<'_> {
    alerts::Shown::of(state.alerts().next().expect("a state with one alert"), AT)
}

/// The answer 204 of `GET /api/caller`.
const NOBODY: &str = "The call has no token, and no session of Cloudflare Access.";

pub fn caller(schemas: &mut Schemas) -> Operation {
    let off = ["PAYLOADS: events that no queue message can hold, of about 90 kB, are answered 413"];
    let told = caller::Told { name: "on-call", kind: "write", version: env!("CARGO_PKG_VERSION"), off: &off };
    let answer = schemas.ok("The caller.", &told);
    let about =
        "A user interface asks this first: it hides what the caller may not do, and says which features are off.";
    let operation = Operation::new("getCaller", "Tells who calls, and which features are off", about, answer);
    Operation { needs_no_token: true, no_content: Some(NOBODY), ..operation.refuses([misconfigured()]) }
}

pub fn list_alerts(schemas: &mut Schemas) -> Operation {
    let state = state();
    let list = AlertList { receiver: Some(RECEIVER), alerts: vec![alert(&state)] };
    let answer = schemas.ok("The alerts.", &list);
    let about = "Open and acknowledged alerts, and those that were resolved within the last day.";
    Operation::new("listAlerts", "Lists alerts", about, answer).refuses([OFF, misconfigured()])
}

pub fn acknowledge(schemas: &mut Schemas) -> Operation {
    let state = state();
    let answer = schemas.ok("The alert.", &alert(&state));
    let about = "No reminder of this alert follows. A second acknowledgement changes nothing.";
    let id = json!({ "type": "string", "pattern": "^[0-9a-f]{16}$" });
    Operation::new("acknowledgeAlert", "Acknowledges an open alert", about, answer)
        .part("id", "The `id` of the alert in the list.", &id)
        .refuses([OFF])
}

pub fn test_alerts(schemas: &mut Schemas) -> Operation {
    let answer = schemas.ok("The receiver accepted the notice.", &Sent { sent: true, receiver: RECEIVER });
    let about = "Sends a notice to the receiver of alerts, so that the operator sees that notices arrive.";
    Operation::new("testAlerts", "Sends a notice as a test", about, answer).refuses([misconfigured()])
}

pub fn metrics() -> Operation {
    let example = "# TYPE hookgate_source_usable gauge\n# HELP hookgate_source_usable Whether the source is usable.\n\
                   hookgate_source_usable{source=\"billing\"} 1\n# EOF\n";
    let media = json!({ MEDIA_TYPE: { "schema": { "type": "string" }, "example": example } });
    let answer = json!({ "description": "The numbers, as OpenMetrics text.", "content": media });
    let about = "OpenMetrics 1.0, for Prometheus and others. There are no parameters.";
    Operation::new("getMetrics", "Tells the numbers of the day as OpenMetrics text", about, answer).refuses([OFF])
}

pub fn list_refused(schemas: &mut Schemas) -> Operation {
    let sample = RefusedSample {
        id: format!("1768480200.1.signature_mismatch.{EVENT_SOURCE}"),
        at: AT.to_rfc3339(),
        source: EVENT_SOURCE.to_owned(),
        status: 401,
        reason: String::from("signature_mismatch"),
        detail: "the signature at \"stripe-signature\" does not match the secret: …".to_owned(),
        why: "The signature at \"stripe-signature\" does not match the secret: … Compare the secret with the provider's page."
            .to_owned(),
        method: "POST".to_owned(),
        path: "/webhooks/billing".to_owned(),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        bytes: Some(2),
        body: Some("{}".to_owned()),
        body_base64: None,
    };
    let count = RefusedCount {
        source: EVENT_SOURCE.to_owned(),
        verdict: "rejected".to_owned(),
        reason: String::from("signature_mismatch"),
        count: 40,
    };
    let cursor = sample.id.clone();
    let page =
        RefusedPage { refused: vec![sample], next: None, counts: Some(vec![count]), counts_partial_before: None };
    let answer = schemas.ok("A page of samples, and the exact numbers.", &page);
    let about = "At most five samples are kept for each minute, source and reason, for 7 days. The numbers are exact.";
    let place = json!({
        "type": "string", "maxLength": 200, "pattern": r"^[0-9]{1,12}\.[0-9]{1,9}\.[a-z0-9_]*\.[a-z0-9_/-]*$",
    });
    let names = RefusedFilter::NAMES.iter().map(|name| match *name {
        // An empty source is the source of requests to a path without a source.
        "source" => with(in_filter(name), "minLength", &json!(0)),
        name => in_filter(name),
    });
    let parameters = [
        query("cursor", "The `next` of the page before.", &place, cursor),
        limit(refused::LARGEST_PAGE, refused::PAGE),
    ];
    Operation::new("listRefused", "Lists samples of refused requests, and counts refused requests", about, answer)
        .query(names.chain(parameters))
        .refuses([OFF])
}

/// `parameter` with another member of its schema.
fn with(mut parameter: Value, member: &str, value: &Value) -> Value {
    if let Some(schema) = parameter.get_mut("schema").and_then(Value::as_object_mut) {
        schema.insert(member.to_owned(), value.clone());
    }
    parameter
}

/// A source of the examples.
fn shown() -> Shown<'static> {
    let secret = SecretUse {
        secret: "BILLING_SECRET",
        state: SecretState::InUse,
        last_matched: Some(AT),
        text: "in use, last matched 5m ago".to_owned(),
    };
    Shown {
        name: EVENT_SOURCE,
        usable: true,
        error: None,
        pause: None,
        handshake: None,
        settings: None,
        secrets: vec![secret],
        last_event: Some(AT.to_rfc3339()),
        last_24h: Some(LastDay { delivered: 1200, ..LastDay::default() }),
    }
}

pub fn list_sources(schemas: &mut Schemas) -> Operation {
    let answer = schemas.ok("The sources.", &SourceList { sources: vec![shown()] });
    let about = "Each configured source, its last event, the numbers of the last 24 hours, and whether each of its secrets is \
                 used. Without the database the settings alone. There are no parameters.";
    Operation::new("listSources", "Lists the configured sources", about, answer)
}

pub fn one_source(schemas: &mut Schemas) -> Operation {
    let answer = schemas.ok("The source.", &shown());
    let about = "As in the list of sources. There are no parameters.";
    let name = json!({ "type": "string", "minLength": 1 });
    Operation::new("getSource", "Tells everything about one source", about, answer).part(
        "name",
        "The name of the source, or of a variable that cannot be read.",
        &name,
    )
}

pub fn stats(schemas: &mut Schemas) -> Operation {
    let stats = Stats {
        since: AT.to_rfc3339(),
        until: AT.plus(std::time::Duration::from_secs(24 * 3600)).to_rfc3339(),
        step_seconds: 3600,
        partial_before: None,
        totals: vec![SourceStats { source: EVENT_SOURCE.to_owned(), ..SourceStats::default() }],
        points: Vec::new(),
    };
    let backlog = Backlog {
        events: Vec::new(),
        events_partial_before: None,
        dead_letters: Vec::new(),
        dead_letters_complete: true,
        queue: None,
        paused: vec![PausedSource { source: EVENT_SOURCE.to_owned(), pause: super::pauses::shown() }],
    };
    let answer = schemas.ok("The numbers.", &Told { stats, backlog });
    let about = "Verdicts, refusals by reason, attempts by the class of the answer, and latency, by source and destination; \
                 and what waits. Without `since` the last 24 hours. At most 1,000 points, and 10,000 numbers.";
    let parameters = StatsQuery::NAMES.iter().map(|name| match *name {
        "step" => {
            let schema = json!({ "type": "string", "pattern": "^[0-9]+[dhms]( [0-9]+[dhms])*$" });
            query("step", "The time from a point to the next one, in whole minutes.", &schema, "1h")
        }
        name => in_filter(name),
    });
    Operation::new("getStats", "Tells the numbers over time, and what waits", about, answer)
        .query(parameters)
        .refuses([OFF])
}
