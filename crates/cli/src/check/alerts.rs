//! Checks the alerts: their thresholds and their receiver.

use super::super::project::Project;
use hookgate::alert::Format;
use hookgate::config::{ALERTS, Config};
use hookgate_verify::grammar::span;

/// The URL in place of a deployed secret, which cannot be read.
pub const PLACEHOLDER: &str = "https://alerts.invalid/";

/// The line about the alerts. `None` without `ALERTS`.
///
/// # Errors
/// A mistake in `ALERTS`, or a receiver that the deployed Worker cannot reach.
pub fn summary(project: &Project, config: &Config, deploy: bool) -> Result<Option<String>, String> {
    let alerts = config.alerts.as_ref().map_err(ToString::to_string)?;
    if project.text(ALERTS).is_none() {
        return Ok(None);
    }
    let Some(to) = &alerts.to else {
        return Ok(Some("alerts: told to nobody; set `url` and `format` in [vars.ALERTS]".to_owned()));
    };
    if deploy && to.destination.is_loopback() {
        let place = project.head("vars.ALERTS");
        return Err(format!(
            "{ALERTS}.url: {} is on this machine, and the deployed Worker cannot reach it; set `url` in [{place}]",
            to.host()
        ));
    }
    let format = match to.format {
        Format::Standard => "Standard Webhooks",
        Format::Slack => "Slack",
    };
    let place = match project.alerts_secret() {
        Some(name) if deploy => format!("the URL in {name}"),
        _ => to.host().to_owned(),
    };
    let remind = alerts
        .rules
        .remind
        .map_or_else(|| "without reminders".to_owned(), |remind| format!("again every {}", span::shown(remind)));
    let general = &alerts.rules.general;
    let rules = [
        ("refusals", general.refusals.is_none()),
        ("failed_attempts", general.failed_attempts.is_none()),
        ("dead_letters", general.dead_letters.is_none()),
        ("backlog", general.backlog.is_none()),
        ("paused", general.paused.is_none()),
        ("silent", general.silent.is_none()),
    ];
    let off: Vec<&str> = rules.into_iter().filter(|(_, is_off)| *is_off).map(|(name, _)| name).collect();
    let off = if off.is_empty() { String::new() } else { format!("; off: {}", off.join(", ")) };
    Ok(Some(format!("alerts: to {place}, as {format}, {remind}{off}")))
}

/// Warns that the URL of a webhook of Slack is a secret.
pub fn warning(config: &Config, project: &Project) -> Option<String> {
    let to = config.alerts.as_ref().ok()?.to.as_ref()?;
    (to.format == Format::Slack && project.alerts_secret().is_none() && !to.destination.is_loopback()).then(|| {
        format!(
            "{ALERTS}.url is in [vars], where everybody can read it, and the URL of a webhook of Slack is a secret; put the \
             URL into a Worker secret, and write its name as url_secret = \"ALERTS_URL\""
        )
    })
}
