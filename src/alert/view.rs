//! The view of the dashboard that shows what is behind an alert. A test compares it with `dashboard/src/alerts.ts`.

use super::group::{Group, SEVERAL};
use super::rules::Rule;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The list of the alerts.
pub(super) const ALERTS: &str = "#/alerts";

impl Group {
    /// The address of the view, as the part of a URL after the dashboard's path. Every byte of a name that has a meaning in a
    /// URL is percent-encoded.
    pub fn view(&self) -> String {
        let Some(source) = self.source.as_deref().map(encoded) else { return ALERTS.to_owned() };
        match self.rule {
            Rule::Refusals => match self.cause.as_deref().filter(|cause| *cause != SEVERAL) {
                Some(cause) => format!("#/refused?source={source}&reason={}", encoded(cause)),
                None => format!("#/refused?source={source}"),
            },
            Rule::FailedAttempts => format!("#/events?source={source}&state=retrying%2Cdead"),
            Rule::DeadLetters => format!("#/dead-letters?source={source}"),
            Rule::Backlog => format!("#/events?source={source}&state=retrying%2Cwaiting&range=7d"),
            Rule::Paused | Rule::Silent => format!("#/sources/{source}"),
        }
    }
}

fn encoded(name: &str) -> String {
    const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');
    utf8_percent_encode(name, ESCAPED).to_string()
}
