//! Pauses: an operator stops the deliveries of a source for a while. Its requests are still verified, deduplicated and
//! queued. Its events wait in the queue, and no attempt is made.

use crate::config::{Config, Source};
use crate::database::{Rows, Statement};
use crate::retry;
use hookgate_verify::UnixTime;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The longest reason of a pause, in characters.
pub const LONGEST_REASON: usize = 200;

const COLUMNS: &str = "SELECT source, since, caller, reason FROM pauses";

/// A pause that a caller of the API made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// The name of the source.
    pub source: String,
    /// Since when the source is paused.
    pub since: UnixTime,
    /// Who paused it.
    pub caller: String,
    /// Why, in the words of the caller.
    pub reason: Option<String>,
}

impl Pause {
    /// The statements that store the pause and read it. A source that is paused already keeps its first pause.
    pub fn store(&self) -> Vec<Statement> {
        let sql = "INSERT INTO pauses (source, since, caller, reason) VALUES (?1, ?2, ?3, ?4) \
                   ON CONFLICT (source) DO NOTHING";
        let values = [
            self.source.as_str().into(),
            self.since.seconds().into(),
            self.caller.as_str().into(),
            self.reason.as_deref().into(),
        ];
        vec![Statement::new(sql, values), Self::read(&self.source)]
    }

    /// The statements that read the pause of `source` and end it.
    pub fn end(source: &str) -> Vec<Statement> {
        vec![Self::read(source), Statement::new("DELETE FROM pauses WHERE source = ?1", [source.into()])]
    }

    fn read(source: &str) -> Statement {
        Statement::new(format!("{COLUMNS} WHERE source = ?1"), [source.into()])
    }

    /// Who paused the source, since when and why, as words after "paused".
    pub fn text(&self) -> String {
        let reason = self.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        format!("by {} since {}{reason}", self.caller, self.since.to_rfc3339())
    }
}

/// The sources that are paused by the API.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pauses(Vec<Pause>);

impl Pauses {
    /// The statement that reads them.
    pub fn read() -> Statement {
        Statement::new(format!("{COLUMNS} ORDER BY source"), [])
    }

    /// The pauses in the rows of [`Pauses::read`].
    ///
    /// # Errors
    /// The database has other columns.
    pub fn of(rows: Rows) -> Result<Self, String> {
        rows.parse().map(Self)
    }

    /// The pause of `source`.
    pub fn get(&self, source: &str) -> Option<&Pause> {
        self.0.iter().find(|pause| pause.source == source)
    }

    /// Every pause, in the order of the sources' names.
    pub fn iter(&self) -> impl Iterator<Item = &Pause> {
        self.0.iter()
    }

    /// Who paused `source`, as words after "paused". `None` if it is not paused.
    pub fn text(&self, source: &Source) -> Option<String> {
        let configured = || source.paused.then(|| "by the configuration (`paused = true`)".to_owned());
        self.get(source.name.as_str()).map(Pause::text).or_else(configured)
    }

    /// The pause of a source as the API shows it. `is_configured` says whether the configuration pauses the source.
    pub fn shown(&self, source: &str, is_configured: bool) -> Option<ShownPause> {
        let pause = self.get(source);
        (pause.is_some() || is_configured).then(|| ShownPause {
            since: pause.map(|pause| pause.since.to_rfc3339()),
            by: pause.map(|pause| pause.caller.clone()),
            reason: pause.and_then(|pause| pause.reason.clone()),
            configured: is_configured,
        })
    }

    /// Every paused source: those of the configuration, and those that are not configured anymore.
    pub fn all(&self, config: Option<&Config>) -> Vec<PausedSource> {
        let configured = config.into_iter().flat_map(Config::sources).filter_map(|(_, source)| source.ok());
        let configured = configured.filter(|source| source.paused).map(|source| source.name.as_str());
        let mut all: Vec<PausedSource> = self.iter().filter_map(|pause| self.paused(&pause.source, false)).collect();
        for name in configured {
            all.retain(|known| known.source != name);
            all.extend(self.paused(name, true));
        }
        all.sort_by(|one, other| one.source.cmp(&other.source));
        all
    }

    fn paused(&self, source: &str, is_configured: bool) -> Option<PausedSource> {
        self.shown(source, is_configured).map(|pause| PausedSource { source: source.to_owned(), pause })
    }
}

/// Who paused a source, since when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_arch = "wasm32"), schemars(rename = "Pause"))]
pub struct ShownPause {
    /// Since when a caller of the API has paused the source, in RFC 3339. `null` if the configuration alone pauses it.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("format" = "date-time")))]
    pub since: Option<String>,
    /// The caller.
    pub by: Option<String>,
    /// Why, in the words of the caller.
    pub reason: Option<String>,
    /// Whether the source has `paused = true` in the configuration. The API cannot resume such a source.
    pub configured: bool,
}

/// A paused source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct PausedSource {
    /// The name of the source. It may not be configured anymore.
    pub source: String,
    /// Who paused it, since when and why.
    #[serde(flatten)]
    pub pause: ShownPause,
}

/// What becomes of an event of a paused source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    /// The event waits for so long. The text says who paused the source.
    Waits(String, Duration),
    /// The event has no more time in the queue, so it becomes a dead letter. The text says why.
    Over(String),
}

impl Pauses {
    /// What becomes of an event of `source`. `None` if the source is not paused. `age` is the time since the event was
    /// accepted or sent again, `None` if it cannot be read. The queue keeps a message for `retention`.
    pub fn hold(&self, source: &Source, age: Option<Duration>, retention: Duration) -> Option<Held> {
        let text = self.text(source)?;
        let waits = age.map(|age| (age, retry::wait_for_resume(age)));
        Some(match waits.filter(|(age, delay)| !retry::is_over(*age, *delay, retention)) {
            Some((_, delay)) => Held::Waits(format!("paused {text}"), delay),
            None => Held::Over(format!("its time in the queue ended while its source was paused {text}")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pause(reason: Option<&str>) -> Pause {
        Pause {
            source: "billing".to_owned(),
            since: UnixTime::from_seconds(1_768_480_200),
            caller: "on-call".to_owned(),
            reason: reason.map(str::to_owned),
        }
    }

    #[test]
    fn the_text_says_who_since_when_and_why() {
        assert_eq!(pause(None).text(), "by on-call since 2026-01-15T12:30:00Z");
        assert_eq!(pause(Some("a move")).text(), "by on-call since 2026-01-15T12:30:00Z: a move");
    }

    /// `entry.js` passes this text from the read of a batch to each of its messages.
    #[test]
    fn pauses_are_a_json_list() {
        let pauses = Pauses(vec![pause(Some("\"<b>\u{1}"))]);
        let text = serde_json::to_string(&pauses).expect("JSON");
        assert_eq!(text, r#"[{"source":"billing","since":1768480200,"caller":"on-call","reason":"\"<b>\u0001"}]"#);
        assert_eq!(serde_json::from_str::<Pauses>(&text).expect("pauses"), pauses);
    }
}
