//! `.dev.vars`: the secrets for local use. Errors name the line and never show it.
//!
//! It is read by hand, since the crates for such files replace `$NAME` in a value, and a secret may hold a `$`: wrangler
//! leaves it alone.

use anyhow::{Context, Result, anyhow};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The secrets in `named`; without it those beside the `configuration`: in `.dev.vars.NAME` for the environment NAME,
/// where that file is, and in `.dev.vars` else.
pub fn read(named: Option<&Path>, configuration: &Path, environment: Option<&str>) -> Result<BTreeMap<String, String>> {
    if let Some(path) = named {
        return read_file(path)?.ok_or_else(|| anyhow!("cannot read {}: there is no such file", path.display()));
    }
    let of_environment = environment.map(|name| configuration.with_file_name(format!(".dev.vars.{name}")));
    let beside: [Option<PathBuf>; 2] = [of_environment, Some(configuration.with_file_name(".dev.vars"))];
    for path in beside.iter().flatten() {
        if let Some(vars) = read_file(path)? {
            return Ok(vars);
        }
    }
    Ok(BTreeMap::new())
}

fn read_file(path: &Path) -> Result<Option<BTreeMap<String, String>>> {
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&text).map(Some).with_context(|| path.display().to_string()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(anyhow!("cannot read {}: {error}", path.display())),
    }
}

/// Reads the text as dotenv does, one variable a line.
fn parse(text: &str) -> Result<BTreeMap<String, String>> {
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
        let vars = parse(text).expect("readable");
        let expected =
            [("A", "plain"), ("B", "two words"), ("C", "#1=\"x\""), ("D", ""), ("E", "a\nb"), ("F", "x=y==")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(vars, BTreeMap::from(expected));
    }

    #[test]
    fn a_dollar_in_a_secret_stays() {
        let vars = parse("A=a\nB=x$A\nC=\"x${A}\"").expect("readable");
        assert_eq!(
            (vars.get("B").map(String::as_str), vars.get("C").map(String::as_str)),
            (Some("x$A"), Some("x${A}"))
        );
    }

    #[test]
    fn errors_in_local_vars_name_the_line_and_do_not_show_it() {
        let error = |text: &str| parse(text).expect_err("broken").to_string();
        assert_eq!(error("A=1\ncanary"), "line 2 is not NAME=value");
        assert_eq!(error("A=\"canary"), "line 1: a quote does not end");
    }
}
