//! Makes a body a signed delivery, fresh where the scheme wants it to be, and checks it with the gateway's eyes.

use super::body;
use super::moment::Moment;
use super::project::Project;
use anyhow::{Context, Result, anyhow, bail};
use hookgate::webhook::{
    self, Form, IdAt, JsonPath, Preset, Secret, SignError, TimestampAt, Tolerance, Verifier, VerifyError, presets,
};
use std::hash::{BuildHasher, RandomState};

/// Signs as one provider does, with one secret.
pub struct Signer {
    pub preset: &'static Preset,
    verifier: Verifier,
}

/// How one delivery is to be signed.
#[derive(Clone)]
pub struct Order {
    /// Which of the scheme's forms, from 0.
    pub form: usize,
    /// When the provider is said to have signed.
    pub at: Moment,
    /// The event's id.
    pub id: EventId,
    /// Whether the body stays as it is, old timestamps included.
    pub keep_body: bool,
}

/// Which id the event gets.
#[derive(Clone)]
pub enum EventId {
    /// The one in the body; a new one where the scheme has ids in a header.
    AsItIs,
    /// This one.
    Given(String),
    /// A new one.
    Fresh,
}

/// A body and the headers that prove it.
pub struct Delivery {
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// What was changed in the body.
    pub changes: Vec<String>,
    /// Why the gateway would refuse it all the same, as of the time it is signed at.
    pub refusal: Option<VerifyError>,
}

impl Signer {
    /// Signs as `source` of the project, with its first secret.
    pub fn of_source(project: &Project, source: &str) -> Result<Self> {
        Ok(Self::of(project.verifier(source)?))
    }

    /// Signs as `provider` with `secret`.
    pub fn of_provider(provider: &str, secret: String) -> Result<Self> {
        let preset = presets::find(provider).ok_or_else(|| {
            let known: Vec<&str> = presets::ALL.iter().map(|preset| preset.name).collect();
            anyhow!("no such provider: {provider:?}; known are {}", known.join(", "))
        })?;
        let key = Secret::new(secret).and_then(|secret| secret.key(preset.scheme.secret));
        let key = key.map_err(|problem| anyhow!("the secret {problem}"))?;
        let verifier = Verifier::new(preset, vec![key], None).context("one key is neither too few nor too many")?;
        Ok(Self::of(verifier))
    }

    fn of(verifier: Verifier) -> Self {
        Self { preset: verifier.preset(), verifier }
    }

    /// The window in which the gateway takes a delivery of this form; `None` where it carries no signed time.
    pub fn window(&self, form: usize) -> Option<Tolerance> {
        self.verifier.window(self.preset.scheme.forms.get(form)?)
    }

    /// Signs `body` as `order` says.
    pub fn sign(&self, mut body: Vec<u8>, order: &Order) -> Result<Delivery> {
        let forms = self.preset.scheme.forms;
        let form = forms.get(order.form).ok_or_else(|| self.no_such_form(order.form))?;
        let mut changes = Vec::new();
        if !order.keep_body {
            changes.extend(self.freshen_timestamps(&mut body, form, order.at)?);
        }
        let header_id = match self.preset.scheme.id {
            IdAt::SignedHeader(_) => order.id.or_fresh(),
            IdAt::Json(path, _) => {
                changes.extend(self.put_id(&mut body, path, order)?);
                String::new()
            }
            IdAt::Nowhere if matches!(order.id, EventId::AsItIs) => String::new(),
            IdAt::Nowhere => bail!("{} has no event id: leave out --id and --fresh-id", self.preset.name),
        };
        let key = self.verifier.current_key().context("no secret to sign with")?;
        let signed = webhook::sign(self.preset, order.form, key, &header_id, order.at.unix(), &body);
        let headers = match signed {
            Ok(signed) => signed.headers,
            Err(SignError::Body(problem)) => bail!("{} cannot sign this: {problem}", self.preset.name),
            Err(SignError::NoSuchForm) => return Err(self.no_such_form(order.form)),
        };
        let refusal = self.verify(&headers, &body, order.at).err();
        Ok(Delivery { headers, body, changes, refusal })
    }

    /// Puts the time into the body, at each place where one of the scheme's forms reads it. A body that lacks the
    /// place is an error only where the chosen form reads it.
    fn freshen_timestamps(&self, body: &mut Vec<u8>, chosen: &Form, at: Moment) -> Result<Vec<String>> {
        let mut changes = Vec::new();
        for form in self.preset.scheme.forms {
            let Some(TimestampAt::Json(path)) = form.timestamp else { continue };
            let required = chosen.timestamp == form.timestamp;
            match put(body, path, &at.rfc3339()) {
                Ok(Some(change)) => changes.push(change),
                Ok(None) if required => bail!(
                    "the body has no {}, where {} signs its time: add it, or sign the body as it is with --keep-body",
                    shown(path),
                    self.preset.name
                ),
                Err(error) if required => {
                    let what = format!("{} signs the time in a JSON body, and this is none", self.preset.name);
                    return Err(error).context(what);
                }
                Ok(None) | Err(_) => {}
            }
        }
        Ok(changes)
    }

    fn put_id(&self, body: &mut Vec<u8>, path: JsonPath, order: &Order) -> Result<Option<String>> {
        if matches!(order.id, EventId::AsItIs) {
            return Ok(None);
        }
        if order.keep_body {
            bail!("--keep-body leaves no room for an id: {} has it in the body, at {}", self.preset.name, shown(path));
        }
        let change =
            put(body, path, &order.id.or_fresh()).context("the id belongs into a JSON body, and this is none")?;
        change.map(Some).ok_or_else(|| anyhow!("the body has no {}, where the id belongs: add it", shown(path)))
    }

    fn verify(&self, headers: &[(&'static str, String)], body: &[u8], at: Moment) -> Result<(), VerifyError> {
        let headers: Vec<(String, String)> =
            headers.iter().map(|(n, value)| ((*n).to_owned(), value.clone())).collect();
        self.verifier.receive(&headers)?.verify(body, at.unix()).map(|_| ())
    }

    fn no_such_form(&self, form: usize) -> anyhow::Error {
        let (form, forms) = (form.saturating_add(1), self.preset.scheme.forms.len());
        anyhow!("{} has no form {form}: --form goes from 1 to {forms}", self.preset.name)
    }
}

impl EventId {
    fn or_fresh(&self) -> String {
        match self {
            Self::Given(id) => id.clone(),
            // Each RandomState has its own keys, so each of these texts is a new one.
            Self::AsItIs | Self::Fresh => format!("test_{:016x}", RandomState::new().hash_one(0)),
        }
    }
}

/// Puts a text into the body and says so; `None` where the body has no such place.
fn put(body: &mut Vec<u8>, path: JsonPath, text: &str) -> serde_json::Result<Option<String>> {
    Ok(body::replace(body, path, text)?.then(|| format!("{} is now {text:?}", shown(path))))
}

/// A path as people write it.
fn shown(path: JsonPath) -> String {
    format!("$.{}", path.join("."))
}
