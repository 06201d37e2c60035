//! Each rule fires and stops, and does not fire below its threshold.

use super::*;
use NoticeKind::{Opened, Resolved};

const FORGED: &[(&str, u64)] = &[("bad_signature", 45)];

/// The rule fires at `bad`, stops at `good`, and says nothing at `between`, which lies between the two thresholds.
fn fires_and_stops(rule: Rule, bad: &Window, between: &Window, good: &Window) -> [String; 2] {
    let mut watch = Watch::default();
    assert_eq!(watch.see(5, between).told(), [], "not over the threshold");
    assert_eq!(watch.see(1, bad).told(), [], "one evaluation is not enough");
    assert_eq!(watch.see(1, between).see(1, bad).told(), [], "two that are not in turn are not enough");
    let opened = watch.see(1, bad).notices[0].text();
    assert_eq!(watch.told(), [(Opened, rule)]);
    assert_eq!(
        watch.see(20, bad).see(20, between).told(),
        [],
        "it is told once, and stays open between the thresholds"
    );
    assert_eq!(watch.status(), Status::Open);
    assert_eq!(watch.see(9, good).told(), [], "a short quiet is not enough");
    assert_eq!(watch.see(1, between).see(9, good).told(), [], "the quiet must not be interrupted");
    watch.see(2, good);
    let resolved = watch.notices[0].text();
    assert_eq!((watch.told(), watch.status()), (vec![(Resolved, rule)], Status::Resolved));
    assert_eq!(watch.see(100, good).told(), []);
    [opened, resolved]
}

#[test]
fn a_share_of_refusals_fires_and_stops() {
    let window = |refused: u64| of_source(source("billing", 60, &[("bad_signature", refused)]));
    let texts = fires_and_stops(Rule::Refusals, &window(45), &window(10), &window(7));
    let [opened, resolved] = &texts;
    assert!(opened.starts_with(
        "The source billing refused 45 of 60 requests in the last 10m (bad_signature). It began at 2026-01-15T12:08:00Z. "
    ), "{opened}");
    assert!(resolved.starts_with("Resolved after 1h 2m, from 2026-01-15T12:08:00Z to "), "{resolved}");
    assert!(resolved.ends_with(": the source billing refuses few requests again (bad_signature)."), "{resolved}");
}

#[test]
fn a_share_of_failed_attempts_fires_and_stops() {
    let window =
        |failed: u64| of_destination(DestinationWindow { recent: counts(60, &[("5xx", failed)]), ..destination() });
    let [opened, _] = fires_and_stops(Rule::FailedAttempts, &window(15), &window(14), &window(0));
    let told =
        format!("15 of 60 attempts to the destination {URL} of the source billing failed in the last 10m (5xx).");
    assert!(opened.starts_with(&told), "{opened}");
}

#[test]
fn dead_letters_fire_and_stop() {
    let window = |dead| of_destination(DestinationWindow { dead, dead_in_all: 12, ..destination() });
    let mut watch = Watch::default();
    assert_eq!(watch.see(2, &window(1)).told(), [(Opened, Rule::DeadLetters)], "one dead letter is enough");
    assert_eq!(watch.see(12, &window(0)).told(), [(Resolved, Rule::DeadLetters)], "old letters do not count");
    watch = Watch::default();
    watch.rules.general.dead_letters = Some(10);
    assert_eq!(watch.see(9, &window(9)).told(), []);
    let opened = watch.see(2, &window(10)).texts();
    let told = format!("10 events to the destination {URL} of the source billing died in the last hour. 12 ");
    assert!(opened[0].starts_with(&told), "{opened:?}");
    assert_eq!(watch.see(60, &window(5)).told(), []);
    assert_eq!(watch.see(12, &window(4)).told(), [(Resolved, Rule::DeadLetters)]);
}

/// Evaluates ages of minutes, which the records have as times.
fn ages(watch: &mut Watch, ages: &[u64], window: impl Fn(UnixTime) -> DestinationWindow) -> Vec<(NoticeKind, Rule)> {
    for age in ages {
        watch.see_at(1, &mut |now| Some(of_destination(window(now.minus(minutes(*age))))));
    }
    watch.told()
}

