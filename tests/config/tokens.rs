//! The tokens of the operator's API, and `ACCESS`.

use super::{ALL, CANARY};
use hookgate::config::{CallerKind, Config};
use serde_json::json;

const HOST: &str = "hooks.example.com";
const ONE: &str = "canary-token-0123456789";
const OTHER: &str = "canary-token-abcdefghij";
const HASH: &str = "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";

fn configured(variables: &[(&str, &str)]) -> Config {
    let lookup = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
    Config::parse(&json!({}), ALL, &lookup).expect("a table of sources")
}

fn tokens(text: &str) -> Config {
    configured(&[("ADMIN_TOKENS", text)])
}

fn found(config: &Config, given: &str) -> Option<(String, CallerKind)> {
    config.admin.find(given, HOST).map(|token| (token.name.clone(), token.kind))
}

fn named(name: &str, kind: CallerKind) -> Option<(String, CallerKind)> {
    Some((name.to_owned(), kind))
}

#[test]
fn only_the_whole_admin_token_matches_and_it_is_never_shown() {
    let config = configured(&[("ADMIN_TOKEN", CANARY)]);
    assert_eq!(found(&config, CANARY), named("admin", CallerKind::Write));
    for wrong in ["", "canary-secret-tex", "canary-secret-texts", "Canary-secret-text", " canary-secret-text"] {
        assert_eq!(found(&config, wrong), None, "{wrong}");
    }
    let shown = format!("{:?}", config.admin);
    assert!(shown.contains("redacted") && !shown.contains(CANARY), "{shown}");
}

#[test]
fn several_tokens_have_names_and_kinds() {
    for separator in ["\n", " ", "\r\n", "\n\n\t"] {
        let config = configured(&[
            ("ADMIN_TOKEN", CANARY),
            ("ADMIN_TOKENS", &format!("{separator}grafana:read:{ONE}{separator}on-call_2:write:{OTHER}{separator}")),
        ]);
        assert_eq!((config.mistakes.as_slice(), config.warnings.as_slice()), ([].as_slice(), [].as_slice()));
        assert_eq!(found(&config, ONE), named("grafana", CallerKind::Read));
        assert_eq!(found(&config, OTHER), named("on-call_2", CallerKind::Write));
        assert_eq!(found(&config, CANARY), named("admin", CallerKind::Write));
        assert_eq!(found(&config, &format!("grafana:read:{ONE}")), None);
    }
    let colons = tokens("ci:write:canary:token:with:colons");
    assert_eq!(found(&colons, "canary:token:with:colons"), named("ci", CallerKind::Write));
}

#[test]
fn a_bad_entry_is_named_by_its_number_and_never_shown() {
    let long = format!("sixteen-letters-:read:{ONE}");
    let cases = [
        (ONE, "it is not name:kind:token"),
        ("ci:canary-token-0123456789", "it is not name:kind:token"),
        (":read:canary-token-0123456789", "its name is not"),
        ("cañón:read:canary-token-0123456789", "its name is not"),
        ("a.b:read:canary-token-0123456789", "its name is not"),
        (&long, "its name is not"),
        ("canary-token-0123456789:read:ci", "its name is not"),
        ("admin:read:canary-token-0123456789", "its name is admin"),
        ("ci::canary-token-0123456789", "its kind is not read or write"),
        ("ci:Write:canary-token-0123456789", "its kind is not read or write"),
        ("ci:canary-token-0123456789:write", "its kind is not read or write"),
        ("ci:read:", "its token is shorter than 16 characters"),
        ("ci:read:canary-token-01", "its token is shorter than 16 characters"),
        ("ci:read:canary-tökén-0123456789", "its token has a character outside visible ASCII"),
        ("ci:read:aaaaaaaaaaaaaaaaaaaaaaaa", "its token repeats few characters"),
        ("ci:read:local-admin-token", "its token is the public one"),
        ("ci:read:sha256:", "sha256: is not followed by"),
        ("ci:read:sha256:canary-token-0123456789", "sha256: is not followed by"),
    ];
    for (entry, problem) in cases {
        let config = tokens(&format!("good:write:{OTHER} {entry}"));
        let [mistake] = config.mistakes.as_slice() else { panic!("{entry}: {:?}", config.mistakes) };
        assert!(mistake.starts_with("ADMIN_TOKENS: entry 2 is not used: "), "{mistake}");
        assert!(mistake.contains(problem) && !mistake.contains("canary"), "{entry}: {mistake}");
        assert_eq!(found(&config, OTHER), named("good", CallerKind::Write), "the other token works");
        assert_eq!(found(&config, ONE), None, "{entry}");
    }
    for empty in ["", " \n"] {
        let config = tokens(empty);
        assert_eq!(config.mistakes.len(), 1);
        assert!(!config.admin.open_at("localhost"));
    }
}

