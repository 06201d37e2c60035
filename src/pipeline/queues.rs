//! Which of the two queues a batch comes from. Nothing in the Worker knows the queues' names: a name is the account's, and
//! every environment has its own. The Worker learns them.
//!
//! What it buries carries a mark, and so shows the name of the queue of dead letters. What the queue gave up by itself
//! carries none. So where a name is unknown, the Worker sends a probe through its producer `DEAD`, and sees in which queue
//! the probe arrives. Until then it takes a message without the mark for an event on its way: one that is dead gets one
//! attempt more, and waits.

use super::ports::{Local, Notes, Outbox, PortError, Ports};
use crate::config::Config;
use hookgate_verify::UnixTime;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// More queues than any Worker consumes.
const MOST: usize = 16;
/// How long a name is known. A queue that takes another part is seen after that.
const KNOWN: Duration = Duration::from_secs(2 * 24 * 3600);
/// How long an isolate believes what it has read.
const BELIEVED: Duration = Duration::from_secs(3600);
/// How soon another probe is sent, where the first one was lost.
const ASKED: Duration = Duration::from_secs(600);
/// How soon it looks again whether a probe has arrived.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// The part that a queue takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Its messages are events on their way.
    Events,
    /// Its messages are dead letters.
    DeadLetters,
    /// A probe is under way that will tell.
    Asked,
}

impl Part {
    fn text(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::DeadLetters => "dead letters",
            Self::Asked => "asked",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Events, Self::DeadLetters, Self::Asked].into_iter().find(|part| part.text() == text)
    }
}

/// What an isolate knows of queues by their names, and since when.
#[derive(Debug, Default)]
pub struct Queues(Vec<(String, Part, UnixTime)>);

impl Queues {
    fn part(&self, queue: &str, now: UnixTime) -> Option<Part> {
        let (_, part, since) = self.0.iter().find(|(name, ..)| name == queue)?;
        let believed = if *part == Part::Asked { LOOK_AGAIN } else { BELIEVED };
        (since.until(now) < believed).then_some(*part)
    }

    fn learn(&mut self, queue: &str, part: Part, now: UnixTime) {
        self.0.retain(|(name, ..)| name != queue);
        self.0.truncate(MOST.saturating_sub(1));
        self.0.insert(0, (queue.to_owned(), part, now));
    }
}

/// A message that the Worker sends to itself, to see in which queue it arrives.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Probe {
    /// The queue whose part was unknown.
    hookgate_probe: String,
}

/// The queue that a probe was sent for, where `message` is one.
pub fn probed(message: &str) -> Option<String> {
    // No event begins like this, and most messages are large.
    let probe =
        message.starts_with("{\"hookgate_probe\"").then(|| serde_json::from_slice::<Probe>(message.as_bytes()).ok());
    probe.flatten().map(|probe| probe.hookgate_probe)
}

/// The part of `queue`. Where it is unknown, a probe is sent.
pub async fn part<P: Ports>(queue: &str, config: Option<&Config>, ports: &P, now: UnixTime) -> Part {
    if let Some(dead) = config.and_then(|config| config.dead_queue.as_ref()) {
        return if dead == queue { Part::DeadLetters } else { Part::Events };
    }
    let queues = &ports.isolate().queues;
    if let Some(part) = queues.borrow().part(queue, now) {
        return part;
    }
    let noted = ports.note(&name_of(queue)).await.unwrap_or(None);
    let part = match noted.as_deref().and_then(Part::parse) {
        Some(part) => part,
        None => ask(queue, ports).await,
    };
    queues.borrow_mut().learn(queue, part, now);
    part
}

async fn ask(queue: &str, ports: &(impl Notes + Outbox)) -> Part {
    let probe = Probe { hookgate_probe: queue.to_owned() };
    let text = serde_json::to_string(&probe);
    if let Ok(text) = text
        && ports.bury(&text).await.is_ok()
    {
        // Where this fails, another isolate asks once more.
        let _ = ports.put_note(&name_of(queue), Part::Asked.text(), ASKED).await;
    }
    Part::Asked
}

/// A message that the Worker buried arrived in `queue`: its name is that of the queue of dead letters.
pub async fn is_of_dead_letters<P: Ports>(queue: &str, ports: &P, now: UnixTime) -> Result<(), PortError> {
    let known = ports.isolate().queues.borrow().part(queue, now);
    if known == Some(Part::DeadLetters) { Ok(()) } else { learn(queue, Part::DeadLetters, ports, now).await }
}

/// The probe for `asker` arrived in `queue`.
pub async fn arrived<P: Ports>(asker: &str, queue: &str, ports: &P, now: UnixTime) -> Result<(), PortError> {
    learn(queue, Part::DeadLetters, ports, now).await?;
    if asker == queue { Ok(()) } else { learn(asker, Part::Events, ports, now).await }
}

async fn learn(queue: &str, part: Part, ports: &(impl Notes + Local), now: UnixTime) -> Result<(), PortError> {
    ports.isolate().queues.borrow_mut().learn(queue, part, now);
    ports.put_note(&name_of(queue), part.text(), KNOWN).await
}

fn name_of(queue: &str) -> String {
    format!("queue/{queue}")
}
