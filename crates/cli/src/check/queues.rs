//! Checks the queues of one Worker: no event may be lost in them or circulate without end.

use super::super::project::Project;
use super::Finding;
use hookgate::config::{Config, Deliver};
use hookgate_verify::grammar::span;

use hookgate::retry;
use serde_json::Value;
use std::time::Duration;

/// The number of retries of the schedule in `hookgate::retry`: about ten hours.
const EVENT_RETRIES: u64 = 50;
/// If the stores fail, a dead letter is retried for most of its queue's retention.
const LETTER_RETRIES: u64 = 100;
/// The default number of retries (Cloudflare Queues, `max_retries`).
const DEFAULT_RETRIES: u64 = 3;

/// The queues of one Worker: its producers and its consumers.
pub struct QueueSettings<'p> {
    pub events: Option<&'p str>,
    pub dead: Option<&'p str>,
    pub consumers: Vec<Consumer<'p>>,
    /// The full key of the consumers' tables, such as `queues.consumers`.
    head: String,
}

/// One consumer.
pub struct Consumer<'p> {
    pub queue: &'p str,
    pub dead_letters: Option<&'p str>,
    /// `None` if the file has something other than a number.
    retries: Option<u64>,
}

impl<'p> QueueSettings<'p> {
    /// Reads the queues from the file. A pull consumer is left out, because its messages do not go to the Worker.
    pub fn of(project: &'p Project) -> Self {
        let pushed = |table: &&Value| table.get("type").is_none_or(|kind| kind == "worker");
        let consumers = project.list("/queues/consumers").filter(pushed).filter_map(|table| {
            let text = |key: &str| table.get(key).and_then(Value::as_str);
            let retries = table.get("max_retries").map_or(Some(DEFAULT_RETRIES), Value::as_u64);
            Some(Consumer { queue: text("queue")?, dead_letters: text("dead_letter_queue"), retries })
        });
        Self {
            events: project.queue("EVENTS"),
            dead: project.queue("DEAD"),
            consumers: consumers.collect(),
            head: project.head("queues.consumers"),
        }
    }

