//! `POST /api/sources/{name}/test`: sends a test event of the source through the whole pipeline, signed as the source's
//! provider signs.
//!
//! The pipeline handles the requests of a test as it handles requests from outside, with one exception: a refused request
//! of a test does not count towards the limit of any sender. The destination knows a test event by its header
//! `hookgate-test: 1`, and by the beginning of its id.

use super::Call;
use crate::answer::Answer;
use crate::config::{Config, ConfigError, Dedup, Source};
use crate::json_object;
use crate::pipeline;
use crate::pipeline::any_request::AnyRequest;
use crate::pipeline::ports::{Ports, Request};
use crate::pipeline::refusal::Refusal;
use crate::record::{Record, Verdict};
use hookgate_verify::{
    Algorithm, SampleEvent, SampleRequest, SharedSigner, SignError, UnixTime, VerificationKey, Weakness, sample,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

pub(super) const MAX_BODY: usize = 16 * 1024;
/// The beginning of the id of each test event.
const ID_PREFIX: &str = "hookgate-test-";
/// The type of a test event, if the operator names no type.
const DEFAULT_TYPE: &str = "hookgate.test";
/// The longest type that the pipeline can read, in bytes.
const LONGEST_TYPE: usize = 256;
/// How much older than the tolerance a stale request is.
const TOO_LATE: Duration = Duration::from_secs(60);

/// The test that the operator wants.
#[derive(Debug, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WantedTest {
    /// What is tested.
    pub kind: Kind,
    /// The name of the secret that signs. Without a name, the first secret of the source signs.
    #[serde(default)]
    pub secret: Option<String>,
    /// The type of the event. Without a type, the type is `hookgate.test`.
    #[serde(rename = "type", default)]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(length(min = 1, max = LONGEST_TYPE)))]
    pub event_type: Option<String>,
}

/// What is tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
#[cfg_attr(not(target_arch = "wasm32"), schemars(rename = "TestKind"))]
pub enum Kind {
    /// One request, which must be accepted.
    Good,
    /// The same request twice: the second one must be a duplicate.
    Repeated,
    /// A request with a wrong signature, which must be refused.
    Forged,
    /// A request with a right signature of an old time, which must be refused.
    Stale,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Repeated => "repeated",
            Self::Forged => "forged",
            Self::Stale => "stale",
        }
    }
}

/// The result of a test.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct TestReport {
    /// The source's name.
    pub source: String,
    /// What was tested.
    pub kind: Kind,
    /// The name of the secret that signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Whether every request had the expected verdict. `None` if no request was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub as_expected: Option<bool>,
    /// Why the source cannot be tested in this way. Then no request was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub impossible: Option<String>,
    /// What the operator should know about the result.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The requests, in the order in which they were sent.
    pub requests: Vec<TestedRequest>,
}

/// One request of a test.
#[derive(Debug, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct TestedRequest {
    /// Whether the verdict and the reason are the expected ones.
    pub as_expected: bool,
    /// The expected verdict.
    pub expected: Expected,
    /// The status of the answer to the provider.
    pub status: u16,
    /// The body of the answer to the provider.
    pub answer: String,
    /// The verdict in the log.
    pub verdict: Verdict,
    /// The code of the reason in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The exact reason in the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Failures that did not change the verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// The event's id. `None` if the request was not proven.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The deduplication key. `None` if the request was not proven.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// The verdict that a request should have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct Expected {
    /// The verdict.
    pub verdict: Verdict,
    /// The code of the reason, for a request that should be refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
}

const ACCEPTED: Expected = Expected { verdict: Verdict::Accepted, reason: None };
const DUPLICATE: Expected = Expected { verdict: Verdict::Duplicate, reason: None };
const MISMATCH: Expected = Expected { verdict: Verdict::Rejected, reason: Some("signature_mismatch") };
const TOO_OLD: Expected = Expected { verdict: Verdict::Rejected, reason: Some("too_old") };