#[test]
fn entries_that_contradict_each_other_are_all_left_out() {
    let config = tokens(&format!("ci:write:{ONE} ci:read:{OTHER}"));
    assert_eq!(config.mistakes, ["ADMIN_TOKENS: the entry ci is not used: another entry has the same name"; 2]);
    assert_eq!((found(&config, ONE), found(&config, OTHER)), (None, None));

    let config = tokens(&format!("ci:write:{ONE} cd:read:{ONE} other:write:{OTHER}"));
    let told = |name: &str| format!("ADMIN_TOKENS: the entry {name} is not used: another entry has the same token");
    assert_eq!(config.mistakes, [told("ci"), told("cd")]);
    assert_eq!(found(&config, ONE), None);
    assert_eq!(found(&config, OTHER), named("other", CallerKind::Write));

    let config = configured(&[("ADMIN_TOKEN", ONE), ("ADMIN_TOKENS", &format!("ci:read:{ONE}"))]);
    assert_eq!(config.mistakes, ["ADMIN_TOKENS: the entry ci is not used: ADMIN_TOKEN is the same token"]);
    assert_eq!(found(&config, ONE), named("admin", CallerKind::Write));
}

#[test]
fn at_most_32_entries_count() {
    let entries: Vec<_> = (1..=33).map(|number| format!("n{number}:write:canary-token-{number:08}")).collect();
    let config = tokens(&entries.join("\n"));
    assert_eq!(config.mistakes, ["ADMIN_TOKENS has 33 entries, and the entries after number 32 are not used"]);
    assert_eq!(found(&config, "canary-token-00000032"), named("n32", CallerKind::Write));
    assert_eq!(found(&config, "canary-token-00000033"), None);
}

#[test]
fn a_warning_tells_of_tokens_that_only_read_and_of_a_token_that_is_easy_to_guess() {
    let warned = |variables: &[(&str, &str)]| configured(variables).warnings;
    let [warning] = warned(&[("ADMIN_TOKENS", &format!("ci:read:{ONE}"))]).try_into().unwrap();
    assert!(warning.contains("only reads"), "{warning}");
    let [warning] = warned(&[("ADMIN_TOKEN", "passwordpassword")]).try_into().unwrap();
    assert!(warning.contains("easy to guess") && !warning.contains("password"), "{warning}");
    assert_eq!(warned(&[("ADMIN_TOKENS", &format!("ci:write:{HASH}"))]), [""; 0]);
}

#[test]
fn access_opens_nothing_unless_it_says_for_what() {
    assert_eq!(configured(&[]).access, None);
    assert_eq!(configured(&[("ACCESS", "read")]).access, Some(CallerKind::Read));
    assert_eq!(configured(&[("ACCESS", "write")]).access, Some(CallerKind::Write));
    for wrong in ["", "true", "Write", "admin", " write", "read write", ONE] {
        let config = configured(&[("ACCESS", wrong)]);
        assert_eq!(config.access, None, "{wrong}");
        assert_eq!(config.mistakes, [r#"ACCESS must be "read" or "write"; Cloudflare Access opens nothing now"#]);
    }
}
