//! Shares and groups: few requests, small causes together, the longer span, and more groups than there are places.

use super::*;
use NoticeKind::{Opened, Resolved};
use hookgate::alert::MOST_ALERTS;

fn causes(watch: &mut Watch) -> Vec<String> {
    watch.notices.drain(..).map(|notice| notice.alert.group.cause.expect("a cause")).collect()
}

#[test]
fn one_of_one_is_no_share() {
    for (failed, all) in [(1, 1), (2, 2), (9, 9)] {
        assert_eq!(Watch::default().see(100, &of_source(source("billing", all, &[("stale", failed)]))).told(), []);
    }
    let mut watch = Watch::default();
    watch.see(2, &of_source(source("billing", 10, &[("stale", 10)])));
    assert_eq!(watch.told(), [(Opened, Rule::Refusals)]);
}

/// Three requests an hour never are ten in ten minutes. All of them fail.
#[test]
fn the_longer_span_decides_for_a_source_with_few_requests() {
    let window = |recent, longer| {
        of_source(SourceWindow {
            recent: counts(recent, &[("bad_signature", recent)]),
            longer: counts(longer, &[("bad_signature", longer)]),
            ..source("billing", 0, &[])
        })
    };
    let mut watch = Watch::default();
    assert_eq!(watch.see(60, &window(1, 9)).told(), []);
    let texts = watch.see(60, &window(1, 18)).texts();
    assert!(texts[0].contains("refused 18 of 18 requests in the last 6h"), "{texts:?}");
    assert_eq!(watch.see(12, &window(0, 4)).told(), [(Resolved, Rule::Refusals)]);
}

/// A flood is over, but the longer span still has it for six hours.
#[test]
fn an_old_flood_neither_keeps_an_alert_open_nor_opens_it_again() {
    let mut watch = Watch::default();
    watch.see(10, &of_source(source("billing", 1000, &[("bad_signature", 990)])));
    assert_eq!(watch.told(), [(Opened, Rule::Refusals)]);
    let after = of_source(SourceWindow {
        recent: counts(1, &[("bad_signature", 1)]),
        longer: counts(1000, &[("bad_signature", 990)]),
        ..source("billing", 0, &[])
    });
    assert_eq!(watch.see(12, &after).told(), [(Resolved, Rule::Refusals)]);
    assert_eq!(watch.see(5 * 60, &after).told(), []);
}

#[test]
fn small_causes_count_together() {
    let refused: Vec<(String, u64)> = (0..10).map(|cause| (format!("cause_{cause}"), 6)).collect();
    let refused: Vec<(&str, u64)> = refused.iter().map(|(cause, count)| (cause.as_str(), *count)).collect();
    let mut watch = Watch::default();
    watch.see(5, &of_source(source("billing", 60, &refused)));
    assert!(watch.notices[0].text().contains("refused 60 of 60 requests in the last 10m (several reasons together)"));
    assert_eq!(causes(&mut watch), ["several"]);
}

#[test]
fn a_large_cause_has_its_own_alert_and_is_not_counted_twice() {
    let mut watch = Watch::default();
    watch.see(5, &of_source(source("billing", 60, &[("bad_signature", 40), ("stale", 20)])));
    assert_eq!(causes(&mut watch), ["bad_signature", "stale"], "the worst first");
    watch.see(5, &of_source(source("code", 60, &[("bad_signature", 40), ("stale", 2)])));
    assert_eq!(causes(&mut watch), ["bad_signature"]);
}

#[test]
fn a_cause_named_several_is_no_summary_of_causes() {
    let mut watch = Watch::default();
    watch.see(5, &of_source(source("billing", 60, &[("several", 40)])));
    assert_eq!(causes(&mut watch), ["several_causes"]);
}

/// Two rows of one group, and more failures than requests: an evaluation must not count them twice or divide by them.
#[test]
fn contradicting_records_do_no_harm() {
    let twice = source("billing", 5, &[("stale", 30), ("stale", 30), ("stale", u64::MAX)]);
    let window = Window { sources: vec![twice.clone(), twice], destinations: vec![destination(), destination()] };
    let mut watch = Watch::default();
    assert_eq!(watch.see(1, &window).told(), []);
    assert_eq!(watch.see(20, &window).told(), [(Opened, Rule::Refusals)]);
}

fn many(sources: usize) -> Window {
    let source = |number: usize| source(&format!("s-{number:03}"), 100, &[("stale", 50)]);
    Window { sources: (0..sources).map(source).collect(), destinations: Vec::new() }
}

#[test]
fn one_summary_says_that_more_groups_fire_than_have_places() {
    let mut watch = Watch::default();
    watch.see(10, &many(MOST_ALERTS));
    assert_eq!((watch.told().len(), watch.state.alerts().count()), (MOST_ALERTS, MOST_ALERTS));
    watch.see(10, &many(MOST_ALERTS + 25));
    let texts = watch.texts();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(
        texts[0].starts_with("The rule refusals fires for 25 more groups. Only 16 groups have an alert of their own."),
        "{texts:?}"
    );
    watch.see(12, &many(MOST_ALERTS));
    let texts = watch.texts();
    assert!(texts[0].ends_with("each group for which the rule refusals fires has its own alert again."), "{texts:?}");
    assert_eq!(texts.len(), 1, "{texts:?}");
    let told = watch.see(12, &many(0)).told();
    assert_eq!(told, vec![(Resolved, Rule::Refusals); MOST_ALERTS]);
}

#[test]
fn forged_requests_do_not_hide_a_destination_that_fails() {
    let mut watch = Watch::default();
    watch.see(10, &many(300)).told();
    let failing = DestinationWindow { recent: counts(20, &[("unreachable", 20)]), ..destination() };
    watch.see(3, &Window { destinations: vec![failing], ..many(300) });
    assert_eq!(watch.told(), [(Opened, Rule::FailedAttempts)]);
}

#[test]
fn a_resolved_alert_makes_place_for_a_new_one() {
    let mut watch = Watch::default();
    let another = of_source(source("another", 100, &[("stale", 50)]));
    watch.see(5, &many(MOST_ALERTS)).see(20, &many(0)).told();
    assert!(watch.see(5, &another).texts()[0].contains(" 1 more group."), "the places are taken for an hour");
    watch.see(60, &another);
    let opened = watch.notices.iter().filter(|notice| notice.kind == Opened);
    assert_eq!(opened.map(|notice| notice.alert.group.source.as_deref()).collect::<Vec<_>>(), [Some("another")]);
    assert_eq!(watch.state.alerts().filter(|alert| !alert.group.is_summary()).count(), MOST_ALERTS);
}
