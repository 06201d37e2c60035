//! Puts the files in `presets/` into two texts, a line for each in the order of their names: what the Worker reads of a
//! preset, and what people want to know of it, with whose work its vectors in `tests/vectors/` are.

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

/// How many of a preset's vectors that hold are whose work. A refusal proves nothing of how a provider signs.
fn proofs(name: &str) -> Result<BTreeMap<String, usize>, Box<dyn std::error::Error>> {
    let path = format!("tests/vectors/{name}.json");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let vectors: Vec<serde_json::Value> = serde_json::from_str(&text).map_err(|error| format!("{path}: {error}"))?;
    let mut proofs = BTreeMap::<String, usize>::new();
    for vector in vectors.iter().filter(|vector| vector["expected"].get("error").is_none()) {
        let proof =
            vector["proof"].as_str().ok_or_else(|| format!("{path}: a vector does not say whose work it is"))?;
        let count = proofs.entry(proof.to_owned()).or_default();
        *count = count.saturating_add(1);
    }
    if proofs.is_empty() { Err(format!("{path}: no vector that holds").into()) } else { Ok(proofs) }
}
