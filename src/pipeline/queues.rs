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
pub enum QueueRole {
    /// Its messages are events on their way.
    Events,
    /// Its messages are dead letters.
    DeadLetters,
    /// A probe is under way that will tell.
    Unknown,
}

impl QueueRole {
    fn text(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::DeadLetters => "dead letters",
            Self::Unknown => "asked",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Events, Self::DeadLetters, Self::Unknown].into_iter().find(|part| part.text() == text)
    }
}

/// What an isolate knows of queues by their names, and since when.
#[derive(Debug, Default)]
pub struct QueueRoles(Vec<(String, QueueRole, UnixTime)>);

impl QueueRoles {
    fn part(&self, queue: &str, now: UnixTime) -> Option<QueueRole> {
        let (_, part, since) = self.0.iter().find(|(name, ..)| name == queue)?;
        let believed = if *part == QueueRole::Unknown { LOOK_AGAIN } else { BELIEVED };
        (since.until(now) < believed).then_some(*part)
    }

    fn learn(&mut self, queue: &str, part: QueueRole, now: UnixTime) {
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
pub fn parse_probe(message: &str) -> Option<String> {
    // No event begins like this, and most messages are large.
    let probe =
        message.starts_with("{\"hookgate_probe\"").then(|| serde_json::from_slice::<Probe>(message.as_bytes()).ok());
    probe.flatten().map(|probe| probe.hookgate_probe)
}

/// The part of `queue`. Where it is unknown, a probe is sent.
pub async fn part<P: Ports>(queue: &str, config: Option<&Config>, ports: &P, now: UnixTime) -> QueueRole {
    if let Some(dead) = config.and_then(|config| config.dead_queue.as_ref()) {
        return if dead == queue { QueueRole::DeadLetters } else { QueueRole::Events };
    }
    let queues = &ports.isolate().queues;
    if let Some(part) = queues.borrow().part(queue, now) {
        return part;
    }
    let noted = ports.note(&name_of(queue)).await.unwrap_or(None);
    let part = match noted.as_deref().and_then(QueueRole::parse) {
        Some(part) => part,
        None => send_probe(queue, ports).await,
    };
    queues.borrow_mut().learn(queue, part, now);
    part
}

async fn send_probe(queue: &str, ports: &(impl Notes + Outbox)) -> QueueRole {
    let probe = Probe { hookgate_probe: queue.to_owned() };
    let text = serde_json::to_string(&probe);
    if let Ok(text) = text
        && ports.send_to_dead_letters(&text).await.is_ok()
    {
        // Where this fails, another isolate asks once more.
        let _ = ports.put_note(&name_of(queue), QueueRole::Unknown.text(), ASKED).await;
    }
    QueueRole::Unknown
}

/// A message that the Worker buried arrived in `queue`: its name is that of the queue of dead letters.
pub async fn learn_dead_letters_queue<P: Ports>(queue: &str, ports: &P, now: UnixTime) -> Result<(), PortError> {
    let known = ports.isolate().queues.borrow().part(queue, now);
    if known == Some(QueueRole::DeadLetters) { Ok(()) } else { learn(queue, QueueRole::DeadLetters, ports, now).await }
}

/// The probe for `asker` arrived in `queue`.
pub async fn probe_arrived<P: Ports>(asker: &str, queue: &str, ports: &P, now: UnixTime) -> Result<(), PortError> {
    learn(queue, QueueRole::DeadLetters, ports, now).await?;
    if asker == queue { Ok(()) } else { learn(asker, QueueRole::Events, ports, now).await }
}

async fn learn(queue: &str, part: QueueRole, ports: &(impl Notes + Local), now: UnixTime) -> Result<(), PortError> {
    ports.isolate().queues.borrow_mut().learn(queue, part, now);
    ports.put_note(&name_of(queue), part.text(), KNOWN).await
}

fn name_of(queue: &str) -> String {
    format!("queue/{queue}")
}
