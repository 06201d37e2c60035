//! Counts, under callgrind, the instructions that each forged request of `hostile.rs` takes until it is refused, and holds
//! them to four times what the same bytes take at a source that signs the raw body. `scripts/work` says how it is run;
//! `tests/bounded.rs` counts the memory of the same requests.
//!
//! One process makes all requests, and callgrind writes a file for each call of `counted`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects, missing_docs)]

mod hostile;

use hostile::Forged;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

/// How many times the raw body's instructions a forged request may take.
const MOST: f64 = 4.0;

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    let done = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["run", preset] => {
            run(preset);
            Ok(())
        }
        ["check", ref presets @ ..] => check(presets),
        // As `cargo test` and `cargo bench` run it: `tests/bounded.rs` makes all of these requests.
        _ => Ok(()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("work: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// What callgrind counts: it is told this function's name.
#[inline(never)]
fn counted(forged: &Forged) -> &'static str {
    let code = forged.refuse();
    black_box(code)
}

/// Makes all requests to one preset, and says what each is. The first two are to a raw-body source, a short and a long one.
fn run(preset: &str) {
    for bytes in [1, 2].map(|n| n * 64 * 1024) {
        let raw = hostile::raw(bytes);
        raw.refuse(); // what the first call does once and for all
        println!("{}\t{}\traw", raw.bytes(), counted(&raw));
    }
    let (preset, _) = hostile::kinds().into_iter().find(|(known, _)| known.name == preset).expect("a preset");
    for (name, make) in hostile::forged(&preset) {
        let forged = make();
        println!("{}\t{}\t{name}", forged.bytes(), counted(&forged));
    }
}

/// The worst request to a preset.
struct Worst {
    ratio: f64,
    what: String,
}

/// The worst of the requests to this preset; `all` prints each.
fn count(preset: &str, all: bool) -> Result<Worst, String> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("work").join(preset);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--collect-atstart=no", "--toggle-collect=work::counted"])
        .arg("--dump-after=work::counted")
        .arg(format!("--callgrind-out-file={}", directory.join("out").display()))
        .arg(env::current_exe().map_err(|error| error.to_string())?)
        .args(["run", preset])
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    if !output.status.success() {
        return Err(format!("{preset}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let lines: Vec<(usize, &str, &str)> = told
        .lines()
        .map(|line| {
            let mut words = line.splitn(3, '\t');
            let bytes = words.next().and_then(|text| text.parse().ok()).expect("a number");
            (bytes, words.next().expect("a code"), words.next().expect("a name"))
        })
        .collect();
    let totals = (1..=lines.len()).map(|number| total(&directory, number)).collect::<Result<Vec<u64>, String>>()?;
    let (short, long) = (totals[0] as f64, totals[1] as f64);
    let each = (long - short) / (lines[1].0 - lines[0].0) as f64;
    let raw = |bytes: usize| short + each * (bytes as f64 - lines[0].0 as f64);
    let mut worst = Worst { ratio: 0.0, what: String::new() };
    for ((bytes, code, name), total) in lines.iter().zip(&totals).skip(2) {
        let ratio = *total as f64 / raw(*bytes);
        if all {
            println!("{preset:24} {ratio:6.2}  {name} ({code})");
        }
        if ratio > worst.ratio {
            worst = Worst { ratio, what: format!("{name} ({code}): {total} for {bytes} bytes") };
        }
    }
    let _ = fs::remove_dir_all(&directory);
    Ok(worst)
}

/// The instructions of the call of this number.
fn total(directory: &Path, number: usize) -> Result<u64, String> {
    let path: PathBuf = directory.join(format!("out.{number}"));
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: ").or_else(|| line.strip_prefix("summary: ")));
    total.and_then(|text| text.trim().parse().ok()).ok_or_else(|| format!("{} has no total", path.display()))
}

fn check(presets: &[&str]) -> Result<(), String> {
    println!("{:24} {:>6}  of", "one preset of each kind", "times");
    let mut problems = Vec::new();
    for (preset, names) in hostile::kinds() {
        if !presets.is_empty() && !presets.contains(&preset.name.as_str()) {
            continue;
        }
        let Worst { ratio, what } = count(&preset.name, !presets.is_empty())?;
        println!("{:24} {ratio:6.2}  {what}; {} like it", preset.name, names.len());
        if ratio > MOST {
            problems.push(format!("{}: {ratio:.2} times a raw body's: {what}", preset.name));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n  ")) }
}
