//! The state: acknowledgements, reminders, repeated evaluations, missing records, and the stored form.

use super::*;
use NoticeKind::{Opened, Reminder, Resolved};
use hookgate::alert::NotOpen;

fn bad() -> Window {
    of_source(source("billing", 60, &[("bad_signature", 45)]))
}

fn good() -> Window {
    of_source(source("billing", 60, &[]))
}

fn opened() -> Watch {
    let mut watch = Watch::default();
    assert_eq!(watch.see(2, &bad()).told(), [(Opened, Rule::Refusals)]);
    watch
}

#[test]
fn an_open_alert_is_told_again_every_four_hours_until_it_is_acknowledged() {
    let mut watch = opened();
    assert_eq!(watch.see(4 * 60 - 1, &bad()).told(), []);
    assert!(
        watch.see(1, &bad()).texts()[0].starts_with("Still open after 4h 1m: the source billing refused 45 of 60 ")
    );
    assert_eq!(watch.see(4 * 60, &bad()).told(), [(Reminder, Rule::Refusals)]);
    let (id, now) = (watch.alert().id.clone(), at(watch.now));
    let alert = watch.state.acknowledge(&id, "ops", now).expect("it is open").clone();
    assert_eq!((alert.status, &alert.acknowledged), (Status::Acknowledged, &Some(("ops".to_owned(), now))));
    assert_eq!(watch.see(24 * 60, &bad()).told(), []);
    assert_eq!(watch.status(), Status::Acknowledged);
    assert_eq!(watch.see(12, &good()).told(), [(Resolved, Rule::Refusals)], "its end is told all the same");
    watch.see(2, &bad());
    assert_eq!((watch.status(), &watch.alert().acknowledged), (Status::Open, &None), "a new alert is not acknowledged");
}

#[test]
fn reminders_can_be_turned_off() {
    let mut watch = opened();
    watch.rules.remind = None;
    assert_eq!(watch.see(24 * 60, &bad()).told(), []);
}

#[test]
fn only_an_open_alert_can_be_acknowledged() {
    let mut watch = Watch::default();
    watch.see(1, &bad());
    let pending = watch.state.clone();
    let id = opened().alert().id.clone();
    assert_eq!(watch.state.acknowledge(&id, "ops", at(0)), Err(NotOpen::Unknown(id.clone())), "nobody was told of it");
    assert_eq!(watch.state, pending);
    let mut watch = opened();
    watch.see(12, &good());
    assert_eq!(watch.state.acknowledge(&id, "ops", at(0)), Err(NotOpen::Over(id.clone())));
    let strange = format!("\n{}", "x".repeat(5000));
    let told = watch.state.acknowledge(&strange, "ops", at(0)).expect_err("unknown").to_string();
    assert!(told.len() < 200 && !told.contains('\n'), "{told}");
}

#[test]
fn a_second_acknowledgement_changes_nothing() {
    let mut watch = opened();
    let id = watch.alert().id.clone();
    let revision = watch.state.revision;
    watch.state.acknowledge(&id, &"long\n".repeat(500), at(1)).expect("it is open");
    assert_eq!(watch.state.revision, revision + 1);
    let first = watch.state.clone();
    watch.state.acknowledge(&id, "another", at(2)).expect("it was open");
    assert_eq!(watch.state, first);
    let (by, _) = watch.alert().acknowledged.as_ref().expect("acknowledged");
    assert!(by.len() <= 64 && !by.contains('\n'), "{by:?}");
}

#[test]
fn an_evaluation_that_is_repeated_or_late_changes_nothing() {
    let watch = opened();
    for now in [0, 1, 29, -1, -60, -3600] {
        let again = evaluate(&watch.state, Some(&bad()), &watch.rules, at(watch.now + now));
        assert_eq!(again, (watch.state.clone(), Vec::new()), "{now}");
        let again = evaluate(&watch.state, Some(&good()), &watch.rules, at(watch.now + now));
        assert_eq!(again, (watch.state.clone(), Vec::new()), "{now}");
    }
}

/// The notices were sent, and then the write of the state failed.
#[test]
fn a_notice_that_is_made_again_has_the_same_id() {
    let mut watch = Watch::default();
    let again = |watch: &mut Watch, times: usize, window: &Window| {
        watch.see(times - 1, window);
        assert_eq!(watch.told(), []);
        let ids = |now| {
            let (_, notices) = evaluate(&watch.state, Some(window), &watch.rules, at(now));
            notices.iter().map(Notice::id).collect::<Vec<_>>()
        };
        let [first, later] = [ids(watch.now + MINUTE), ids(watch.now + 5 * MINUTE)];
        assert_eq!((&first, first.len()), (&later, 1));
        watch.see(1, window).told();
        first
    };
    let mut ids = again(&mut watch, 2, &bad());
    ids.extend(again(&mut watch, 240, &bad()));
    ids.extend(again(&mut watch, 240, &bad()));
    ids.extend(again(&mut watch, 11, &good()));
    ids.extend(again(&mut watch, 2, &bad()));
    let id = watch.alert().id.clone();
    assert_eq!(ids[0], format!("alert_{id}_{}_opened", at(MINUTE)));
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), all), (5, 5), "each notice has its own id");
    assert!(ids.iter().all(|id| id.len() <= 80));
}

