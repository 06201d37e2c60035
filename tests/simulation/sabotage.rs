//! Mistakes that the gateway could make with its jobs. Each of them is made at the ports, and the invariants must find it.

use super::fakes::database::Sqlite;
use super::{DEFAULT_SEEDS, run_with};
use hookgate::database::{Rows, Statement, Value};

/// A mistake, and a part of the report of the invariant that finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sabotage {
    /// The message of the next step is not sent.
    NoNextStep,
    /// A step counts its events, and does not enqueue them.
    CountsOnly,
    /// A step counts one event too much.
    CountsOneMore,
    /// The progress has one delivery too much.
    TellsOneMore,
    /// A step leaves out its first event.
    LeavesOut,
    /// The message of a replay is acknowledged without an attempt.
    AckFirst,
    /// The confirmation of the claim that all replays of an event share is not kept, and nobody asks the log.
    NoSharedClaim,
    /// The confirmation of no claim of a replay is kept.
    NoClaim,
    /// Nobody asks whether the job was cancelled.
    NoGuard,
}

/// The answers of a database to statements that have the mistake.
pub fn run(how: Sabotage, database: &Sqlite, statements: &[Statement]) -> Vec<Rows> {
    let is = |sql: &str, begin: &str| sql.starts_with(begin);
    let one = |Statement(sql, values): &Statement| {
        let (mut sql, mut values) = (sql.clone(), values.clone());
        if is(&sql, "UPDATE jobs SET skipped") {
            sql = match how {
                Sabotage::NoGuard => sql.replacen("state = 'cancelled' OR", "0 OR", 1),
                Sabotage::NoSharedClaim => sql.replacen("delivered IS NOT NULL", "0", 1),
                _ => sql,
            };
        }
        if how == Sabotage::CountsOneMore
            && is(&sql, "UPDATE jobs SET step")
            && let Value::Number(enqueued) = &mut values[4]
        {
            *enqueued += 1;
        }
        let mut rows = database.run(&[Statement::new(sql.as_str(), values)]).remove(0);
        if how == Sabotage::LeavesOut && is(&sql, "SELECT received, name, iif(payload") && !rows.0.is_empty() {
            rows.0.remove(0);
        }
        if how == Sabotage::TellsOneMore && is(&sql, "SELECT coalesce(sum(is_delivered)") {
            let delivered = rows.0[0]["delivered"].as_i64().unwrap();
            rows.0[0].insert("delivered".to_owned(), (delivered + 1).into());
        }
        rows
    };
    statements.iter().map(one).collect()
}

impl Sabotage {
    /// Whether the confirmation of the claim with this name is not kept.
    pub fn forgets_claim(self, name: &str, is_replay: bool) -> bool {
        is_replay && (self == Self::NoClaim || (self == Self::NoSharedClaim && name.ends_with("/replayed")))
    }
}

/// The first seed that finds anything must find the mistake.
fn is_found(how: Sabotage, reports: &[&str]) {
    for seed in 0..DEFAULT_SEEDS {
        if let Err(found) = run_with(seed, Some(how)) {
            assert!(reports.iter().any(|report| found.contains(report)), "{how:?}: {found}");
            println!("{how:?} is found by seed {seed}");
            return;
        }
    }
    panic!("nothing found {how:?}");
}

macro_rules! found {
    ($($name:ident: $how:ident, $($report:literal),+;)*) => {$(
        #[test]
        fn $name() {
            is_found(Sabotage::$how, &[$($report),+]);
        }
    )*};
}

found! {
    a_job_whose_next_step_is_never_sent_is_found: NoNextStep, "does not end";
    a_job_that_counts_and_does_not_enqueue_is_found: CountsOnly, "13: the job";
    a_job_that_counts_one_event_too_much_is_found: CountsOneMore, "13: the job";
    a_progress_with_one_delivery_too_much_is_found: TellsOneMore, "tells too much";
    a_job_that_leaves_out_an_event_is_found: LeavesOut, "in silence";
    a_replay_that_is_acknowledged_first_is_found: AckFirst, "is lost";
    a_replay_without_the_shared_claim_is_found: NoSharedClaim, "certainly delivered";
    a_replay_without_its_claim_is_found: NoClaim, "certainly delivered", "processed twice";
    a_cancelled_job_that_goes_on_is_found: NoGuard, "a cancelled job sends";
}
