//! The gateway beside the providers' own SDKs: thousands of requests each, signed and then changed, and what both make of
//! them. `tests/sdk/` has the SDKs and makes the requests.
//!
//! Nothing may pass that the SDK refuses. What the SDK takes and the gateway does not is listed here with the reason; a
//! difference that is not listed fails, and so does one that is listed and gone.

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

/// One SDK, and where it takes more than the gateway, or less.
struct Sdk {
    name: &'static str,
    /// What the gateway refuses alone: the error's code, and why.
    stricter: &'static [(&'static str, &'static str)],
    /// What the gateway takes alone: the beginning of the change, and why it is the same request.
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
const LENIENT_TEXT: Why =
    ("signature_malformed", "it decodes leniently: one signature has many texts, and a replay many names");
const LENIENT_LIST: Why =
    ("signature_malformed", "it reads the first entry that fits, and passes over what is no entry");
const LENIENT_TIME: Why = ("timestamp_malformed", "it signs the number that it parsed, and not the text as received");
const NO_FUTURE: Why = ("too_new", "it bounds how old a delivery is, and not how far ahead");
const NO_TIME: [Why; 2] = [("too_old", "it leaves freshness to its user"), ("too_new", "the same")];
const CAPITALS: Why = ("capitals", "hexadecimal digits are the same in capitals; it compares texts");

/// The signature stands in a list (RFC 9110, section 5.3), and the SDK takes it alone: it proves the request as it did alone.
const IN_A_LIST: &str = "in a list";

const SDKS: &[Sdk] = &[
    sdk("stripe", &[LENIENT_LIST, LENIENT_TIME, NO_FUTURE], &[CAPITALS]),
    sdk("svix", &[LENIENT_LIST, LENIENT_TIME], &[]),
    sdk("standardwebhooks", &[LENIENT_LIST, LENIENT_TIME], &[]),
    sdk("octokit", &[], &[CAPITALS]),
    sdk("twilio", &[("query_mismatch", "it tries the URL in several spellings")], &[]),
    sdk("twilio_json", &[], &[]),
    sdk("slack", &[("signature_malformed", "it takes what stands before the second `=`"), NO_FUTURE], &[CAPITALS]),
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
        &[LENIENT_LIST, ("signature_mismatch", "it tries the payload with a newline after it as well")],
        &[CAPITALS],
    ),
    sdk(
        "workos",
        &[LENIENT_LIST, ("signature_mismatch", "it prints the parsed body again before it hashes it"), NO_FUTURE],
        &[
            CAPITALS,
            ("workos-signature: ", "entries are found by name; it reads the first two, whatever they are called"),
        ],
    ),
    sdk("linear", &[], &[CAPITALS]),
    sdk(
        "contentful",
        &[
            (
                "signature_mismatch",
                "it drops headers that the list names and the request lacks, or that it names twice",
            ),
            ("signed_header", "the same, and it does not ask that the time be listed"),
            LENIENT_TIME,
            NO_FUTURE,
        ],
        &[CAPITALS],
    ),
    sdk("messagebird", &[LENIENT_TEXT, ("too_old", "the token says when it expires; the window is shorter")], &[]),
    sdk(
        "vonage",
        &[("claim_mismatch", "it leaves the body's hash to its user"), LENIENT_TEXT, NO_TIME[0], NO_TIME[1]],
        &[],
    ),
    sdk(
        "sns",
        &[
            ("not_canonical", "a key stands twice, or a text could be cut in two ways"),
            LENIENT_TEXT,
            NO_TIME[0],
            NO_TIME[1],
        ],
        &[("body: ", "SignatureVersion is not signed: the configuration says which algorithm it is")],
    ),
    sdk("gocardless", &[LENIENT_TEXT], &[]),
    sdk("razorpay", &[], &[CAPITALS]),
    sdk("mux", &[LENIENT_LIST, LENIENT_TIME, NO_FUTURE], &[CAPITALS]),
    sdk("hubspot_v1", &[], &[CAPITALS]),
    sdk("hubspot_v2", &[], &[CAPITALS]),
    sdk("hubspot_v3", &[LENIENT_TIME, NO_FUTURE], &[]),
];

