//! The words and the bodies of notices.

use super::*;
use hookgate::alert::{Format, Group, MOST_BODY, Measured};
use hookgate::config::LONGEST_PUBLIC_URL;
use serde_json::{Value, json};

const DASHBOARD: &str = "https://hooks.example.com/dashboard";

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

/// Every notice of a gateway with these names: opened, reminder and resolved, of each rule.
fn all_notices(source: &str, destination: &str, cause: &str) -> Vec<Notice> {
    let mut watch = Watch::default();
    let count = 60;
    let window = |now: UnixTime| Window {
        sources: vec![SourceWindow {
            last_event: Some(at(-DAY)),
            usual_gap: Some(minutes(1)),
            recent: counts(count, &[(cause, count)]),
            source: source.to_owned(),
            ..SourceWindow::default()
        }],
        destinations: vec![DestinationWindow {
            source: source.to_owned(),
            destination: destination.to_owned(),
            recent: counts(u64::MAX, &[(cause, u64::MAX)]),
            dead: u64::MAX,
            oldest_waiting: Some(now.minus(minutes(500))),
            paused_since: Some(UnixTime::from_seconds(i64::MIN)),
            ..DestinationWindow::default()
        }],
    };
    for _ in 0..80 {
        watch.now += 9 * MINUTE;
        watch.see_at(1, &mut |now| Some(window(now)));
    }
    watch.see(30, &Window::default());
    watch.notices
}

#[test]
fn every_rule_has_its_words() {
    let notices = all_notices("billing", URL, "bad_signature");
    for rule in Rule::ALL {
        for kind in [NoticeKind::Opened, NoticeKind::Reminder, NoticeKind::Resolved] {
            let notice = notices.iter().find(|notice| (notice.kind, notice.alert.group.rule) == (kind, rule));
            let text = notice.unwrap_or_else(|| panic!("{kind:?} {rule:?}")).text();
            assert!(text.contains("the source billing") || text.contains("The source billing"), "{text}");
            assert!(text.starts_with(char::is_alphanumeric) && !text.starts_with(char::is_lowercase), "{text}");
            assert!(text.ends_with(['.', '?']), "{text}");
        }
    }
}

#[test]
fn a_notice_is_a_standard_webhook() {
    let mut watch = Watch::default();
    watch.see(2, &of_source(source("billing", 60, &[("bad_signature", 45)])));
    let notice = watch.notices.remove(0);
    let expected = json!({
        "type": "hookgate.alert.opened",
        "timestamp": "2026-01-15T12:02:00Z",
        "data": {
            "id": watch.alert().id,
            "rule": "refusals",
            "source": "billing",
            "destination": null,
            "cause": "bad_signature",
            "status": "open",
            "since": "2026-01-15T12:01:00Z",
            "ended": null,
            "measured": { "kind": "share", "failed": 45, "all": 60, "seconds": 600 },
            "text": notice.text(),
            "link": "https://hooks.example.com/dashboard#/refused?source=billing&reason=bad_signature",
        },
    });
    assert_eq!(json_of(&notice.body(Format::Standard, Some(DASHBOARD))), expected);
    assert_eq!(json_of(&notice.body(Format::Standard, None))["data"]["link"], json!(null));
    let types = [NoticeKind::Opened, NoticeKind::Resolved, NoticeKind::Reminder, NoticeKind::Test];
    let types =
        types.map(|kind| json_of(&Notice { kind, ..notice.clone() }.body(Format::Standard, None))["type"].clone());
    assert_eq!(types, ["opened", "resolved", "reminder", "test"].map(|name| format!("hookgate.alert.{name}")));
}

/// The dashboard's own test reads the same examples: `dashboard/tests/alerts.test.ts`.
#[test]
fn a_notice_links_to_the_view_that_the_dashboard_shows_for_the_alert() {
    let examples = json_of(include_str!("links.json"));
    let examples = examples.as_array().expect("a list");
    for example in examples {
        let group: Group = serde_json::from_value(example.clone()).expect("a group");
        assert_eq!(group.view(), example["link"], "{example}");
    }
    for rule in Rule::ALL {
        assert!(
            examples.iter().any(|example| example["rule"] == rule.name() && example["source"].is_string()),
            "{rule:?}"
        );
    }
}

