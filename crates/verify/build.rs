//! Writes the files in `presets/` into two texts. Each text has one line for each preset, sorted by the preset's name.
//! The text `schemes` has the schemes, for the Worker. The text `abouts` has the facts for people, and counts the preset's
//! vectors in `tests/vectors/` by their proof.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=presets");
    println!("cargo::rerun-if-changed=tests/vectors");
    println!("cargo::rerun-if-changed=build.rs");
    let mut paths: Vec<_> = fs::read_dir("presets")?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort_by_key(|path| path.file_stem().map(ToOwned::to_owned));
    let (mut schemes, mut abouts) = (String::new(), String::new());
    for path in paths {
        let name = path.file_stem().and_then(|name| name.to_str()).ok_or("a preset's file name is its name")?;
        let file = fs::read_to_string(&path)?;
        let mut file: serde_json::Map<String, serde_json::Value> =
            toml::from_str(&file).map_err(|error| format!("{}: {error}", path.display()))?;
        let scheme = file.remove("scheme").ok_or_else(|| format!("{} has no [scheme]", path.display()))?;
        writeln!(schemes, "{name}{scheme}")?;
        file.insert("proof".to_owned(), serde_json::to_value(proofs(name)?)?);
        writeln!(abouts, "{}", serde_json::Value::Object(file))?;
    }
    let out = env::var("OUT_DIR")?;
    fs::write(Path::new(&out).join("schemes"), schemes)?;
    fs::write(Path::new(&out).join("abouts"), abouts)?;
    Ok(())
}

/// Counts the preset's vectors without an expected error by their proof. A refused vector does not prove how a provider signs.
fn proofs(name: &str) -> Result<BTreeMap<String, usize>, Box<dyn std::error::Error>> {
    let path = format!("tests/vectors/{name}.json");
    let text = fs::read_to_string(&path)
        .map_err(|error| format!("{path}: {error}; a preset needs a file of signed requests"))?;
    let vectors: Vec<serde_json::Value> = serde_json::from_str(&text).map_err(|error| format!("{path}: {error}"))?;
    let mut proofs = BTreeMap::<String, usize>::new();
    for vector in vectors.iter().filter(|vector| vector["expected"].get("error").is_none()) {
        let proof = vector["proof"].as_str().ok_or_else(|| format!("{path}: a vector has no `proof`"))?;
        let count = proofs.entry(proof.to_owned()).or_default();
        *count = count.saturating_add(1);
    }
    if proofs.is_empty() { Err(format!("{path}: no vector that holds").into()) } else { Ok(proofs) }
}
