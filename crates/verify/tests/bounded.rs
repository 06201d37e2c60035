//! How much memory a forged request may take before it is refused: at its peak at most four times what the same bytes take at
//! a source that signs the raw body, and six times in all that is ever allocated. `bench/native/work.rs` counts the instructions of the same requests.

#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs
)]

#[path = "../../../bench/native/hostile.rs"]
mod hostile;

use hostile::Forged;
use std::cell::Cell;

/// What a request takes: at its peak, and in all that is ever allocated. What was sent has to be held, and counts.
#[derive(Debug, Clone, Copy)]
struct Memory {
    peak: u64,
    total: u64,
    allocations: u64,
}

fn memory(forged: &Forged) -> (Memory, &'static str) {
    let code = Cell::new("");
    let counted = allocation_counter::measure(|| code.set(forged.refuse()));
    let sent = u64::try_from(forged.bytes()).unwrap();
    let memory =
        Memory { peak: sent + counted.bytes_max, total: sent + counted.bytes_total, allocations: counted.count_total };
    (memory, code.get())
}

#[test]
fn no_forged_request_takes_four_times_the_memory_of_a_raw_body() {
    let mut failures = Vec::new();
    println!("{:24} {:>6} {:>6} {:>9}  of", "one preset of each kind", "peak", "total", "blocks");
    for (preset, names) in hostile::kinds() {
        let mut worst = (0.0, 0.0, 0, String::new());
        for (name, make) in hostile::forged(&preset) {
            let forged = make();
            let (taken, code) = memory(&forged);
            let (raw, _) = memory(&hostile::raw(forged.bytes()));
            let ratio = |one: u64, other: u64| one as f64 / other as f64;
            let (peak, total) = (ratio(taken.peak, raw.peak), ratio(taken.total, raw.total));
            if peak > 4.0 || total > 6.0 {
                failures.push(format!("{} {name} ({code}): {peak:.2} {total:.2}: {taken:?}, raw {raw:?}", preset.name));
            }
            if peak.max(total) > f64::max(worst.0, worst.1) {
                worst = (peak, total, taken.allocations, format!("{name} ({code})"));
            }
        }
        let (peak, total, blocks, what) = worst;
        println!("{:24} {peak:6.2} {total:6.2} {blocks:9}  {what}; {} like it", preset.name, names.len());
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
