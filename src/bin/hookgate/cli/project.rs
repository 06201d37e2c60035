//! What `wrangler.toml` and `.dev.vars` say: the same texts the Worker gets, read from where they are kept.

use anyhow::{Context, Result, anyhow, bail};
use hookgate::config::{Bindings, Config, takes_public_keys};
use hookgate::webhook::Verifier;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::PathBuf;

/// Which files describe the gateway.
#[derive(clap::Args)]
pub struct Files {
    /// The gateway's configuration
    #[arg(long, value_name = "FILE", default_value = "wrangler.toml")]
    config: PathBuf,
    /// The secrets for local use [default: .dev.vars beside the configuration]
    #[arg(long, value_name = "FILE")]
    vars: Option<PathBuf>,
}

/// The gateway's configuration and local secrets.
pub struct Project {
    path: PathBuf,
    wrangler: Value,
    local: BTreeMap<String, String>,
}

impl Project {
    /// Reads both files. Secrets that are not there are not an error yet.
    pub fn open(files: &Files) -> Result<Self> {
        let mut project = Self::open_for_deployment(files)?;
        let beside = files.config.with_file_name(".dev.vars");
        let path = files.vars.as_deref().unwrap_or(&beside);
        project.local = match std::fs::read_to_string(path) {
            Ok(text) => local_vars(&text).with_context(|| path.display().to_string())?,
            Err(error) if error.kind() == ErrorKind::NotFound && files.vars.is_none() => BTreeMap::new(),
            Err(error) => return Err(anyhow!("cannot read {}: {error}", path.display())),
        };
        Ok(project)
    }

    /// Reads the configuration alone: local secrets are not deployed.
    pub fn open_for_deployment(files: &Files) -> Result<Self> {
        let path = files.config.clone();
        let text = std::fs::read_to_string(&path).map_err(|error| {
            anyhow!("cannot read {}: {error}; name the gateway's configuration with --config", path.display())
        })?;
        // The parser's own message quotes the line, which may hold a secret somebody put there by mistake.
        let wrangler: toml::Table = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(0, |span| line_number(&text, span.start));
            anyhow!("{}, line {line}: {}", path.display(), error.message())
        })?;
        Ok(Self { path, wrangler: serde_json::to_value(wrangler)?, local: BTreeMap::new() })
    }

    /// The configuration, as the Worker would parse it with the texts that `lookup` finds.
    pub fn config_with(&self, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Config> {
        let sources = self.wrangler.pointer("/vars/SOURCES").ok_or_else(|| {
            anyhow!("{} configures no source: add one as [vars.SOURCES.billing]", self.path.display())
        })?;
        Config::parse(sources, self.bindings(), lookup).with_context(|| self.path.display().to_string())
    }

    /// The configuration, as the Worker would parse it on this machine.
    pub fn config(&self) -> Result<Config> {
        self.config_with(&|name| self.text(name))
    }

    /// A variable or local secret by name. Local secrets come first, as they do for wrangler.
    pub fn text(&self, name: &str) -> Option<String> {
        let variable = || match self.wrangler.get("vars")?.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        self.local.get(name).cloned().or_else(variable)
    }

    /// The names of the secrets that sources name, each once.
    pub fn secret_names(&self) -> Vec<String> {
        let listed = |source: &Value| {
            let list = source.get("secrets").and_then(Value::as_array).cloned().unwrap_or_default();
            list.into_iter().chain(source.get("handshake_secret").cloned())
        };
        let secrets = self.tables().flat_map(listed);
        let mut names: Vec<String> = secrets.filter_map(|secret| secret.as_str().map(str::to_owned)).collect();
        names.sort();
        names.dedup();
        names
    }

    fn tables(&self) -> impl Iterator<Item = &Value> {
        self.wrangler.pointer("/vars/SOURCES").and_then(Value::as_object).into_iter().flat_map(|tables| tables.values())
    }

    /// Whether a source takes the secret `name` for a public key.
    pub fn is_public_key(&self, name: &str) -> bool {
        let lists = |source: &&Value| {
            source.get("secrets").and_then(Value::as_array).is_some_and(|list| list.contains(&name.into()))
        };
        self.tables().filter(lists).any(takes_public_keys)
    }

    /// Whether `name` stands among the variables, which are no place for a secret.
    pub fn is_variable(&self, name: &str) -> bool {
        self.wrangler.get("vars").is_some_and(|vars| vars.get(name).is_some())
    }

    /// The verifier of the source `name`, which knows its provider, its secrets and its window.
    pub fn verifier(&self, name: &str) -> Result<Verifier> {
        let config = self.config()?;
        match config.source(name) {
            Some(Ok(source)) => Ok(source.verifier.clone()),
            Some(Err(error)) => bail!("{}: {error}", self.path.display()),
            None => {
                let known: Vec<&str> = config.sources().map(|(name, _)| name).collect();
                bail!("{} has no source {name:?}; it has {}", self.path.display(), known.join(", "))
            }
        }
    }

    /// The text of the first secret that the source `name` lists.
    pub fn first_secret(&self, name: &str) -> Option<String> {
        let secrets = self.wrangler.pointer("/vars/SOURCES")?.get(name)?.get("secrets")?;
        self.text(secrets.get(0)?.as_str()?)
    }

    /// The name of the queue that the producer `binding` sends to.
    pub fn queue(&self, binding: &str) -> Option<&str> {
        self.find("/queues/producers", "binding", binding)?.get("queue")?.as_str()
    }

    /// The consumer of the queue called `queue`.
    pub fn consumer(&self, queue: &str) -> Option<&Value> {
        self.find("/queues/consumers", "queue", queue)
    }

    /// Whether something is kept that nothing ever deletes.
    pub fn is_never_swept(&self) -> bool {
        let Bindings { payloads, log, .. } = self.bindings();
        (payloads || log) && self.wrangler.pointer("/triggers/crons/0").is_none()
    }

    fn bindings(&self) -> Bindings {
        let has = |list: &str, key: &str, name: &str| self.find(list, key, name).is_some();
        Bindings {
            dedup: has("/kv_namespaces", "binding", "DEDUP"),
            events: self.queue("EVENTS").is_some(),
            claims: has("/durable_objects/bindings", "name", "CLAIMS"),
            payloads: has("/r2_buckets", "binding", "PAYLOADS"),
            log: has("/d1_databases", "binding", "LOG"),
            rejects: has("/ratelimits", "name", "REJECTS"),
        }
    }

    /// The first table in `list` whose `key` is `value`.
    fn find(&self, list: &str, key: &str, value: &str) -> Option<&Value> {
        let list = self.wrangler.pointer(list)?.as_array()?;
        list.iter().find(|table| table.get(key).and_then(Value::as_str) == Some(value))
    }
}

