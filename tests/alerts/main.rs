//! The alerts: each rule fires and stops, nothing is told twice, and no records make a flood of notices.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![allow(clippy::arithmetic_side_effects)]

mod groups;
mod notices;
mod properties;
mod rules;
mod state;

use hookgate::alert::{
    Alert, Counts, DestinationWindow, Notice, NoticeKind, Rule, Rules, SourceWindow, State, Status, Window, evaluate,
};
use hookgate_verify::UnixTime;
use std::time::Duration;

const START: i64 = 1_768_478_400;
const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;
const URL: &str = "https://app.example.com/hooks";

fn at(seconds: i64) -> UnixTime {
    UnixTime::from_seconds(START + seconds)
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

fn counts(all: u64, failed: &[(&str, u64)]) -> Counts {
    Counts { all, failed: failed.iter().map(|(cause, count)| ((*cause).to_owned(), *count)).collect() }
}

/// The records of one source, with the same counts in both spans.
fn source(name: &str, all: u64, refused: &[(&str, u64)]) -> SourceWindow {
    let counts = counts(all, refused);
    SourceWindow { source: name.to_owned(), recent: counts.clone(), longer: counts, ..SourceWindow::default() }
}

fn destination() -> DestinationWindow {
    DestinationWindow { source: "billing".to_owned(), destination: URL.to_owned(), ..DestinationWindow::default() }
}

fn of_source(source: SourceWindow) -> Window {
    Window { sources: vec![source], destinations: Vec::new() }
}

fn of_destination(destination: DestinationWindow) -> Window {
    Window { sources: Vec::new(), destinations: vec![destination] }
}

/// A gateway whose records are evaluated once a minute.
#[derive(Default)]
struct Watch {
    state: State,
    rules: Rules,
    /// Seconds after [`START`].
    now: i64,
    notices: Vec<Notice>,
}

impl Watch {
    /// Evaluates a window, `times` times, a minute apart.
    fn see(&mut self, times: usize, window: &Window) -> &mut Self {
        self.see_at(times, &mut |_| Some(window.clone()))
    }

    /// Evaluates a window for each time.
    fn see_at(&mut self, times: usize, window: &mut dyn FnMut(UnixTime) -> Option<Window>) -> &mut Self {
        for _ in 0..times {
            self.now += MINUTE;
            let window = window(at(self.now));
            let (state, notices) = evaluate(&self.state, window.as_ref(), &self.rules, at(self.now));
            if !notices.is_empty() {
                let read = State::from_json(state.to_json().as_bytes()).expect("a state");
                assert_eq!(read, state, "the JSON has the whole state");
            }
            self.state = state;
            self.notices.extend(notices);
        }
        self
    }

    /// Takes the notices so far: the kind, and the rule.
    fn told(&mut self) -> Vec<(NoticeKind, Rule)> {
        self.notices.drain(..).map(|notice| (notice.kind, notice.alert.group.rule)).collect()
    }

    /// Takes the texts of the notices so far.
    fn texts(&mut self) -> Vec<String> {
        self.notices.drain(..).map(|notice| notice.text()).collect()
    }

    fn alert(&self) -> &Alert {
        let mut alerts = self.state.alerts();
        let alert = alerts.next().expect("an alert");
        assert!(alerts.next().is_none(), "one alert");
        alert
    }

    fn status(&self) -> Status {
        self.alert().status
    }
}
