//! What seeds have found, reduced to the steps that matter, without chance.

use super::executor::{Millis, WORLD};
use super::senders;
use super::sources::{self, SOURCES, Signer};
use super::story::Story;
use super::world::{DAY, HOUR, SECOND, World};
use super::{calm_down, invariants};
use std::rc::Rc;

/// A calm world, in which the origin refused one event, of so many bytes; its letter is kept.
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
    world.letters.borrow().rows().iter().filter(|row| !row.is_redriven()).count()
}

/// Redrives, `delay` from now, and everything that follows.
fn redrive(world: &Rc<World>, delay: u64) {
    let later = Rc::clone(world);
    world.exec.spawn(WORLD, async move {
        later.exec.sleep(delay).await;
        senders::redrive(&later).await;
    });
    calm_down(world);
}

fn sweep(world: &Rc<World>, delay: u64) {
    let later = Rc::clone(world);
    world.exec.spawn(WORLD, async move {
        later.exec.sleep(delay).await;
        senders::sweep(&later).await;
    });
    calm_down(world);
    invariants::check(world);
    assert_eq!(world.violation.take().map(|(what, _)| what), None);
}

/// Noting the first redrive failed, so the letter is still there weeks later, and is redriven again.
#[test]
fn a_letter_that_is_redriven_again_weeks_later_is_not_delivered_again() {
    let (world, story) = world_with_a_letter(("exact", "queue"), 10);
    story.refused.set(None);
    redrive(&world, HOUR);
    assert_eq!(story.processed(), 1);
    world.letters.borrow_mut().forget_redrives();
    redrive(&world, 20 * DAY);
    assert_eq!(story.processed(), 1);
}

/// A letter that was redriven and died again is the same letter, and lives as long as the last time that it died tells: its
/// body too.
#[test]
fn a_body_stays_as_long_as_its_letter_lives() {
    let (world, story) = world_with_a_letter(("kv", "queue"), 97_000);
    redrive(&world, 10 * DAY);
    assert_eq!(unredriven(&world), 1, "it died again");
    redrive(&world, 10 * DAY);
    assert_eq!(unredriven(&world), 1, "and again");
    sweep(&world, 22 * DAY);
    assert_eq!((world.letters.borrow().rows().len(), unredriven(&world)), (1, 1), "it died again ten days ago");
    story.refused.set(None);
    redrive(&world, HOUR);
    assert_eq!(story.processed(), 1);
    sweep(&world, 31 * DAY);
    assert_eq!(world.bodies.borrow().names().count(), 0);
}

/// A letter is redriven in its last moment, and noting it fails. It expires while the message waits for the origin.
#[test]
fn a_body_stays_while_a_redriven_message_waits() {
    let (world, story) = world_with_a_letter(("kv", "queue"), 97_000);
    story.refused.set(Some(500));
    let expires = world.letters.borrow().rows()[0].letter.expires;
    let (later, mended) = (Rc::clone(&world), Rc::clone(&story));
    world.exec.spawn(WORLD, async move {
        later.exec.sleep(later.time(0).until(expires).as_millis() as Millis - 2 * SECOND).await;
        senders::redrive(&later).await;
        later.letters.borrow_mut().forget_redrives();
        later.exec.sleep(6 * SECOND).await;
        senders::sweep(&later).await;
        mended.refused.set(None);
    });
    calm_down(&world);
    assert_eq!(story.processed(), 1);
}
