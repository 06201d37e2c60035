//! Signs a body as a provider does, with a current time and a new id if the scheme has them, and verifies the result.

use super::body;
use super::moment::TimeArgument;
use super::project::Project;
use anyhow::{Context, Result, anyhow, bail};
use hookgate_verify::native::{Native, PrivateKey, RequestHead};
use hookgate_verify::presets;
use hookgate_verify::{
    self, Algorithm, IdLocation, JsonPath, Location, Preset, Secret, SharedSigner, SignError, Signed, TimeUnit,
    TimestampLocation, Tolerance, Variant, VerificationKey, Verifier, VerifyError,
};
use serde_json::Value;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// Signs as one provider does, with one key.
pub struct Signer {
    pub preset: Arc<Preset>,
    verifier: Verifier,
    key: SigningKey,
}

/// The key that a provider signs with.
enum SigningKey {
    Private(PrivateKey),
    Shared(VerificationKey),
}

/// How to sign one request.
#[derive(Clone)]
pub struct SignOptions {
    /// The index of the scheme's variant, from 0.
    pub variant: usize,
    /// The time of the signature.
    pub at: TimeArgument,
    /// The event's id.
    pub id: IdChoice,
    /// Whether the body stays unchanged, with its timestamps and its id.
    pub keep_body: bool,
}

/// The id of the event.
#[derive(Clone)]
pub enum IdChoice {
    /// The id in the body. If the scheme has the id in a header: a new id.
    AsItIs,
    /// This id.
    Given(String),
    /// A new id.
    Fresh,
}

/// A signed request.
pub struct SignedRequest {
    pub headers: Vec<(String, String)>,
    /// The query that the URL needs. Empty for most providers.
    pub query: String,
    pub body: Vec<u8>,
    /// Descriptions of the changes to the body.
    pub changes: Vec<String>,
    /// The gateway's reason to refuse the request now. `None` if the gateway would accept it.
    pub refusal: Option<VerifyError>,
}

/// A provider's name, and keys to sign with.
pub struct Credentials<'c> {
    pub provider: &'c str,
    /// The shared secret, or the public key. `None` if there is a private key alone.
    pub secret: Option<String>,
    /// The endpoint's public URL.
    pub url: String,
    /// The user's account at the provider. Empty if the provider does not sign it.
    pub account: String,
    /// The private key, in PEM.
    pub private_key: Option<String>,
}

impl Signer {
    /// Signs as `source` of the project, with the source's first secret.
    pub fn of_source(project: &Project, source: &str, private_key: Option<&str>) -> Result<Self> {
        Self::of(project.verifier(source)?, private_key)
    }

    /// Signs with these credentials.
    pub fn of_provider(credentials: Credentials<'_>) -> Result<Self> {
        let name = credentials.provider;
        let preset = presets::find(name).ok_or_else(|| anyhow!("{name:?}: {}", presets::unknown(name)))?;
        let scheme = &preset.scheme;
        let key = |text: &String| {
            let key = Secret::new(text.as_str()).and_then(|secret| secret.key(scheme.algorithm, &scheme.secret));
            key.map_err(|problem| anyhow!("the secret {problem}"))
        };
        let keys = credentials.secret.iter().map(key).collect::<Result<Vec<_>>>()?;
        let verifier = Verifier::new(preset, keys, None)?;
        let verifier = verifier.with_url(credentials.url).with_account(credentials.account);
        Self::of(verifier, credentials.private_key.as_deref())
    }

    fn of(verifier: Verifier, private_key: Option<&str>) -> Result<Self> {
        let preset = Arc::clone(verifier.preset());
        let key = match (preset.scheme.algorithm, private_key) {
            (Algorithm::Public(algorithm), Some(pem)) => {
                SigningKey::Private(PrivateKey::parse(algorithm, pem).ok_or_else(|| {
                    anyhow!("--private-key is not a PKCS #8 key in PEM for {}'s algorithm", preset.name)
                })?)
            }
            (Algorithm::Public(_), None) => {
                bail!(
                    "{} signs with a private key: give one with --private-key, and its public key as the secret",
                    preset.name
                )
            }
            (_, Some(_)) => bail!("{} signs with a shared secret: leave --private-key out", preset.name),
            (_, None) => match verifier.current_key() {
                Some(key) => SigningKey::Shared(key.clone()),
                None => bail!("there is no secret to sign with: name one in `secrets` of the source, and set it"),
            },
        };
        Ok(Self { preset, verifier, key })
    }

    /// The gateway's tolerance for a request of this variant. `None` if the variant has no signed time.
    pub fn window(&self, variant: usize) -> Option<Tolerance> {
        self.verifier.window(self.preset.scheme.variants.get(variant)?)
    }

