//! What the document says of each route: texts for people, parameters, examples, and the refusals of the route itself.
//! A route without an entry does not compile.

mod numbers;
mod pauses;
mod replays;

use super::operation::{Operation, Schemas};
use super::parameters::{digest, limit, of_filter, of_letters, query, required, source};
use crate::audit::AuditEntry;
use crate::config::ConfigError;
use crate::health::Health;
use crate::letter::{Group, Groups, Letter, Selection};
use crate::log::{AttemptDetail, EventDetail, EventPage, EventSummary};
use crate::operate::audit::AuditPage;
use crate::operate::dead_letters::{self, DeadLetterPage, Redriven};
use crate::operate::handshakes::Installed;
use crate::operate::keys::Forgotten;
use crate::operate::routes::Endpoint;
use crate::operate::test_event::{self, TestReport, WantedTest};
use crate::operate::{audit, events};
use crate::pipeline::refusal::Refusal;
use hookgate_verify::UnixTime;
use serde_json::{Value, json};

/// The time of the examples: 2026-01-15T12:30:00Z.
const AT: UnixTime = UnixTime::from_seconds(1_768_480_200);
/// The deduplication key of the examples.
pub const KEY: &str = "3f29a1c8e07b4d5692fe10ab37c6d8450918273645afbecd1029384756abcdef";
/// The id of an event in this API, of the examples.
const EVENT: &str = "1768480200-3f29a1c8e07b4d5692fe10ab7d0c1b2a";
/// The source of the examples.
const EVENT_SOURCE: &str = "billing";
/// The id of a dead letter of the examples.
const LETTER: &str = "5f0c2b7d91e84a36b0d7c5e2f3a4968175c3d2e1f0a9b8c7d6e5f4a3b2c1d0e9";

const OFF: Refusal = Refusal::Off { binding: "LOG" };

fn misconfigured() -> Refusal {
    Refusal::Misconfigured(ConfigError { key: String::new(), problem: String::new() })
}

/// What the document says of `endpoint`.
pub fn of(endpoint: Endpoint, schemas: &mut Schemas) -> Operation {
    match endpoint {
        Endpoint::Alerts => numbers::list_alerts(schemas),
        Endpoint::Acknowledge => numbers::acknowledge(schemas),
        Endpoint::TestAlerts => numbers::test_alerts(schemas),
        Endpoint::Audit => list_audit(schemas),
        Endpoint::Caller => numbers::caller(schemas),
        Endpoint::DeadLetters => list_dead_letters(schemas),
        Endpoint::DeadLetterGroups => count_dead_letters(schemas),
        Endpoint::RedriveAll => redrive_all(schemas),
        Endpoint::RedriveOne => redrive_one(schemas),
        Endpoint::Events => list_events(schemas),
        Endpoint::Event => one_event(schemas),
        Endpoint::Replay => replays::one(schemas),
        Endpoint::Handshake => handshake(schemas),
        Endpoint::ForgetKey => forget_key(schemas),
        Endpoint::Metrics => numbers::metrics(),
        Endpoint::Pause => pauses::pause(schemas),
        Endpoint::Resume => pauses::resume(schemas),
        Endpoint::Refused => numbers::list_refused(schemas),
        Endpoint::ReplayJobs => replays::list(schemas),
        Endpoint::ReplayMany => replays::many(schemas),
        Endpoint::ReplayJob => replays::job(schemas),
        Endpoint::CancelReplay => replays::cancel(schemas),
        Endpoint::Sources => numbers::list_sources(schemas),
        Endpoint::Source => numbers::one_source(schemas),
        Endpoint::Test => test(schemas),
        Endpoint::Stats => numbers::stats(schemas),
    }
}

/// `GET /healthz`, which is not a route of `/api`.
pub fn health(schemas: &mut Schemas) -> Operation {
    let config = Err(ConfigError { key: String::new(), problem: String::new() });
    let answer = schemas.ok("The state of the configuration.", &Health::of(&config, AT));
    let about = "It reads no store. A call with a token also gets the name of each source.";
    let operation = Operation::new("getHealth", "Says whether the configuration is usable", about, answer);
    let refused = [Refusal::Unauthorized(""), Refusal::TooMany { because: "unauthorized" }];
    Operation { needs_no_token: true, ..operation.refuses(refused) }
}

