//! The statements that read refused requests, and what the API shows of them.

use super::advice::why;
use super::body::{BODY, StoredBody};
use super::filter::{EventFilter, FilterError};
use super::page::cut;
use super::window::{Minutes, any_of, partial};
use crate::database::{Rows, Statement, Value};
use hookgate_verify::UnixTime;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The most samples at which one call looks. A list whose filter fits few samples has shorter pages.
const SCANNED: u32 = 20_000;
/// The samples of the last 7 days are kept, and a day for the sweep.
const USUAL: Duration = Duration::from_secs(8 * 24 * 3600);
/// The longest text of a cursor, in bytes.
const LONGEST_CURSOR: usize = 200;

/// Which refused requests a list selects. Every part must fit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RefusedFilter(EventFilter);

impl RefusedFilter {
    /// The parameters.
    pub const NAMES: [&'static str; 4] = ["source", "reason", "since", "until"];

    /// Sets the parameter `name`. `Ok(false)` if there is no such parameter.
    ///
    /// # Errors
    /// The value cannot be used.
    pub fn set(&mut self, name: &str, value: &str) -> Result<bool, FilterError> {
        // An empty source is the source of requests to a path without a source.
        if (name, value) == ("source", "") {
            self.0.sources = vec![String::new()];
            return Ok(true);
        }
        if Self::NAMES.contains(&name) { self.0.set(name, value) } else { Ok(false) }
    }

    /// The minutes of the selection. `None` if there are none.
    pub fn window(&self, now: UnixTime) -> Option<Minutes> {
        Minutes::new(self.0.since, self.0.until, USUAL, now)
    }

    /// The statements that read a page of at most `limit` samples after `after`.
    pub fn page(&self, window: Minutes, after: Option<&RefusedCursor>, limit: u32) -> Vec<Statement> {
        let (first, last) = window.slots();
        let mut values = vec![first.into(), after.map_or(last, |after| super::slot(after.at).min(last)).into()];
        let mut scope = "slot BETWEEN ?1 AND ?2".to_owned();
        if let Some(RefusedCursor { at, source, reason, number }) = after {
            let place: [Value; 4] =
                [at.seconds().into(), source.as_str().into(), reason.as_str().into(), (*number).into()];
            values.extend(place);
            scope.push_str(" AND (at, source, reason, number) < (?3, ?4, ?5, ?6)");
        }
        let keys = "slot, source, reason, number, at";
        let end =
            format!("SELECT {keys} FROM refused WHERE {scope} {ORDER} LIMIT 1 OFFSET {}", SCANNED.saturating_sub(1));
        let end = Statement::new(end, values.clone());
        let condition = self.condition(&mut values);
        // Bodies and headers are large. So the keys are sorted alone, and then the rows are read.
        let sql = format!(
            "SELECT refused.at, refused.source, refused.reason, refused.number, status, detail, method, path, headers, \
             bytes, {BODY} \
             FROM (SELECT slot, source, reason, number FROM (SELECT {keys} FROM refused WHERE {scope} {ORDER} \
             LIMIT {SCANNED}) WHERE {condition} LIMIT {}) CROSS JOIN refused USING (slot, source, reason, number) {ORDER}",
            limit.saturating_add(1)
        );
        vec![Statement::new(sql, values), end]
    }

    /// The statements that count the refused requests of the selection, in whole minutes.
    pub fn counts(&self, window: Minutes) -> Vec<Statement> {
        let mut values = Vec::from(window.values());
        let parts = [any_of("source", &self.0.sources, &mut values), any_of("reason", &self.0.reasons, &mut values)];
        let condition: String = parts.into_iter().flatten().flat_map(|part| [" AND ".to_owned(), part]).collect();
        let sql = format!(
            "SELECT source, verdict, reason, sum(count) AS count FROM counts WHERE {} AND reason <> ''{condition} \
             GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3 LIMIT 1000",
            Minutes::range("counts")
        );
        vec![Statement::new(sql, values), window.end("counts")]
    }

    fn condition(&self, values: &mut Vec<Value>) -> String {
        let mut all = vec!["1".to_owned()];
        all.extend(any_of("source", &self.0.sources, values));
        all.extend(any_of("reason", &self.0.reasons, values));
        for (time, comparison) in [(self.0.since, ">="), (self.0.until, "<")] {
            let Some(time) = time else { continue };
            values.push(time.seconds().into());
            all.push(format!("at {comparison} ?{}", values.len()));
        }
        all.join(" AND ")
    }
}

const ORDER: &str = "ORDER BY slot DESC, at DESC, source DESC, reason DESC, number DESC";

/// A place in the list: the last sample of a page. It is the primary key of the sample, with the second in place of the
/// minute.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RefusedCursor {
    at: UnixTime,
    source: String,
    reason: String,
    number: u32,
}

