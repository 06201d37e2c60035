//! The command line: signs, sends and checks webhooks with the gateway's own code.

mod body;
mod catalogue;
mod check;
mod demo;
mod forget;
mod http;
mod moment;
mod openapi;
mod project;
mod providers;
mod send;
mod sign;
mod signer;
mod table;
mod vectors;

use anyhow::Result;
use clap::{Parser, Subcommand};
use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// Signs, sends and checks webhooks as the gateway and its providers do
#[derive(Parser)]
#[command(version, arg_required_else_help = true, max_term_width = 100, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  hookgate check
  hookgate send --source generic examples/generic/user.created.json
  hookgate vectors crates/verify/tests/vectors/*.json
  hookgate demo
  hookgate providers stripe

Each command has its own --help.";

#[derive(Subcommand)]
enum Command {
    Sign(sign::Sign),
    Send(send::Send),
    Vectors(vectors::Vectors),
    Check(check::Check),
    Demo(demo::Demo),
    Forget(forget::Forget),
    Providers(providers::Providers),
    Catalogue(catalogue::Catalogue),
    #[command(name = "openapi")]
    OpenApi(openapi::OpenApi),
}

/// What a command found. A command that fails to run returns an error instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CommandResult {
    Success,
    Problems,
}

impl From<bool> for CommandResult {
    fn from(success: bool) -> Self {
        if success { Self::Success } else { Self::Problems }
    }
}

impl Command {
    fn run(self, out: &mut dyn Write) -> Result<CommandResult> {
        match self {
            Self::Sign(sign) => sign.run(out),
            Self::Send(send) => send.run(out),
            Self::Vectors(vectors) => vectors.run(out),
            Self::Check(check) => check.run(out),
            Self::Demo(demo) => demo.run(out),
            Self::Forget(forget) => forget.run(out),
            Self::Providers(providers) => providers.run(out),
            Self::Catalogue(catalogue) => catalogue.run(out),
            Self::OpenApi(openapi) => openapi.run(out),
        }
    }
}

/// Runs the command that the arguments name. Exit codes: 0 for success, 1 for a problem or an error, 2 for wrong arguments.
fn main() -> ExitCode {
    match Cli::parse().command.run(&mut std::io::stdout()) {
        Ok(CommandResult::Success) => ExitCode::SUCCESS,
        Ok(CommandResult::Problems) => ExitCode::FAILURE,
        // The reader of a pipe, such as `head`, has stopped reading.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
