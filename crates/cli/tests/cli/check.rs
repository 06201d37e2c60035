//! `hookgate check` on small changes of one good configuration: each change has its findings, and no others.

use std::path::Path;

/// One change of a configuration: this text, and the text in its place.
type Change<'c> = (&'c str, &'c str);

const QUEUES: &str = include_str!("check.in/queues.toml");
const ENVIRONMENTS: &str = include_str!("check.in/environments.toml");

/// Checks `configuration` with `changes`. Returns what `check` printed.
fn checked(configuration: &str, changes: &[Change<'_>], arguments: &[&str]) -> (bool, String) {
    let mut text = configuration.to_owned();
    for (old, new) in changes {
        assert!(text.contains(old), "the change of {old:?} changes nothing");
        text = text.replace(old, new);
    }
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("changed-{:?}.toml", std::thread::current().id()));
    std::fs::write(&path, text).unwrap();
    let vars = "crates/cli/tests/cli/check.in/.dev.vars";
    let output = super::hookgate(&[&["check", "--config", path.to_str().unwrap(), "--vars", vars], arguments].concat());
    (output.status.success(), super::printed(&output))
}

/// The failures and warnings among the lines that `check` printed. Short secrets are the tests' own.
fn problems(printed: &str) -> Vec<&str> {
    let is_problem = |line: &&str| ["FAIL ", "warning: ", "error: "].iter().any(|start| line.starts_with(start));
    printed.lines().filter(is_problem).filter(|line| !line.contains("which is short")).collect()
}