fn list_audit(schemas: &mut Schemas) -> Operation {
    let entry = AuditEntry::new(AT, 7, "on-call", "redrive", LETTER, "");
    let before = entry.id.clone();
    let answer = schemas.ok("A page of the audit.", &AuditPage { audit: vec![entry], next: None });
    let about = "Each entry is stored before its change is made. So no change is without an entry, and an entry may be \
                 there without its change.";
    let id = json!({ "type": "string", "pattern": "^[0-9a-f]{26}$" });
    Operation::new("listAudit", "Lists who changed what, the newest change first", about, answer)
        .query([query("before", "The `next` of the page before.", &id, before), limit(audit::MOST, audit::MOST)])
        .refuses([OFF])
}

fn list_dead_letters(schemas: &mut Schemas) -> Operation {
    let letter = Letter {
        id: LETTER.to_owned(),
        redrives: 0,
        source: EVENT_SOURCE.to_owned(),
        event_id: "evt_1".to_owned(),
        event_type: "invoice.paid".to_owned(),
        key: KEY.to_owned(),
        received: AT.to_rfc3339(),
        died: AT,
        reason: String::from("the origin answered 410"),
        bytes: 512,
        payload: None,
        expires: AT.plus(crate::letter::KEPT),
        message: String::new(),
    };
    let answer = schemas.ok("A page of dead letters.", &DeadLetterPage { dead_letters: vec![letter] });
    let about = "An event whose attempts ran out, or that its destination refused, is a dead letter. Dead letters are kept \
                 for 30 days.";
    let id = json!({ "type": "string" });
    let parameters = [
        query("after", "The id of the last letter of the page before.", &id, LETTER),
        limit(Selection::MOST, Selection::MOST),
    ];
    Operation::new("listDeadLetters", "Lists dead letters, the oldest first", about, answer)
        .query(of_letters().into_iter().chain(parameters))
        .refuses([OFF])
}

fn count_dead_letters(schemas: &mut Schemas) -> Operation {
    let group = Group {
        source: EVENT_SOURCE.to_owned(),
        reason: String::from("the origin answered 410"),
        count: 42,
        oldest: AT,
        newest: AT,
    };
    let answer = schemas.ok("The numbers.", &Groups { groups: vec![group], letters: 42, complete: true });
    let about =
        "What a redrive with the same filter would send: the letters that are not redriven, by source and reason.";
    Operation::new("countDeadLetters", "Counts dead letters by source and reason", about, answer)
        .query(of_letters())
        .refuses([OFF])
}

fn redrive_all(schemas: &mut Schemas) -> Operation {
    let answer = schemas.ok("What the redrive did.", &Redriven { redriven: 42, failed: 0 });
    let about = "The letters go back into the queue, the oldest first, at most 100 in one call. An empty body selects all \
                 letters.";
    let example = json!({ "source": "billing", "reason": "the origin answered 410", "limit": 100 });
    Operation::new("redriveDeadLetters", "Redrives the dead letters that a filter selects", about, answer)
        .body(schemas.body::<Selection>(false, "The filter.", &example))
        .refuses([OFF, Refusal::BodyTooLarge { limit: dead_letters::MAX_BODY }])
}

fn redrive_one(schemas: &mut Schemas) -> Operation {
    let answer = schemas.ok("The letter is in the queue again.", &Redriven { redriven: 1, failed: 0 });
    let about = "The letter goes back into the queue, and is delivered like any event. The answer is 404 while another \
                 redrive has the letter.";
    Operation::new("redriveDeadLetter", "Redrives one dead letter", about, answer)
        .part("id", "The id of the letter.", &digest())
        .refuses([OFF])
}

/// An event that was delivered at its first attempt.
fn event() -> EventSummary {
    EventSummary {
        id: EVENT.to_owned(),
        source: EVENT_SOURCE.to_owned(),
        state: "delivered".to_owned(),
        reason: None,
        event_id: "evt_1".to_owned(),
        event_type: "invoice.paid".to_owned(),
        received: AT.to_rfc3339(),
        updated: AT.to_rfc3339(),
        bytes: 33,
        attempts: 1,
        status: Some(200),
        destination: Some("https://app.example.com/billing".to_owned()),
        next_attempt: None,
        delivered: Some(AT.to_rfc3339()),
        duplicates: 0,
    }
}

