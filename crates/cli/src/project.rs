//! The configuration file and `.dev.vars`: the variables and secrets that the Worker gets.

mod file;
mod local;

use anyhow::{Context, Result, anyhow, bail};
use hookgate::config::{ALERTS, Bindings, Config, SOURCES, takes_public_keys};
use hookgate_verify::Verifier;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The files that describe the gateway.
#[derive(clap::Args)]
pub struct ConfigFiles {
    /// The gateway's configuration [default: wrangler.json, wrangler.jsonc or wrangler.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The environment, as in wrangler's --env; "" is the top level
    #[arg(long, short, value_name = "NAME")]
    env: Option<String>,
    /// The local secrets [default: .dev.vars.NAME of the environment, or .dev.vars, beside the configuration]
    #[arg(long, value_name = "FILE")]
    vars: Option<PathBuf>,
}

impl ConfigFiles {
    /// Whether the arguments ask for `project`. Without --env they ask for every environment.
    pub fn ask_for(&self, project: &Project) -> bool {
        self.env.as_deref().is_none_or(|name| name == project.environment.as_deref().unwrap_or_default())
    }

    /// Whether the arguments name one environment.
    pub fn name_one(&self) -> bool {
        self.env.is_some()
    }
}

/// One environment of the configuration: a Worker, with its variables, bindings and local secrets.
pub struct Project {
    path: PathBuf,
    /// The environment's name. `None` at the top level.
    environment: Option<String>,
    /// The settings that the Worker is deployed with.
    wrangler: Value,
    /// The keys that the top level has and this environment lacks.
    lacks: Vec<&'static str>,
    local: BTreeMap<String, String>,
}

impl Project {
    /// Reads the environment that the arguments name, or the top level, with its local secrets. A missing secret is not
    /// an error here.
    pub fn open(files: &ConfigFiles) -> Result<Self> {
        let wanted = files.env.clone().unwrap_or_default();
        let mut projects = Self::all(files)?;
        projects.retain(|project| project.environment.as_deref().unwrap_or_default() == wanted);
        let mut project = projects.into_iter().next().ok_or_else(|| anyhow!("no environment {wanted:?}"))?;
        project.take_local_secrets(files)?;
        Ok(project)
    }

    /// Reads every environment without local secrets. The top level is the first.
    pub fn all(files: &ConfigFiles) -> Result<Vec<Self>> {
        let path = files.config.clone().unwrap_or_else(file::find);
        let file = file::read(&path)?;
        let names = file::environments(&file);
        if let Some(unknown) = files.env.as_ref().filter(|name| !name.is_empty() && !names.contains(name)) {
            let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            bail!("{} has no environment {unknown:?}; it has {known}", path.display());
        }
        let environment = |environment: Option<String>| {
            let wrangler = file::settings(&file, environment.as_deref());
            let lacks = file::not_inherited(&file, &wrangler);
            Self { path: path.clone(), environment, wrangler, lacks, local: BTreeMap::new() }
        };
        Ok(std::iter::once(None).chain(names.into_iter().map(Some)).map(environment).collect())
    }

    /// Reads the local secrets.
    pub fn take_local_secrets(&mut self, files: &ConfigFiles) -> Result<()> {
        self.local = local::read(files.vars.as_deref(), &self.path, self.environment.as_deref())?;
        Ok(())
    }

    /// The environment's name in messages.
    pub fn title(&self) -> String {
        self.environment.as_ref().map_or_else(|| "the top level".to_owned(), |name| format!("env.{name}"))
    }

    /// The environment's name. `None` at the top level.
    pub fn environment(&self) -> Option<&str> {
        self.environment.as_deref()
    }

    /// The setting at `path`, such as `/queues/producers`.
    pub fn setting(&self, path: &str) -> Option<&Value> {
        self.wrangler.pointer(path)
    }

    /// The text of a setting.
    pub fn setting_text(&self, path: &str) -> Option<&str> {
        self.setting(path)?.as_str()
    }

    /// The tables of the list at `path`.
    pub fn list(&self, path: &str) -> impl Iterator<Item = &Value> {
        self.setting(path).and_then(Value::as_array).into_iter().flatten()
    }

    /// The keys that the top level has and this environment lacks, because wrangler does not inherit them.
    pub fn lacks(&self) -> &[&'static str] {
        &self.lacks
    }

    /// The full key of a table in this environment, such as `env.staging.vars` for `vars`.
    pub fn head(&self, key: &str) -> String {
        self.environment.as_ref().map_or_else(|| key.to_owned(), |name| format!("env.{name}.{key}"))
    }

    /// The names and values of the file's variables.
    pub fn variables(&self) -> impl Iterator<Item = (&str, &Value)> {
        let vars = self.setting("/vars").and_then(Value::as_object);
        vars.into_iter().flatten().map(|(name, value)| (name.as_str(), value))
    }

    /// Whether any variable holds sources.
    pub fn has_sources(&self) -> bool {
        self.variables().any(|(name, _)| name.starts_with(SOURCES))
    }