/// `POST /api/sources/{name}/test`: sends a test event.
///
/// # Errors
/// [`Refusal::NotFound`] for an unknown source, [`Refusal::Misconfigured`], and [`Refusal::Unusable`] for a test that the
/// source does not allow.
pub async fn send_test<R: Request, P: Ports>(
    call: &Call<'_, R, P>,
    name: &str,
    record: &mut Record,
) -> Result<Answer, Refusal> {
    let &Call { config, ports, now, .. } = call;
    let body = call.body(MAX_BODY).await?;
    let unusable = |problem: String| Refusal::Unusable(format!("the test, such as {{\"kind\": \"good\"}}: {problem}"));
    let members = json_object::members(&body).map_err(unusable)?;
    let wanted: WantedTest = serde_json::from_value(members.into()).map_err(|error| unusable(error.to_string()))?;
    let source = call.config()?.source(name).ok_or(Refusal::NotFound)?;
    let source = source.map_err(|error| Refusal::Misconfigured(error.clone()))?;
    usable(source, &wanted)?;
    call.intend("test", name, wanted.kind.name()).await?;
    let (report, records) = run::<R, P>(source, &wanted, config, ports, now).await?;
    record.source = Some(name.to_owned());
    record.verdict = Verdict::Tested;
    record.detail = Some(report.summary());
    record.requests = records;
    Ok(Answer::ok(&report))
}

/// Sends the requests of a test to `source`, one after the other. Returns the result, and the record of each request. `R`
/// is the type of requests from outside.
///
/// # Errors
/// [`Refusal::Unusable`], if nothing can be signed for this source, or if the test names an unknown secret or a type that
/// is empty or too long.
pub async fn run<R: Request, P: Ports>(
    source: &Source,
    wanted: &WantedTest,
    config: &Result<Config, ConfigError>,
    ports: &P,
    now: UnixTime,
) -> Result<(TestReport, Vec<Record>), Refusal> {
    let (secret, key, event_type) = usable(source, wanted)?;
    let kind = wanted.kind;
    let mut report = TestReport {
        source: source.name.to_string(),
        kind,
        secret: Some(secret.to_owned()),
        as_expected: None,
        impossible: impossible(source, kind),
        notes: Vec::new(),
        requests: Vec::new(),
    };
    if report.impossible.is_some() {
        return Ok((report, Vec::new()));
    }
    let id = format!("{ID_PREFIX}{:016x}{:016x}", ports.random(), ports.random());
    let signed_at = if kind == Kind::Stale { too_old(source, now) } else { now };
    let signer = SharedSigner::new(key, ports);
    let signer = if kind == Kind::Forged { signer.forging() } else { signer };
    let sample = sample(&source.verifier, signer, SampleEvent { id: &id, event_type, signed_at });
    let sample = sample.map_err(|error| not_signed(source, &error))?;
    let path = format!("/webhooks/{}", source.name);
    let mut records = Vec::new();
    for expected in expectations(kind) {
        let (tested, record) = send::<R, P>((&path, &sample), *expected, config, ports, now).await;
        report.requests.push(tested);
        records.push(record);
    }
    report.as_expected = Some(report.requests.iter().all(|request| request.as_expected));
    report.notes = notes(source, kind, event_type, &report.requests);
    Ok((report, records))
}

/// The name and the key of the secret that signs, and the type of the event.
fn usable<'a>(source: &'a Source, wanted: &'a WantedTest) -> Result<(&'a str, &'a VerificationKey, &'a str), Refusal> {
    let (secret, key) = signing_key(source, wanted.secret.as_deref())?;
    let event_type = wanted.event_type.as_deref().unwrap_or(DEFAULT_TYPE);
    if event_type.is_empty() || event_type.len() > LONGEST_TYPE || event_type.chars().any(char::is_control) {
        let problem = format!("the type must have 1 to {LONGEST_TYPE} bytes, without control characters");
        return Err(Refusal::Unusable(problem));
    }
    Ok((secret, key, event_type))
}

/// The expected verdicts of the requests of a test.
const fn expectations(kind: Kind) -> &'static [Expected] {
    match kind {
        Kind::Good => &[ACCEPTED],
        Kind::Repeated => &[ACCEPTED, DUPLICATE],
        Kind::Forged => &[MISMATCH],
        Kind::Stale => &[TOO_OLD],
    }
}