#[test]
fn the_link_is_the_last_line_for_slack_and_is_left_out_without_a_dashboard() {
    for notice in all_notices("billing", URL, "bad_signature") {
        let text = |dashboard| json_of(&notice.body(Format::Slack, dashboard))["text"].clone();
        let link = format!("{DASHBOARD}{}", notice.alert.group.view()).replace('&', "&amp;");
        assert_eq!(text(Some(DASHBOARD)), format!("{}\n{link}", notice.text()));
        assert_eq!(text(None), notice.text());
    }
}

/// Nobody who is called at night reads the API. In the dashboard, the reader is there already.
#[test]
fn the_words_name_no_path_and_have_no_marks_of_markdown() {
    for notice in all_notices("billing", "the destination", "bad_signature") {
        let group = Group { source: None, destination: None, cause: None, ..notice.alert.group.clone() };
        let mut summary = notice.clone();
        (summary.alert.group, summary.alert.measured) = (group, Measured::More { groups: 2 });
        for notice in [summary, notice] {
            let text = notice.text();
            assert!(!text.contains(['/', '`']), "{text}");
        }
    }
}

/// The names come from records, and somebody may have chosen them.
#[test]
fn slack_reads_no_mention_and_no_link_in_a_name() {
    for name in ["<!here>", "<!channel> <@U123>", "@channel @here @everyone", "<https://evil.example|click>", "a & b"] {
        for notice in all_notices(name, name, name) {
            let body = json_of(&notice.body(Format::Slack, Some(DASHBOARD)));
            let text = body["text"].as_str().expect("a text");
            assert!(!text.contains(['<', '>']), "{text}");
            for (place, _) in text.match_indices('@') {
                assert!(text[place + 1..].starts_with('\u{200b}'), "{text}");
            }
            for (place, _) in text.match_indices('&') {
                assert!(["&amp;", "&lt;", "&gt;"].iter().any(|entity| text[place..].starts_with(entity)), "{text}");
            }
            assert_eq!(body["mrkdwn"], json!(false), "a name may have * or _");
        }
    }
}

#[test]
fn no_body_is_larger_than_it_may_be_and_each_is_one_line_of_words() {
    for letter in ["x", "\"", "\\", "\n", "\u{1}", "&", "<", "@", "€", "🦀", "\u{202e}"] {
        let name = letter.repeat(1000);
        let dashboard = format!("{}/dashboard", "x".repeat(LONGEST_PUBLIC_URL));
        for notice in all_notices(&name, &name, &name) {
            for format in [Format::Standard, Format::Slack] {
                let body = notice.body(format, Some(&dashboard));
                assert!(body.len() <= MOST_BODY, "{letter:?}: {}", body.len());
                json_of(&body);
            }
            let text = notice.text();
            assert!(!text.contains(|c: char| c.is_control() || c == '\u{202e}'), "{text:?}");
            let is_whole = text.ends_with(['.', '?']);
            assert!(is_whole, "the words about what to do are not cut: {text}");
        }
    }
}

/// A token in the query of a destination must not reach the state, a log or a channel.
#[test]
fn the_query_of_a_destination_is_never_shown() {
    let url = "https://app.example.com/hooks?token=canary-secret";
    let mut watch = Watch::default();
    watch.see(3, &of_destination(DestinationWindow { destination: url.to_owned(), dead: 1, ..destination() }));
    let notice = watch.notices.remove(0);
    let shown =
        [notice.text(), notice.body(Format::Standard, None), notice.body(Format::Slack, Some(DASHBOARD)), notice.id()];
    for shown in shown.into_iter().chain([watch.state.to_json(), format!("{:?}", watch.state)]) {
        assert!(!shown.contains("canary"), "{shown}");
    }
    assert!(notice.text().contains("https://app.example.com/hooks"));
}

#[test]
fn a_test_notice_says_that_it_is_a_test() {
    let notice = Notice::test(at(0));
    assert!(notice.text().starts_with("This is a test of the alerts."), "{}", notice.text());
    assert_eq!(notice.id(), format!("alert_test_{}", at(0)));
    let data = json_of(&notice.body(Format::Standard, Some(DASHBOARD)))["data"].clone();
    assert_eq!((&data["source"], &data["link"]), (&json!("test"), &json!(format!("{DASHBOARD}#/alerts"))));
}