#[test]
fn the_age_of_the_backlog_fires_and_stops() {
    let waiting = |since| DestinationWindow { oldest_waiting: Some(since), ..destination() };
    let mut watch = Watch::default();
    assert_eq!(ages(&mut watch, &[29, 29, 30, 29, 30], waiting), []);
    assert_eq!(ages(&mut watch, &[31], waiting), [(Opened, Rule::Backlog)]);
    assert_eq!(ages(&mut watch, &[15; 30], waiting), []);
    assert_eq!(ages(&mut watch, &[14; 12], waiting), [(Resolved, Rule::Backlog)]);
    assert_eq!(ages(&mut watch, &[31, 32], waiting), [(Opened, Rule::Backlog)]);
    assert_eq!(watch.see(25, &of_destination(destination())).told(), [(Resolved, Rule::Backlog)], "nothing waits");
}

#[test]
fn a_long_pause_fires_and_stops() {
    let paused = |since| DestinationWindow { paused_since: Some(since), ..destination() };
    let mut watch = Watch::default();
    assert_eq!(ages(&mut watch, &[57, 58, 59], paused), []);
    assert_eq!(ages(&mut watch, &[60, 61], paused), [(Opened, Rule::Paused)]);
    let text = format!("The destination {URL} of the source billing is not paused any more.");
    let resolved = watch.see(12, &of_destination(destination())).texts();
    assert!(resolved[0].to_lowercase().ends_with(&text.to_lowercase()), "{resolved:?}");
}

/// The records of a source whose last event was so many minutes ago.
fn silent_for(age: u64, usual: Option<Duration>, now: UnixTime) -> Window {
    let last = Some(now.minus(minutes(age)));
    of_source(SourceWindow { last_event: last, usual_gap: usual, ..source("billing", 0, &[]) })
}

#[test]
fn silence_fires_and_stops() {
    let mut watch = Watch::default();
    let usual = Some(minutes(20));
    watch.see_at(10, &mut |now| Some(silent_for(1, usual, now)));
    let last = at(watch.now);
    let silent =
        |_| Some(of_source(SourceWindow { last_event: Some(last), usual_gap: usual, ..source("billing", 0, &[]) }));
    assert_eq!(watch.see_at(6 * 60, &mut { silent }).told(), [], "just below");
    let opened = watch.see_at(1, &mut { silent }).texts();
    assert!(
        opened[0].starts_with(
            "The source billing has sent no event for 6h 1m, since 2026-01-15T12:10:00Z. Look at the provider"
        ),
        "{opened:?}"
    );
    assert_eq!(watch.see_at(12, &mut |now| Some(silent_for(1, usual, now))).told(), [(Resolved, Rule::Silent)]);
}

#[test]
fn a_source_that_was_never_seen_is_not_silent() {
    let window = of_source(SourceWindow { usual_gap: Some(minutes(1)), ..source("billing", 0, &[]) });
    assert_eq!(Watch::default().see(2000, &window).told(), []);
}

/// The first window of a gateway that was just deployed has an old event. Nobody has watched since.
#[test]
fn silence_counts_from_the_first_window_on() {
    let mut watch = Watch::default();
    let window = of_source(SourceWindow {
        last_event: Some(at(-30 * DAY)),
        usual_gap: Some(minutes(20)),
        ..source("billing", 0, &[])
    });
    assert_eq!(watch.see(6 * 60, &window).told(), []);
    assert_eq!(watch.see(2, &window).told(), [(Opened, Rule::Silent)]);
}

#[test]
fn a_source_that_is_rare_does_not_fire_at_its_usual_gap() {
    let run = |age: u64, usual: u64| {
        let mut watch = Watch::default();
        let last = at(0);
        watch.see_at(age.try_into().unwrap(), &mut |_| {
            let source = source("billing", 0, &[]);
            Some(of_source(SourceWindow { last_event: Some(last), usual_gap: Some(minutes(usual)), ..source }))
        });
        watch.told()
    };
    assert_eq!(run(15 * 60, 8 * 60), []);
    assert_eq!(run(16 * 60 + 2, 8 * 60), [(Opened, Rule::Silent)], "twice the usual gap is unusual");
}

/// Evaluates every ten minutes of `days` days, with an event at each of these times that `has_event` names by its minute.
/// Returns the notices.
fn live(watch: &mut Watch, days: i64, has_event: impl Fn(i64) -> bool) -> Vec<(NoticeKind, Rule)> {
    let mut last = None;
    for _ in 0..days * DAY / (10 * MINUTE) {
        watch.now += 9 * MINUTE;
        watch.see_at(1, &mut |now| {
            let minute = (now.seconds() - START) / MINUTE;
            last = if has_event(minute) { Some(now) } else { last };
            Some(of_source(SourceWindow { last_event: last, ..source("billing", 0, &[]) }))
        });
    }
    watch.told()
}

