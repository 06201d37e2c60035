//! A replacement for the program `wasm-bindgen`, with its options for writing bindings.
//!
//! The package `wasm-bindgen-cli` also has a web server, an HTTP client and a test runner. It takes four times as long to
//! compile. npm and PyPI have no binary of it.

use anyhow::{Context, bail};
use wasm_bindgen_cli_support::Bindgen;

const USAGE: &str = "wasm-bindgen --target bundler|module|nodejs|web --out-dir DIR [--out-name NAME] [--no-typescript] \
     [--experimental-reset-state-function] [--force-enable-abort-handler] [--keep-debug] [--remove-name-section] \
     [--remove-producers-section] INPUT.wasm, or wasm-bindgen --version";

fn main() -> anyhow::Result<()> {
    let mut bindgen = Bindgen::new();
    bindgen.typescript(true).omit_default_module_path(false); // the defaults of wasm-bindgen-cli
    let (mut input, mut directory) = (None, None);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("{argument} needs a value: {USAGE}"));
        match argument.as_str() {
            "--version" => {
                println!("wasm-bindgen {}", wasm_bindgen_shared::version());
                return Ok(());
            }
            "--target" => target(&mut bindgen, &value()?)?,
            "--out-dir" => directory = Some(value()?),
            "--out-name" => _ = bindgen.out_name(&value()?),
            option if option.starts_with('-') => flag(&mut bindgen, option)?,
            _ if input.is_some() => bail!("{argument} is a second input: {USAGE}"),
            _ => input = Some(argument),
        }
    }
    let (Some(input), Some(directory)) = (input, directory) else { bail!("an input or --out-dir is missing: {USAGE}") };
    bindgen.input_path(&input).generate(&directory).with_context(|| format!("cannot write the bindings of {input}"))
}

fn target(bindgen: &mut Bindgen, name: &str) -> anyhow::Result<()> {
    match name {
        "bundler" => bindgen.bundler(true)?,
        "module" => bindgen.module(true)?,
        "nodejs" => bindgen.nodejs(true)?,
        "web" => bindgen.web(true)?,
        _ => bail!("unknown target {name}: {USAGE}"),
    };
    Ok(())
}

fn flag(bindgen: &mut Bindgen, name: &str) -> anyhow::Result<()> {
    match name {
        "--experimental-reset-state-function" => bindgen.reset_state_function(true),
        "--force-enable-abort-handler" => bindgen.force_enable_abort_handler(true),
        "--keep-debug" => bindgen.keep_debug(true),
        "--no-typescript" => bindgen.typescript(false),
        "--remove-name-section" => bindgen.remove_name_section(true),
        "--remove-producers-section" => bindgen.remove_producers_section(true),
        _ => bail!("unknown option {name}: {USAGE}"),
    };
    Ok(())
}
