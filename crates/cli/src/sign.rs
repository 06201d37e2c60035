//! `hookgate sign`: the headers that make a body a signed delivery.

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

A time or id that the scheme reads from the body is put there, and every other byte stays as it is.
Signed is then the changed body: --body-out writes it, --keep-body leaves it alone.";

/// What is to be signed, as whom, and when. `hookgate send` takes the same.
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
    /// The secret itself, which others on this machine may see among the running commands
    #[arg(long, value_name = "TEXT", group = "a_secret", requires = "provider", allow_hyphen_values = true)]
    secret: Option<String>,
    /// For providers that sign with one: the private key's file, PKCS #8 in PEM
    #[arg(long, value_name = "FILE")]
    private_key: Option<PathBuf>,
    /// For providers that sign the URL: the one they have [default: the source's; for `send`, where it is sent]
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// For providers that sign whose account it is: the account [default: the source's]
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, conflicts_with = "source")]
    account: String,
    #[command(flatten)]
    files: ConfigFiles,
    /// When it is signed: 2026-01-15T12:00:00Z, Unix seconds, or -3h from now [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    at: Option<TimeArgument>,
    /// The event's id, in the header or the body as the scheme has it
    #[arg(long, value_name = "ID", conflicts_with = "fresh_id")]
    id: Option<String>,
    /// Give the event a new id
    #[arg(long)]
    fresh_id: bool,
    /// Which of the provider's forms; lrdefender has two, with `t=` and without
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u8).range(1..))]
    form: u8,
    /// Sign the body as it is, with the time and id that stand there
    #[arg(long)]
    keep_body: bool,
    /// Write the body that was signed to this file
    #[arg(long, value_name = "FILE")]
    body_out: Option<PathBuf>,
}

impl Sign {
    /// Prints the headers; what changed in the body goes to standard error.
    pub fn run(self, out: &mut dyn Write) -> Result<CommandResult> {
        let delivery = self.request.sign("")?;
        if !delivery.query.is_empty() {
            eprintln!("note: it has to be sent with the query ?{}", delivery.query);
        }
        if !delivery.changes.is_empty() && self.request.body_out.is_none() {
            eprintln!("note: the changed body is what is signed; --body-out writes it");
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

    /// Signs, and tells on standard error what is worth knowing about it.
    pub fn sign(&self, sent_to: &str) -> Result<SignedRequest> {
        let delivery = self.signer(sent_to)?.sign(read_body(&self.body)?, &self.order())?;
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

    fn order(&self) -> SignOptions {
        let id = match &self.id {
            Some(id) => IdChoice::Given(id.clone()),
            None if self.fresh_id => IdChoice::Fresh,
            None => IdChoice::AsItIs,
        };
        let form = usize::from(self.form.saturating_sub(1));
        SignOptions { form, at: self.at.unwrap_or_else(TimeArgument::now), id, keep_body: self.keep_body }
    }
}

fn read_body(path: &Path) -> Result<Vec<u8>> {
    if path != Path::new("-") {
        return std::fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    }
    let mut input = std::io::stdin().lock();
    if input.is_terminal() {
        eprintln!("reading the body from the terminal; end it with Ctrl-D");
    }
    let mut body = Vec::new();
    input.read_to_end(&mut body).context("cannot read standard input")?;
    Ok(body)
}
