//! Counts the instructions of one call of each case under callgrind, and holds them to `bench/instructions.json`.
//! `scripts/instructions` says how it is run.
//!
//! Each case is counted in a process of its own, with an empty environment and without its path: no other case, and
//! nothing of the caller's, changes what it finds in memory. callgrind's processor has no instructions for SHA-256, so
//! the portable code is counted, as in WASM.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, missing_docs)]

mod cases;

use cases::CASES;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

/// How far a count may be from the baseline's, in percent.
const TOLERANCE: f64 = 5.0;

/// glibc copies and compares as it would on any x86-64: what it chose for this processor would be counted otherwise on
/// another one, and `rep movsb` as an instruction for each byte.
const PLAIN: &str = "glibc.cpu.hwcaps=-AVX2,-AVX_Fast_Unaligned_Load,-ERMS,-FSRM";

/// What is committed: how many instructions each case takes, and who compiled it for what.
#[derive(Deserialize, Serialize)]
struct Counted {
    rustc: String,
    host: String,
    instructions: BTreeMap<String, u64>,
}

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    let done = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["one", name] => one(name),
        ["check"] => check(),
        ["write"] => write(),
        // As `cargo test` and `cargo bench` run it: a case that fails panics.
        _ => {
            CASES.iter().for_each(|(_, ready)| ready()());
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("instructions: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// What callgrind counts: it is told this function's name.
#[inline(never)]
fn counted(work: &dyn Fn()) {
    work();
    black_box(()); // so that the call above does not become a jump, which this function never returned from
}

/// Runs one case, under callgrind. What the first calls do once and for all is not counted.
fn one(name: &str) -> Result<(), String> {
    let (_, ready) = CASES.iter().find(|(known, _)| *known == name).ok_or(format!("no case {name}"))?;
    let work = ready();
    for _ in 0..3 {
        work();
    }
    counted(&work);
    Ok(())
}

fn count(name: &str) -> Result<u64, String> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("instructions");
    fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let out = directory.join(format!("{}.out", name.replace('/', "-")));
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let file = program.file_name().unwrap_or_default();
    let output = Command::new("valgrind")
        .current_dir(program.with_file_name(""))
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("GLIBC_TUNABLES", PLAIN)
        .args(["--tool=callgrind", "--collect-atstart=no", "--toggle-collect=*instructions*counted*"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(Path::new(".").join(file))
        .args(["one", name])
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    let told = String::from_utf8_lossy(&output.stderr);
    let text = fs::read_to_string(&out).unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ")?.trim().parse().ok());
    match total {
        Some(total) if output.status.success() && total > 0 => Ok(total),
        _ => Err(format!("{name} was not counted: {}\n{told}", output.status)),
    }
}

fn count_all() -> Result<Counted, String> {
    let output = Command::new("rustc").arg("-vV").output().map_err(|error| format!("rustc: {error}"))?;
    let told = String::from_utf8_lossy(&output.stdout);
    let rustc = told.lines().next().unwrap_or_default().to_owned();
    let host = told.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default().to_owned();
    let instructions =
        CASES.iter().map(|(name, _)| Ok(((*name).to_owned(), count(name)?))).collect::<Result<_, String>>()?;
    Ok(Counted { rustc, host, instructions })
}

fn baseline() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/instructions.json")
}

fn write() -> Result<(), String> {
    let now = count_all()?;
    let before = read().map(|before| before.instructions).unwrap_or_default();
    print(&before, &now.instructions);
    let text = serde_json::to_string_pretty(&now).map_err(|error| error.to_string())?;
    fs::write(baseline(), text + "\n").map_err(|error| format!("{}: {error}", baseline().display()))?;
    println!("instructions: wrote bench/instructions.json");
    Ok(())
}

fn read() -> Result<Counted, String> {
    let text = fs::read_to_string(baseline()).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| error.to_string())
}

fn check() -> Result<(), String> {
    let before =
        read().map_err(|problem| format!("bench/instructions.json: {problem}; write it: make instructions"))?;
    let now = count_all()?;
    print(&before.instructions, &now.instructions);
    let problems = differences(&before.instructions, &now.instructions);
    if problems.is_empty() {
        return Ok(());
    }
    let compiler = if before.rustc == now.rustc {
        String::new()
    } else {
        format!("\n  Another compiler may be all of it: that was {}, this is {}.", before.rustc, now.rustc)
    };
    let problems = problems.join("\n  ");
    let help = "Where that has to be, write it anew, and say why in the commit: make instructions";
    Err(format!("not as bench/instructions.json has it:\n  {problems}{compiler}\n  {help}"))
}

fn percent(before: u64, now: u64) -> f64 {
    (now as f64 / before as f64 - 1.0) * 100.0
}

/// What is wrong, case by case. What got cheaper is not: that is only said.
fn differences(before: &BTreeMap<String, u64>, now: &BTreeMap<String, u64>) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let mut problems = Vec::new();
    for name in names {
        match (before.get(name), now.get(name)) {
            (Some(&before), Some(&now)) => {
                let change = percent(before, now);
                let told = format!("{name}: {before} → {now} instructions, {change:+.1} %");
                if change > TOLERANCE {
                    problems.push(told);
                } else if change < -TOLERANCE {
                    println!("instructions: {told}. So that it stays there: make instructions");
                }
            }
            (None, _) => problems.push(format!("{name} is not in it")),
            (_, None) => problems.push(format!("{name} is in it, but is no case any more")),
        }
    }
    problems
}

fn print(before: &BTreeMap<String, u64>, now: &BTreeMap<String, u64>) {
    println!("{:30} {:>12} {:>12}", "instructions per call", "baseline", "now");
    for (name, &now) in now {
        match before.get(name) {
            Some(&before) => println!("{name:30} {before:>12} {now:>12} {:+7.2} %", percent(before, now)),
            None => println!("{name:30} {:>12} {now:>12}", "-"),
        }
    }
}
