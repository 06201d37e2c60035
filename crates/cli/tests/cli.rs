//! The command line: transcripts of its output, and its requests to a gateway in this process.
//!
//! `TRYCMD=overwrite cargo test --test cli` writes the transcripts again. Read the difference before you commit it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panicking")]

#[path = "cli/check.rs"]
mod check;
#[path = "cli/gateway.rs"]
mod gateway;

use gateway::Gateway;
use hookgate_verify::presets;
use hookgate_verify::{Algorithm, PublicAlgorithm};
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

const CHECKOUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// A file of the checkout, by its path in the checkout.
fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(CHECKOUT).join(path)).unwrap()
}

#[test]
fn the_output_is_as_in_the_transcripts() {
    trycmd::TestCases::new().case("tests/cli/*.trycmd").case("tests/cli/*.toml");
}

fn hookgate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_hookgate")).args(arguments).current_dir(CHECKOUT).output().unwrap()
}

fn printed(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Arguments for the secrets that a fresh clone has.
const LOCAL: [&str; 2] = ["--vars", ".dev.vars.example"];

#[test]
fn send_posts_the_signed_body_and_prints_each_answer() {
    let gateway = Gateway::start();
    let url = gateway.url("/webhooks/generic");
    let example = "examples/generic/user.created.json";
    let mut arguments = vec!["send", "--source", "generic", "--url", &url, "--fresh-id", "--repeat", "3", example];
    arguments.extend(LOCAL);
    let output = hookgate(&arguments);
    assert!(output.status.success(), "{}", printed(&output));
    let requests = gateway.requests();
    assert_eq!(requests.len(), 3);
    assert!(requests.iter().all(|request| request == &requests[0]), "the same request each time");
    assert_eq!(requests[0].header("content-type"), Some("application/json"));
    let stdout = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{stdout}");
    assert!(lines[0].starts_with("200 {\"id\":\"test_"), "{stdout}");
    assert!(lines[2].contains("\"duplicate\":true"), "{stdout}");
    // Only the id and the time differ from the file.
    let file = read(example);
    let sent = String::from_utf8(requests[0].body.clone()).unwrap();
    let changed = file.lines().zip(sent.lines()).filter(|(old, new)| old != new).count();
    assert_eq!((changed, file.lines().count()), (2, sent.lines().count()), "{sent}");
}

#[test]
fn send_fails_on_a_refusal_and_sends_additional_headers() {
    let gateway = Gateway::start();
    let url = gateway.url("/webhooks/relock");
    let example = "examples/relock/session.ended.json";
    let mut arguments = vec!["send", "--source", "relock", "--url", &url, "--at", "-2d", example];
    arguments.extend(["--header", "Content-Type: text/plain", "--header", "x-more:1"]);
    arguments.extend(LOCAL);
    let output = hookgate(&arguments);
    assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
    assert!(printed(&output).contains("401 {"), "{}", printed(&output));
    let requests = gateway.requests();
    assert_eq!(requests[0].header("content-type"), Some("text/plain"), "one content type");
    assert_eq!(requests[0].header("x-more"), Some("1"));
}

/// Writes a configuration of `sources` sources. `variable` maps each source to its variable.
fn configuration(name: &str, sources: usize, variable: impl Fn(&str) -> String) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let source = |number: usize| {
        let name = format!("shop-{number}");
        let secret = format!("SECRET_{}", number % 100);
        format!(
            "[vars.{}.{name}]\nprovider = \"stripe\"\nsecrets = [\"{secret}\"]\ndeliver = \"origin\"\n\
             origin = \"https://app.example.com/hooks\"\ndedup = \"none\"\n\n",
            variable(&name)
        )
    };
    std::fs::write(&path, (0..sources).map(source).collect::<String>()).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn check_says_how_to_split_a_large_variable_and_accepts_the_result() {
    let path = configuration("one-variable.toml", 300, |_| "SOURCES".to_owned());
    let output = hookgate(&["check", "--deploy", "--config", &path]);
    assert_eq!(output.status.code(), Some(1));
    let told = printed(&output);
    let told = told.lines().find(|line| line.starts_with("FAIL the variable SOURCES has ")).expect(&told).to_owned();
    // Follow the instructions in the finding.
    let moved: std::collections::BTreeMap<String, String> = told
        .split("; ")
        .filter_map(|part| part.strip_prefix("move ")?.strip_suffix(']')?.split_once(" into [vars."))
        .flat_map(|(names, variable)| names.split(", ").map(|name| (name.to_owned(), variable.to_owned())))
        .collect();
    assert!(moved.values().collect::<std::collections::BTreeSet<_>>().len() >= 5, "{told}");
    let path = configuration("split.toml", 300, |name| moved.get(name).cloned().unwrap_or("SOURCES".to_owned()));
    let output = hookgate(&["check", "--deploy", "--config", &path]);
    let told = printed(&output);
    assert!(output.status.success() && told.ends_with("300 usable, 0 not\n"), "{told}");
    assert!(told.contains("100 secrets are more than the 64 that the free plan allows for both together"), "{told}");
}

#[test]
fn check_counts_variables_and_secrets_together() {
    let path = configuration("many.toml", 100, |name| format!("SOURCES_{}", name.replace('-', "_")));
    let told = printed(&hookgate(&["check", "--deploy", "--config", &path]));
    let line = "FAIL 100 variables and 100 secrets are too many: a Worker may have 128 of both together\n";
    assert!(told.contains(line), "{told}");
}

#[test]
fn demo_succeeds_each_time() {
    let gateway = Gateway::start();
    let url = gateway.url("");
    for _ in 0..2 {
        let output = hookgate(&[&["demo", "--url", &url][..], &LOCAL].concat());
        assert!(output.status.success(), "{}", printed(&output));
        let table = String::from_utf8(output.stdout).unwrap();
        assert!(table.starts_with("source "), "{table}");
        let rows: Vec<&str> = table.lines().filter(|line| line.ends_with("  yes")).collect();
        assert_eq!(table.lines().last(), Some(&*format!("{0} of {0} as expected", rows.len())), "{table}");
        for source in ["chekt", "generic", "lrdefender", "relaybox", "relock"] {
            for (case, answer) in [("good", "200"), ("repeated", "200"), ("forged", "401"), ("stale", "401")] {
                let row = |row: &&&str| row.starts_with(source) && row.contains(case) && row.contains(answer);
                assert!(rows.iter().any(|candidate| row(&candidate)), "{source} {case} {answer}\n{table}");
            }
        }
        assert!(rows.iter().any(|row| row.contains("bot.detected, form 2")), "{table}");
    }
}

#[test]
fn demo_marks_each_unexpected_answer() {
    let gateway = Gateway::start();
    // The gateway has other secrets.
    let vars = Path::new(env!("CARGO_TARGET_TMPDIR")).join("other.vars");
    let names = ["CHEKT", "GENERIC", "LRDEFENDER", "RELAYBOX", "RELOCK"];
    std::fs::write(&vars, names.map(|name| format!("{name}_SECRET=other\n")).concat()).unwrap();
    let url = gateway.url("/");
    let output = hookgate(&["demo", "--url", &url, "--vars", vars.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{}", printed(&output));
    let table = printed(&output);
    let ends = |case: &str, word: &str| table.lines().filter(|l| l.contains(case)).all(|l| l.ends_with(word));
    assert!(ends("  good  ", "NO") && ends("  repeated  ", "NO") && ends("  forged  ", "yes"), "{table}");
}

/// Runs `hookgate forget` with `token` in its environment.
fn forget(token: Option<&str>, url: &str, arguments: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookgate"));
    command.args(["forget", "--url", url]).args(arguments).env_remove("ADMIN_TOKEN");
    let output = command.envs(token.map(|token| ("ADMIN_TOKEN", token))).output().unwrap();
    (output.status.code().unwrap(), printed(&output))
}

#[test]
fn forget_asks_the_gateway_and_prints_the_result() {
    let gateway = Gateway::start();
    let url = gateway.url("/");
    let (token, event) = (Some("local-admin-token"), ["--source", "generic", "--id", "evt &1"]);
    let told = |(code, text): (i32, String), expected: i32, part: &str| {
        assert!(code == expected && text.contains(part) && !text.contains("local-admin-token"), "{code} {text}");
    };
    told(forget(token, &url, &event), 0, "generic evt &1: forgotten: the next request with this event is a new event");
    told(forget(token, &url, &event), 1, "generic evt &1: not known");
    told(forget(token, &url, &["--source", "generic", "--key", "0a0b"]), 0, "generic 0a0b: forgotten");
    let paths: Vec<String> = gateway.requests().into_iter().map(|request| request.path).collect();
    let asked = ["/api/keys?source=generic&id=evt+%261", "/api/keys?source=generic&key=0a0b"];
    assert_eq!(paths, [asked[0], asked[0], asked[1]]);
    assert!(gateway.requests().iter().all(|request| request.method == "DELETE" && request.body.is_empty()));
    told(forget(token, &url, &["--source", "nobody", "--id", "1"]), 1, "answered 404: No such source");
    told(forget(token, &url, &["--source", "generic", "--id", ""]), 1, "answered 422: The id is empty");
    told(forget(Some("canary-wrong-token"), &url, &event), 1, "answered 401: ADMIN_TOKEN is not the gateway's");
}

#[test]
fn forget_sends_the_token_only_over_https_or_the_loopback() {
    let event = ["--source", "generic", "--id", "1"];
    for token in [None, Some("")] {
        let (code, text) = forget(token, "http://127.0.0.1:1", &event);
        assert!(code == 1 && text.contains("never into an argument"), "{text}");
    }
    for url in ["http://hooks.example.com", "hooks.example.com", "http://127.0.0.1.example.com"] {
        let (code, text) = forget(Some("canary-token"), url, &event);
        assert!(code == 1 && text.contains("write the URL with https") && !text.contains("canary"), "{text}");
    }
    assert_eq!(
        forget(Some("canary-token"), "https://x.example", &["--source", "generic"]).0,
        2,
        "the event is required"
    );
}

#[test]
fn without_a_gateway_the_error_names_the_command_that_starts_one() {
    let url = Gateway::start().url("");
    let output = hookgate(&[&["demo", "--url", &url][..], &LOCAL].concat());
    assert_eq!(output.status.code(), Some(1));
    assert!(printed(&output).contains("make dev"), "{}", printed(&output));
}

/// Every secret of the transcripts contains the word canary.
#[test]
fn no_transcript_shows_a_secret() {
    for name in ["check", "sign", "vectors"] {
        let transcript = read(&format!("crates/cli/tests/cli/{name}.trycmd"));
        let told = transcript.lines().find(|line| !line.starts_with('$') && line.contains("canary"));
        assert_eq!(told, None, "{name}");
    }
}

/// Signs an example of each provider again, with the example's secret or with a private key of the tests.
#[test]
fn sign_works_for_every_provider() {
    let body = Path::new(env!("CARGO_TARGET_TMPDIR")).join("example.json");
    for preset in presets::ALL.iter() {
        let name = preset.name.as_str();
        let vectors = read(&format!("crates/verify/tests/vectors/{name}.json"));
        let vectors: Vec<Value> = serde_json::from_str(&vectors).unwrap();
        let example = vectors.iter().find(|vector| vector.pointer("/expected/verified").is_some()).expect(name);
        let text = |key: &str| example.get(key).and_then(Value::as_str).unwrap_or_default();
        std::fs::write(&body, text("body")).unwrap();
        let pair = match preset.scheme.algorithm {
            Algorithm::Public(PublicAlgorithm::RsaSha1) => continue, // hookgate does not sign with SHA-1
            Algorithm::Public(PublicAlgorithm::Ed25519) => Some("ed25519"),
            Algorithm::Public(PublicAlgorithm::RsaSha256) => Some("rsa"),
            Algorithm::Public(_) => Some("p256"),
            _ => None,
        };
        let key = |pair: &str, end: &str| format!("crates/verify/tests/keys/{pair}{end}");
        let secret = match pair {
            None => example.pointer("/secrets/0").and_then(Value::as_str).expect(name).to_owned(),
            Some(pair) => read(&key(pair, ".pub.pem")),
        };
        let private = pair.map(|pair| key(pair, ".pem"));
        let url = text("url").split('?').next().unwrap_or_default();
        let mut arguments = vec!["sign", "--provider", name, "--secret", &secret, "--public-url", url];
        arguments.extend(["--account", text("account")]);
        arguments.extend(private.iter().flat_map(|key| ["--private-key", key.as_str()]));
        arguments.push(body.to_str().unwrap());
        let output = hookgate(&arguments);
        assert!(output.status.success() && !printed(&output).contains("warning"), "{name}: {}", printed(&output));
    }
}
