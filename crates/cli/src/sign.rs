//! `hookgate sign`: prints the headers that sign a body.

use super::CommandResult;
use super::moment::TimeArgument;
use super::project::{ConfigFiles, Project};
use super::signer::{Credentials, IdChoice, SignOptions, SignedRequest, Signer};
use anyhow::{Context, Result, anyhow, bail};
use clap::ArgGroup;
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

/// Sign a body as a provider does, and print the headers
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Sign {
    #[command(flatten)]
    request: Request,
}

const EXAMPLES: &str = "\
Examples:
  hookgate sign --source relock examples/relock/authentication.success.json
  hookgate sign --provider stripe --secret-env STRIPE_SECRET --body-out signed.json event.json
  echo '{\"type\":\"ping\"}' | hookgate sign --provider standard_webhooks --secret-env SECRET

If the scheme reads the time or the id from the body, they are written there. No other byte changes.
The signature is then for the changed body: --body-out writes it. --keep-body changes nothing.";

/// The body, the provider and the time of a signature. `hookgate sign` and `hookgate send` share these arguments.
#[derive(clap::Args)]
#[command(group = ArgGroup::new("signer").args(["source", "provider"]).required(true))]
pub struct Request {
    /// The body; `-` is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    body: PathBuf,
    /// Sign as this source of the configuration, with the first of its secrets
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Sign as this provider, with --secret-env, --secret or --private-key
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// The environment variable that holds the secret
    #[arg(long, value_name = "VAR", group = "a_secret", requires = "provider")]
    secret_env: Option<String>,
    /// The secret itself; other users of this machine may see it in the list of processes
    #[arg(long, value_name = "TEXT", group = "a_secret", requires = "provider", allow_hyphen_values = true)]
    secret: Option<String>,
    /// The file of the private key, PKCS #8 in PEM, if the provider signs with one
    #[arg(long, value_name = "FILE")]
    private_key: Option<PathBuf>,
    /// The signed URL, if the provider signs it [default: the source's URL; for `send`, --url]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// The signed account, if the provider signs it [default: the source's account]
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, conflicts_with = "source")]
    account: String,
    #[command(flatten)]
    files: ConfigFiles,
    /// The time of the signature: 2026-01-15T12:00:00Z, Unix seconds, or -3h from now [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    at: Option<TimeArgument>,
    /// The event's id; the scheme decides between header and body
    #[arg(long, value_name = "ID", conflicts_with = "fresh_id")]
    id: Option<String>,
    /// Give the event a new id
    #[arg(long)]
    fresh_id: bool,
    /// The number of the scheme's variant; lrdefender has two, with `t=` and without
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u8).range(1..))]
    form: u8,
    /// Sign the unchanged body, with the time and the id in it
    #[arg(long)]
    keep_body: bool,
    /// Write the body that was signed to this file
    #[arg(long, value_name = "FILE")]
    body_out: Option<PathBuf>,
}

impl Sign {
    /// Prints the headers. Changes of the body go to standard error.
    pub fn run(self, out: &mut dyn Write) -> Result<CommandResult> {
        let delivery = self.request.sign("")?;
        if !delivery.query.is_empty() {
            eprintln!("note: send it with the query ?{}", delivery.query);
        }
        if !delivery.changes.is_empty() && self.request.body_out.is_none() {
            eprintln!("note: the signature is for the changed body; --body-out writes it");
        }
        for (name, value) in &delivery.headers {
            writeln!(out, "{name}: {value}")?;
        }
        Ok(CommandResult::Success)
    }
}

impl Request {
    /// The name of the source or of the provider.
    #[expect(clippy::expect_used, reason = "clap requires one of --source and --provider")]
    pub fn name(&self) -> &str {
        self.source.as_deref().or(self.provider.as_deref()).expect("a source or a provider")
    }

    /// Signs, and prints notes and warnings to standard error.
    pub fn sign(&self, sent_to: &str) -> Result<SignedRequest> {
        let delivery = self.signer(sent_to)?.sign(read_body(&self.body)?, &self.options())?;
        for change in &delivery.changes {
            eprintln!("note: {change}");
        }
        if let Some(refusal) = &delivery.refusal {
            eprintln!("warning: the gateway will refuse this: {refusal}");
        }
        if let Some(path) = &self.body_out {
            std::fs::write(path, &delivery.body).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(delivery)
    }

    fn signer(&self, sent_to: &str) -> Result<Signer> {
        let private_key = match &self.private_key {
            Some(path) => {
                Some(std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?)
            }
            None => None,
        };
        if let Some(source) = &self.source {
            return Signer::of_source(&Project::open(&self.files)?, source, private_key.as_deref());
        }
        let url = self.public_url.clone().unwrap_or_else(|| sent_to.to_owned());
        let account = self.account.clone();
        Signer::of_provider(Credentials { provider: self.name(), secret: self.secret()?, url, account, private_key })
    }

    /// The secret. `None` if there is a private key alone.
    fn secret(&self) -> Result<Option<String>> {
        if let Some(name) = &self.secret_env {
            let secret = std::env::var(name);
            return secret.map(Some).map_err(|_| anyhow!("--secret-env: the environment has no text called {name}"));
        }
        if self.secret.is_none() && self.private_key.is_none() {
            bail!("--provider needs --secret-env or --secret, or --private-key");
        }
        Ok(self.secret.clone())
    }

    fn options(&self) -> SignOptions {
        let id = match &self.id {
            Some(id) => IdChoice::Given(id.clone()),
            None if self.fresh_id => IdChoice::Fresh,
            None => IdChoice::AsItIs,
        };
        let variant = usize::from(self.form.saturating_sub(1));
        SignOptions { variant, at: self.at.unwrap_or_else(TimeArgument::now), id, keep_body: self.keep_body }
    }
}

fn read_body(path: &Path) -> Result<Vec<u8>> {
    if path != Path::new("-") {
        return std::fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    }
    let mut input = std::io::stdin().lock();
    if input.is_terminal() {
        eprintln!("reading the body from the terminal; end the body with Ctrl-D");
    }
    let mut body = Vec::new();
    input.read_to_end(&mut body).context("cannot read standard input")?;
    Ok(body)
}