    /// Signs `body` with `options`.
    pub fn sign(&self, mut body: Vec<u8>, options: &SignOptions) -> Result<SignedRequest> {
        let variants = &self.preset.scheme.variants;
        let variant = variants.get(options.variant).ok_or_else(|| self.no_such_variant(options.variant))?;
        let mut changes = Vec::new();
        if !options.keep_body {
            changes.extend(self.freshen_timestamps(&mut body, variant, options.at)?);
        }
        let header_id = match &self.preset.scheme.id {
            IdLocation::Json { path, .. } => {
                changes.extend(self.put_id(&mut body, path, options)?);
                // A signed header beside the id names the attempt.
                options.id.or_fresh()
            }
            IdLocation::Nowhere if !matches!(options.id, IdChoice::AsItIs) => {
                bail!("{} has no event id: leave out --id and --fresh-id", self.preset.name)
            }
            IdLocation::SignedHeader(_) | IdLocation::UnsignedHeader(..) | IdLocation::Nowhere => options.id.or_fresh(),
        };
        let url = self.verifier.url();
        let account = self.verifier.account();
        let delivery = hookgate_verify::SignInput {
            variant: options.variant,
            id: &header_id,
            now: options.at.unix(),
            url,
            account,
            body: &body,
        };
        let signed = match &self.key {
            SigningKey::Private(key) => hookgate_verify::sign(&self.preset, key, "", delivery),
            SigningKey::Shared(key) => SharedSigner::new(key, &Native).sign(&self.preset, delivery),
        };
        let signed = match signed {
            Ok(signed) => signed,
            Err(SignError::Body(problem)) => bail!("{} cannot sign this: {problem}", self.preset.name),
            Err(SignError::NoSuchVariant) => return Err(self.no_such_variant(options.variant)),
            Err(error @ (SignError::NoPrivateKey | SignError::NoPlace)) => bail!("{} {error}", self.preset.name),
        };
        self.place_signature(&signed, &mut body, &mut changes)?;
        let query = signed.query.clone();
        let request = RequestHead { query, headers: signed.into_headers(), ..RequestHead::default() };
        let refusal = self.verify(&request, &body, options.at).err();
        Ok(SignedRequest { headers: request.headers, query: request.query, body, changes, refusal })
    }

    /// Writes the signature into the body, if the scheme has it in the body.
    fn place_signature(&self, signed: &Signed, body: &mut Vec<u8>, changes: &mut Vec<String>) -> Result<()> {
        let missing =
            || anyhow!("the body has no {}, and {} has its signature there: add it", signed.location, self.preset.name);
        match &signed.location {
            Location::Json(path) => {
                changes.push(put(body, path, signed.signature.as_str().into())?.ok_or_else(missing)?)
            }
            Location::Form(name) => {
                let pairs: Vec<_> = form_urlencoded::parse(body).into_owned().filter(|(key, _)| key != name).collect();
                let mut form = form_urlencoded::Serializer::new(String::new());
                *body = form.append_pair(name, &signed.signature).extend_pairs(pairs).finish().into_bytes();
                changes.push(format!("{name} is now {:?}", signed.signature));
            }
            Location::Header(_) | Location::Query(_) => {}
        }
        Ok(())
    }

    /// Writes the time into the body, at each location where one of the scheme's variants reads it. A missing location is
    /// an error only if the chosen variant reads it.
    fn freshen_timestamps(&self, body: &mut Vec<u8>, chosen: &Variant, at: TimeArgument) -> Result<Vec<String>> {
        let mut changes = Vec::new();
        for variant in &self.preset.scheme.variants {
            let Some(timestamp) = &variant.timestamp else { continue };
            let TimestampLocation::Json(path) = &timestamp.at else { continue };
            let required = chosen.timestamp == variant.timestamp;
            let value = match timestamp.unit {
                TimeUnit::Seconds | TimeUnit::Milliseconds | TimeUnit::Unix => {
                    at.unix().write(timestamp.unit).parse::<i64>()?.into()
                }
                TimeUnit::Rfc3339 | TimeUnit::Rfc3339Utc => at.rfc3339().into(),
                TimeUnit::HttpDate => at.unix().write(timestamp.unit).into(),
            };
            match put(body, path, value) {
                Ok(Some(change)) => changes.push(change),
                Ok(None) if required => bail!(
                    "the body has no {path}, and {} signs the time there: add it, or sign the unchanged \
                     body with --keep-body",
                    self.preset.name
                ),
                Err(error) if required => {
                    let what = format!("{} signs the time in a JSON body, and this body is not JSON", self.preset.name);
                    return Err(error).context(what);
                }
                Ok(None) | Err(_) => {}
            }
        }
        Ok(changes)
    }

    fn put_id(&self, body: &mut Vec<u8>, path: &JsonPath, options: &SignOptions) -> Result<Option<String>> {
        if matches!(options.id, IdChoice::AsItIs) {
            return Ok(None);
        }
        if options.keep_body {
            bail!("--keep-body does not allow a new id: {} has the id in the body, at {path}", self.preset.name);
        }
        let change = put(body, path, options.id.or_fresh().into());
        let change = change.context("the id is in a JSON body, and this body is not JSON")?;
        change.map(Some).ok_or_else(|| anyhow!("the body has no {path}, and the id is there: add it"))
    }

    fn verify(&self, request: &RequestHead, body: &[u8], at: TimeArgument) -> Result<(), VerifyError> {
        if self.verifier.current_key().is_none() {
            return Ok(()); // a private key alone cannot verify
        }
        self.verifier.receive(request)?.verify(body, at.unix(), &Native).map(|_| ())
    }

    fn no_such_variant(&self, variant: usize) -> anyhow::Error {
        let (variant, variants) = (variant.saturating_add(1), self.preset.scheme.variants.len());
        anyhow!("{} has no variant {variant}: --form takes 1 to {variants}", self.preset.name)
    }
}

impl IdChoice {
    fn or_fresh(&self) -> String {
        match self {
            Self::Given(id) => id.clone(),
            // Each RandomState has new keys, so each id is new.
            Self::AsItIs | Self::Fresh => format!("test_{:016x}", RandomState::new().hash_one(0)),
        }
    }
}

/// Writes a value into the body and describes the change. `None` if the body has no such location.
fn put(body: &mut Vec<u8>, path: &JsonPath, value: Value) -> serde_json::Result<Option<String>> {
    Ok(body::replace(body, path, &value)?.then(|| format!("{path} is now {value}")))
}
