//! A forged request costs at most four times as much as a raw body of the same length. The forged requests of `hostile` show
//! it for every kind of preset, by three counts:
//!
//! - memory: the peak is at most four times a raw body's, and all allocations are at most six times a raw body's;
//! - bytes that hashes and signatures read;
//! - instructions. valgrind needs minutes to count them, so only `make work` runs that test.

#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects,
    missing_docs
)]

mod common;
mod hostile;

use hostile::Forged;
use std::cell::Cell;
use std::hint::black_box;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

/// The memory for a request, with the bytes of the request itself: the peak, and the sum of all allocations.
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

#[test]
fn no_forged_request_has_more_bytes_hashed_than_four_times_its_own() {
    let mut worst = 0;
    for (preset, _) in hostile::kinds() {
        for (name, make) in hostile::forged(&preset) {
            let forged = make();
            let (hashed, sent) = (forged.hashed(), forged.bytes());
            assert!(hashed <= 4 * sent, "{} {name}: {hashed} of {sent} bytes", preset.name);
            worst = worst.max(100 * hashed / sent);
        }
    }
    assert!(worst >= 100, "nothing is counted: {worst} % at most");
}

/// The variable that tells the process under valgrind its preset.
const COUNTED: &str = "COUNTED_PRESET";

/// callgrind counts the instructions of this function, and writes a file for each call.
#[inline(never)]
fn counted(forged: &Forged) -> &'static str {
    black_box(forged.refuse()) // without `black_box` the call becomes a jump, and callgrind does not see its return
}

#[test]
#[ignore = "needs valgrind, and takes minutes: make work"]
fn no_forged_request_takes_four_times_the_instructions_of_a_raw_body() {
    if let Ok(preset) = env::var(COUNTED) {
        return refuse_all(&preset);
    }
    let mut failures = Vec::new();
    for (preset, names) in hostile::kinds() {
        let (ratio, what) = most_instructions(&preset.name);
        println!("{:24} {ratio:6.2}  {what}; {} like it", preset.name, names.len());
        if ratio > 4.0 {
            failures.push(format!("{}: {ratio:.2} times a raw body's instructions: {what}", preset.name));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Sends all requests to one preset and prints each. The first two requests have a short and a long raw body.
fn refuse_all(preset: &str) {
    println!(); // ends the test harness's line
    for bytes in [1, 2].map(|n| n * 64 * 1024) {
        let raw = hostile::raw(bytes);
        raw.refuse(); // the first call also initialises statics
        println!("{}\t{}\traw", raw.bytes(), counted(&raw));
    }
    let (preset, _) = hostile::kinds().into_iter().find(|(known, _)| known.name == preset).unwrap();
    for (name, make) in hostile::forged(&preset) {
        let forged = make();
        println!("{}\t{}\t{name}", forged.bytes(), counted(&forged));
    }
}

/// The highest ratio among the requests to this preset, and its request.
fn most_instructions(preset: &str) -> (f64, String) {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("work").join(preset);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no"])
        .args(["--toggle-collect=bounded::counted", "--dump-after=bounded::counted"])
        .arg(format!("--callgrind-out-file={}", directory.join("out").display()))
        .arg(env::current_exe().unwrap())
        .args(["--ignored", "--nocapture", "--test-threads=1"])
        .env(COUNTED, preset)
        .output()
        .expect("valgrind runs");
    assert!(output.status.success(), "{preset}: {}", String::from_utf8_lossy(&output.stderr));
    let told = String::from_utf8(output.stdout).unwrap();
    let requests = told.lines().filter_map(|line| {
        let (bytes, what) = line.split_once('\t')?;
        Some((bytes.parse::<f64>().unwrap(), what))
    });
    let counts: Vec<(f64, &str, f64)> =
        requests.zip(1..).map(|((bytes, what), number)| (bytes, what, instructions(&directory, number))).collect();
    let (short, long) = (counts[0], counts[1]);
    let each = (long.2 - short.2) / (long.0 - short.0);
    let ratios = counts[2..].iter().map(|(bytes, what, count)| (count / (short.2 + each * (bytes - short.0)), *what));
    let (ratio, what) = ratios.max_by(|one, other| one.0.total_cmp(&other.0)).unwrap();
    let _ = fs::remove_dir_all(&directory);
    (ratio, what.replace('\t', ", "))
}

/// The instructions of the call `number`.
fn instructions(directory: &Path, number: usize) -> f64 {
    let text = fs::read_to_string(directory.join(format!("out.{number}"))).unwrap();
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ").or_else(|| line.strip_prefix("summary: ")));
    let total: f64 = total.unwrap().trim().parse().unwrap();
    assert!(total > 0.0, "nothing is counted");
    total
}
