//! How long each case takes on this machine.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, missing_docs)]

mod cases;

use criterion::Criterion;
use std::time::Duration;

fn main() {
    let short = Criterion::default().warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(2));
    let mut criterion = short.configure_from_args();
    for (name, ready) in cases::CASES {
        let work = ready();
        criterion.bench_function(name, |bencher| bencher.iter(&work));
    }
    criterion.final_summary();
}
