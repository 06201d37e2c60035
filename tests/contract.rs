//! The promises of the stores: `tests/contract/*.json`, one suite for each store. Here, every stand-in for a real store runs
//! the suite. `tests/runtime/contract.test.mjs` runs the same steps on the real stores.
//!
//! A step happens `at` a second. `sees` is the one possible answer. `may` lists the possible answers of a store that is
//! late. The stand-in must give the answer in `weakest`: a stand-in that is stronger than production hides losses.

#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::arithmetic_side_effects)]
#![allow(missing_docs)]

#[path = "fakes/mod.rs"]
mod fakes;

use fakes::kv::Kv;
use fakes::random::Random;
use fakes::stores::{Bodies, Claims, Letters};
use hookgate::dedup::{ClaimOutcome, ClaimTerms, ClaimToken, DedupKey, Rings, Shard};
use hookgate::letter::{Filter, Letter, Selection};
use hookgate::pipeline::ports::{Page, Stored};
use hookgate_verify::UnixTime;
use serde_json::{Value, json};
use std::time::Duration;

const NOW: UnixTime = UnixTime::from_seconds(1_768_480_200); // 2026-01-15T12:30:00Z

/// Runs each scenario of a suite on a new store. `step` does one step and returns the answer.
fn run<S>(suite: &str, make: impl Fn() -> S, step: impl Fn(&mut S, &Value) -> Value) {
    let text = std::fs::read_to_string(format!("tests/contract/{suite}.json")).unwrap();
    let scenarios: Vec<Value> = serde_json::from_str(&text).unwrap();
    let mut ran = 0;
    for scenario in &scenarios {
        let mut store = make();
        for what in scenario["steps"].as_array().unwrap() {
            let saw = step(&mut store, what);
            let told = format!("{suite}: {}: {what} saw {saw}", scenario["name"]);
            match (what.get("sees"), what.get("may")) {
                (Some(expected), _) => assert_eq!(&saw, expected, "{told}"),
                (None, Some(may)) => assert!(may.as_array().unwrap().contains(&saw), "{told}"),
                (None, None) => {}
            }
            ran += 1;
        }
    }
    assert!(ran > 5, "{suite}: {ran} steps");
}

fn text<'s>(step: &'s Value, key: &str) -> &'s str {
    step[key].as_str().unwrap_or_default()
}

fn number(step: &Value, key: &str) -> u64 {
    step[key].as_u64().unwrap_or_default()
}

/// The time in a member of the step.
fn time(step: &Value, key: &str) -> UnixTime {
    UnixTime::from_seconds(NOW.seconds() + step[key].as_i64().unwrap_or_default())
}

fn since(time: UnixTime) -> i64 {
    time.seconds() - NOW.seconds()
}

fn span(step: &Value, key: &str) -> Duration {
    Duration::from_secs(number(step, key))
}

const MINUTE: u64 = 60_000;

#[test]
fn kv_is_as_late_as_in_production_and_no_later() {
    for (cached, delay) in [(0, 0), (0, MINUTE), (MINUTE, 0), (MINUTE, MINUTE)] {
        let step = |kv: &mut Kv, step: &Value| {
            let (place, key) = (usize::try_from(number(step, "place")).unwrap(), text(step, "key").to_owned());
            let now = number(step, "at") * 1000;
            match text(step, "do") {
                "get" => {
                    let saw = json!(kv.get(place, &key, now, cached));
                    if let (Some(weakest), true) = (step.get("weakest"), cached + delay == 2 * MINUTE) {
                        assert_eq!(&saw, weakest, "{step}: stronger than production");
                    }
                    saw
                }
                "put" => {
                    kv.put(place, key, text(step, "value").to_owned(), now, delay, span(step, "ttl"));
                    Value::Null
                }
                "delete" => {
                    kv.delete(place, key, now, delay);
                    Value::Null
                }
                other => panic!("{other}"),
            }
        };
        run("keys", Kv::default, step);
    }
}

/// Any object: the choice makes no difference.
fn shard() -> Shard {
    let key = DedupKey::parse(&"0".repeat(64)).unwrap();
    Rings { current: 1, before: None }.shards(&key).next().unwrap()
}

fn token(step: &Value) -> ClaimToken {
    ClaimToken(text(step, "token").bytes().next().map_or(0, u64::from))
}

fn terms(step: &Value) -> ClaimTerms {
    ClaimTerms { lease: span(step, "lease"), ttl: span(step, "ttl") }
}

fn shown(claim: ClaimOutcome) -> Value {
    match claim {
        ClaimOutcome::First { first_seen, acceptance, .. } => {
            let drawn = ClaimToken::parse(&acceptance.to_string()).unwrap().0;
            json!({ "first": char::from(u8::try_from(drawn).unwrap()).to_string(), "since": since(first_seen) })
        }
        ClaimOutcome::InFlight { until } => json!({ "in_flight": since(until) }),
        ClaimOutcome::Duplicate { first_seen } => json!({ "duplicate": since(first_seen) }),
    }
}