impl RefusedCursor {
    /// Reads the text that [`RefusedCursor::to_text`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = Some(text).filter(|text| text.len() <= LONGEST_CURSOR)?.splitn(4, '.');
        let mut next = || parts.next();
        let (at, number, reason, source) = (next()?, next()?, next()?, next()?);
        let at = UnixTime::from_seconds(at.parse().ok()?);
        Some(Self { at, number: number.parse().ok()?, reason: reason.to_owned(), source: source.to_owned() })
    }

    /// The text for the API.
    pub fn to_text(&self) -> String {
        let Self { at, source, reason, number } = self;
        format!("{}.{number}.{reason}.{source}", at.seconds())
    }
}

/// A sample of a refused request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct RefusedSample {
    /// The id of the sample in this API.
    pub id: String,
    /// When the request was refused, in RFC 3339.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("format" = "date-time")))]
    pub at: String,
    /// The source's name, `/api`, or empty if no source is configured at the path.
    pub source: String,
    /// The status of the answer.
    pub status: u16,
    /// The code of the reason.
    pub reason: String,
    /// The exact reason.
    pub detail: String,
    /// Why the request was refused, and what to do.
    pub why: String,
    /// The method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The headers. The values of headers that are not forwarded are withheld, except a number in `content-length`.
    pub headers: Vec<(String, String)>,
    /// The size of the body in bytes, if the body was read.
    pub bytes: Option<u64>,
    /// The beginning of the body, at most 4 KiB, if it is a text and the source's rules allow it.
    pub body: Option<String>,
    /// The same in base64, if it is no text.
    pub body_base64: Option<String>,
}

/// How many requests were refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct RefusedCount {
    /// The source's name, `/api`, or empty if no source is configured at the path.
    pub source: String,
    /// The verdict: `rejected`, `failed`, or `duplicate` while the first request was in flight.
    pub verdict: String,
    /// The code of the reason.
    pub reason: String,
    /// The number of requests.
    pub count: u64,
}

/// A page of refused requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct RefusedPage {
    /// The samples, the newest first: at most five for each minute, source and reason.
    pub refused: Vec<RefusedSample>,
    /// The cursor of the next page. `None` after the last page.
    pub next: Option<String>,
    /// The exact numbers in the minutes of the selection, the largest first. Only the first page has them.
    pub counts: Option<Vec<RefusedCount>>,
    /// The counts lack the minutes before this time, in RFC 3339: the selection has more rows than one call reads.
    #[cfg_attr(not(target_arch = "wasm32"), schemars(extend("format" = "date-time")))]
    pub counts_partial_before: Option<String>,
}

#[derive(Deserialize)]
struct Row {
    #[serde(flatten)]
    place: RefusedCursor,
    status: u16,
    detail: String,
    method: String,
    path: String,
    headers: String,
    bytes: Option<u64>,
    #[serde(flatten)]
    body: StoredBody,
}

impl Row {
    fn shown(self) -> Result<RefusedSample, String> {
        let headers = serde_json::from_slice(self.headers.as_bytes());
        let (body, body_base64) = self.body.shown()?;
        Ok(RefusedSample {
            id: self.place.to_text(),
            at: self.place.at.to_rfc3339(),
            why: why(&self.detail, &self.place.reason),
            source: self.place.source,
            status: self.status,
            reason: self.place.reason,
            detail: self.detail,
            method: self.method,
            path: self.path,
            headers: headers.map_err(|error| format!("the headers in D1: {error}"))?,
            bytes: self.bytes,
            body,
            body_base64,
        })
    }
}

/// The page in the answers to [`RefusedFilter::page`], followed by those to [`RefusedFilter::counts`] on the first page.
///
/// # Errors
/// The database has other columns.
pub fn refused_page_of(answers: Vec<Rows>, limit: u32) -> Result<RefusedPage, String> {
    let mut answers = answers.into_iter();
    let mut rows: Vec<Row> = answers.next().unwrap_or_default().parse()?;
    let next = cut(&mut rows, limit, answers.next().unwrap_or_default(), |row| row.place.clone())?;
    let counts = answers.next().map(Rows::parse).transpose()?;
    let before = answers.next().map(partial).transpose()?.flatten();
    Ok(RefusedPage {
        refused: rows.into_iter().map(Row::shown).collect::<Result<_, _>>()?,
        next: next.map(|cursor| cursor.to_text()),
        counts,
        counts_partial_before: before.map(UnixTime::to_rfc3339),
    })
}
