//! A notice about an alert, in words for people and as the body of a request.

use super::MOST_ALERTS;
use super::group::{Group, SEVERAL};
use super::rules::Rule;
use super::state::{Alert, Measured, Status};
use super::view;
use crate::truncate::beginning;
use hookgate_verify::UnixTime;
use hookgate_verify::grammar::span;
use serde::Serialize;
use serde_json::json;
use std::time::Duration;

/// The largest body of a notice, in bytes.
pub const MOST_BODY: usize = 8192;
/// The longest text of a notice, in bytes of JSON.
const LONGEST_TEXT: usize = 1536;

/// The format of a notice's body. Both are JSON (`application/json`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Standard Webhooks (its specification, Payload structure): `type`, `timestamp` and `data`.
    Standard,
    /// An incoming webhook of Slack (its documentation, Sending messages using incoming webhooks): `text`.
    Slack,
}

/// Why a notice is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum NoticeKind {
    /// The alert opened.
    Opened,
    /// The alert is over.
    Resolved,
    /// The alert is still open, and nobody acknowledged it.
    Reminder,
    /// The operator asked for a notice.
    Test,
}

impl NoticeKind {
    /// The type of the event, as in `type` of a notice in the standard format.
    pub fn event_type(self) -> &'static str {
        match self {
            Self::Opened => "hookgate.alert.opened",
            Self::Resolved => "hookgate.alert.resolved",
            Self::Reminder => "hookgate.alert.reminder",
            Self::Test => "hookgate.alert.test",
        }
    }
}

/// A notice to send. [`evaluate`](super::evaluate) makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Why it is sent.
    pub kind: NoticeKind,
    /// The alert, as it is now.
    pub alert: Alert,
    /// When it was made.
    pub at: UnixTime,
}

impl Alert {
    /// The alert in plain words, as a notice at `now` says it.
    pub fn text(&self, now: UnixTime) -> String {
        let kind = if self.status == Status::Resolved { NoticeKind::Resolved } else { NoticeKind::Opened };
        Notice { kind, alert: self.clone(), at: now }.text()
    }
}

impl Notice {
    /// A notice by which an operator tests the way to the receiver. It is about no alert.
    pub fn test(now: UnixTime) -> Self {
        let group = Group::new(Rule::FailedAttempts, "test", Some("https://app.example.com/hooks"), Some("5xx"));
        let measured = Measured::Share { failed: 12, all: 14, seconds: super::RECENT.as_secs() };
        let alert = Alert { status: Status::Open, ..Alert::pending(group, measured, now) };
        Self { kind: NoticeKind::Test, alert, at: now }
    }

    /// The id of the notice, at most 80 letters, digits, `_` and `-`. Use it as the id of the event: a notice that is made
    /// again after a failure has the same id.
    pub fn id(&self) -> String {
        let Alert { id, since, reminders, .. } = &self.alert;
        match self.kind {
            NoticeKind::Opened => format!("alert_{id}_{since}_opened"),
            NoticeKind::Resolved => format!("alert_{id}_{since}_resolved"),
            NoticeKind::Reminder => format!("alert_{id}_{since}_reminder_{reminders}"),
            NoticeKind::Test => format!("alert_test_{}", self.at),
        }
    }

    /// The body in this format: JSON of at most [`MOST_BODY`] bytes. `dashboard` is the dashboard's URL, of at most
    /// [`LONGEST_PUBLIC_URL`](crate::config::LONGEST_PUBLIC_URL) bytes and `/dashboard`. Without it, there is no link.
    pub fn body(&self, format: Format, dashboard: Option<&str>) -> String {
        let link = dashboard.map(|dashboard| format!("{dashboard}{}", self.view()));
        match format {
            Format::Standard => self.standard(link.as_deref()),
            Format::Slack => {
                // Slack makes a link of a URL in a text (Formatting text for app surfaces, Links). A receiver that speaks
                // Slack's format and does not read `<URL>` shows a bare URL unchanged.
                let text = link.map_or_else(|| self.text(), |link| format!("{}\n{link}", self.text()));
                json!({ "text": for_slack(&text), "mrkdwn": false }).to_string()
            }
        }
    }

    /// The view of the dashboard that shows what the notice is about.
    fn view(&self) -> String {
        if self.kind == NoticeKind::Test { view::ALERTS.to_owned() } else { self.alert.group.view() }
    }

    fn standard(&self, link: Option<&str>) -> String {
        let Alert { id, group, status, since, ended, measured, .. } = &self.alert;
        let data = json!({
            "id": id,
            "rule": group.rule,
            "source": group.source,
            "destination": group.destination,
            "cause": group.cause,
            "status": status,
            "since": since.to_rfc3339(),
            "ended": ended.map(UnixTime::to_rfc3339),
            "measured": measured,
            "text": self.text(),
            "link": link,
        });
        json!({ "type": self.kind.event_type(), "timestamp": self.at.to_rfc3339(), "data": data }).to_string()
    }

