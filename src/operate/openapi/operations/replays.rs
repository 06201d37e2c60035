//! The routes that send events again.

use super::{AT, EVENT, EVENT_SOURCE, OFF, event_id, misconfigured};
use crate::log::{EventFilter, MOST_NAMES};
use crate::operate::openapi::operation::{Operation, Schemas};
use crate::operate::openapi::parameters::in_filter;
use crate::operate::replay::{JobList, MAX_BODY, Replayed};
use crate::pipeline::refusal::Refusal;
use crate::replay::job::{JobSummary, LISTED, Progress};
use crate::replay::request::{DEFAULT_RATE, LARGEST_RATE, LISTS};
use crate::replay::selection::{Cannot, DryRun, MOST_EVENTS, Skipped, ToDestination};
use serde_json::{Map, Value, json};

/// The id of the job of the examples.
const JOB: &str = "9b1f0a4c7d2e8365";
/// The token of the dry run of the examples.
const TOKEN: &str = "1768480200-9b1f0a4c7d2e836541c07a95be83d2f6";
const DESTINATION: &str = "https://app.example.com/billing";

pub fn one(schemas: &mut Schemas) -> Operation {
    let replayed = Replayed {
        replayed: true,
        id: EVENT.to_owned(),
        replay: "5e0c91d27ab3f846".to_owned(),
        state: "delivered".to_owned(),
        delivered: Some(AT.to_rfc3339()),
    };
    let answer = schemas.ok("The event is in the queue again.", &replayed);
    let about = "The destination gets the same bytes, headers and idempotency key, and the header `hookgate-replay: 1`. The \
                 answer is 422 if the log does not have every byte of the event.";
    Operation::new("replayEvent", "Sends one event of the log again", about, answer)
        .part("id", "The `id` of the event in the list.", &event_id())
        .refuses([OFF])
}

pub fn many(schemas: &mut Schemas) -> Operation {
    let media = json!({
        "schema": { "anyOf": [schemas.answer::<DryRun>(), schemas.answer::<Progress>()] },
        "examples": {
            "DryRun": { "summary": "The dry run", "value": dry_run() },
            "Job": { "summary": "The job", "value": progress("running", 0) },
        },
    });
    let answer = json!({
        "description": "The dry run, or the progress of the job.",
        "content": { "application/json": media },
    });
    let about = format!(
        "The first call is a dry run: it counts the events, and sends nothing. Send the same body again with its `token` and \
         with `dry_run` false: then a job sends the events. A job sends at most {MOST_EVENTS} events. Its filter is that of \
         the list of events. Events that were delivered before, and events whose attempts still go on, are sent only if the \
         body asks for them. A token can be used for an hour, and only for what its dry run has counted. A second call with \
         the same token begins no second job."
    );
    let refusals = [OFF, misconfigured(), Refusal::BodyTooLarge { limit: MAX_BODY }];
    Operation::new("replayEvents", "Sends many events of the log again, after a dry run", &about, answer)
        .body(body())
        .refuses(refusals)
}

pub fn list(schemas: &mut Schemas) -> Operation {
    let answer = schemas.ok("The jobs.", &JobList { jobs: vec![summary("done", 3000)] });
    let about = format!("At most {LISTED} jobs.");
    Operation::new("listReplays", "Lists the jobs of replays, the newest first", &about, answer).refuses([OFF])
}

pub fn job(schemas: &mut Schemas) -> Operation {
    let answer = schemas.ok("The progress.", &progress("done", 3000));
    let about = "A job is kept for 31 days.";
    Operation::new("getReplay", "Tells the progress of a job of replays", about, answer)
        .part("id", "The `id` of the job.", &job_id())
        .refuses([OFF])
}

