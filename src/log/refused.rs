//! Counts of the requests that were not accepted, and samples of the refused ones.

use super::slot;
use crate::database::{Statement, Value};
use crate::record::Verdict;
use crate::truncate::beginning;
use hookgate_verify::UnixTime;
use std::collections::BTreeMap;

/// The most samples for each minute, source and reason. So a flood costs a bounded number of rows.
pub const SAMPLES: u32 = 5;
/// The most bytes of a body in a sample.
pub const SAMPLE_BODY: usize = 4 * 1024;
/// The most bytes of the headers in a sample.
const SAMPLE_HEADERS: usize = 8 * 1024;
const LONGEST_TEXT: usize = 1024;

/// A refused request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// When it was refused.
    pub at: UnixTime,
    /// The source's name, `/api`, or empty if no source is configured at the path.
    pub source: String,
    /// The code of the reason.
    pub reason: &'static str,
    /// The exact reason.
    pub detail: String,
    /// The status of the answer.
    pub status: u16,
    /// The method.
    pub method: String,
    /// The path, without the query: some providers put a secret into the query.
    pub path: String,
    /// The headers: names, and the values that are not secret.
    pub headers: Vec<(String, String)>,
    /// The size of the body, if it was read.
    pub bytes: Option<u64>,
    /// The beginning of the body.
    pub body: Option<Vec<u8>>,
}

impl Refused {
    /// Adds the sample, unless the minute has enough of them. The database decides: many isolates write samples.
    #[expect(clippy::expect_used, reason = "texts are JSON")]
    fn statement(&self) -> Statement {
        let mut left = SAMPLE_HEADERS;
        let kept: Vec<_> = self
            .headers
            .iter()
            .take_while(|(name, value)| {
                left = left.saturating_sub(name.len()).saturating_sub(value.len());
                left > 0
            })
            .collect();
        let headers = serde_json::to_string(&kept).expect("a list of texts is JSON");
        let text = |text: &str| Value::Text(beginning(text, LONGEST_TEXT).into_owned());
        Statement::new(
            SAMPLE,
            [
                slot(self.at).into(),
                self.source.as_str().into(),
                self.reason.into(),
                SAMPLES.into(),
                self.at.seconds().into(),
                u32::from(self.status).into(),
                text(&self.detail),
                text(&self.method),
                text(&self.path),
                headers.into(),
                self.bytes.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX)).into(),
                self.body.clone().map_or(Value::Null, Value::from),
            ],
        )
    }
}

const SAMPLE: &str = "\
INSERT INTO refused (slot, source, reason, number, at, status, detail, method, path, headers, bytes, body) \
SELECT ?1, ?2, ?3, known.number, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12 FROM \
(SELECT count(*) AS number FROM refused WHERE slot = ?1 AND source = ?2 AND reason = ?3) AS known \
WHERE known.number < ?4";

const COUNT: &str = "\
INSERT INTO counts (slot, source, verdict, reason, count) VALUES (?1, ?2, ?3, ?4, ?5) \
ON CONFLICT (slot, source, verdict, reason) DO UPDATE SET count = count + excluded.count";

type Place = (i64, String, &'static str, &'static str);

/// Counts and samples that are not written yet.
#[derive(Debug, Default)]
pub struct Refusals {
    counts: BTreeMap<Place, i64>,
    samples: Vec<Refused>,
}

impl Refusals {
    /// Counts a request that was not accepted. Returns whether a sample of it is wanted.
    pub fn count(&mut self, source: &str, verdict: Verdict, reason: Option<&'static str>, now: UnixTime) -> bool {
        let place = (slot(now), source.to_owned(), verdict.name(), reason.unwrap_or(""));
        let count = self.counts.entry(place).or_default();
        *count = count.saturating_add(1);
        *count <= i64::from(SAMPLES)
    }

    /// Adds a sample.
    pub fn sample(&mut self, sample: Refused) {
        self.samples.push(sample);
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.counts.len().saturating_add(self.samples.len())
    }

    /// The statements that write the rows.
    pub fn statements(&self) -> impl Iterator<Item = Statement> {
        let count = |((slot, source, verdict, reason), count): (&Place, &i64)| {
            let values = [(*slot).into(), source.as_str().into(), (*verdict).into(), (*reason).into(), (*count).into()];
            Statement::new(COUNT, values)
        };
        self.counts.iter().map(count).chain(self.samples.iter().map(Refused::statement))
    }
}
