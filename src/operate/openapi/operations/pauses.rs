//! The routes that stop and start the deliveries of a source.

use super::{AT, EVENT_SOURCE, OFF};
use crate::operate::openapi::operation::{Operation, Schemas};
use crate::operate::openapi::parameters::source;
use crate::operate::pauses::{MAX_BODY, PauseState, WantedPause};
use crate::pause::ShownPause;
use crate::pipeline::refusal::Refusal;
use serde_json::json;

/// A pause of the examples.
pub fn shown() -> ShownPause {
    ShownPause {
        since: Some(AT.to_rfc3339()),
        by: Some("on-call".to_owned()),
        reason: Some(String::from("the database moves")),
        configured: false,
    }
}

pub fn pause(schemas: &mut Schemas) -> Operation {
    let answer =
        schemas.ok("The source is paused.", &PauseState { source: EVENT_SOURCE, paused: true, pause: Some(shown()) });
    let about = "Requests are still verified, deduplicated and queued. No attempt is made: the events wait in the queue, \
                 and become dead letters when their time there ends. Attempts of batches that have begun go on. A source \
                 that is paused already keeps its first pause. An empty body gives no reason. A source with \
                 `deliver = \"origin\"` cannot be paused.";
    Operation::new("pauseSource", "Stops the deliveries of a source", about, answer)
        .part("name", "The name of the source.", &source())
        .body(schemas.body::<WantedPause>(false, "Why.", &json!({ "reason": "the database moves" })))
        .refuses([OFF, Refusal::BodyTooLarge { limit: MAX_BODY }])
}

pub fn resume(schemas: &mut Schemas) -> Operation {
    let answer =
        schemas.ok("The source is not paused.", &PauseState { source: EVENT_SOURCE, paused: false, pause: None });
    let about = "Each event that waits is delivered when the queue hands it over again: after a quarter of its age, at \
                 least 5 seconds and at most an hour. A source that is not paused stays so. The API cannot resume a source \
                 that the configuration pauses.";
    Operation::new("resumeSource", "Starts the deliveries of a source again", about, answer)
        .part("name", "The name of the source.", &source())
        .refuses([OFF])
}
