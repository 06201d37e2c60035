//! Which of the two queues a batch comes from. The Worker does not know the names of its queues, because each account and
//! each environment has other names. So it learns them.
//!
//! A dead letter from the gateway has a mark: it shows the name of the dead letters' queue. A message that the queue gave up
//! has no mark. So for an unknown name, the Worker sends a probe through its producer `DEAD` and sees in which queue the
//! probe arrives. Until then, a message without the mark is an event: a dead one gets one more attempt, and waits.

use super::ports::{Local, Notes, Outbox, PortError, Ports};
use crate::config::Config;
use hookgate_verify::UnixTime;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The most queues that an isolate remembers. No Worker consumes so many.
const MOST: usize = 16;
/// The TTL of a role in KV. After it, the Worker learns a role that has changed.
const KNOWN: Duration = Duration::from_secs(2 * 24 * 3600);
/// How long an isolate remembers a role.
const REMEMBERED: Duration = Duration::from_secs(3600);
/// After this time without an answer, the Worker sends another probe.
const PROBE_LOST: Duration = Duration::from_secs(600);
/// How long an isolate waits before it reads again whether the probe has arrived.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// The role of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueRole {
    /// The queue has events.
    Events,
    /// The queue has dead letters.
    DeadLetters,
    /// Unknown until the probe arrives.
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
        [Self::Events, Self::DeadLetters, Self::Unknown].into_iter().find(|role| role.text() == text)
    }
}

/// The roles of queues by name that an isolate has learnt, and when.
#[derive(Debug, Default)]
pub struct QueueRoles(Vec<(String, QueueRole, UnixTime)>);

impl QueueRoles {
    fn role(&self, queue: &str, now: UnixTime) -> Option<QueueRole> {
        let (_, role, since) = self.0.iter().find(|(name, ..)| name == queue)?;
        let ttl = if *role == QueueRole::Unknown { LOOK_AGAIN } else { REMEMBERED };
        (since.until(now) < ttl).then_some(*role)
    }

    fn learn(&mut self, queue: &str, role: QueueRole, now: UnixTime) {
        self.0.retain(|(name, ..)| name != queue);
        self.0.truncate(MOST.saturating_sub(1));
        self.0.insert(0, (queue.to_owned(), role, now));
    }
}

/// A message from the Worker to itself. It shows in which queue such a message arrives.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Probe {
    /// The queue whose role is unknown.
    hookgate_probe: String,
}

/// The queue for which the probe `message` was sent. `None` if `message` is not a probe.
pub fn parse_probe(message: &str) -> Option<String> {
    // The prefix saves reading each large message as JSON. No event has this prefix.
    let probe =
        message.starts_with("{\"hookgate_probe\"").then(|| serde_json::from_slice::<Probe>(message.as_bytes()).ok());
    probe.flatten().map(|probe| probe.hookgate_probe)
}

/// The role of `queue`. If it is unknown, a probe is sent. The second value is the error of a failed note or probe: the role
/// is [`QueueRole::Unknown`] then, and another probe follows.
pub async fn role<P: Ports>(
    queue: &str,
    config: Option<&Config>,
    ports: &P,
    now: UnixTime,
) -> (QueueRole, Result<(), PortError>) {
    if let Some(dead) = config.and_then(|config| config.dead_queue.as_ref()) {
        return (if dead == queue { QueueRole::DeadLetters } else { QueueRole::Events }, Ok(()));
    }
    let queues = &ports.isolate().queues;
    if let Some(role) = queues.borrow().role(queue, now) {
        return (role, Ok(()));
    }
    let (role, noted) = match noted_role(queue, ports).await {
        Ok(role) => (role, Ok(())),
        Err(error) => (QueueRole::Unknown, Err(error)),
    };
    queues.borrow_mut().learn(queue, role, now);
    (role, noted)
}

/// The role of `queue` in KV. If there is no role, or it cannot be read, a probe is sent.
async fn noted_role(queue: &str, ports: &(impl Notes + Outbox)) -> Result<QueueRole, PortError> {
    let note = ports.note(&name_of(queue)).await;
    if let Ok(Some(text)) = &note
        && let Some(role) = QueueRole::parse(text)
    {
        return Ok(role);
    }
    send_probe(queue, ports).await?;
    note.map(|_| QueueRole::Unknown)
}

async fn send_probe(queue: &str, ports: &(impl Notes + Outbox)) -> Result<(), PortError> {
    let probe = Probe { hookgate_probe: queue.to_owned() };
    let text = serde_json::to_string(&probe).map_err(|error| PortError(error.to_string()))?;
    ports.send_to_dead_letters(&text).await?;
    ports.put_note(&name_of(queue), QueueRole::Unknown.text(), PROBE_LOST).await
}

/// Learns that `queue` is the dead letters' queue, because a dead letter from the gateway arrived in it.
pub async fn learn_dead_letters_queue<P: Ports>(queue: &str, ports: &P, now: UnixTime) -> Result<(), PortError> {
    let known = ports.isolate().queues.borrow().role(queue, now);
    if known == Some(QueueRole::DeadLetters) { Ok(()) } else { learn(queue, QueueRole::DeadLetters, ports, now).await }
}

/// Learns from the probe for `asker`, which arrived in `queue`.
pub async fn probe_arrived<P: Ports>(asker: &str, queue: &str, ports: &P, now: UnixTime) -> Result<(), PortError> {
    learn(queue, QueueRole::DeadLetters, ports, now).await?;
    if asker == queue { Ok(()) } else { learn(asker, QueueRole::Events, ports, now).await }
}

async fn learn(queue: &str, role: QueueRole, ports: &(impl Notes + Local), now: UnixTime) -> Result<(), PortError> {
    ports.isolate().queues.borrow_mut().learn(queue, role, now);
    ports.put_note(&name_of(queue), role.text(), KNOWN).await
}

fn name_of(queue: &str) -> String {
    format!("queue/{queue}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::OutgoingMessage;
    use std::cell::RefCell;

    /// Ports whose notes cannot be read.
    #[derive(Default)]
    struct Unreadable(RefCell<Vec<String>>);

    impl Notes for Unreadable {
        async fn note(&self, _name: &str) -> Result<Option<String>, PortError> {
            Err(PortError("KV is down".to_owned()))
        }

        async fn put_note(&self, _name: &str, _text: &str, _ttl: Duration) -> Result<(), PortError> {
            Ok(())
        }
    }

    impl Outbox for Unreadable {
        async fn enqueue(&self, _message: &OutgoingMessage<'_>) -> Result<(), PortError> {
            Ok(())
        }

        async fn enqueue_later(&self, _message: &str, _delay: Duration) -> Result<(), PortError> {
            Ok(())
        }

        async fn send_to_dead_letters(&self, message: &str) -> Result<(), PortError> {
            self.0.borrow_mut().push(message.to_owned());
            Ok(())
        }
    }

    #[test]
    fn a_role_that_cannot_be_read_is_an_error_after_the_probe() {
        let ports = Unreadable::default();
        let role = pollster::block_on(noted_role("in", &ports));
        assert_eq!(role, Err(PortError("KV is down".to_owned())));
        assert_eq!(ports.0.take(), [r#"{"hookgate_probe":"in"}"#]);
    }
}