#[test]
fn claims_are_exact() {
    for seed in 0..8 {
        let step = |claims: &mut Claims, step: &Value| {
            let (shard, name, now) = (shard(), "name", time(step, "at"));
            match text(step, "do") {
                "claim" => shown(claims.claim(shard, name, terms(step), now, token(step))),
                "confirm" => json!(claims.confirm(shard, name, token(step), now, span(step, "ttl"))),
                "release" => json!(claims.release(shard, name, token(step), now)),
                "forget" => json!(claims.forget(shard, name, now)),
                other => panic!("{other}"),
            }
        };
        run("claims", || Claims::new(&Random::new(seed)), step);
    }
}

fn stored(stored: &Stored) -> Value {
    match stored {
        Stored::Bytes(bytes) => json!({ "bytes": String::from_utf8_lossy(bytes) }),
        Stored::Delivered => json!("delivered"),
        Stored::Nothing => json!("nothing"),
    }
}

fn names(step: &Value) -> Vec<String> {
    step["names"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// All pages of a list.
fn all(mut page: impl FnMut(Option<String>) -> Page) -> Value {
    let (mut names, mut cursor) = (Vec::new(), None);
    loop {
        let Page { names: some, next } = page(cursor);
        names.extend(some);
        cursor = next;
        if cursor.is_none() {
            return json!(names);
        }
    }
}

#[test]
fn a_stored_body_is_there_at_once() {
    let step = |bodies: &mut Bodies, step: &Value| {
        let name = text(step, "name").to_owned();
        match text(step, "do") {
            "store" => bodies.store(name, text(step, "body").into(), time(step, "at")),
            "mark" => bodies.store(name, Vec::new(), time(step, "at")),
            "discard" => bodies.discard(&names(step)),
            "load" => return stored(&bodies.load(&name)),
            _ => {
                return all(|cursor| bodies.page(text(step, "prefix"), time(step, "before"), cursor.as_deref()));
            }
        }
        Value::Null
    };
    run("payloads", Bodies::default, step);
}

/// The letter that a step keeps.
fn letter(step: &Value) -> Letter {
    let text = |key: &str| text(step, key).to_owned();
    Letter {
        id: text("id"),
        redrives: u32::try_from(number(step, "redrives")).unwrap(),
        source: text("source"),
        event_id: "evt_1".to_owned(),
        event_type: text("type"),
        key: String::new(),
        received: String::new(),
        died: time(step, "at"),
        reason: text("reason"),
        bytes: 2,
        payload: step["payload"].as_str().map(str::to_owned),
        expires: if step["expires"].is_null() {
            time(step, "at").plus(Duration::from_secs(1000))
        } else {
            time(step, "expires")
        },
        message: "{}".to_owned(),
    }
}

fn filter(step: &Value) -> Filter {
    let text = |key: &str| step[key].as_str().map(str::to_owned);
    let time = |key: &str| step.get(key).map(|_| time(step, key));
    Filter {
        source: text("source"),
        event_type: text("type"),
        reason: text("reason"),
        since: time("since"),
        until: time("until"),
    }
}

fn selection(step: &Value) -> Selection {
    let limit = step["limit"].as_u64().map_or(Selection::MOST, |limit| u32::try_from(limit).unwrap());
    Selection { filter: filter(step), after: step["after"].as_str().map(str::to_owned), limit }
}

/// The groups, with times as the steps have them.
fn groups(step: &Value, letters: &Letters) -> Value {
    let counted = letters.groups(&filter(step));
    let groups = counted.groups.iter();
    let groups: Vec<_> = groups
        .map(|group| json!([group.source, group.reason, group.count, since(group.oldest), since(group.newest)]))
        .collect();
    json!({ "groups": groups, "letters": counted.letters, "complete": counted.complete })
}

fn ids(letters: Vec<Letter>) -> Value {
    letters.into_iter().map(|letter| letter.id).collect()
}

#[test]
fn letters_are_kept_taken_and_redriven() {
    let step = |letters: &mut Letters, step: &Value| {
        let (id, now) = (text(step, "id"), time(step, "at"));
        match text(step, "do") {
            "keep" => letters.keep(letter(step)),
            "redriven" => letters.redriven(id, u32::try_from(number(step, "redrives")).unwrap()),
            "replayed" => letters.replayed(&[letter(step)]),
            "has" => return json!(letters.has(id)),
            "list" => return ids(letters.list(&selection(step))),
            "groups" => return groups(step, letters),
            "take" => return json!(letters.take(id, now, time(step, "until"), time(step, "expires")).is_some()),
            "expire" => return json!(letters.expire(now).len()),
            _ => return json!(letters.referred(&names(step))),
        }
        Value::Null
    };
    run("letters", Letters::default, step);
}
