//! Compares the gateway with the providers' own SDKs on thousands of requests each, which are signed and then changed.
//! `tests/sdk/` has the SDKs and makes the requests.
//!
//! The gateway may not accept a request that the SDK refuses. A request that only the SDK accepts must be listed here with
//! the reason. A difference that is not listed fails, and so does a listed difference that no longer exists.

#![cfg(not(target_arch = "wasm32"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::arithmetic_side_effects)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookgate_verify::native::Native;
use hookgate_verify::presets;
use hookgate_verify::{Head, PublicKey, Secret, UnixTime, Verifier, VerifyError, Weakness};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One SDK, and the differences between it and the gateway.
struct Sdk {
    name: &'static str,
    /// Requests that only the gateway refuses: the code of the error, and the reason.
    stricter: &'static [(&'static str, &'static str)],
    /// Requests that only the gateway accepts: the beginning of the change's name, and the reason.
    looser: &'static [(&'static str, &'static str)],
}

const fn sdk(
    name: &'static str,
    stricter: &'static [(&'static str, &'static str)],
    looser: &'static [(&'static str, &'static str)],
) -> Sdk {
    Sdk { name, stricter, looser }
}

type Why = (&'static str, &'static str);
const LENIENT_TEXT: Why = ("signature_malformed", "it decodes leniently, so one signature has many spellings");
const LENIENT_LIST: Why = ("signature_malformed", "it reads the first entry that fits and skips anything else");
const LENIENT_TIME: Why = ("timestamp_malformed", "it checks the parsed number, not the text as received");
const NO_FUTURE: Why = ("too_new", "it limits the age of a request, not a time in the future");
const NO_TIME: [Why; 2] = [("too_old", "it leaves the age to its user"), ("too_new", "it leaves the age to its user")];
const CAPITALS: Why = ("capitals", "capitals are the same hexadecimal digits; it compares texts");

/// The signature is an element of a list (RFC 9110, section 5.3), and the SDK accepts only the element alone.
const IN_A_LIST: &str = "in a list";

const SDKS: &[Sdk] = &[
    sdk("stripe", &[LENIENT_LIST, LENIENT_TIME, NO_FUTURE], &[CAPITALS]),
    sdk("svix", &[LENIENT_LIST, LENIENT_TIME], &[]),
    sdk("standardwebhooks", &[LENIENT_LIST, LENIENT_TIME], &[]),
    sdk("octokit", &[], &[CAPITALS]),
    sdk("twilio", &[("query_mismatch", "it tries the URL in several spellings")], &[]),
    sdk("twilio_json", &[], &[]),
    sdk("slack", &[("signature_malformed", "it reads the text before the second `=`"), NO_FUTURE], &[CAPITALS]),
    sdk("shopify", &[], &[]),
    sdk("square", &[], &[]),
    sdk("paddle", &[LENIENT_LIST, LENIENT_TIME, NO_FUTURE], &[CAPITALS]),
    sdk(
        "sendgrid",
        &[
            LENIENT_TEXT,
            ("signature_mismatch", "its parser takes lengths that DER does not allow"),
            NO_TIME[0],
            NO_TIME[1],
        ],
        &[],
    ),
    sdk("discord", &[LENIENT_TEXT, NO_TIME[0], NO_TIME[1]], &[]),
    sdk("line", &[LENIENT_TEXT], &[]),
    sdk(
        "braintree",
        &[LENIENT_LIST, ("signature_mismatch", "it also tries the payload with a newline after it")],
        &[CAPITALS],
    ),
    sdk(
        "workos",
        &[LENIENT_LIST, ("signature_mismatch", "it hashes the parsed body, printed again"), NO_FUTURE],
        &[CAPITALS, ("workos-signature: ", "entries have names; it reads the first two entries with any name")],
    ),
    sdk("linear", &[], &[CAPITALS]),
    sdk(
        "contentful",
        &[
            ("signature_mismatch", "it drops a header that the request lacks or that the list names twice"),
            ("signed_header", "the same, and the list may lack the time"),
            LENIENT_TIME,
            NO_FUTURE,
        ],
        &[CAPITALS],
    ),
    sdk("messagebird", &[LENIENT_TEXT, ("too_old", "the token has an expiry; the gateway's window is shorter")], &[]),
    sdk(
        "vonage",
        &[("claim_mismatch", "it leaves the body's hash to its user"), LENIENT_TEXT, NO_TIME[0], NO_TIME[1]],
        &[],
    ),
    sdk(
        "sns",
        &[
            ("not_canonical", "a key occurs twice, or a text could be cut in two ways"),
            LENIENT_TEXT,
            NO_TIME[0],
            NO_TIME[1],
        ],
        &[("body: ", "SignatureVersion is not signed; the configuration chooses the algorithm")],
    ),
    sdk("gocardless", &[LENIENT_TEXT], &[]),
    sdk("razorpay", &[], &[CAPITALS]),
    sdk("mux", &[LENIENT_LIST, LENIENT_TIME, NO_FUTURE], &[CAPITALS]),
    sdk("hubspot_v1", &[], &[CAPITALS]),
    sdk("hubspot_v2", &[], &[CAPITALS]),
    sdk("hubspot_v3", &[LENIENT_TIME, NO_FUTURE], &[]),
];