fn list_events(schemas: &mut Schemas) -> Operation {
    let next = EVENT.to_owned();
    let answer = schemas.ok("A page of events.", &EventPage { events: vec![event()], next: Some(next.clone()) });
    let about = "Every parameter must fit. A parameter that names several values has them with commas, at most 20. One call \
                 looks at a bounded number of events: a page may be short or empty, and have a `next`.";
    let cursor = event_id();
    let parameters =
        [query("cursor", "The `next` of the page before.", &cursor, next), limit(events::LARGEST_PAGE, events::PAGE)];
    Operation::new("listEvents", "Lists the events of the log, the newest event first", about, answer)
        .query(of_filter().into_iter().chain(parameters))
        .refuses([OFF])
}

fn one_event(schemas: &mut Schemas) -> Operation {
    let attempt = AttemptDetail {
        number: 1,
        at: AT.to_rfc3339(),
        destination: "https://app.example.com/billing".to_owned(),
        status: Some(200),
        ms: 87,
        error: None,
        next_attempt: None,
        redrive: 0,
        replay: None,
    };
    let detail = EventDetail {
        summary: event(),
        why: "The destination accepted the event at 2026-01-15T12:30:00Z, after 1 attempt. The last one took 87 ms."
            .to_owned(),
        history: vec![attempt],
        key: KEY.to_owned(),
        provider: "stripe".to_owned(),
        trace: Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned()),
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        kept: "exact".to_owned(),
        body: Some(r#"{"id":"evt_1","type":"invoice.paid"}"#.to_owned()),
        body_base64: None,
        payload: None,
    };
    let answer = schemas.ok("The event.", &detail);
    let about = "What happened and why, every attempt, the headers, and the body if the log has it.";
    let flag = json!({ "type": "string", "enum": ["true", "false"], "default": "true" });
    let body = "Whether to read the body. `false` is for a caller who asks again and again: the answer is the same without `body` \
                and `body_base64`, and R2 is not asked.";
    Operation::new("getEvent", "Tells everything about one event", about, answer)
        .part("id", "The `id` of the event in the list.", &event_id())
        .query([query("body", body, &flag, "false")])
        .refuses([OFF])
}

/// The schema of the id of an event in this API.
fn event_id() -> Value {
    json!({ "type": "string", "pattern": "^(0|[1-9][0-9]{0,9})-[0-9a-f]{32}$" })
}

fn handshake(schemas: &mut Schemas) -> Operation {
    let installed =
        Installed { source: "asana", secret: "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5".to_owned() };
    let answer = schemas.ok("The secret that waits.", &installed);
    let about = "A secret waits for an hour after the handshake. Whoever has it can sign webhooks, so the audit names the \
                 caller.";
    Operation::new("readHandshake", "Reads the secret that a provider sent in a handshake", about, answer).part(
        "source",
        "The name of the source.",
        &source(),
    )
}

fn forget_key(schemas: &mut Schemas) -> Operation {
    let answer = schemas.ok("Whether a key was forgotten.", &Forgotten { forgotten: true });
    let about = "The provider can send the event again then. Exactly one of `id` and `key` is needed. Workers KV may \
                 remember the event for up to a minute more.";
    let id = json!({ "type": "string", "minLength": 1 });
    Operation::new("forgetKey", "Forgets an event, so that its next request is a new event", about, answer)
        .query([
            required(query("source", "The name of the source.", &source(), "billing")),
            query("id", "The id of the event, as in the log.", &id, "evt_1"),
            query("key", "The deduplication key of the event, as in the log.", &digest(), KEY),
        ])
        .refuses([misconfigured()])
}

fn test(schemas: &mut Schemas) -> Operation {
    let report = TestReport {
        source: EVENT_SOURCE.to_owned(),
        kind: test_event::Kind::Good,
        secret: Some("BILLING_SECRET".to_owned()),
        as_expected: None,
        impossible: None,
        notes: Vec::new(),
        requests: Vec::new(),
    };
    let answer = schemas.ok("What became of the requests.", &report);
    let about = "The event is signed as the provider signs, and goes the whole way to the destination, with the header \
                 `hookgate-test: 1`. If the source cannot be tested in this way, `impossible` says why.";
    Operation::new("testSource", "Sends a test event of a source", about, answer)
        .part("name", "The name of the source.", &source())
        .body(schemas.body::<WantedTest>(true, "The test.", &json!({ "kind": "good" })))
        .refuses([misconfigured(), Refusal::BodyTooLarge { limit: test_event::MAX_BODY }])
}
