//! The statements that read the dead letters that wait for a redrive, and what the API shows of their numbers.
//!
//! A letter has a large message. So the statements find letters in an index that has each column of a filter, and that has
//! only the letters that wait.

use super::{Filter, Selection};
use crate::database::{Rows, Statement, Value};
use hookgate_verify::UnixTime;
use serde::{Deserialize, Serialize};

/// The columns of a letter.
pub const COLUMNS: &str =
    "id, source, event_id, type, key, received, died, reason, bytes, payload, expires, message, redrives";
/// The most letters at which one count looks.
pub const COUNTED: u32 = 20_000;
/// The most groups of a count.
pub const MOST_GROUPS: u32 = 100;

/// The filter without its source. `?1` is the source.
const CONDITION: &str = "(?2 IS NULL OR type = ?2) AND (?3 IS NULL OR reason = ?3) AND (?4 IS NULL OR died >= ?4) \
                         AND (?5 IS NULL OR died < ?5)";

/// The number of the letters of one source that have one reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_arch = "wasm32"), schemars(rename = "DeadLetterGroup"))]
pub struct Group {
    /// The source's name. Empty if another program wrote the messages.
    pub source: String,
    /// Why the events became dead letters.
    pub reason: String,
    /// The number of letters.
    pub count: u64,
    /// When the first of them died.
    #[serde(serialize_with = "super::as_rfc3339")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String", extend("format" = "date-time")))]
    pub oldest: UnixTime,
    /// When the last of them died.
    #[serde(serialize_with = "super::as_rfc3339")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String", extend("format" = "date-time")))]
    pub newest: UnixTime,
}

/// The numbers of the letters that a filter selects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[cfg_attr(not(target_arch = "wasm32"), schemars(rename = "DeadLetterGroups"))]
pub struct Groups {
    /// The groups, the largest first: at most 100.
    pub groups: Vec<Group>,
    /// The number of the letters in all groups, also in those that are left out.
    pub letters: u64,
    /// Whether every letter is counted. One call looks at the newest 20,000 letters, or at those of the source in the filter.
    pub complete: bool,
}

#[derive(Deserialize)]
struct Row {
    #[serde(flatten)]
    group: Group,
    letters: u64,
}

#[derive(Deserialize)]
struct Looked {
    looked: u32,
}

impl Filter {
    /// The condition for the source. SQLite would not seek a source in a condition that is also true without a source.
    fn scope(&self) -> &'static str {
        if self.source.is_some() { "source = ?1" } else { "?1 IS NULL" }
    }

    /// The statements that count the letters in groups.
    pub fn groups(&self) -> [Statement; 2] {
        let scope = self.scope();
        let groups = format!(
            "SELECT source, reason, count(*) AS count, min(died) AS oldest, max(died) AS newest, \
             sum(count(*)) OVER () AS letters FROM (SELECT source, type, reason, died FROM dead_letters \
             WHERE redriven IS NULL AND {scope} ORDER BY number DESC LIMIT {COUNTED}) WHERE {CONDITION} \
             GROUP BY source, reason ORDER BY count DESC, source, reason LIMIT {MOST_GROUPS}"
        );
        [Statement::new(groups, self.values()), self.looked()]
    }

    /// The statement that says at how many letters there are to look, up to one more than the most.
    fn looked(&self) -> Statement {
        let scope = self.scope();
        let sql = format!(
            "SELECT count(*) AS looked FROM \
             (SELECT number FROM dead_letters WHERE redriven IS NULL AND {scope} LIMIT {COUNTED} + 1)"
        );
        Statement::new(sql, [self.source.as_deref().into()])
    }

    fn values(&self) -> [Value; 5] {
        let seconds = |time: Option<UnixTime>| time.map(UnixTime::seconds).into();
        [
            self.source.as_deref().into(),
            self.event_type.as_deref().into(),
            self.reason.as_deref().into(),
            seconds(self.since),
            seconds(self.until),
        ]
    }
}

impl Groups {
    /// The groups in the answers to [`Filter::groups`].
    ///
    /// # Errors
    /// The database has other columns.
    pub fn of(answers: Vec<Rows>) -> Result<Self, String> {
        let mut answers = answers.into_iter();
        let rows: Vec<Row> = answers.next().unwrap_or_default().parse()?;
        let looked: Vec<Looked> = answers.next().unwrap_or_default().parse()?;
        let looked = looked.first().ok_or("D1: its answer lacks the number of letters")?.looked;
        let letters = rows.first().map_or(0, |row| row.letters);
        let groups = rows.into_iter().map(|row| row.group).collect();
        Ok(Self { groups, letters, complete: looked <= COUNTED })
    }
}

impl Selection {
    /// The statement that reads the letters, the oldest first.
    pub fn list(&self) -> Statement {
        let scope = self.filter.scope();
        let sql = format!(
            "SELECT {COLUMNS} FROM dead_letters WHERE number IN (SELECT number FROM dead_letters WHERE redriven IS NULL \
             AND {scope} AND {CONDITION} AND number > coalesce((SELECT number FROM dead_letters WHERE id = ?6), 0) \
             ORDER BY number LIMIT ?7) ORDER BY number"
        );
        Statement::new(sql, self.filter.values().into_iter().chain([self.after.as_deref().into(), self.limit.into()]))
    }
}