    /// Parses the configuration as the Worker does, with the texts from `lookup`.
    pub fn config_with(&self, lookup: &dyn Fn(&str) -> Option<String>) -> Result<Config> {
        let sources = self.sources();
        let place =
            format!("{}{}", self.path.display(), self.environment().map_or(String::new(), |n| format!(", env.{n}")));
        if sources.is_empty() {
            let not_inherited = if self.lacks.contains(&"vars") { "; [vars] is not inherited" } else { "" };
            bail!("{place} configures no source: add one as [{}.SOURCES.billing]{not_inherited}", self.head("vars"));
        }
        for (name, value) in &sources {
            // A text without a brace is another mistake, which the parser reports.
            if let Some(text) = value.as_str().filter(|text| text.trim_start().starts_with('{')) {
                let parsed = serde_json::from_str::<serde::de::IgnoredAny>(text);
                parsed.map_err(|error| anyhow!("{place}: the variable {name} is not JSON: {error}"))?;
            }
        }
        Config::parse_all(&sources, self.bindings(), lookup).context(place)
    }

    /// Parses the configuration as the Worker does on this machine.
    pub fn config(&self) -> Result<Config> {
        self.config_with(&|name| self.text(name))
    }

    /// The variables that hold sources. As in wrangler, a local variable replaces one of the file.
    fn sources(&self) -> Map<String, Value> {
        let of_file = self.variables().map(|(name, value)| (name.to_owned(), table(value)));
        let local = self.local.iter().map(|(name, text)| (name.clone(), table(&text.as_str().into())));
        of_file.chain(local).filter(|(name, _)| name.starts_with(SOURCES)).collect()
    }

    /// The text of a variable or of a local secret. As in wrangler, a local secret replaces a variable.
    pub fn text(&self, name: &str) -> Option<String> {
        let variable = || match self.wrangler.get("vars")?.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            // As for the Worker, the alerts' table is read as JSON.
            table if name == ALERTS => Some(table.to_string()),
            _ => None,
        };
        self.local.get(name).cloned().or_else(variable)
    }

    /// The name of the secret with the URL of the alerts' receiver.
    pub fn alerts_secret(&self) -> Option<String> {
        let table: Value = serde_json::from_str(&self.text(ALERTS)?).ok()?;
        table.get("url_secret")?.as_str().map(str::to_owned)
    }

    /// The names of all secrets that sources and alerts name, without repetitions.
    pub fn secret_names(&self) -> Vec<String> {
        let listed = |source: &Value| {
            let list = source.get("secrets").and_then(Value::as_array).cloned().unwrap_or_default();
            list.into_iter().chain(source.get("handshake_secret").cloned())
        };
        let sources = self.sources();
        let secrets = tables(&sources).flat_map(|(_, _, table)| listed(table));
        let mut names: Vec<String> = secrets.filter_map(|secret| secret.as_str().map(str::to_owned)).collect();
        names.extend(self.alerts_secret());
        names.sort();
        names.dedup();
        names
    }

    /// Whether a source uses the secret `name` as a public key.
    pub fn is_public_key(&self, name: &str) -> bool {
        let lists = |source: &Value| {
            source.get("secrets").and_then(Value::as_array).is_some_and(|list| list.contains(&name.into()))
        };
        let sources = self.sources();
        tables(&sources).any(|(_, _, table)| lists(table) && takes_public_keys(table))
    }

    /// The full key of the source `name`, such as `vars.SOURCES.billing`.
    pub fn place(&self, name: &str) -> String {
        let sources = self.sources();
        let variable =
            tables(&sources).find(|(_, source, _)| *source == name).map_or(SOURCES, |(variable, _, _)| variable);
        self.head(&format!("vars.{variable}.{name}"))
    }

    /// Whether `name` is a variable. A secret must not be a variable.
    pub fn is_variable(&self, name: &str) -> bool {
        self.variables().any(|(variable, _)| variable == name)
    }

    /// The verifier of the source `name`.
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

    /// The queue of the producer `binding`.
    pub fn queue(&self, binding: &str) -> Option<&str> {
        self.find("/queues/producers", "binding", binding)?.get("queue")?.as_str()
    }

    /// Whether bodies or dead letters are stored and no cron deletes them.
    pub fn is_never_swept(&self) -> bool {
        let Bindings { payloads, log, .. } = self.bindings();
        (payloads || log) && self.setting("/triggers/crons/0").is_none()
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
    pub fn find(&self, list: &str, key: &str, value: &str) -> Option<&Value> {
        self.list(list).find(|table| table.get(key).and_then(Value::as_str) == Some(value))
    }
}

/// A variable's table. As for the Worker, a text may hold the table as JSON. Any other text is returned unchanged.
fn table(value: &Value) -> Value {
    value.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(|| value.clone())
}

/// Every source: its variable, its name, and its table.
fn tables(sources: &Map<String, Value>) -> impl Iterator<Item = (&str, &str, &Value)> {
    sources.iter().flat_map(|(variable, tables)| {
        let tables = tables.as_object().into_iter().flatten();
        tables.map(|(name, table)| (variable.as_str(), name.as_str(), table))
    })
}
