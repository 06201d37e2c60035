//! Counts of attempts for each minute, source and destination.

use super::slot;
use crate::database::Statement;
use hookgate_verify::UnixTime;
use std::collections::BTreeMap;

/// The columns `ms0` to `ms14` count the attempts that took at most so many milliseconds, and more than the bound before.
/// `ms15` counts the attempts that took longer.
pub const LATENCY_BOUNDS: [u64; 15] =
    [10, 20, 40, 80, 150, 250, 400, 600, 1000, 1500, 2500, 4000, 7000, 12_000, 30_000];

/// The columns that are added up.
const COLUMNS: [&str; 24] = [
    "accepted", "delivered", "dead", "s2xx", "s3xx", "s4xx", "s5xx", "unreachable", "ms0", "ms1", "ms2", "ms3", "ms4",
    "ms5", "ms6", "ms7", "ms8", "ms9", "ms10", "ms11", "ms12", "ms13", "ms14", "ms15",
];
const ACCEPTED: usize = 0;
const DELIVERED: usize = 1;
const DEAD: usize = 2;
const UNREACHABLE: usize = 7;
const FIRST_LATENCY: usize = 8;

/// The sums of the columns over a group of rows, for SELECT. The latencies are a JSON list with the name `ms`.
pub(super) fn sums() -> String {
    let (counts, latencies) = COLUMNS.split_at(FIRST_LATENCY);
    let counts: String = counts.iter().map(|column| format!("sum({column}) AS {column}, ")).collect();
    let latencies: Vec<String> = latencies.iter().map(|column| format!("sum({column})")).collect();
    format!("{counts}json_array({}) AS ms", latencies.join(", "))
}

/// What one message of the queue adds to the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Delivery {
    /// The event was taken from the queue for the first time.
    pub is_first: bool,
    /// The destination accepted the event.
    pub is_delivered: bool,
    /// The event became a dead letter.
    pub is_dead: bool,
    /// The attempt: the status of its answer, if there was one, and its milliseconds.
    pub attempt: Option<(Option<u16>, u64)>,
}

impl Delivery {
    fn columns(self) -> impl Iterator<Item = usize> {
        let class = self.attempt.map(|(status, _)| match status {
            Some(200..=299) => 3,
            Some(300..=399) => 4,
            Some(400..=499) => 5,
            Some(_) => 6,
            None => UNREACHABLE,
        });
        let latency = self.attempt.map(|(_, ms)| {
            LATENCY_BOUNDS.iter().take_while(|bound| ms > **bound).count().saturating_add(FIRST_LATENCY)
        });
        let flags = [(self.is_first, ACCEPTED), (self.is_delivered, DELIVERED), (self.is_dead, DEAD)];
        flags.into_iter().filter_map(|(is, column)| is.then_some(column)).chain(class).chain(latency)
    }
}

/// The counts that are not written yet.
#[derive(Debug, Default)]
pub struct Deliveries(BTreeMap<(i64, String, String), [i64; COLUMNS.len()]>);

impl Deliveries {
    /// Adds `delivery` at `now`.
    pub fn add(&mut self, source: &str, destination: &str, delivery: Delivery, now: UnixTime) {
        let counts = self.0.entry((slot(now), source.to_owned(), destination.to_owned())).or_default();
        for column in delivery.columns() {
            if let Some(count) = counts.get_mut(column) {
                *count = count.saturating_add(1);
            }
        }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The statements that add the counts to the rows of the database.
    pub fn statements(&self) -> impl Iterator<Item = Statement> {
        let sql = upsert();
        self.0.iter().map(move |((slot, source, destination), counts)| {
            let names = [(*slot).into(), source.as_str().into(), destination.as_str().into()];
            Statement::new(sql.clone(), names.into_iter().chain(counts.iter().map(|count| (*count).into())))
        })
    }
}

fn upsert() -> String {
    let parameters: Vec<String> = (1..=COLUMNS.len().saturating_add(3)).map(|number| format!("?{number}")).collect();
    let added: Vec<String> = COLUMNS.iter().map(|column| format!("{column} = {column} + excluded.{column}")).collect();
    format!(
        "INSERT INTO deliveries (slot, source, destination, {}) VALUES ({}) \
         ON CONFLICT (slot, source, destination) DO UPDATE SET {}",
        COLUMNS.join(", "),
        parameters.join(", "),
        added.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_counts_in_its_class_and_in_its_latency() {
        let columns = |delivery: Delivery| delivery.columns().map(|column| COLUMNS[column]).collect::<Vec<_>>();
        let attempt = |status, ms| Delivery { attempt: Some((status, ms)), ..Delivery::default() };
        assert_eq!(
            columns(Delivery { is_first: true, is_delivered: true, ..attempt(Some(204), 10) }),
            ["accepted", "delivered", "s2xx", "ms0"]
        );
        assert_eq!(columns(attempt(Some(302), 11)), ["s3xx", "ms1"]);
        assert_eq!(columns(attempt(Some(429), 30_000)), ["s4xx", "ms14"]);
        assert_eq!(columns(attempt(Some(503), 30_001)), ["s5xx", "ms15"]);
        assert_eq!(columns(Delivery { is_dead: true, ..attempt(None, 0) }), ["dead", "unreachable", "ms0"]);
        assert_eq!(columns(Delivery::default()), [""; 0]);
    }
}