const HOOKS: &str = r#", max_retries = 50, dead_letter_queue = "shop-letters" }"#;
const LETTERS: &str = "    { queue = \"shop-letters\", max_retries = 100 },\n";
const DEAD: &str = "    { binding = \"DEAD\", queue = \"shop-letters\" },\n";
const SOURCES: &str = "SOURCES = {";
/// Changes of the good configuration, each with its findings.
const QUEUE_CHANGES: &[(&[Change<'_>], &[&str])] = &[
    (&[], &[]),
    (&[(LETTERS, ""), ("shop-letters", "shop-hooks")], &["FAIL EVENTS and DEAD both send to \"shop-hooks\", so "]),
    (
        &[(HOOKS, ", max_retries = 50 }")],
        &["FAIL the consumer of \"shop-hooks\" has no dead_letter_queue, so an event is deleted after its last \
          retry; set dead_letter_queue = \"shop-letters\""],
    ),
    (
        &[(HOOKS, ", max_retries = 50, dead_letter_queue = \"graveyard\" }")],
        &["FAIL the consumer of \"shop-hooks\" has dead_letter_queue = \"graveyard\", but DEAD sends to"],
    ),
    (&[(LETTERS, "")], &["FAIL no [[queues.consumers]] consumes \"shop-letters\", so dead letters are not stored"]),
    (
        &[(DEAD, "")],
        &[
            "FAIL a [[queues.consumers]] consumes \"shop-letters\", but neither EVENTS nor DEAD sends to it",
            "FAIL no producer DEAD in [[queues.producers]], so an event that the origin refuses is retried without success",
        ],
    ),
    (
        &[("= 100", "= 100, dead_letter_queue = \"shop-hooks\"")],
        &["FAIL the consumer of \"shop-letters\" has dead_letter_queue = \"shop-hooks\", so a dead letter that"],
    ),
    (
        &[("= 100", "= 100, dead_letter_queue = \"shop-letters\"")],
        &["FAIL the consumer of \"shop-letters\" has dead_letter_queue = \"shop-letters\", so a dead letter that"],
    ),
    (
        &[(
            LETTERS,
            "    { queue = \"shop-letters\", max_retries = 100 },\n    { queue = \"shop-letters\", max_retries = 100 },\n\
             { queue = \"orders\", max_retries = 100 },\n",
        )],
        &[
            "FAIL two [[queues.consumers]] consume \"shop-letters\"; remove one",
            "FAIL a [[queues.consumers]] consumes \"orders\", but neither EVENTS nor DEAD sends to it",
        ],
    ),
    (
        &[("= 50", "= 5"), (", max_retries = 100", "")],
        &[
            "warning: the consumer of \"shop-hooks\" has max_retries = 5, so an event is dead 2m 35s after its first",
            "warning: the consumer of \"shop-letters\" has max_retries = 3, so a dead letter is lost if the stores fail",
        ],
    ),
    (
        &[(DEAD, ""), (LETTERS, ""), (HOOKS, ", max_retries = 50 }")],
        &[
            "so an event is deleted after its last retry; set dead_letter_queue = \"hookgate-dead\"",
            "is lost after its last retry; add binding = \"DEAD\" with queue = \"hookgate-dead\"",
        ],
    ),
    (
        &[("= 50", "= \"50\"")],
        &["FAIL the consumer of \"shop-hooks\" has a max_retries that is not a number from 0; write it as a number"],
    ),
    (
        &[(SOURCES, "DEAD_QUEUE = \"hookgate-dead\"\nSOURCES = {")],
        &["FAIL DEAD_QUEUE is \"hookgate-dead\", but DEAD sends to \"shop-letters\""],
    ),
    (
        &[("kv_namespaces", "r2_buckets = [{ binding = \"DEDUP\" }]\ntriggers.crons = [\"1\"]\nkv_namespaces")],
        &["FAIL two bindings or variables have the name DEDUP, and the Worker would get only one of them"],
    ),
    (
        &[(SOURCES, "QUEUE_RETENTION = \"30d\"\nSOURCES = {")],
        &["QUEUE_RETENTION: \"30d\": must be for how long the events' queue keeps a message, as \"4d\": 1m to 14d"],
    ),
    (
        &[("ORIGIN = \"https://app.example.com/hooks/{source}\"", "")],
        &["warning: source code has no origin: its events become dead letters"],
    ),
];

#[test]
fn each_mistake_in_the_queues_is_found() {
    for (changes, expected) in QUEUE_CHANGES {
        let (passed, printed) = checked(QUEUES, changes, &[]);
        let found = problems(&printed);
        assert_eq!(found.len(), expected.len(), "{changes:?}\n{printed}");
        let is_expected = |(line, part): (&&str, &&str)| line.contains(*part);
        assert!(found.iter().zip(*expected).all(is_expected), "{changes:?}\n{printed}");
        assert_eq!(passed, found.iter().all(|line| line.starts_with("warning")), "{changes:?}\n{printed}");
    }
    let (_, printed) = checked(QUEUES, &[(SOURCES, "QUEUE_RETENTION = \"4d\"\nSOURCES = {")], &[]);
    let line = "queues: events in \"shop-hooks\", dead letters in \"shop-letters\"; each is kept there for 4d, as";
    assert!(printed.contains(line), "{printed}");
}

#[test]
fn a_missing_binding_or_origin_is_named_at_its_source() {
    let configuration = r#"
        [vars.SOURCES]
        queued = { provider = "github", secrets = ["CODE_SECRET"] }
        remembered = { provider = "github", secrets = ["CODE_SECRET"], deliver = "origin", origin = "https://a.example" }
        straight = { provider = "github", secrets = ["CODE_SECRET"], deliver = "origin" }
    "#;
    let (passed, printed) = checked(configuration, &[], &[]);
    assert!(!passed, "{printed}");
    for line in [
        "FAIL queued: SOURCES.queued.deliver: the queue needs the binding EVENTS in [[queues.producers]]; or set deliver",
        "FAIL remembered: SOURCES.remembered.dedup: needs the binding DEDUP in [[kv_namespaces]]; or set dedup = \"none\"",
        "FAIL straight: SOURCES.straight.deliver: \"origin\": needs an `origin`, or the variable ORIGIN",
    ] {
        assert!(printed.contains(line), "{line}\n{printed}");
    }
}

#[test]
fn a_source_that_is_too_large_for_one_variable_is_named() {
    let long = format!("SOURCES_SHOP.own]\nscheme.signature.prefix = {:?}\n", "v".repeat(5200));
    let own = "[vars.SOURCES_SHOP.own]\nsecrets = [\"CODE_SECRET\"]\nscheme.signature.header = \"x\"\n";
    let (passed, printed) = checked(own, &[("SOURCES_SHOP.own]\n", &long)], &[]);
    let found = problems(&printed);
    let start = "FAIL the variable SOURCES_SHOP has 5";
    let large = found.iter().find(|line| line.starts_with(start)).expect(&printed);
    assert!(!passed && large.ends_with(" of them: shorten it") && large.contains("the source own alone has 5"));
}

#[test]
fn two_environments_must_not_share_what_the_account_has_once() {
    let copied = [("staging-events", "events"), ("id = \"2\"", "id = \"1\""), ("\"staging-payloads\"", "\"payloads\"")];
    let expected = [
        "FAIL the top level and env.staging share the queue \"events\" (EVENTS), so that one consumes",
        "FAIL the top level and env.staging share the KV namespace \"1\" (DEDUP), so that",
        "FAIL the top level and env.staging share the bucket \"payloads\" (PAYLOADS), so that",
    ];
    for arguments in [&[][..], &["--env", "staging"]] {
        let (passed, printed) = checked(ENVIRONMENTS, &copied, arguments);
        let found = problems(&printed);
        assert!(!passed && found.len() == expected.len(), "{printed}");
        assert!(found.iter().zip(expected).all(|(line, start)| line.starts_with(start)), "{printed}");
    }
}

#[test]
fn what_an_environment_lacks_and_does_not_inherit_is_named() {
    let (top, _) = ENVIRONMENTS.split_once("[env.staging]").unwrap();
    let source = "env.staging.vars.SOURCES.code = { provider = \"github\", secrets = [\"CODE_SECRET\"] }\n";
    let (passed, printed) = checked(&format!("{source}{top}"), &[], &["--env", "staging"]);
    let lacks = |key: &str| format!("warning: env.staging has no `{key}`, and does not inherit it from the top level");
    let expected = [
        "FAIL code: SOURCES.code.deliver: the queue needs the binding EVENTS in [[queues.producers]]; or set \
         deliver = \"origin\"",
        &lacks("kv_namespaces"),
        &lacks("queues"),
        &lacks("r2_buckets"),
    ];
    assert!(!passed);
    assert_eq!(problems(&printed), expected);
    let (passed, printed) = checked(&format!("env.staging.workers_dev = true\n{top}"), &[], &[]);
    let line =
        ", env.staging configures no source: add one as [env.staging.vars.SOURCES.billing]; [vars] is not inherited";
    assert!(!passed && printed.contains(line), "{printed}");
    let (passed, printed) = checked("name = \"nothing\"\n", &[], &[]);
    assert!(!passed && printed.contains(" configures no source: add one as [vars.SOURCES.billing]"), "{printed}");
}

#[test]
fn a_mistake_in_the_tokens_of_the_api_fails_and_no_token_is_printed() {
    let variables = "ACCESS = \"yes\"\nADMIN_TOKENS = \"ci:read:canary-0123456789 on-call:write:canary\"\nSOURCES = {";
    let (passed, printed) = checked(QUEUES, &[(SOURCES, variables)], &[]);
    let expected = [
        "FAIL ADMIN_TOKENS: entry 2 is not used: its token is shorter than 16 characters",
        "FAIL ACCESS must be \"read\" or \"write\"; Cloudflare Access opens nothing now",
        "warning: every token in ADMIN_TOKENS only reads: no token can redrive an event or forget a key",
        "warning: ADMIN_TOKENS is in [vars], where everybody can read it; set it with `wrangler secret put ADMIN_TOKENS`",
    ];
    assert!(!passed && !printed.contains("canary"), "{printed}");
    assert_eq!(problems(&printed), expected);
}

#[test]
fn a_variable_that_is_broken_json_is_named() {
    let (passed, printed) = checked("vars.SOURCES = '{\"code\": canary}'\n", &[], &[]);
    assert!(
        !passed && printed.contains("the variable SOURCES is not JSON: expected value at line 1 column 10"),
        "{printed}"
    );
    assert!(!printed.contains("canary"), "{printed}");
}

/// The line about the alerts and the findings, with this table in `ALERTS`. The queues have no findings.
fn alerts(table: &str, arguments: &[&str]) -> (bool, Vec<String>) {
    let (passed, printed) = checked(QUEUES, &[(SOURCES, &format!("ALERTS = {table}\n{SOURCES}"))], arguments);
    let about = |line: &&str| line.contains("ALERTS") || line.starts_with("alerts: ");
    (passed, printed.lines().filter(about).map(str::to_owned).collect())
}

#[test]
fn the_alerts_are_checked() {
    let slack = "https://hooks.slack.com/services/canary";
    let url = "url = \"https://ops.example.com/hooks\"";
    for (table, arguments, passes, expected) in [
        (
            format!("{{ {url}, format = \"standard\" }}"),
            &[][..],
            true,
            vec!["alerts: to https://ops.example.com, as Standard Webhooks, again every 4h"],
        ),
        (
            format!("{{ {url}, format = \"standard\", remind = \"off\", silent = \"off\", paused = \"off\" }}"),
            &[],
            true,
            vec!["alerts: to https://ops.example.com, as Standard Webhooks, without reminders; off: paused, silent"],
        ),
        ("{ silent = \"1h\" }".to_owned(), &[], true, vec!["alerts: told to nobody; set `url` and `format`"]),
        (
            format!("{{ {url}, formt = \"slack\" }}"),
            &[],
            false,
            vec!["FAIL ALERTS.formt: unknown key (did you mean `format`?)"],
        ),
        (
            format!("{{ url = \"{slack}\", format = \"slack\" }}"),
            &[],
            true,
            vec![
                "alerts: to https://hooks.slack.com, as Slack, again every 4h",
                "warning: ALERTS.url is in [vars], where",
            ],
        ),
        (
            "{ url_secret = \"ALERTS_URL\", format = \"slack\" }".to_owned(),
            &[],
            false,
            vec!["FAIL ALERTS.url_secret: ALERTS_URL is not set: put it into .dev.vars, or when deployed, `wrangler"],
        ),
        (
            "{ url_secret = \"ALERTS_URL\", format = \"slack\" }".to_owned(),
            &["--deploy"],
            true,
            vec!["alerts: to the URL in ALERTS_URL, as Slack, again every 4h", "  wrangler secret put ALERTS_URL"],
        ),
        (
            "{ url = \"http://127.0.0.1:9000/\", format = \"standard\" }".to_owned(),
            &["--deploy"],
            false,
            vec!["FAIL ALERTS.url: http://127.0.0.1:9000 is on this machine, and the deployed Worker cannot reach it"],
        ),
    ] {
        let (passed, lines) = alerts(&table, arguments);
        assert_eq!((passed, lines.len()), (passes, expected.len()), "{table}: {lines:?}");
        assert!(lines.iter().zip(&expected).all(|(line, start)| line.starts_with(start)), "{table}: {lines:?}");
        assert!(lines.iter().all(|line| !line.contains("canary")), "{lines:?}");
    }
    assert!(!checked(QUEUES, &[], &[]).1.contains("alerts"), "without ALERTS there is nothing to say");
}