/// The name and the key of the secret `named`, or of the source's first secret.
fn signing_key<'s>(source: &'s Source, named: Option<&str>) -> Result<(&'s str, &'s VerificationKey), Refusal> {
    if let Algorithm::Public(_) = source.verifier.preset().scheme.algorithm {
        return Err(Refusal::Unusable(format!(
            "{} signs with its private key, which only the provider has: let the provider send a test event",
            source.verifier.preset().name
        )));
    }
    let mut secrets = source.secrets.iter().map(String::as_str).zip(source.verifier.keys());
    let found = secrets.find(|(name, _)| named.is_none_or(|named| named == *name));
    // An unknown name may be the secret itself, so the error does not show it.
    found.ok_or_else(|| match source.secrets.as_slice() {
        [] => Refusal::Unusable("the source has no secret yet, so nothing can be signed".to_owned()),
        known => {
            Refusal::Unusable(format!("`secret` is not a secret of the source; its secrets are {}", known.join(", ")))
        }
    })
}

/// Why the source cannot be tested in this way.
fn impossible(source: &Source, kind: Kind) -> Option<String> {
    let preset = source.verifier.preset();
    match kind {
        Kind::Good | Kind::Forged => None,
        Kind::Repeated if !preset.scheme.identifies() => Some(format!(
            "the events of this source ({}) have no identity, so a duplicate cannot be recognised",
            preset.name
        )),
        Kind::Repeated => (source.dedup == Dedup::None)
            .then(|| "the source has `dedup = \"none\"`, so a duplicate is accepted again".to_owned()),
        Kind::Stale => window_past(source).is_none().then(|| {
            format!("the scheme of this source ({}) signs no time, so a request cannot be stale", preset.name)
        }),
    }
}

/// The greatest age of a request in the scheme's first variant. `None` if the variant signs no time.
fn window_past(source: &Source) -> Option<Duration> {
    let variant = source.verifier.preset().scheme.variants.first()?;
    source.verifier.window(variant).map(|window| window.past)
}

/// A time before the tolerance.
fn too_old(source: &Source, now: UnixTime) -> UnixTime {
    window_past(source).map_or(now, |past| now.minus(past.saturating_add(TOO_LATE)))
}

fn not_signed(source: &Source, error: &SignError) -> Refusal {
    Refusal::Unusable(format!("{}: a test event cannot be signed: {error}", source.verifier.preset().name))
}

/// What the operator should know about the result.
fn notes(source: &Source, kind: Kind, event_type: &str, requests: &[TestedRequest]) -> Vec<String> {
    let scheme = &source.verifier.preset().scheme;
    let mut notes = Vec::new();
    if requests.iter().any(|request| request.verdict == Verdict::Filtered) {
        notes.push(format!(
            "`events` of the source does not want the type \"{event_type}\", so the event is not delivered: name a \
             `type` that it wants"
        ));
    }
    if kind == Kind::Forged {
        match (scheme.algorithm, scheme.weakness()) {
            (Algorithm::StaticToken, _) => notes.push(
                "the scheme sends a static token, so it cannot detect a changed body: the request had a wrong token"
                    .to_owned(),
            ),
            (_, Some(weakness @ (Weakness::Unsigned | Weakness::Partial))) => {
                notes.push(format!("the scheme cannot detect every changed body: {weakness}"));
            }
            (_, Some(Weakness::Extendable | Weakness::Unframed) | None) => {}
        }
    }
    notes
}

/// Sends one request into the pipeline.
async fn send<R: Request, P: Ports>(
    (path, sample): (&str, &SampleRequest),
    expected: Expected,
    config: &Result<Config, ConfigError>,
    ports: &P,
    now: UnixTime,
) -> (TestedRequest, Record) {
    let mut record = Record { test: true, ..Record::default() };
    let request = AnyRequest::<R>::Test(path, sample);
    let answer = match pipeline::ingest(&request, path, config, ports, now, &mut record).await {
        Ok(answer) => answer,
        Err(refusal) => {
            record.refused(refusal.verdict(), refusal.code(), refusal.detail());
            refusal.answer()
        }
    };
    record.status = Some(answer.status);
    let tested = TestedRequest {
        as_expected: expected.verdict == record.verdict && expected.reason == record.reason,
        expected,
        status: answer.status,
        answer: answer.body,
        verdict: record.verdict,
        reason: record.reason,
        detail: record.detail.clone(),
        trouble: record.trouble.clone(),
        id: record.id.clone(),
        key: record.key.clone(),
    };
    (tested, record)
}

impl TestReport {
    /// The result in a few words, for the log.
    fn summary(&self) -> String {
        let result = match self.as_expected {
            Some(true) => "as expected",
            Some(false) => "not as expected",
            None => "impossible",
        };
        format!("{}: {result}", self.kind.name())
    }
}