    fn consumer(&self, queue: &str) -> Option<&Consumer<'p>> {
        self.consumers.iter().find(|consumer| consumer.queue == queue)
    }

    /// The mistakes in the queues.
    pub fn findings(&self, config: &Config) -> Vec<Finding> {
        let used = is_used(config);
        let mut found = self.confusions();
        if self.events.is_some() && self.events == self.dead {
            return found; // the other findings would name this one queue twice
        }
        if let Some(events) = self.events {
            match self.consumer(events) {
                Some(consumer) => found.extend(self.mistakes_of_events(consumer)),
                None if used => found.push(Finding::Warning(format!(
                    "no [[{}]] consumes {events:?}, so nothing forwards its events, unless another Worker does",
                    self.head
                ))),
                None => {}
            }
        }
        if let Some(dead) = self.dead {
            match self.consumer(dead) {
                Some(consumer) => found.extend(self.mistakes_of_letters(consumer, config.retention)),
                None => {
                    let text = format!(
                        "no [[{}]] consumes {dead:?}, so dead letters are not stored, and expire within days; add one",
                        self.head
                    );
                    // If another Worker consumes the events, it may consume the dead letters too.
                    match self.events.and_then(|events| self.consumer(events)) {
                        Some(_) => found.push(Finding::Fail(text)),
                        None if used => found.push(Finding::Warning(text)),
                        None => {}
                    }
                }
            }
        }
        found
    }

    /// Queues with two purposes, with two consumers, or without a producer.
    fn confusions(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        if let (Some(events), true) = (self.events, self.events == self.dead) {
            found.push(Finding::Fail(format!(
                "EVENTS and DEAD both send to {events:?}, so dead letters would be forwarded as events, or events kept as \
                 dead letters; give DEAD a queue of its own"
            )));
        }
        for (at, Consumer { queue, retries, .. }) in self.consumers.iter().enumerate() {
            if retries.is_none() {
                found.push(Finding::Fail(format!(
                    "the consumer of {queue:?} has a max_retries that is not a number from 0; write it as a number"
                )));
            }
            if Some(*queue) != self.events && Some(*queue) != self.dead {
                found.push(Finding::Fail(format!(
                    "a [[{}]] consumes {queue:?}, but neither EVENTS nor DEAD sends to it, so its messages would count \
                     as events; remove the consumer, or name the queue in [[{}]]",
                    self.head,
                    self.head.replace("consumers", "producers")
                )));
            }
            if self.consumers.iter().take(at).any(|earlier| earlier.queue == *queue) {
                found.push(Finding::Fail(format!("two [[{}]] consume {queue:?}; remove one", self.head)));
            }
        }
        found
    }

    fn mistakes_of_events(&self, consumer: &Consumer<'_>) -> Vec<Finding> {
        let queue = consumer.queue;
        let wanted = self.dead.unwrap_or("hookgate-dead");
        let mut found = Vec::new();
        match consumer.dead_letters {
            None => found.push(Finding::Fail(format!(
                "the consumer of {queue:?} has no dead_letter_queue, so an event is deleted after its last retry; \
                 set dead_letter_queue = {wanted:?}"
            ))),
            Some(other) if self.dead.is_some_and(|dead| dead != other) => found.push(Finding::Fail(format!(
                "the consumer of {queue:?} has dead_letter_queue = {other:?}, but DEAD sends to {wanted:?}, and the Worker \
                 knows one queue of dead letters; set dead_letter_queue = {wanted:?}"
            ))),
            Some(_) => {}
        }
        if self.dead.is_none() {
            found.push(Finding::Fail(format!(
                "no producer DEAD in [[{}]], so an event that the origin refuses is retried without success, and is lost \
                 after its last retry; add binding = \"DEAD\" with queue = {:?}",
                self.head.replace("consumers", "producers"),
                consumer.dead_letters.unwrap_or(wanted)
            )));
        }
        if let Some(retries) = consumer.retries.filter(|retries| *retries < EVENT_RETRIES) {
            found.push(Finding::Warning(format!(
                "the consumer of {queue:?} has max_retries = {}, so an event is dead {} after its first failure; \
                 hookgate's delays are for {EVENT_RETRIES} retries",
                retries,
                span::shown(retried_for(retries, |attempt| retry::backoff(attempt, 0)))
            )));
        }
        found
    }

    fn mistakes_of_letters(&self, consumer: &Consumer<'_>, retention: Duration) -> Vec<Finding> {
        let queue = consumer.queue;
        let mut found = Vec::new();
        match consumer.dead_letters {
            Some(next) if next == queue || Some(next) == self.events => found.push(Finding::Fail(format!(
                "the consumer of {queue:?} has dead_letter_queue = {next:?}, so a dead letter that cannot be stored would \
                 circulate without end; remove it"
            ))),
            _ => {}
        }
        if let Some(retries) = consumer.retries.filter(|retries| *retries < LETTER_RETRIES) {
            found.push(Finding::Warning(format!(
                "the consumer of {queue:?} has max_retries = {}, so a dead letter is lost if the stores fail for \
                 {}; set {LETTER_RETRIES}",
                retries,
                span::shown(retried_for(retries, |attempt| retry::letter_backoff(attempt, retention)))
            )));
        }
        found
    }

    /// A DEAD_QUEUE that is not the queue of the producer DEAD.
    pub fn contradictions(&self, config: &Config) -> Option<Finding> {
        let said = config.dead_queue.as_deref()?;
        if self.dead == Some(said) {
            return None;
        }
        let sends = self.dead.map_or("there is no producer DEAD".to_owned(), |dead| format!("DEAD sends to {dead:?}"));
        Some(Finding::Fail(format!(
            "DEAD_QUEUE is {said:?}, but {sends}; write the same queue in both, or remove DEAD_QUEUE"
        )))
    }
}

/// A line about the queues, if events go through them.
pub fn summary(project: &Project, config: &Config) -> Option<String> {
    let events = project.queue("EVENTS").filter(|_| is_used(config))?;
    let dead = project.queue("DEAD").map_or_else(String::new, |dead| format!(", dead letters in {dead:?}"));
    let why = if project.is_variable("QUEUE_RETENTION") { "as" } else { "unless" };
    let otherwise = if why == "unless" { " otherwise" } else { "" };
    Some(format!(
        "queues: events in {events:?}{dead}; each is kept there for {}, {why} QUEUE_RETENTION says{otherwise}",
        span::shown(config.retention)
    ))
}

/// Whether any source's events go through the queue.
pub fn is_used(config: &Config) -> bool {
    config.sources().any(|(_, source)| source.is_ok_and(|source| matches!(source.deliver, Deliver::Queue(_))))
}

/// The time that `retries` retries take, each after its `delay`.
fn retried_for(retries: u64, delay: impl Fn(u32) -> Duration) -> Duration {
    (1..=u32::try_from(retries).unwrap_or(u32::MAX).min(100)).map(delay).sum()
}