pub fn cancel(schemas: &mut Schemas) -> Operation {
    let answer = schemas.ok("The progress of the ended job.", &progress("cancelled", 1200));
    let about = "Events of the job that wait in the queue are not sent anymore. A job that is done stays as it is.";
    Operation::new("cancelReplay", "Cancels a job of replays", about, answer)
        .part("id", "The `id` of the job.", &job_id())
        .refuses([OFF])
}

fn job_id() -> Value {
    json!({ "type": "string", "pattern": "^[0-9a-f]{16}$" })
}

fn dry_run() -> DryRun {
    let (source, destination) = (EVENT_SOURCE.to_owned(), DESTINATION.to_owned());
    let reason = "the log has no body of it, because of `log_bodies` of its source; ask the provider to send it again";
    DryRun {
        dry_run: true,
        selected: 3000,
        first: Some(AT.to_rfc3339()),
        last: Some(AT.to_rfc3339()),
        until: AT.to_rfc3339(),
        destinations: vec![ToDestination { source, destination, selected: 3000 }],
        delivered: 2000,
        skipped: Skipped { delivered: 2000, ..Skipped::default() },
        cannot: vec![Cannot { source: "letters".to_owned(), reason: reason.to_owned(), count: 2 }],
        seconds: 60,
        token: Some(TOKEN.to_owned()),
        problem: None,
    }
}

fn summary(state: &str, enqueued: u64) -> JobSummary {
    JobSummary {
        id: JOB.to_owned(),
        state: state.to_owned(),
        rate: 50,
        selected: 3000,
        enqueued,
        skipped: 0,
        by: "on-call".to_owned(),
        created: AT.to_rfc3339(),
        ended: (state != "running").then(|| AT.to_rfc3339()),
        problem: None,
    }
}

fn progress(state: &str, enqueued: u64) -> Progress {
    Progress { job: summary(state, enqueued), delivered: enqueued, failed: 0 }
}

/// The body. Its members are the parameters of the list of events, and the options of a job.
fn body() -> Value {
    let flag =
        |description: &str, default: bool| json!({ "description": description, "type": "boolean", "default": default });
    let mut members: Map<String, Value> =
        EventFilter::NAMES.into_iter().map(|name| (name.to_owned(), member(name))).collect();
    members.extend([
        ("dry_run".to_owned(), flag("Whether the call only counts the events. `false` needs a `token`.", true)),
        ("include_delivered".to_owned(), flag("Also events that were delivered before.", false)),
        ("include_retrying".to_owned(), flag("Also events whose attempts still go on. They may come twice.", false)),
        (
            "rate".to_owned(),
            json!({
                "description": "How many events the job sends in a second.",
                "type": "integer", "minimum": 1, "maximum": LARGEST_RATE, "default": DEFAULT_RATE,
            }),
        ),
        (
            "token".to_owned(),
            json!({
                "description": "The `token` of the dry run.",
                "type": "string", "pattern": "^[0-9]{1,15}-[0-9a-f]{32}$",
            }),
        ),
    ]);
    let schema = json!({ "type": "object", "properties": members, "additionalProperties": false });
    let example =
        json!({ "source": "billing", "state": ["dead", "retrying"], "rate": 50, "since": "2026-01-15T12:00:00Z" });
    json!({
        "required": false,
        "description": "What to send. An empty body asks for the dry run of all events that were not delivered.",
        "content": { "application/json": { "schema": schema, "example": example } },
    })
}

/// The parameter `name` of the list as a member of the body. A number is a text of its digits. A list has the names that the
/// parameter has with commas.
fn member(name: &str) -> Value {
    let parameter = in_filter(name);
    let mut one = vec![json!(parameter.get("schema")), json!({ "type": "number" })];
    if LISTS.contains(&name) {
        let item = json!({ "anyOf": [{ "type": "string", "pattern": "^[^,]*$" }, { "type": "number" }] });
        one.push(json!({ "type": "array", "minItems": 1, "maxItems": MOST_NAMES, "items": item }));
    }
    json!({ "description": parameter.get("description"), "anyOf": one })
}
