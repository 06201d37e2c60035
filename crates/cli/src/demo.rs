//! `hookgate demo`: sends every example to a running gateway: good, repeated, forged and stale.

use super::CommandResult;
use super::body;
use super::http::{Answer, Client};
use super::moment::TimeArgument;
use super::project::{ConfigFiles, Project};
use super::signer::{IdChoice, SignOptions, SignedRequest, Signer};
use anyhow::{Context, Result, anyhow, bail};
use hookgate_verify::{IdLocation, Preset, TypeLocation};
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Send every example to a running gateway: good, repeated, forged and stale
#[derive(clap::Args)]
#[command(after_help = NOTES)]
pub struct Demo {
    /// The gateway's URL
    #[arg(long, default_value = "http://127.0.0.1:8787", overrides_with = "url")]
    url: String,
    /// The directory of the examples, with a directory for each source
    #[arg(long, value_name = "DIR", default_value = "examples")]
    examples: PathBuf,
    #[command(flatten)]
    files: ConfigFiles,
}

const NOTES: &str = "\
Events get new ids and times, so the demo can run again. Fails unless every answer is as expected.";

/// The longest wait for a gateway to record an event. The gateway records it just after its answer.
const TO_REMEMBER: Duration = Duration::from_secs(5);
const BETWEEN_TRIES: Duration = Duration::from_millis(20);
/// How much older than the tolerance the stale request is.
const TOO_LATE: Duration = Duration::from_secs(60);

/// One example, for one of the scheme's variants.
struct Example {
    source: String,
    event: String,
    variant: usize,
    body: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Case {
    Good,
    Repeated,
    Forged,
    Stale,
}

impl Case {
    fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Repeated => "repeated",
            Self::Forged => "forged",
            Self::Stale => "stale",
        }
    }

    /// Whether `answer` is the right one for this case.
    fn expects(self, answer: &Answer) -> bool {
        match self {
            Self::Good => answer.status == 200 && !is_duplicate(answer),
            Self::Repeated => answer.status == 200 && (is_duplicate(answer) || is_filtered(answer)),
            Self::Forged | Self::Stale => answer.status == 401,
        }
    }
}

impl Demo {
    /// Sends the requests, and prints a table of the answers.
    pub fn run(self, out: &mut dyn Write) -> Result<CommandResult> {
        let project = Project::open(&self.files)?;
        let examples = self.examples(&project)?;
        let widest = |width: fn(&Example) -> usize| examples.iter().map(width).max().unwrap_or_default();
        let widths = (widest(|example| example.source.len()), widest(|example| example.event.len()));
        let (mut count, mut well) = (0_usize, 0_usize);
        // The times differ by a millisecond, so that no two examples have the same body.
        for (example, offset) in examples.iter().zip(0..) {
            let at = TimeArgument::now()
                .later(Duration::from_millis(offset))
                .context("the computer's clock is set wrong: the time lies after the year 9999")?;
            let answers = self.try_out(&project, example, at)?;
            if offset == 0 {
                row(out, widths, ["source", "event", "case", "status", "answer", "as expected"])?;
            }
            for (case, answer) in answers {
                let as_expected = case.expects(&answer);
                count = count.saturating_add(1);
                well = well.saturating_add(usize::from(as_expected));
                let (status, word) = (answer.status.to_string(), if as_expected { "yes" } else { "NO" });
                row(out, widths, [&example.source, &example.event, case.name(), &status, &short(&answer), word])?;
            }
        }
        writeln!(out, "{well} of {count} as expected")?;
        Ok((well == count).into())
    }

    fn examples(&self, project: &Project) -> Result<Vec<Example>> {
        let config = project.config()?;
        let mut examples = Vec::new();
        for directory in entries(&self.examples)?.into_iter().filter(|path| path.is_dir()) {
            let source = name(&directory);
            let Some(configured) = config.source(&source) else {
                eprintln!("note: {} is skipped: no source has this name", directory.display());
                continue;
            };
            let configured = configured.map_err(|error| anyhow!("{error}; `make dev` writes the local secrets"))?;
            let variants = configured.verifier.preset().scheme.variants.len();
            for path in entries(&directory)?.into_iter().filter(|path| path.extension().is_some_and(|e| e == "json")) {
                let body = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
                examples.extend((0..variants).map(|variant| Example {
                    source: source.clone(),
                    event: event_name(&path, variant, variants),
                    variant,
                    body: body.clone(),
                }));
            }
        }
        if examples.is_empty() {
            bail!("{} has no example for a configured source: add NAME/*.json", self.examples.display());
        }
        Ok(examples)
    }

