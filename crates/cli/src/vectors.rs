//! `hookgate vectors`: verifies recorded requests with the gateway's own verifier.

use super::CommandResult;
use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hookgate_verify::native::{Native, RequestHead};
use hookgate_verify::presets;
use hookgate_verify::{
    Algorithm, Identity, Preset, Secret, UnixTime, VerificationKey, Verified, Verifier, VerifyError,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Verify recorded requests: prints a line for each, and the counts
#[derive(clap::Args)]
#[command(after_help = FORMAT)]
pub struct Vectors {
    /// Files of vectors
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

const FORMAT: &str = "\
A file is a JSON list of objects:
  id                      the vector's name
  provider                the preset; default: the file's name
  secret, or secrets      as the provider shows them; or public_key
  headers                 an object; a repeated header is a list
  account                 the source's `account`
  method, url, query      of the request; the source's URL is `url` without its query, or with its query if the
                          provider signs both
  body, or body_base64, or form_params as pairs; body_len and body_sha256 are compared with it
  now, or now_ms          the time of arrival; default: the signed time
  tolerance_seconds       default: the preset's tolerance
  expected                default: the request verifies; otherwise one of {\"verified\": {\"id\": …, …}},
                          {\"error\": CODE}, or the HMAC in hex of signed_content (or of the body)";

#[derive(Deserialize)]
struct Vector {
    #[serde(alias = "public_key_pem", alias = "certificate_pem")]
    secret: Option<String>,
    public_key: Option<String>,
    method: Option<String>,
    url: Option<String>,
    query: Option<String>,
    #[serde(default)]
    account: String,
    form_params: Option<Vec<(String, String)>>,
    #[serde(default)]
    secrets: Vec<String>,
    #[serde(default)]
    headers: BTreeMap<String, Texts>,
    body: Option<String>,
    body_base64: Option<String>,
    body_len: Option<usize>,
    body_sha256: Option<String>,
    now: Option<i64>,
    now_ms: Option<i64>,
    tolerance_seconds: Option<u64>,
    signed_content: Option<String>,
    expected: Option<Expected>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Texts {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Expected {
    Mac(String),
    Tagged(Tagged),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Tagged {
    Verified(BTreeMap<String, Value>),
    Error(String),
    Mac(String),
}

/// The result of a vector, with a remark.
enum Verdict {
    Passed(Option<String>),
    Skipped(String),
}

use Verdict::{Passed, Skipped};

/// The result of a vector, or the reason for its failure.
type Outcome = Result<Verdict, String>;

impl Vectors {
    /// Runs every vector of every file.
    pub fn run(self, out: &mut dyn Write) -> Result<CommandResult> {
        let (mut passed, mut failed, mut skipped) = (0_usize, 0_usize, 0_usize);
        for path in &self.files {
            for vector in read(path)? {
                let id = vector.get("id").and_then(Value::as_str).unwrap_or("(no id)").to_owned();
                let (count, word, remark) = match judge(vector, path) {
                    Ok(Passed(remark)) => (&mut passed, "ok", remark),
                    Err(reason) => (&mut failed, "FAIL", Some(reason)),
                    Ok(Skipped(reason)) => (&mut skipped, "skip", Some(reason)),
                };
                *count = count.saturating_add(1);
                writeln!(out, "{word} {id}{}", remark.map(|remark| format!(": {remark}")).unwrap_or_default())?;
            }
        }
        writeln!(out, "{passed} passed, {failed} failed, {skipped} skipped")?;
        Ok((failed == 0).into())
    }
}

fn read(path: &Path) -> Result<Vec<Value>> {
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is not a JSON list of vectors", path.display()))
}

/// Looks up the provider before it parses the rest, because a vector of an unknown provider may have any fields.
fn judge(vector: Value, path: &Path) -> Outcome {
    let provider = match (vector.get("provider"), path.file_stem()) {
        (Some(Value::String(name)), _) => name.clone(),
        (None, Some(stem)) => stem.to_string_lossy().into_owned(),
        _ => return Err("its provider is not a text".to_owned()),
    };
    let Some(preset) = presets::find(&provider) else {
        return Ok(Skipped(format!("no preset for provider {provider}")));
    };
    Vector::deserialize(vector).map_err(|error| format!("not a vector: {error}"))?.judge(preset)
}

impl Vector {
    fn judge(&self, preset: Arc<Preset>) -> Outcome {
        let keys = self.keys(&preset)?;
        let Some(key) = keys.first() else {
            return Ok(Skipped(format!("has no shared secret, and the preset {} takes no other key", preset.name)));
        };
        let body = self.body()?;
        if let Some(Expected::Mac(expected) | Expected::Tagged(Tagged::Mac(expected))) = &self.expected {
            let content = self.signed_content.as_ref().map(String::as_bytes).or(body.as_deref());
            let content = content.ok_or("has neither signed_content nor a body, so there is nothing to sign")?;
            let matches = hex::encode(key.mac(&[content], &Native)) == expected.to_ascii_lowercase();
            return if matches { Ok(Passed(None)) } else { Err("its HMAC is not the expected one".to_owned()) };
        }
        let Some(body) = body else { return Ok(Skipped("has no body".to_owned())) };
        let verifier = Verifier::new(preset, keys, self.tolerance_seconds.map(Duration::from_secs));
        let verifier = verifier.map_err(|problem| problem.to_string())?;
        // If the provider signs the source's URL with its query, the source has the whole URL.
        let url = match verifier.preset().scheme.pins_query() {
            true => self.url.as_deref().unwrap_or_default(),
            false => self.split_url().0,
        };
        let verifier = verifier.with_url(url.to_owned()).with_account(self.account.clone());
        let verified = self.verify(&verifier, &body);
        match &self.expected {
            Some(Expected::Tagged(Tagged::Error(code))) => refused_as(code, verified),
            Some(Expected::Tagged(Tagged::Verified(facts))) => verified_as(facts, verified),
            _ => verified_at_all(verified),
        }
    }

    fn keys(&self, preset: &Preset) -> Result<Vec<VerificationKey>, String> {
        let key = |text: &String| {
            let scheme = &preset.scheme;
            let key = Secret::new(text).and_then(|secret| secret.key(scheme.algorithm, &scheme.secret));
            key.map_err(|problem| format!("its secret {problem}"))
        };
        let shared = self.secret.iter().chain(&self.secrets);
        let public = self.public_key.iter().filter(|_| matches!(preset.scheme.algorithm, Algorithm::Public(_)));
        shared.chain(public).map(key).collect()
    }

    fn body(&self) -> Result<Option<Vec<u8>>, String> {
        let body = match (&self.body, &self.body_base64) {
            (Some(text), _) => text.clone().into_bytes(),
            (None, Some(text)) => {
                STANDARD.decode(text).map_err(|error| format!("its body_base64 is not base64: {error}"))?
            }
            (None, None) => match &self.form_params {
                Some(pairs) => {
                    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().into_bytes()
                }
                None => return Ok(None),
            },
        };
        if let Some(length) = self.body_len.filter(|&length| length != body.len()) {
            return Err(format!("the file is damaged: its body has {} bytes, body_len says {length}", body.len()));
        }
        let digest = format!("sha256:{}", self.body_sha256.as_deref().unwrap_or_default());
        if self.body_sha256.is_some() && Identity::of_body(&body).shown() != Some(digest) {
            return Err("the file is damaged: its body does not have the digest body_sha256".to_owned());
        }
        Ok(Some(body))
    }

    /// The URL without its query, and the query.
    fn split_url(&self) -> (&str, &str) {
        let url = self.url.as_deref().unwrap_or_default();
        let (url, query) = url.split_once('?').unwrap_or((url, ""));
        (url, self.query.as_deref().unwrap_or(query))
    }

    fn verify<'b>(&self, verifier: &Verifier, body: &'b [u8]) -> Result<Verified<'b>, VerifyError> {
        let headers = self.headers.iter().flat_map(|(name, texts)| {
            let texts = match texts {
                Texts::One(text) => std::slice::from_ref(text),
                Texts::Several(texts) => texts,
            };
            texts.iter().map(|text| (name.clone(), text.clone()))
        });
        let headers: Vec<(String, String)> = headers.collect();
        let method = self.method.clone().unwrap_or_default();
        let request = RequestHead { method, query: self.split_url().1.to_owned(), headers };
        let verify = |now| verifier.receive(&request)?.verify(body, now, &Native);
        let now = self.now.or_else(|| self.now_ms.map(|now| now.div_euclid(1000)));
        match (now.map(UnixTime::from_seconds), verify(UnixTime::from_seconds(now.unwrap_or_default()))) {
            // Without a `now`, the refusal contains the signed time. The signed time is then the time of arrival.
            (None, Err(VerifyError::TooNew { signed_at, .. } | VerifyError::TooOld { signed_at, .. })) => {
                verify(signed_at)
            }
            (_, verified) => verified,
        }
    }
}

type Verification<'b> = Result<Verified<'b>, VerifyError>;

/// Published vectors often sign a text that is not an event. A valid signature is enough for them.
fn verified_at_all(verified: Verification<'_>) -> Outcome {
    match verified {
        Ok(_) => Ok(Passed(None)),
        Err(error) if error.is_authentic() => Ok(Passed(Some(error.to_string()))),
        Err(error) => Err(error.to_string()),
    }
}

fn refused_as(code: &str, verified: Verification<'_>) -> Outcome {
    match verified {
        Err(error) if error.code() == code => Ok(Passed(None)),
        Err(error) => Err(format!("refused as {}, expected {code}: {error}", error.code())),
        Ok(_) => Err(format!("verified, expected {code}")),
    }
}

fn verified_as(facts: &BTreeMap<String, Value>, verified: Verification<'_>) -> Outcome {
    let verified = verified.map_err(|error| error.to_string())?;
    let types = verified.event_types();
    let found = json!({
        "id": verified.identity().shown(),
        "provenance": verified.identity().provenance(),
        "type": types.shown(),
        "type_signed": types.shown().map(|_| types.unsigned.is_none()),
        "signed_at": verified.signed_at().map(UnixTime::seconds),
    });
    for (fact, expected) in facts {
        let Some(found) = found.get(fact) else {
            return Err(format!("expects {fact:?}, which is not a fact of a verified request"));
        };
        if found != expected {
            return Err(format!("its {fact} is {found}, expected {expected}"));
        }
    }
    Ok(Passed(None))
}