/// The number of changed requests for each SDK.
const REQUESTS: usize = 10_000;

#[derive(Deserialize)]
struct SetUp {
    provider: String,
    /// A shared secret or a public key.
    secret: Option<String>,
    published: Option<String>,
    url: String,
    /// The query of an unchanged request, which is also in the provider's settings.
    query: String,
    account: String,
    tolerance: Option<u64>,
    now: i64,
    /// Requests that only the gateway accepts, from a module of `proofs/`: the beginning of the change's name, and the
    /// reason.
    looser: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Request {
    what: String,
    accepts: bool,
    but_for_capitals: bool,
    but_for_lists: bool,
    headers: BTreeMap<String, String>,
    query: String,
    body: String,
}

impl Head for Request {
    fn header(&self, name: &str) -> Option<String> {
        self.headers.get(name).cloned()
    }

    fn query(&self) -> String {
        self.query.clone()
    }
}

/// The outcomes of an SDK's requests.
#[derive(Default)]
struct Tally {
    /// The differences that a module of `proofs/` lists.
    looser_listed: Vec<(String, String)>,
    requests: usize,
    both_accept: usize,
    both_refuse: usize,
    /// The gateway's error codes, each with its count and its first request.
    stricter: BTreeMap<&'static str, (usize, String)>,
    /// The names of the changes, each with its count and its first request.
    looser: BTreeMap<String, (usize, String)>,
}

impl SetUp {
    fn verifier(&self) -> Verifier {
        let preset = presets::find(&self.provider).expect("a preset");
        let scheme = &preset.scheme;
        let key =
            |text: &String| Secret::new(text.as_str()).and_then(|text| text.key(scheme.algorithm, &scheme.secret));
        let keys = self.secret.iter().map(|text| key(text).expect("a usable secret")).collect();
        let verifier = Verifier::new(Arc::clone(&preset), keys, self.tolerance.map(Duration::from_secs));
        let url = if preset.scheme.pins_query() && !self.query.is_empty() {
            format!("{}?{}", self.url, self.query)
        } else {
            self.url.clone()
        };
        verifier.expect("one key").with_url(url).with_account(self.account.clone())
    }

    /// The error with which the gateway refuses a request. An error about an authentic body does not count, because the SDKs
    /// do not read the body.
    fn refusal(&self, verifier: &Verifier, request: &Request, body: &[u8]) -> Option<VerifyError> {
        let verify = || {
            let mut received = verifier.receive(request)?;
            if let Some(text) = &self.published {
                received.published_at(body)?;
                received = received.with_published(PublicKey::parse_published(text.as_bytes()).expect("a certificate"));
            }
            received.verify(body, UnixTime::from_seconds(self.now), &Native).map(|_| ())
        };
        verify().err().filter(|error| !error.is_authentic())
    }
}

impl Tally {
    fn take(&mut self, request: &Request, body: &[u8], refusal: Option<VerifyError>) {
        self.requests += 1;
        match (request.accepts, refusal) {
            (true, None) => self.both_accept += 1,
            (false, Some(_)) => self.both_refuse += 1,
            (false, None) => {
                let what = match (request.but_for_capitals, request.but_for_lists) {
                    (true, _) => "capitals",
                    (false, true) => IN_A_LIST,
                    (false, false) => &request.what,
                };
                let Request { headers, query, .. } = request;
                let shown = || (0, format!("{headers:?} ?{query} {}", String::from_utf8_lossy(body)));
                self.looser.entry(what.to_owned()).or_insert_with(shown).0 += 1;
            }
            (true, Some(error)) => {
                let shown = || (0, format!("{}: {error}", request.what));
                self.stricter.entry(error.code()).or_insert_with(shown).0 += 1;
            }
        }
        let both = self.both_accept == self.requests;
        assert!(request.what != "untouched" || both, "an untouched request: {:?}", request.headers);
    }

    /// Unlisted requests that the gateway accepts and the package refuses.
    fn recorded_faults(&self, name: &str) -> Vec<String> {
        let listed = |what: &str| self.looser_listed.iter().any(|(listed, _)| what.starts_with(listed));
        let weakness = presets::find(name).expect("a preset").scheme.weakness();
        // With this weakness, the body is not signed. Some packages still read the body.
        let unsigned = |what: &str| weakness == Some(Weakness::Unsigned) && what.starts_with("body: ");
        let known = |what: &str| what == "capitals" || what == IN_A_LIST || listed(what) || unsigned(what);
        let alone = self.looser.iter().filter(|(what, _)| !known(what));
        alone
            .map(|(what, (count, first))| {
                format!("{name}: {what}: {count} ACCEPTED that the package refuses, such as {first}")
            })
            .collect()
    }