#[test]
fn without_records_nothing_opens_and_nothing_resolves() {
    let mut watch = Watch::default();
    watch.see(1, &bad());
    let pending = watch.state.clone();
    assert_eq!(watch.see_at(600, &mut |_| None).told(), []);
    assert_eq!(watch.state, pending);
    let mut watch = opened();
    assert_eq!(watch.see_at(600, &mut |_| None).told(), [], "no reminder, and no end");
    assert_eq!(watch.status(), Status::Open);
    assert_eq!(watch.see(12, &good()).told(), [(Resolved, Rule::Refusals)]);
}

fn heard(last: UnixTime) -> Window {
    of_source(SourceWindow { last_event: Some(last), usual_gap: Some(minutes(5)), ..source("billing", 0, &[]) })
}

/// While the records were off, events came without a record.
#[test]
fn a_source_is_not_silent_because_the_records_were_off() {
    let mut watch = Watch::default();
    watch.see_at(10, &mut |now| Some(heard(now)));
    let last = at(watch.now);
    watch.see_at(8 * 60, &mut |_| None);
    assert_eq!(watch.see(5 * 60, &heard(last)).told(), [], "the old time counts from the return of the records on");
    assert_eq!(watch.see(2 * 60, &heard(last)).told(), [(Opened, Rule::Silent)]);
    watch.see_at(60, &mut |_| None);
    assert_eq!(watch.see(60, &heard(last)).told(), [], "a silent source does not resolve because the records were off");
    assert_eq!(watch.status(), Status::Open);
}

/// A clock in the future must not stop the alerts until that time comes.
#[test]
fn a_clock_that_is_set_back_does_not_stop_the_alerts() {
    let mut watch = opened();
    watch.now += 400 * DAY;
    watch.see(1, &bad()).told();
    watch.now -= 400 * DAY;
    assert_eq!(watch.see(12, &good()).told(), [(Resolved, Rule::Refusals)]);
    assert_eq!(watch.see(2, &bad()).told(), [(Opened, Rule::Refusals)]);
    assert!(watch.state.alerts().all(|alert| alert.since <= at(watch.now)));
}

/// A later version must read this text.
#[test]
fn the_stored_state_is_pinned() {
    let text = concat!(
        r#"{"revision":4,"evaluated":1768478580,"watched":1768478460,"alerts":[{"id":"3b6d6b7070ffd976","#,
        r#""group":{"rule":"refusals","source":"billing","cause":"bad_signature"},"status":"acknowledged","#,
        r#""since":1768478460,"acknowledged":["ops",1768478580],"measured":{"kind":"share","failed":45,"#,
        r#""all":60,"seconds":600},"told":1768478520,"reminders":0,"returns":0},{"id":"395e067391941871","#,
        r#""group":{"rule":"dead_letters","source":"billing","#,
        r#""destination":"https://app.example.com/hooks"},"status":"open","since":1768478460,"measured":{"#,
        r#""kind":"dead","new":1,"all":1},"told":1768478520,"reminders":0,"returns":0}],"rhythms":[{"#,
        r#""source":"billing","first":1768478460,"last":1768478580,"longest":60,"before":0,"gaps":2,"#,
        r#""period":1768478460}]}"#,
    );
    let mut watch = Watch::default();
    watch.see_at(3, &mut |now| {
        Some(Window {
            sources: vec![SourceWindow { last_event: Some(now), ..source("billing", 60, &[("bad_signature", 45)]) }],
            destinations: vec![DestinationWindow { dead: 1, ..destination() }],
        })
    });
    let id = watch.state.alerts().next().expect("an alert").id.clone();
    watch.state.acknowledge(&id, "ops", at(watch.now)).expect("open");
    assert_eq!(watch.state.to_json(), text);
    assert_eq!(State::from_json(text.as_bytes()).expect("a state"), watch.state);
}

#[test]
fn a_text_that_is_no_state_is_an_error() {
    for text in ["", "null", "[]", "{}", r#"{"revision":-1}"#, r#"{"revision":1,"alerts":[{}]}"#] {
        assert!(State::from_json(text.as_bytes()).is_err(), "{text}");
    }
    assert!(State::from_json(br#"{"revision":7}"#).is_ok(), "the fields of later versions may be missing");
}
