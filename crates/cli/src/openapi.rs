//! `hookgate openapi`: the description of the operator's API, for docs/openapi.json.

use super::CommandResult;
use anyhow::Result;
use std::io::Write;

/// Print the description of the operator's API, in OpenAPI 3.1
#[derive(clap::Args)]
pub struct OpenApi {}

impl OpenApi {
    /// Prints the document.
    #[expect(clippy::unused_self, reason = "each command is run in the same way")]
    pub fn run(self, out: &mut dyn Write) -> Result<CommandResult> {
        out.write_all(hookgate::operate::openapi().as_bytes())?;
        Ok(CommandResult::Success)
    }
}