    /// The differences between the list and the outcomes.
    fn faults(&self, sdk: &Sdk) -> Vec<String> {
        let mut faults = Vec::new();
        for (code, (count, first)) in &self.stricter {
            if !sdk.stricter.iter().any(|(listed, _)| listed == code) {
                faults.push(format!("{code}: {count} refused that the SDK accepts, such as {first}"));
            }
        }
        for (what, (count, first)) in &self.looser {
            if what != IN_A_LIST && !sdk.looser.iter().any(|(listed, _)| what.starts_with(listed)) {
                faults.push(format!("{what}: {count} ACCEPTED that the SDK refuses, such as {first}"));
            }
        }
        let gone = sdk.stricter.iter().filter(|(code, _)| !self.stricter.contains_key(code));
        faults.extend(gone.map(|(code, _)| format!("{code}: the SDK refuses this too now; take it off the list")));
        let gone = sdk.looser.iter().filter(|(what, _)| !self.looser.keys().any(|key| key.starts_with(what)));
        faults.extend(gone.map(|(what, _)| format!("{what}: the SDK accepts this too now; take it off the list")));
        faults.into_iter().map(|fault| format!("{}: {fault}", sdk.name)).collect()
    }
}

/// `node` with a script of `tests/sdk/`.
fn node(script: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = root.join("node_modules/.bin/node"); // installed by npm on some systems
    let mut node = Command::new(if own.exists() { own.as_os_str() } else { "node".as_ref() });
    node.arg(script).current_dir(root.join("tests/sdk"));
    node
}

fn compare(name: &str, requests: usize) -> Tally {
    let seed = std::env::var("SEED").unwrap_or_else(|_| "1".to_owned());
    let mut node = node("main.mjs");
    node.args([name, &requests.to_string(), &seed]).stdout(Stdio::piped());
    let mut node = node.spawn().expect("node, and the SDKs: `make sdks`");
    let mut lines = BufReader::new(node.stdout.take().expect("piped")).lines();
    let set_up = lines.next().expect("the set-up").unwrap();
    let set_up: SetUp = serde_json::from_str(&set_up).unwrap();
    let verifier = set_up.verifier();
    let mut tally = Tally { looser_listed: set_up.looser.clone(), ..Tally::default() };
    for line in lines {
        let request: Request = serde_json::from_str(&line.unwrap()).unwrap();
        let body = STANDARD.decode(&request.body).expect("base64");
        tally.take(&request, &body, set_up.refusal(&verifier, &request, &body));
    }
    assert!(node.wait().unwrap().success(), "{name} ended in an error: are the SDKs there? `make sdks`");
    assert!(tally.requests > requests, "{name}: {} requests", tally.requests);
    tally
}

/// The outcomes of all, two at a time.
fn compare_all<T: Sync>(all: &[T], compare: impl Fn(&T) -> Tally + Sync) -> Vec<(&T, Tally)> {
    let waiting = Mutex::new(all.iter());
    let done = Mutex::new(Vec::new());
    let work = || {
        loop {
            let next = waiting.lock().unwrap().next();
            let Some(one) = next else { break };
            let tally = compare(one);
            done.lock().unwrap().push((one, tally));
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    done.into_inner().unwrap()
}

fn print(name: &str, Tally { requests, both_accept, both_refuse, stricter, looser, .. }: &Tally) {
    let stricter: usize = stricter.values().map(|(count, _)| count).sum();
    let looser: usize = looser.values().map(|(count, _)| count).sum();
    println!("{name:24} {requests:8}  {both_accept:11}  {both_refuse:11}  {stricter:13}  {looser:14}");
}

const HEADER: &str = "                         requests  both accept  both refuse  refused alone  accepted alone";

#[test]
fn no_request_is_accepted_that_the_provider_s_own_sdk_refuses() {
    let mut faults = Vec::new();
    println!("{HEADER}");
    for (sdk, tally) in compare_all(SDKS, |sdk| compare(sdk.name, REQUESTS)) {
        print(sdk.name, &tally);
        faults.extend(tally.faults(sdk));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The presets with a vector that a package made or accepts.
fn recorded() -> Vec<String> {
    let proofs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk/proofs");
    let paths = std::fs::read_dir(proofs).expect("the directory").map(|entry| entry.expect("an entry").path());
    let modules = paths.filter(|path| path.extension().is_some_and(|kind| kind == "mjs" || kind == "py"));
    modules.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn every_package_accepts_its_vectors() {
    let output = node("prove.mjs").output().expect("node, and the SDKs: `make sdks`");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    print!("{said}");
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

/// The number of changed requests for each package with vectors. `RECORDED=10000` sends more.
fn asked() -> usize {
    std::env::var("RECORDED").map_or(300, |text| text.parse().expect("a number"))
}

#[test]
fn no_changed_vector_is_accepted_that_its_package_refuses() {
    let names = recorded();
    let mut faults = Vec::new();
    println!("{HEADER}");
    for (name, tally) in compare_all(&names, |name| compare(&format!("recorded:{name}"), asked())) {
        print(name, &tally);
        faults.extend(tally.recorded_faults(name));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
