//! Entries that an isolate has collected and not written yet.

use super::deliveries::Deliveries;
use super::refused::Refusals;
use super::{Delivery, Entry, EventName, Refused};
use crate::database::{Statement, Value};
use crate::dedup::DedupKey;
use crate::record::Verdict;
use crate::rotation::Noted;
use hookgate_verify::UnixTime;
use std::collections::BTreeMap;
use std::time::Duration;

/// The most statements and bytes of one write. D1 runs one write at a time, and a batch of the queue has at most 100
/// messages of 128 kB.
const MOST_STATEMENTS: usize = 100;
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// The most bytes and rows that wait while the database fails. An isolate has 128 MB.
const MOST_WAITING: usize = 8 * 1024 * 1024;
const MOST_ROWS: usize = 2_000;
/// How long a request that promised a write is trusted. The runtime ends its work 30 seconds after the answer.
const PROMISE: Duration = Duration::from_secs(30);

/// The entries of one isolate.
#[derive(Debug, Default)]
pub struct LogBuffer {
    waiting: Batch,
    /// What the database did not take.
    unwritten: Vec<Vec<Statement>>,
    /// The secrets that were noted lately.
    noted: Noted,
    /// When a request promised to write what waits.
    promised: Option<UnixTime>,
    /// How many entries were dropped: the database failed for too long, or too many came between two writes.
    dropped: u64,
}

/// Entries that are written together.
#[derive(Debug, Default)]
struct Batch {
    entries: Vec<Entry>,
    /// The bytes of the entries.
    bytes: usize,
    duplicates: BTreeMap<DedupKey, (i64, UnixTime)>,
    deliveries: Deliveries,
    refusals: Refusals,
    /// When a secret of a source last proved a request.
    matched: BTreeMap<(String, String), UnixTime>,
}

impl LogBuffer {
    /// Adds what became of an event.
    pub fn entry(&mut self, entry: Entry) {
        let bytes = entry.bytes();
        if self.waiting.is_full(bytes) {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        self.waiting.bytes = self.waiting.bytes.saturating_add(bytes);
        self.waiting.entries.push(entry);
    }

    /// Counts what a message of the queue did.
    pub fn delivery(&mut self, source: &str, destination: &str, delivery: Delivery, now: UnixTime) {
        self.waiting.deliveries.add(source, destination, delivery, now);
    }

    /// Counts a request that was not accepted. Returns whether a sample of it is wanted.
    pub fn count(&mut self, source: &str, verdict: Verdict, reason: Option<&'static str>, now: UnixTime) -> bool {
        self.waiting.refusals.count(source, verdict, reason, now) && !self.waiting.is_full(0)
    }

    /// Counts a duplicate on its event.
    pub fn duplicate(&mut self, key: DedupKey, now: UnixTime) {
        if self.waiting.duplicates.len() < MOST_ROWS {
            let (count, last) = self.waiting.duplicates.entry(key).or_insert((0, now));
            (*count, *last) = (count.saturating_add(1), now);
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    /// Notes that the secret `name` proved a request of `source`. Each name is noted once in ten minutes.
    pub fn matched(&mut self, source: &str, name: &str, now: UnixTime) {
        if self.noted.is_due(source, name, now) {
            self.waiting.matched.insert((source.to_owned(), name.to_owned()), now);
        }
    }

    /// Adds a sample of a refused request.
    pub fn sample(&mut self, sample: Refused) {
        self.waiting.refusals.sample(sample);
    }

    /// Whether a request must promise to write what waits. The promise is then made.
    pub fn promise(&mut self, now: UnixTime) -> bool {
        let is_promised = self.promised.is_some_and(|at| at <= now && at.until(now) < PROMISE);
        let has_work = !self.waiting.is_empty() || !self.unwritten.is_empty();
        let is_needed = has_work && !is_promised;
        if is_needed {
            self.promised = Some(now);
        }
        is_needed
    }

    /// Takes everything that waits, in groups of statements. Each group is small enough for one write.
    pub fn take(&mut self) -> Vec<Vec<Statement>> {
        self.promised = None;
        let mut groups = std::mem::take(&mut self.unwritten);
        groups.extend(std::mem::take(&mut self.waiting).writes());
        groups
    }

    /// Puts back what could not be written. A group that the database did write is not in `groups`.
    pub fn put_back(&mut self, groups: Vec<Vec<Statement>>) {
        let newer = std::mem::take(&mut self.unwritten);
        let (mut bytes, mut rows) = (0_usize, 0_usize);
        for group in groups.into_iter().chain(newer) {
            bytes = group.iter().map(Statement::bytes).fold(bytes, usize::saturating_add);
            rows = rows.saturating_add(group.len());
            if bytes > MOST_WAITING || rows > MOST_ROWS {
                self.dropped = self.dropped.saturating_add(u64::try_from(group.len()).unwrap_or(u64::MAX));
            } else {
                self.unwritten.push(group);
            }
        }
    }

    /// The number of entries that were dropped since the last call. `None` if none was.
    pub fn dropped(&mut self) -> Option<u64> {
        Some(std::mem::take(&mut self.dropped)).filter(|dropped| *dropped > 0)
    }
}

impl Batch {
    fn is_empty(&self) -> bool {
        self.rows() == 0
    }

    fn rows(&self) -> usize {
        let counts = self.deliveries.len().saturating_add(self.refusals.len());
        let noted = self.duplicates.len().saturating_add(self.matched.len());
        self.entries.len().saturating_add(noted).saturating_add(counts)
    }

    fn is_full(&self, more: usize) -> bool {
        self.rows() >= MOST_ROWS || self.bytes.saturating_add(more) > MOST_WAITING
    }

    fn writes(&self) -> Vec<Vec<Statement>> {
        let duplicates = self.duplicates.iter().map(|(key, (count, last))| {
            let values: [Value; 3] =
                [EventName::prefix(&key.to_string()).into(), (*count).into(), last.seconds().into()];
            Statement::new(DUPLICATE, values)
        });
        let matched = self.matched.iter().flat_map(|((source, name), at)| {
            let values = |name: &str| [source.as_str().into(), name.into(), at.seconds().into()];
            [Statement::new(WATCHED, values("")), Statement::new(MATCHED, values(name))]
        });
        let entries = self.entries.iter().flat_map(Entry::statements);
        let counts = self.deliveries.statements().chain(self.refusals.statements());
        let all = entries.chain(counts).chain(duplicates).chain(matched);
        let (mut groups, mut group, mut bytes) = (Vec::new(), Vec::new(), 0_usize);
        for statement in all {
            let more = statement.bytes();
            if !group.is_empty() && (group.len() >= MOST_STATEMENTS || bytes.saturating_add(more) > MOST_BYTES) {
                groups.push(std::mem::take(&mut group));
                bytes = 0;
            }
            bytes = bytes.saturating_add(more);
            group.push(statement);
        }
        groups.push(group);
        groups.retain(|group| !group.is_empty());
        groups
    }
}

const DUPLICATE: &str = "\
INSERT INTO duplicates (key, count, last) VALUES (?1, ?2, ?3) \
ON CONFLICT (key) DO UPDATE SET count = count + excluded.count, last = max(last, excluded.last)";

const WATCHED: &str = "INSERT OR IGNORE INTO secrets (source, name, matched) VALUES (?1, ?2, ?3)";
/// Many isolates note the same secret, so a row is written at most once in five minutes.
const MATCHED: &str = "\
INSERT INTO secrets (source, name, matched) VALUES (?1, ?2, ?3) \
ON CONFLICT (source, name) DO UPDATE SET matched = excluded.matched WHERE excluded.matched >= matched + 300";
