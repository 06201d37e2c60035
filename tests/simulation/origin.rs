//! The application behind the gateway. It processes an event, refuses it, resets the connection, or answers late.

use super::executor::{Millis, WORLD};
use super::gate::Gate;
use super::jobs;
use super::sources::SOURCES;
use super::story::{Kind, Side, Story};
use super::world::World;
use hookgate::message::AttemptRequest;
use hookgate::pipeline::ports::{DestinationAnswer, Fetched, Http, PortError};
use hookgate::retry::RetryAfter;
use std::rc::Rc;
use std::time::Duration;

/// The destination's behaviour for one forward.
enum Does {
    Processes,
    Answers(u16, Option<RetryAfter>),
    RefusesConnection,
    ResetsBefore,
    ResetsAfter,
    Dawdles,
}

fn does(world: &World, story: &Story) -> Does {
    let random = &world.exec.random;
    let faults = &world.faults.origin;
    if let Some(status) = story.refused.get() {
        return Does::Answers(status, None);
    }
    if world.strikes(faults.refused_connection) {
        Does::RefusesConnection
    } else if world.strikes(faults.failing) {
        Does::Answers(500, None)
    } else if world.strikes(faults.busy) {
        Does::Answers(429, Some(RetryAfter::Delay(Duration::from_secs(random.between(1, 120)))))
    } else if world.strikes(faults.reset_before) {
        Does::ResetsBefore
    } else if world.strikes(faults.reset_after) {
        Does::ResetsAfter
    } else if world.strikes(faults.slow) {
        Does::Dawdles
    } else {
        Does::Processes
    }
}

impl Http for Gate {
    async fn published(&self, url: &str) -> Result<Fetched, PortError> {
        Err(PortError(format!("this simulation publishes no keys at {url}")))
    }

    async fn send(
        &self,
        forward: AttemptRequest<'_>,
        stored: Option<Vec<u8>>,
        timeout: Duration,
    ) -> Result<DestinationAnswer, PortError> {
        let story = self.addressee(&forward, stored.as_deref().unwrap_or(forward.body))?;
        let answer = self.exchange(&story, timeout).await;
        let is_queued = self.handling.side == Side::Consumer;
        self.world.ledger.borrow_mut().attempted(story.source, is_queued, &answer);
        answer
    }
}

impl Gate {
    /// One exchange with the destination of `story`.
    async fn exchange(&self, story: &Rc<Story>, timeout: Duration) -> Result<DestinationAnswer, PortError> {
        let world = &self.world;
        let (handling, act) = (Rc::clone(&self.handling), self.handling.begin(Kind::Exchange, world.exec.now()));
        self.note("forward, redrive:", u64::from(handling.envelope.redrive));
        jobs::attempted(world, story, &handling.envelope);
        self.pause().await;
        let process = {
            let (world, story, handling) = (Rc::clone(world), Rc::clone(story), Rc::clone(&handling));
            move || {
                handling.done(act);
                story.note(world.exec.now(), "origin processes it, so far:", story.processed() as u64);
                story.delivered_bodies.borrow_mut().extend(handling.envelope.body.clone());
                jobs::delivered(&world, &handling.envelope);
                if story.is_repeated() {
                    world.violated("2: processed twice without an ambiguous exchange", Some(&story));
                }
            }
        };
        match does(world, story) {
            Does::Processes => {
                let (before, after) = world.dawdling(timeout.as_millis() as Millis);
                world.exec.sleep(before).await;
                process();
                world.exec.sleep(after).await;
                self.pause().await;
                return Ok(DestinationAnswer { status: 200, retry_after: None });
            }
            Does::Answers(status, retry_after) => {
                self.pause().await;
                self.note("origin answers", u64::from(status));
                handling.failed(act);
                return Ok(DestinationAnswer { status, retry_after });
            }
            Does::RefusesConnection => {
                handling.failed(act);
                return Err(PortError("simulated: connection refused".to_owned()));
            }
            Does::ResetsBefore => self.pause().await,
            Does::ResetsAfter => {
                process();
                self.pause().await;
            }
            Does::Dawdles => {
                let timeout = timeout.as_millis() as Millis;
                let (later, delay) = (Rc::clone(world), timeout + world.exec.random.below(timeout));
                world.exec.spawn(WORLD, async move {
                    later.exec.sleep(delay).await;
                    process();
                });
                world.exec.sleep(timeout).await;
            }
        }
        self.note("origin's answer lost; act", act.unwrap_or_default() as u64);
        handling.lost(act);
        Err(PortError("simulated: no answer".to_owned()))
    }

    /// The event of `forward`. Checks its key and its body.
    fn addressee(&self, forward: &AttemptRequest<'_>, body: &[u8]) -> Result<Rc<Story>, PortError> {
        let world = &self.world;
        let story = self.handling.story.clone().ok_or_else(|| PortError("a forward of no event".to_owned()))?;
        if self.held.get() {
            world.violated("11: an attempt for a paused source", Some(&story));
        }
        if self.untrusted {
            world.violated("4: an untrusted request reaches the origin", Some(&story));
        }
        let key = forward.headers.iter().find(|(name, _)| name == "idempotency-key").map(|(_, key)| key.as_str());
        let key = key.unwrap_or_default();
        if SOURCES[story.source] == ("none", "origin") && !story.has_key(key) {
            story.keys.borrow_mut().insert(key.to_owned());
        }
        if !story.has_key(key) || *body != *story.body {
            world.violated("6: other bytes reach the origin", Some(&story));
        }
        Ok(story)
    }
}
