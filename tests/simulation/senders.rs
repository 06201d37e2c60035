//! The senders of requests: providers, forgers, and the operator.

use super::executor::{Millis, WORLD};
use super::gate::Gate;
use super::sources::{SOURCES, Signer, name};
use super::story::{Handling, Side, Story};
use super::world::{DAY, HOUR, Life, MINUTE, SECOND, World};
use super::{invariants, queue};
use hookgate::dedup::DedupKey;
use hookgate::headers::HeaderLines;
use hookgate::pipeline;
use hookgate::pipeline::ports::{BodyError, Request};
use hookgate_verify::Head;
use hookgate_verify::native::Native;
use serde_json::Value;
use std::rc::Rc;
use std::time::Duration;

/// A request.
struct Post {
    world: Rc<World>,
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Head for Post {
    fn header(&self, name: &str) -> Option<String> {
        self.headers.header(name)
    }

    fn method(&self) -> String {
        self.method.to_owned()
    }
}

impl Request for Post {
    fn host(&self) -> String {
        "hooks.example.com".to_owned()
    }

    fn path(&self) -> String {
        self.path.clone()
    }

    fn headers(&self) -> HeaderLines {
        self.headers.iter().collect()
    }

    async fn body(&self, limit: usize) -> Result<Vec<u8>, BodyError> {
        self.world.pause().await;
        if self.world.strikes(self.world.faults.broken) {
            return Err(BodyError::Broken("simulated".to_owned()));
        }
        if self.body.len() > limit { Err(BodyError::TooLarge) } else { Ok(self.body.clone()) }
    }
}

/// Sends `post` to an isolate. The status of the answer, if an answer comes within `patience`.
async fn send(post: Post, story: Option<Rc<Story>>, untrusted: bool, patience: Millis) -> Option<u16> {
    answer(post, story, untrusted, patience).await.map(|(status, _)| status)
}

async fn answer(post: Post, story: Option<Rc<Story>>, untrusted: bool, patience: Millis) -> Option<(u16, String)> {
    let world = Rc::clone(&post.world);
    let life = world.isolate();
    let answer = world.run_in(&life, serve(post, life.clone(), story, untrusted));
    world.exec.wait(answer, patience).await
}

/// A call of the operator.
pub struct Call {
    pub method: &'static str,
    pub path: String,
    /// Null for no body.
    pub body: Value,
}

/// The status and the body of the answer to a call of the operator, if an answer comes.
pub async fn call(world: &Rc<World>, Call { method, path, body }: Call) -> Option<(u16, Value)> {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let post = Post { world: Rc::clone(world), method, path, headers: vec![World::bearer()], body };
    let (status, body) = answer(post, None, false, DAY).await?;
    Some((status, serde_json::from_str(&body).unwrap_or_default()))
}

async fn serve(post: Post, life: Life, story: Option<Rc<Story>>, untrusted: bool) -> (u16, String) {
    let world = &post.world;
    let side = if untrusted { Side::Neither } else { Side::Ingest };
    let gate = Gate::new(world, &life, Handling::new(story.clone(), side, Rc::default()), untrusted);
    gate.note("request, in isolate", life.home);
    let now = gate.now();
    let outcome = hookgate::serve::serve(&post, &life.config, &gate, now).await;
    if outcome.must_write_log {
        let (later, life) = (Rc::clone(world), life.clone());
        world.exec.spawn(life.home, async move {
            later.exec.sleep(5 * SECOND).await;
            queue::write_log(&later, &life).await;
        });
    }
    world.ledger.borrow_mut().answered(&post.path, &outcome);
    let status = outcome.answer.status;
    let reason = outcome.record.and_then(|record| record.reason);
    if reason == Some("in_flight") {
        gate.is_told_in_flight();
    }
    gate.note(reason.unwrap_or("answer:"), u64::from(status));
    gate.ended();
    if let Some(story) = story.filter(|_| !untrusted && status == 200) {
        let filtered = outcome.answer.body.contains("\"filtered\":true");
        if filtered != story.unwanted {
            let what = if filtered { "a wanted event is filtered" } else { "an unwanted event is accepted" };
            world.violated(&format!("9: {what}"), Some(&story));
        }
        if filtered {
            return (status, outcome.answer.body);
        }
        story.accepted.set(true);
        if SOURCES[story.source].0 == "none" {
            story.acceptances.set(story.acceptances.get() + 1);
        }
        invariants::still_somewhere(world, &story, "a request was answered 200");
    }
    (status, outcome.answer.body)
}

/// One event and its senders: the provider, sometimes with copies at the same time and a replay later, and sometimes a
/// forger.
pub async fn event(world: Rc<World>) {
    let random = &world.exec.random;
    world.exec.sleep(random.below(20 * MINUTE)).await;
    let source = random.index(SOURCES.len());
    // Some events are larger than a queue message.
    let filler = "x".repeat(if random.chance(80) { 97_000 } else { random.index(200) });
    let signer = Rc::new(Signer::new(random, &world.configs[0], source, &filler, world.time(0)));
    let story = begin(&world, source, &signer);
    if world.strikes(world.faults.origin.refused_events) {
        story.refused.set(Some([400, 410, 500][random.index(3)]));
    }

    let copies = if random.chance(250) { random.between(2, 3) } else { 1 };
    for _ in 0..copies {
        world.exec.spawn(WORLD, provider(Rc::clone(&world), Rc::clone(&signer), Rc::clone(&story)));
    }
    if random.chance(250) {
        world.exec.spawn(WORLD, forger(Rc::clone(&world), Rc::clone(&signer), Rc::clone(&story)));
    }
    if random.chance(250) {
        world.exec.sleep(random.below(HOUR)).await;
        story.note(world.exec.now(), "replay, after", story.processed() as u64);
        provider(Rc::clone(&world), signer, story).await;
    }
}

/// Begins the story of the event that `signer` sends to `source`.
pub fn begin(world: &World, source: usize, signer: &Signer) -> Rc<Story> {
    let exact = SOURCES[source].0 == "exact";
    let story = Story::new(source, exact, key_of(world, signer), signer.body.clone(), signer.unwanted);
    world.stories.borrow_mut().insert(story.key.clone(), Rc::clone(&story));
    story
}

fn key_of(world: &World, signer: &Signer) -> String {
    let config = world.configs[0].as_ref().as_ref().unwrap();
    let source = config.source(signer.path.trim_start_matches("/webhooks/")).unwrap().unwrap();
    let headers = signer.headers(&signer.body, world.time(0));
    let received = source.verifier.receive(&headers).unwrap();
    let verified = received.verify(&signer.body, world.time(0), &Native).unwrap();
    DedupKey::new(&source.name, verified.identity()).expect("an identity").to_string()
}

/// Sends an event until it is accepted, six times at most. Each request has a new signature.
pub async fn provider(world: Rc<World>, signer: Rc<Signer>, story: Rc<Story>) {
    for delay in [0, 1, 5, 30, 300, 1800] {
        world.exec.sleep(delay * SECOND + world.exec.random.below(SECOND)).await;
        let headers = signer.headers(&signer.body, world.time(0));
        let (method, path, body) = ("POST", signer.path.clone(), signer.body.clone());
        let post = Post { world: Rc::clone(&world), method, path, headers, body };
        let patience = world.exec.random.between(5, 30) * SECOND;
        match send(post, Some(Rc::clone(&story)), false, patience).await {
            Some(200) => return,
            None | Some(503) => {}
            Some(status) => world.violated(&format!("an authentic request is answered {status}"), Some(&story)),
        }
    }
}

/// Sends requests that must be refused: with another body, with the signature of another secret, without a signature, or
/// with an old time.
async fn forger(world: Rc<World>, signer: Rc<Signer>, story: Rc<Story>) {
    let random = &world.exec.random;
    for _ in 0..random.between(1, 3) {
        world.exec.sleep(random.below(MINUTE)).await;
        let now = world.time(0);
        let mut body = signer.body.clone();
        let mut headers = match random.below(4) {
            0 => signer.forged_headers(&body, now),
            1 => Vec::new(),
            2 if signer.ages() => signer.headers(&body, now.minus(Duration::from_secs(random.between(303, 9999)))),
            _ => {
                let headers = signer.headers(&body, now);
                let at = random.index(body.len());
                body[at] ^= 1 << random.below(8);
                headers
            }
        };
        headers.push(("cf-connecting-ip".to_owned(), "203.0.113.7".to_owned()));
        let post = Post { world: Rc::clone(&world), method: "POST", path: signer.path.clone(), headers, body };
        if let Some(status) = send(post, Some(Rc::clone(&story)), true, DAY).await
            && !matches!(status, 401 | 429 | 503)
        {
            world.violated(&format!("4: a forged or stale request is answered {status}"), Some(&story));
        }
    }
}

/// The operator redrives the dead letters.
pub async fn redrive(world: &Rc<World>) {
    let path = "/api/dead-letters/redrive".to_owned();
    call(world, Call { method: "POST", path, body: Value::Null }).await;
}

/// The cron trigger's sweep.
pub async fn sweep(world: &Rc<World>) {
    let life = world.isolate();
    let gate = Gate::new(world, &life, Handling::new(None, Side::Neither, Rc::default()), false);
    let sweep = async move {
        pipeline::sweep(&gate, &gate.life.config, gate.now()).await;
        gate.ended();
    };
    world.exec.wait(world.run_in(&life, sweep), DAY).await;
}

/// The operator pauses and resumes sources. Sometimes a source stays paused.
pub async fn pauser(world: Rc<World>, times: u64, span: Millis) {
    for _ in 0..times {
        world.exec.sleep(world.exec.random.below(span / times)).await;
        // The first sources have a queue.
        let source = name(world.exec.random.index(3));
        let change = ["pause", "resume"][world.exec.random.index(2)];
        let path = format!("/api/sources/{source}/{change}");
        call(&world, Call { method: "POST", path, body: Value::Null }).await;
    }
}

/// Mends the destination for about half of the events that it refuses.
pub fn mend(world: &World) {
    for story in world.stories.borrow().values() {
        story.refused.set(story.refused.get().filter(|_| world.exec.random.chance(500)));
    }
}

/// Redrives or sweeps `times` times within `span`.
pub async fn operator(world: Rc<World>, times: u64, span: Millis) {
    for _ in 0..times {
        world.exec.sleep(world.exec.random.below(span / times)).await;
        if world.exec.random.chance(300) {
            sweep(&world).await;
        } else {
            mend(&world);
            redrive(&world).await;
        }
    }
}
