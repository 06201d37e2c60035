//! Failures that seeds have found, reduced to the necessary steps and without randomness.

use super::executor::{Millis, WORLD};
use super::senders;
use super::sources::{self, SOURCES, Signer};
use super::story::Story;
use super::world::{DAY, HOUR, SECOND, World};
use super::{calm_down, invariants};
use std::rc::Rc;

/// A calm world with one dead letter: the destination refused an event of `bytes` bytes.
fn world_with_a_letter(source: (&str, &str), bytes: usize) -> (Rc<World>, Rc<Story>) {
    let world = World::new(0);
    world.calm.set(true);
    let source = SOURCES.iter().position(|known| *known == source).unwrap();
    let name = sources::name(source);
    let signer = Signer::new(&world.exec.random, &world.configs[0], source, &"x".repeat(bytes), world.time(0));
    assert_eq!(signer.path, format!("/webhooks/{name}"));
    let story = senders::begin(&world, source, &signer);
    story.refused.set(Some(410));
    world.exec.spawn(WORLD, senders::provider(Rc::clone(&world), Rc::new(signer), Rc::clone(&story)));
    go_on(&world, DAY);
    assert_eq!(unredriven(&world), 1);
    (world, story)
}

fn go_on(world: &World, span: u64) {
    super::go_on(world, span);
    assert_eq!(world.violation.take().map(|(what, _)| what), None);
}

fn unredriven(world: &World) -> usize {
    world.letters.borrow().alive().count()
}

/// Runs `deed` after `delay`, and runs the world until it is idle.
fn later<F: Future<Output = ()>>(world: &Rc<World>, delay: u64, deed: impl FnOnce(Rc<World>) -> F + 'static) {
    let later = Rc::clone(world);
    world.exec.spawn(WORLD, async move {
        later.exec.sleep(delay).await;
        deed(later).await;
    });
    calm_down(world);
}

fn redrive(world: &Rc<World>, delay: u64) {
    later(world, delay, |world| async move { senders::redrive(&world).await });
}

fn sweep(world: &Rc<World>, delay: u64) {
    later(world, delay, |world| async move { senders::sweep(&world).await });
    invariants::check(world);
    assert_eq!(world.violation.take().map(|(what, _)| what), None);
}

/// The first redrive was not noted, so the letter is still there weeks later and is redriven again.
#[test]
fn a_letter_that_is_redriven_again_weeks_later_is_not_delivered_again() {
    let (world, story) = world_with_a_letter(("exact", "queue"), 10);
    story.refused.set(None);
    redrive(&world, HOUR);
    assert_eq!(story.processed(), 1);
    world.letters.borrow_mut().note_redrives(false);
    redrive(&world, 20 * DAY);
    assert_eq!(story.processed(), 1);
}

/// A letter that was redriven and died again is the same letter. Its lifetime, and the lifetime of its body, counts from its
/// last death.
#[test]
fn a_body_stays_as_long_as_its_letter_lives() {
    let (world, story) = world_with_a_letter(("kv", "queue"), 97_000);
    redrive(&world, 10 * DAY);
    assert_eq!(unredriven(&world), 1, "the event died again");
    redrive(&world, 10 * DAY);
    assert_eq!(unredriven(&world), 1, "and a third time");
    sweep(&world, 22 * DAY);
    assert_eq!((world.letters.borrow().len(), unredriven(&world)), (1, 1), "its last death is 22 days ago");
    story.refused.set(None);
    redrive(&world, HOUR);
    assert_eq!(story.processed(), 1);
    sweep(&world, 31 * DAY);
    assert_eq!(world.bodies.borrow().len(), 0);
}

/// A letter is redriven just before it expires, and the redrive is not noted. The letter expires while the message waits for
/// the destination.
#[test]
fn a_body_stays_while_a_redriven_message_waits() {
    let (world, story) = world_with_a_letter(("kv", "queue"), 97_000);
    story.refused.set(Some(500));
    let expires = world.letters.borrow()[0].letter.expires;
    let (later, mended) = (Rc::clone(&world), Rc::clone(&story));
    world.exec.spawn(WORLD, async move {
        later.exec.sleep(later.time(0).until(expires).as_millis() as Millis - 2 * SECOND).await;
        senders::redrive(&later).await;
        later.letters.borrow_mut().note_redrives(false);
        later.exec.sleep(6 * SECOND).await;
        senders::sweep(&later).await;
        mended.refused.set(None);
    });
    calm_down(&world);
    assert_eq!(story.processed(), 1);
}
