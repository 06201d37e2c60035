//! The command line: signs, sends and checks webhooks with the gateway's own code. `hookgate help` says how.

#[cfg(not(target_arch = "wasm32"))]
mod cli;

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    cli::main()
}

/// On `wasm32` the crate is the Worker, yet `cargo test` builds every binary for its target and wants a `main`.
#[cfg(target_arch = "wasm32")]
fn main() {}
