//! `.dev.vars`: the local secrets. An error names the line and does not show its text.
//!
//! No crate parses the file. Crates such as dotenvy replace `$NAME` in a value. Wrangler does not, and a secret may contain
//! a `$`.

use anyhow::{Context, Result, anyhow};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Reads the secrets from `named`. Without `named`, reads `.dev.vars.NAME` of the environment NAME beside the
/// `configuration`, or `.dev.vars` if there is no such file.
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

/// Parses the text as npm's dotenv does, because wrangler uses it.
fn parse(text: &str) -> Result<BTreeMap<String, String>> {
    let mut vars = BTreeMap::new();
    let mut lines = text.lines().zip(1_usize..);
    while let Some((line, number)) = lines.next() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = line.split_once('=').ok_or_else(|| anyhow!("line {number} is not NAME=value"))?;
        let name = name.strip_prefix("export ").unwrap_or(name).trim();
        let value = value.trim();
        let value = match value.chars().next().filter(|first| QUOTES.contains(first)) {
            None => unquoted(value).to_owned(),
            Some(quote) => {
                let mut ahead = lines.clone();
                let several_lines = quoted(value, quote, ahead.by_ref().map(|(line, _)| line));
                if several_lines.is_some() {
                    lines = ahead;
                }
                let one_line = || unquoted(value).strip_prefix(quote)?.strip_suffix(quote).map(str::to_owned);
                let value = several_lines.or_else(one_line);
                let value = value.ok_or_else(|| anyhow!("line {number}: a quote does not end"))?;
                if quote == '"' { value.replace("\\n", "\n").replace("\\r", "\r") } else { value }
            }
        };
        vars.insert(name.to_owned(), value);
    }
    Ok(vars)
}

const QUOTES: [char; 3] = ['"', '\'', '`'];

/// The value without a comment.
fn unquoted(value: &str) -> &str {
    value.split_once('#').map_or(value, |(value, _)| value).trim()
}

/// The value between quotes. It begins in `first` and may continue in `rest`. It ends at the next `quote` without a
/// backslash before it. `None` if no quote ends it, or if other text than a comment follows.
fn quoted<'l>(first: &'l str, quote: char, rest: impl Iterator<Item = &'l str>) -> Option<String> {
    let mut value = String::new();
    for line in std::iter::once(first.strip_prefix(quote)?).chain(rest) {
        let mut quotes = line.match_indices(quote).map(|(at, _)| line.split_at(at));
        if let Some((last, after)) = quotes.find(|(before, _)| !before.ends_with('\\')) {
            return unquoted(after.strip_prefix(quote)?).is_empty().then(|| value + last);
        }
        value.extend([line, "\n"]);
    }
    None
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
    fn a_quote_ends_where_it_ends_for_wrangler() {
        for (text, expected) in [
            (
                "A=\"-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\" # a key\n",
                "-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----",
            ),
            ("A='one\r\n\r\n two' ", "one\n\n two"),
            ("A=\"x\" # say \"hi\"", "x"),
            ("A='it' # it's", "it"),
            ("A=\"a\"b\"", "a\"b"),
            ("A=\"a\\\"b\"", "a\\\"b"),
            ("A=`a'b\"c`", "a'b\"c"),
            ("A=\"a#b\"", "a#b"),
            ("A='abc\\'", "abc\\"),
        ] {
            let vars = parse(text).expect("readable");
            assert_eq!(vars.get("A").map(String::as_str), Some(expected), "{text}");
            assert_eq!(vars.len(), 1, "{text}");
        }
    }

    #[test]
    fn no_value_takes_in_the_next_variable() {
        let vars = parse("A='abc\\'\nB='x'").expect("readable");
        assert_eq!((vars["A"].as_str(), vars["B"].as_str()), ("abc\\", "x"));
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