    fn try_out(&self, project: &Project, example: &Example, at: TimeArgument) -> Result<Vec<(Case, Answer)>> {
        let signer = Signer::of_source(project, &example.source, None)?;
        let client = Client::new(&format!("{}/webhooks/{}", self.url.trim_end_matches('/'), example.source));
        let sign = |at| {
            let id =
                if matches!(signer.preset.scheme.id, IdLocation::Nowhere) { IdChoice::AsItIs } else { IdChoice::Fresh };
            let options = SignOptions { variant: example.variant, at, id, keep_body: false };
            signer.sign(example.body.clone(), &options).with_context(|| format!("{}/{}", example.source, example.event))
        };
        let good = sign(at)?;
        let mut answers = vec![(Case::Good, post(&client, &good)?)];
        answers.push((Case::Repeated, repeat(&client, &good)?));
        let mut forged = sign(at)?;
        forge(&mut forged.body, &signer.preset).with_context(|| format!("{}/{}", example.source, example.event))?;
        answers.push((Case::Forged, post(&client, &forged)?));
        if let Some(window) = signer.window(example.variant) {
            let stale =
                at.earlier(window.past.saturating_add(TOO_LATE)).context("the tolerance reaches beyond the year 0")?;
            answers.push((Case::Stale, post(&client, &sign(stale)?)?));
        }
        Ok(answers)
    }
}

fn post(client: &Client, delivery: &SignedRequest) -> Result<Answer> {
    let signed = delivery.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    client.post([("content-type", "application/json")].into_iter().chain(signed), &delivery.body)
}

/// Sends a request again until the gateway answers that it is a duplicate. An answer of 200 or 503 may still change, so
/// the request is repeated until the longest wait is over.
fn repeat(client: &Client, delivery: &SignedRequest) -> Result<Answer> {
    let start = Instant::now();
    loop {
        let answer = post(client, delivery)?;
        let may_change = !is_duplicate(&answer) && !is_filtered(&answer) && matches!(answer.status, 200 | 503);
        if !may_change || start.elapsed() > TO_REMEMBER {
            return Ok(answer);
        }
        std::thread::sleep(BETWEEN_TRIES);
    }
}

/// Changes one byte. If the body has an event type, the byte is in that type, so the body is still JSON. Otherwise the
/// last byte changes.
fn forge(body: &mut [u8], preset: &Preset) -> Result<()> {
    let types = preset.scheme.event_type.iter().filter_map(|place| match place {
        TypeLocation::Json(path) => body::find(body, path).ok().flatten(),
        TypeLocation::UnsignedHeader(_) => None,
    });
    // The last byte before the closing quote.
    let at = types.map(|place| place.end.saturating_sub(2)).next().unwrap_or(body.len().saturating_sub(1));
    *body.get_mut(at).context("the body is empty, so it cannot be forged")? ^= 1;
    Ok(())
}

fn is_duplicate(answer: &Answer) -> bool {
    fact(answer, "duplicate") == Some(Value::Bool(true))
}

/// Whether the source does not want events of this type. The gateway says so each time.
fn is_filtered(answer: &Answer) -> bool {
    fact(answer, "filtered") == Some(Value::Bool(true))
}

fn fact(answer: &Answer, name: &str) -> Option<Value> {
    serde_json::from_str::<Value>(&answer.body).ok()?.get_mut(name).map(Value::take)
}

/// A short text for an answer.
fn short(answer: &Answer) -> String {
    for word in ["duplicate", "filtered", "received"] {
        if fact(answer, word) == Some(Value::Bool(true)) {
            return word.to_owned();
        }
    }
    let text = fact(answer, "title").and_then(|title| title.as_str().map(str::to_owned));
    text.unwrap_or_else(|| answer.body.clone()).lines().next().unwrap_or_default().chars().take(40).collect()
}

/// The files and directories in `directory`, sorted by name.
fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

/// The last part of a path, without its ending.
fn name(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn event_name(path: &Path, variant: usize, variants: usize) -> String {
    let event = name(path);
    if variants == 1 { event } else { format!("{event}, form {}", variant.saturating_add(1)) }
}

fn row(out: &mut dyn Write, widths: (usize, usize), cells: [&str; 6]) -> std::io::Result<()> {
    let (source_width, event_width) = widths;
    let [source, event, case, status, answer, as_expected] = cells;
    writeln!(out, "{source:source_width$}  {event:event_width$}  {case:8}  {status:6}  {answer:14}  {as_expected}")
}