    /// The notice in plain words: what is wrong, where, how much, since when, and what to do.
    pub fn text(&self) -> String {
        let Alert { since, ended, .. } = &self.alert;
        let (what, todo) = (self.what(), todo(self.alert.group.rule, self.alert.group.is_summary()));
        let began = match self.alert.measured {
            // An age says by itself since when.
            Measured::Age { .. } => String::new(),
            _ => format!(" It began at {}.", since.to_rfc3339()),
        };
        let text = match self.kind {
            NoticeKind::Opened => format!("{what}{began} {todo}"),
            NoticeKind::Reminder => {
                let lasts = lasting(since.until(self.at).as_secs());
                format!("Still open after {lasts}: {what}{began} {todo} Acknowledge the alert to end the reminders.")
            }
            NoticeKind::Resolved => {
                let over = ended.unwrap_or(self.at);
                let lasted = lasting(since.until(over).as_secs());
                format!("Resolved after {lasted}, from {} to {}: {}", since.to_rfc3339(), over.to_rfc3339(), self.was())
            }
            NoticeKind::Test => format!("This is a test of the alerts. An alert looks like this: {what} {todo}"),
        };
        beginning(&upper(&text), LONGEST_TEXT).into_owned()
    }

    /// What is wrong, as one sentence.
    fn what(&self) -> String {
        let rule = self.alert.group.rule;
        let (place, cause) = (self.place(), self.cause());
        match (self.alert.measured, rule) {
            (Measured::Share { failed, all, seconds }, Rule::Refusals) => {
                format!("{place} refused {failed} of {all} requests in the last {}{cause}.", lasting(seconds))
            }
            (Measured::Share { failed, all, seconds }, _) => {
                format!("{failed} of {all} attempts to {place} failed in the last {}{cause}.", lasting(seconds))
            }
            (Measured::Dead { new, all }, _) => {
                let died = if new == 1 { "1 event".to_owned() } else { format!("{new} events") };
                let kept = if all == 1 { "1 dead letter is".to_owned() } else { format!("{all} dead letters are") };
                format!("{died} to {place} died in the last hour. {kept} kept.")
            }
            (Measured::Age { seconds }, Rule::Backlog) => {
                format!("the oldest event to {place} has waited for {}.", self.age(seconds))
            }
            (Measured::Age { seconds }, Rule::Paused) => format!("{place} has been paused for {}.", self.age(seconds)),
            (Measured::Age { seconds }, _) => format!("{place} has sent no event for {}.", self.age(seconds)),
            (Measured::More { groups }, _) => {
                let more = if groups == 1 { "1 more group".to_owned() } else { format!("{groups} more groups") };
                let rule = rule.name();
                format!("the rule {rule} fires for {more}. Only {MOST_ALERTS} groups have an alert of their own.")
            }
        }
    }

    /// What was wrong and is over.
    fn was(&self) -> String {
        let Group { rule, source, .. } = &self.alert.group;
        let (place, cause) = (self.place(), self.cause());
        if source.is_none() {
            return format!("each group for which the rule {} fires has its own alert again.", rule.name());
        }
        match rule {
            Rule::Refusals => format!("{place} refuses few requests again{cause}."),
            Rule::FailedAttempts => format!("few attempts to {place} fail again{cause}."),
            Rule::DeadLetters => {
                format!("no more events to {place} became dead letters. The old ones still wait for a redrive.")
            }
            Rule::Backlog => format!("no event to {place} waits for long."),
            Rule::Paused => format!("{place} is not paused any more."),
            Rule::Silent => format!("{place} sends events again, or is no longer watched."),
        }
    }

    /// The age, and since when.
    fn age(&self, seconds: u64) -> String {
        let since = self.at.minus(Duration::from_secs(seconds));
        format!("{}, since {}", lasting(seconds), since.to_rfc3339())
    }

    fn place(&self) -> String {
        let Group { source, destination, .. } = &self.alert.group;
        let source = source.as_deref().unwrap_or("?");
        match destination {
            Some(destination) => format!("the destination {destination} of the source {source}"),
            None => format!("the source {source}"),
        }
    }

    fn cause(&self) -> String {
        match self.alert.group.cause.as_deref() {
            Some(SEVERAL) => " (several reasons together)".to_owned(),
            Some(cause) => format!(" ({cause})"),
            None => String::new(),
        }
    }
}

/// What an operator does first. It names things and not paths: the reader has a link, or is in the dashboard already.
fn todo(rule: Rule, summary: bool) -> &'static str {
    if summary {
        return "Look at the list of the alerts, and at the numbers of all sources and destinations.";
    }
    match rule {
        Rule::Refusals => {
            "Look at the refused requests of the source: each one says why it was refused and what to do. Forged requests \
             do no harm."
        }
        Rule::FailedAttempts => {
            "Look at the attempts of the source's events, and at the log of the destination at this time. The gateway \
             tries each event again, but an event that the destination refuses with 4xx becomes a dead letter."
        }
        Rule::DeadLetters => "Read the reasons of the dead letters, correct the destination, then redrive the letters.",
        Rule::Backlog => "Look at the attempts of the events that wait: the destination is down or too slow.",
        Rule::Paused => {
            "The events wait, and become dead letters when their time in the queue ends. Resume the source when the \
             destination can take its events."
        }
        Rule::Silent => {
            "Look at the provider: is the endpoint still registered and enabled, and does the provider report failures?"
        }
    }
}

/// The duration, in whole minutes from a minute on.
fn lasting(seconds: u64) -> String {
    let whole = if seconds < 60 { seconds } else { seconds.saturating_sub(seconds.checked_rem(60).unwrap_or(0)) };
    span::shown(Duration::from_secs(whole))
}

/// The text with a capital letter at its beginning.
fn upper(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| format!("{}{}", first.to_uppercase(), letters.as_str()))
}

/// Escapes a text for Slack (its documentation, Formatting text for app surfaces). Without `<`, a text has no link and no
/// `<!here>`. A blank of no width follows each `@`, so that no setting of the receiver makes a mention of it.
fn for_slack(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('@', "@\u{200b}")
}
