//! The body of the answer to an accepted request.

use super::{ConfigError, Fields};

/// The longest body of an answer, in bytes.
pub const MOST_ANSWER: usize = 1024;

const CUSTOMARY_TYPE: &str = "text/plain; charset=utf-8";

/// Reads `answer` of a scheme: the body and the media type of each answer with status 200.
pub(super) fn parse_of_scheme(fields: &Fields<'_>) -> Result<Option<(String, String)>, ConfigError> {
    let Some(answer) = fields.table("answer", &["body", "type"])? else { return Ok(None) };
    let (body, media_type) = parse_body(&answer)?;
    if body.is_empty() {
        let problem = "is missing: the body of each answer 200; for answers without a body, write answer = \"empty\"";
        return Err(answer.error("body", problem.to_owned()));
    }
    Ok(Some((body, media_type)))
}

/// Reads the body of an answer and its media type.
///
/// # Errors
/// The mistake in `body` or `type`, and the remedy.
pub fn parse_body(answer: &Fields<'_>) -> Result<(String, String), ConfigError> {
    let body = answer.text("body")?.unwrap_or("");
    if body.len() > MOST_ANSWER {
        let problem = format!("has {} bytes, of {MOST_ANSWER} at most", body.len());
        return Err(ConfigError { key: answer.key("body"), problem });
    }
    let media_type = answer.text("type")?;
    if media_type.is_some() && body.is_empty() {
        return Err(answer.error("type", "is the type of a body, and there is no `body`".to_owned()));
    }
    let media_type = media_type.unwrap_or(CUSTOMARY_TYPE);
    let plain = |b: u8| b.is_ascii_graphic() || b == b' ';
    if media_type.len() > 100 || !media_type.contains('/') || !media_type.bytes().all(plain) {
        return Err(answer.error("type", "must be a media type, such as \"application/xml\"".to_owned()));
    }
    Ok((body.to_owned(), media_type.to_owned()))
}