const MINUTES_A_DAY: i64 = DAY / MINUTE;

#[test]
fn the_state_learns_the_rhythm_of_a_source() {
    let by_day = |minute: i64| minute % MINUTES_A_DAY < 9 * 60;
    let on_weekdays = |minute: i64| by_day(minute) && minute / MINUTES_A_DAY % 7 < 5;
    let nightly = |minute: i64| minute % MINUTES_A_DAY == 0;
    let weekly = |minute: i64| minute % (7 * MINUTES_A_DAY) == 0;
    assert_eq!(live(&mut Watch::default(), 40, by_day), [], "15 hours without an event each night");
    assert_eq!(live(&mut Watch::default(), 40, on_weekdays), [], "a weekend without an event");
    assert_eq!(live(&mut Watch::default(), 20, nightly), []);
    assert_eq!(live(&mut Watch::default(), 60, weekly), []);
    let ends = |minute: i64| by_day(minute) && minute < 20 * MINUTES_A_DAY;
    let mut watch = Watch { rules: Rules { remind: None, ..Rules::default() }, ..Watch::default() };
    assert_eq!(live(&mut watch, 25, ends), [(Opened, Rule::Silent)]);
    let ended_at = 19 * DAY + 9 * HOUR;
    let opened = watch.alert().since.seconds() - START;
    assert!((29 * HOUR..31 * HOUR).contains(&(opened - ended_at)), "after twice the night: {opened}");
}

#[test]
fn an_outage_does_not_become_usual_at_once() {
    let with_outages = |minute: i64| {
        let day = minute / MINUTES_A_DAY;
        let minute = minute % MINUTES_A_DAY;
        (day != 10 && day != 13) || minute < 60
    };
    let told = live(&mut Watch::default(), 20, with_outages);
    let opened = told.iter().filter(|(kind, _)| *kind == Opened).count();
    let resolved = told.iter().filter(|(kind, _)| *kind == Resolved).count();
    assert_eq!((opened, resolved), (2, 2), "{told:?}");
}

#[test]
fn each_rule_can_be_turned_off() {
    let bad = |now: UnixTime| Window {
        sources: vec![SourceWindow {
            last_event: Some(at(-DAY)),
            usual_gap: Some(minutes(1)),
            ..source("billing", 60, FORGED)
        }],
        destinations: vec![DestinationWindow {
            recent: counts(60, &[("5xx", 60)]),
            dead: 3,
            oldest_waiting: Some(now.minus(minutes(500))),
            paused_since: Some(now.minus(minutes(500))),
            ..destination()
        }],
    };
    let opened = |rules: Rules| {
        let mut watch = Watch { rules, ..Watch::default() };
        let mut told = watch.see_at(400, &mut |now| Some(bad(now))).told();
        told.retain(|(kind, _)| *kind == Opened);
        let mut rules: Vec<Rule> = told.into_iter().map(|(_, rule)| rule).collect();
        rules.sort();
        rules
    };
    assert_eq!(opened(Rules::default()), Rule::ALL);
    for off in Rule::ALL {
        let mut rules = Rules::default();
        let general = &mut rules.general;
        match off {
            Rule::Refusals => general.refusals = None,
            Rule::FailedAttempts => general.failed_attempts = None,
            Rule::DeadLetters => general.dead_letters = None,
            Rule::Backlog => general.backlog = None,
            Rule::Paused => general.paused = None,
            Rule::Silent => general.silent = None,
        }
        let rest: Vec<Rule> = Rule::ALL.into_iter().filter(|rule| *rule != off).collect();
        assert_eq!(opened(rules), rest);
    }
}

#[test]
fn a_rule_that_is_turned_off_ends_its_alert() {
    let mut watch = Watch::default();
    let window = of_source(source("billing", 60, FORGED));
    watch.see(5, &window);
    watch.rules.general.refusals = None;
    assert_eq!(watch.see(12, &window).told(), [(Opened, Rule::Refusals), (Resolved, Rule::Refusals)]);
}

#[test]
fn a_source_may_have_thresholds_of_its_own() {
    let mut rules = Rules::default();
    let own = hookgate::alert::Thresholds { refusals: Some(90), ..rules.general.clone() };
    rules.sources.push(("billing".to_owned(), own));
    let mut watch = Watch { rules, ..Watch::default() };
    let window =
        Window { sources: vec![source("billing", 60, FORGED), source("code", 60, FORGED)], destinations: Vec::new() };
    watch.see(5, &window);
    assert_eq!(watch.alert().group.source.as_deref(), Some("code"));
}
