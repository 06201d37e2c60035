//! What must hold for any records: random windows, times that repeat and go back, and records that are missing. One seed
//! decides a run: `SEED=123 cargo test --test alerts`.

use super::*;
use hookgate::alert::{MOST_ALERTS, MOST_NOTICES_AN_HOUR};
use std::collections::BTreeMap;

const SEEDS: u64 = 10;

/// Numbers from a seed (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }
}

fn seeds() -> std::ops::Range<u64> {
    match std::env::var("SEED").ok().map(|text| text.parse().expect("a number")) {
        Some(seed) => seed..seed + 1,
        None => 0..SEEDS,
    }
}

fn random_counts(random: &mut Random, causes: &[&str]) -> Counts {
    let all = [0, 1, 8, 20, 1000][random.below(5) as usize];
    let failed = causes.iter().map(|cause| (*cause, random.below(all + 1))).collect::<Vec<_>>();
    counts(all, &failed)
}

/// Records with a mood: bad and good phases, so that alerts open and resolve.
fn random_window(random: &mut Random, now: UnixTime, bad: bool) -> Window {
    let age = |random: &mut Random, limit| now.minus(minutes(random.below(limit)));
    let causes: &[&str] = if bad { &["bad_signature", "stale"] } else { &[] };
    let classes: &[&str] = if bad { &["5xx", "unreachable"] } else { &[] };
    let reach = if bad { 2000 } else { 10 };
    let source = |random: &mut Random, name: &str| SourceWindow {
        source: name.to_owned(),
        recent: random_counts(random, causes),
        longer: random_counts(random, causes),
        last_event: Some(age(random, reach)),
        usual_gap: (!random.one_in(3)).then(|| minutes(10)),
    };
    let destination = |random: &mut Random, name: &str| DestinationWindow {
        source: name.to_owned(),
        destination: URL.to_owned(),
        recent: random_counts(random, classes),
        longer: random_counts(random, classes),
        dead: if bad { random.below(3) } else { 0 },
        dead_in_all: random.below(9),
        oldest_waiting: random.one_in(2).then(|| age(random, reach)),
        paused_since: (bad && random.one_in(2)).then(|| age(random, reach)),
    };
    let names: Vec<String> = (0..1 + random.below(3)).map(|number| format!("s{number}")).collect();
    Window {
        sources: names.iter().map(|name| source(random, name)).collect(),
        destinations: names.iter().map(|name| destination(random, name)).collect(),
    }
}

/// Whether the last notice of each group is an opening, by group.
type Open = BTreeMap<String, bool>;

/// The notices of a group alternate, and there are few of them in any hour.
fn check(seed: u64, notices: &[Notice], state: &State) {
    let mut open = Open::new();
    let mut times: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    let mut ids = Vec::new();
    for notice in notices {
        let id = notice.alert.id.as_str();
        let was_open = open.insert(id.to_owned(), notice.kind != NoticeKind::Resolved).unwrap_or(false);
        assert_eq!(was_open, notice.kind != NoticeKind::Opened, "seed {seed}: {:?} {id}", notice.kind);
        times.entry(id).or_default().push(notice.at.seconds());
        ids.push(notice.id());
    }
    for (id, times) in times {
        for (place, begin) in times.iter().enumerate() {
            let within = times[place..].iter().filter(|time| **time < begin + HOUR).count();
            assert!(within <= MOST_NOTICES_AN_HOUR, "seed {seed}: {within} notices of {id} within an hour");
        }
    }
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all, "seed {seed}: each notice has its own id");
    for alert in state.alerts() {
        assert_eq!(open.get(&alert.id).copied(), Some(alert.is_open()), "seed {seed}: what was told is the state");
    }
}

#[test]
fn no_records_make_more_than_a_few_notices_an_hour_and_each_alert_ends_after_its_cause() {
    let mut total = 0;
    for seed in seeds() {
        let mut random = Random(seed);
        let mut watch = Watch::default();
        let mut bad = false;
        let phase = 1 + random.below(40);
        for _ in 0..2000 {
            bad ^= random.one_in(phase);
            let step = [30, 60, 60, 60, 90, 300][random.below(6) as usize];
            watch.now += step - MINUTE;
            let is_missing = random.one_in(20);
            watch.see_at(1, &mut |now| (!is_missing).then(|| random_window(&mut random, now, bad)));
            if random.one_in(50) {
                let ids: Vec<String> = watch.state.alerts().map(|alert| alert.id.clone()).collect();
                let now = at(watch.now);
                ids.iter().for_each(|id| drop(watch.state.acknowledge(id, "ops", now).cloned()));
            }
        }
        // The cause is gone: every source and every destination is well.
        let well = |now: UnixTime| Window {
            sources: ["s0", "s1", "s2"]
                .map(|name| SourceWindow { last_event: Some(now), ..source(name, 100, &[]) })
                .to_vec(),
            destinations: Vec::new(),
        };
        watch.see_at(5 * 60, &mut |now| Some(well(now)));
        assert!(watch.state.alerts().all(|alert| !alert.is_open()), "seed {seed}");
        check(seed, &watch.notices, &watch.state);
        total += watch.notices.len();
    }
    assert!(total > 20 * seeds().count(), "the runs have notices: {total}");
}