fn line_number(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|&b| b == b'\n').count().saturating_add(1)
}

/// Reads `.dev.vars` as dotenv does, one variable a line. Errors name the line and never show it.
fn local_vars(text: &str) -> Result<BTreeMap<String, String>> {
    let mut vars = BTreeMap::new();
    for (line, number) in text.lines().map(str::trim).zip(1_usize..) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').ok_or_else(|| anyhow!("line {number} is not NAME=value"))?;
        let name = name.strip_prefix("export ").unwrap_or(name).trim();
        let value = unquoted(value.trim()).ok_or_else(|| anyhow!("line {number}: a quote does not end"))?;
        vars.insert(name.to_owned(), value);
    }
    Ok(vars)
}

/// A value without its quotes, or up to a `#` where it has none.
fn unquoted(value: &str) -> Option<String> {
    for quote in ['"', '\'', '`'] {
        let Some(inner) = value.strip_prefix(quote) else { continue };
        let (inner, _) = inner.rsplit_once(quote)?;
        return Some(if quote == '"' { inner.replace("\\n", "\n").replace("\\r", "\r") } else { inner.to_owned() });
    }
    Some(value.split_once('#').map_or(value, |(value, _)| value).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_vars_are_read_as_dotenv_reads_them() {
        let text =
            "# secrets\n\nA=plain # not this\n export B = \"two words\"\r\nC='#1=\"x\"' # c\nD=\nE=\"a\\nb\"\nF=x=y==";
        let vars = local_vars(text).expect("readable");
        let expected =
            [("A", "plain"), ("B", "two words"), ("C", "#1=\"x\""), ("D", ""), ("E", "a\nb"), ("F", "x=y==")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(vars, BTreeMap::from(expected));
    }

    #[test]
    fn errors_in_local_vars_name_the_line_and_do_not_show_it() {
        let error = |text: &str| local_vars(text).expect_err("broken").to_string();
        assert_eq!(error("A=1\ncanary"), "line 2 is not NAME=value");
        assert_eq!(error("A=\"canary"), "line 1: a quote does not end");
    }
}
