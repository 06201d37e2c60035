//! `answer`: the answer of a source to an event that is accepted, a duplicate or filtered.

use super::{ConfigError, Success};
use hookgate_verify::Preset;
use hookgate_verify::grammar::{Fields, answer::parse_body};

const KEYS: &[&str] = &["status", "body", "type"];

/// Reads `answer`. If the source has no `answer`, the preset decides.
pub(super) fn parse(fields: &Fields<'_>, preset: &Preset) -> Result<Success, ConfigError> {
    let Some(answer) = fields.table("answer", KEYS)? else {
        return Ok(match &preset.answer {
            Some((body, media_type)) => {
                Success::Own { status: 200, body: body.clone(), media_type: media_type.clone() }
            }
            None if preset.empty_answers => Success::Empty,
            None => Success::Json,
        });
    };
    let status = answer.number("status")?.unwrap_or(200);
    if !(200..=299).contains(&status) {
        let problem = format!("{status}: must lie between 200 and 299, or the provider would send the event again");
        return Err(answer.error("status", problem));
    }
    let (body, media_type) = parse_body(&answer)?;
    if matches!(status, 204 | 205) && !body.is_empty() {
        return Err(answer.error("body", format!("an answer {status} has none: remove `body`, or change `status`")));
    }
    Ok(Success::Own { status, body, media_type })
}