/// The worst rhythm: bad and good as fast as an alert can follow.
#[test]
fn an_alert_cannot_flap() {
    let mut watch = Watch::default();
    let mut is_open = false;
    for _ in 0..48 * 60 * 2 {
        let window = of_source(source("billing", 60, if is_open { &[] } else { &[("stale", 60)] }));
        watch.now -= 30;
        watch.see(1, &window);
        is_open = watch.state.alerts().any(Alert::is_open);
    }
    check(0, &watch.notices, &watch.state);
    let first_hour = watch.notices.iter().filter(|notice| notice.at < at(HOUR)).count();
    assert!(first_hour >= 5, "the rhythm is the worst: {first_hour}");
    let last_day = watch.notices.iter().filter(|notice| notice.at > at(DAY)).count();
    assert!(last_day <= 13, "one pair in four hours: {last_day}");
}

/// More groups than places, all in the worst rhythm. A group must not lose its history with its place.
#[test]
fn many_groups_cannot_flap_either() {
    let mut watch = Watch::default();
    for round in 0..6 * 60 {
        let refused: &[(&str, u64)] = if round % 13 < 2 { &[("stale", 60)] } else { &[] };
        let window = |number: usize| source(&format!("s{number}"), 60, refused);
        watch.see(1, &Window { sources: (0..40).map(window).collect(), destinations: Vec::new() });
    }
    check(0, &watch.notices, &watch.state);
    assert!(watch.notices.len() > 3 * MOST_ALERTS, "{}", watch.notices.len());
}

/// Evaluations by two Workers, with clocks that differ: times repeat and go back.
#[test]
fn times_that_repeat_or_go_back_make_no_second_notice() {
    for seed in seeds() {
        let mut random = Random(seed);
        let (mut state, mut notices, rules) = (State::default(), Vec::new(), Rules::default());
        let (mut now, mut latest) = (0_i64, i64::MIN);
        let mut bad = true;
        for _ in 0..1000 {
            bad ^= random.one_in(30);
            now += [0, 0, 1, 30, 60, 60, -1, -30, -600, -3000][random.below(10) as usize] + 20;
            let window = random_window(&mut random, at(now), bad);
            let (next, told) = evaluate(&state, Some(&window), &rules, at(now));
            let again = evaluate(&next, Some(&window), &rules, at(now));
            assert_eq!(again, (next.clone(), Vec::new()), "seed {seed}: the same time twice");
            if now <= latest && latest - now <= HOUR {
                assert_eq!((&next, told.len()), (&state, 0), "seed {seed}: a time that goes back");
            }
            latest = next.evaluated.map_or(latest, |time| time.seconds() - START);
            notices.extend(told);
            state = next;
            now = now.max(latest - 3000);
        }
        check(seed, &notices, &state);
    }
}

#[test]
fn the_state_stays_small() {
    let mut random = Random(1);
    let mut watch = Watch::default();
    let long = "\"".repeat(500);
    for round in 0..3 {
        let name = |number: usize| format!("{round}-{number}-{long}");
        watch.see_at(10, &mut |now| {
            let mut window = random_window(&mut random, now, true);
            window.sources = (0..600)
                .map(|number| SourceWindow {
                    last_event: Some(now),
                    ..source(&name(number % 40), 100, &[("stale", 50), (&long, 50)])
                })
                .collect();
            window.destinations = (0..100)
                .map(|number| DestinationWindow {
                    source: name(number),
                    destination: long.clone(),
                    recent: counts(100, &[("5xx", 50)]),
                    dead: 1,
                    oldest_waiting: Some(now.minus(minutes(600))),
                    paused_since: Some(now.minus(minutes(600))),
                    ..DestinationWindow::default()
                })
                .collect();
            Some(window)
        });
        let alerts = watch.state.alerts().count();
        assert!(alerts <= Rule::ALL.len() * (MOST_ALERTS + 1), "{alerts}");
        let size = watch.state.to_json().len();
        assert!(size <= 256 * 1024, "{size}");
    }
}