/// How many changed requests each SDK sees.
const REQUESTS: usize = 10_000;

#[derive(Deserialize)]
struct SetUp {
    provider: String,
    /// A shared secret or a public key, or what the provider publishes.
    secret: Option<String>,
    published: Option<String>,
    url: String,
    /// The query of an untouched request; what the provider has in its setting.
    query: String,
    account: String,
    tolerance: Option<u64>,
    now: i64,
    /// What the gateway takes alone, as a module of `proofs/` says it: the beginning of the change, and why.
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

/// What came of an SDK's requests.
#[derive(Default)]
struct Tally {
    /// What a module of `proofs/` lists.
    looser_listed: Vec<(String, String)>,
    requests: usize,
    both_accept: usize,
    both_refuse: usize,
    /// By the gateway's reason, with the first request that led there.
    stricter: BTreeMap<&'static str, (usize, String)>,
    /// By what was changed, with the first request that led there.
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
        verifier.expect("one key").at(url).of(self.account.clone())
    }

    /// Why the gateway refuses a request, if it does. What is authentic and lacks an id is about JSON, which the SDKs are
    /// not asked for.
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

    /// What the gateway takes, the package refuses, and its module does not list; and what is listed and gone.
    fn recorded_faults(&self, name: &str) -> Vec<String> {
        let listed = |what: &str| self.looser_listed.iter().any(|(listed, _)| what.starts_with(listed));
        let weakness = presets::find(name).expect("a preset").scheme.weakness();
        // Nothing in the body is proven, and some packages read it all the same.
        let unsigned = |what: &str| weakness == Some(Weakness::Unsigned) && what.starts_with("body: ");
        let known = |what: &str| what == "capitals" || what == IN_A_LIST || listed(what) || unsigned(what);
        let alone = self.looser.iter().filter(|(what, _)| !known(what));
        alone
            .map(|(what, (count, first))| {
                format!("{name}: {what}: {count} ACCEPTED that the package refuses, such as {first}")
            })
            .collect()
    }

    /// What is not as it is listed.
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

/// `node` with this script of `tests/sdk/`.
fn node(script: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = root.join("node_modules/.bin/node"); // where npm has one for this system
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

/// Every one of `all`, two at a time, and what came of it.
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
fn nothing_passes_that_the_provider_s_own_sdk_refuses() {
    let mut faults = Vec::new();
    println!("{HEADER}");
    for (sdk, tally) in compare_all(SDKS, |sdk| compare(sdk.name, REQUESTS)) {
        print(sdk.name, &tally);
        faults.extend(tally.faults(sdk));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The presets whose vectors a package vouches for.
fn recorded() -> Vec<String> {
    let proofs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk/proofs");
    let paths = std::fs::read_dir(proofs).expect("the directory").map(|entry| entry.expect("an entry").path());
    let modules = paths.filter(|path| path.extension().is_some_and(|kind| kind == "mjs" || kind == "py"));
    modules.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
}

#[test]
fn every_package_takes_what_it_vouches_for() {
    let output = node("prove.mjs").output().expect("node, and the SDKs: `make sdks`");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    print!("{said}");
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

/// How many changed requests each package sees that vouches for vectors; `RECORDED=10000` asks it about more.
fn asked() -> usize {
    std::env::var("RECORDED").map_or(300, |text| text.parse().expect("a number"))
}

#[test]
fn nothing_passes_that_the_package_refuses_which_vouches_for_a_vector() {
    let names = recorded();
    let mut faults = Vec::new();
    println!("{HEADER}");
    for (name, tally) in compare_all(&names, |name| compare(&format!("recorded:{name}"), asked())) {
        print(name, &tally);
        faults.extend(tally.recorded_faults(name));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
