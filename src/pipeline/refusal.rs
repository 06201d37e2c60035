//! Why a request is not accepted: what the provider gets, and what the operator reads.

use super::ports::{BodyError, PortError};
use crate::answer::Answer;
use crate::config::{ConfigError, Source};
use crate::delivery::TooLarge;
use crate::forwarded::HeadersTooLarge;
use crate::record::Verdict;
use crate::webhook::VerifyError;

/// Why a request is not accepted.
#[derive(Debug)]
pub enum Refusal {
    NotFound,
    WrongMethod { allowed: &'static str },
    TooMany,
    Misconfigured(ConfigError),
    Unverified(VerifyError),
    Unauthorized(&'static str),
    Unusable(String),
    BodyTooLarge { limit: usize },
    BodyBroken(String),
    MessageTooLarge(TooLarge),
    HeadersTooLarge(HeadersTooLarge),
    InFlight,
    Off { binding: &'static str },
    Failed { code: &'static str, problem: String },
}

impl From<VerifyError> for Refusal {
    fn from(error: VerifyError) -> Self {
        Self::Unverified(error)
    }
}

impl Refusal {
    pub fn body(error: BodyError, source: &Source) -> Self {
        Self::body_over(error, source.max_body)
    }

    pub fn body_over(error: BodyError, limit: usize) -> Self {
        match error {
            BodyError::TooLarge => Self::BodyTooLarge { limit },
            BodyError::Broken(problem) => Self::BodyBroken(problem),
            BodyError::Busy => {
                let problem = "other large bodies have the memory of this isolate; the provider's retry is welcome";
                Self::Failed { code: "busy", problem: problem.to_owned() }
            }
        }
    }

    /// What failed, by its stable name.
    pub fn failed(code: &'static str) -> impl FnOnce(PortError) -> Self {
        move |PortError(problem)| Self::Failed { code, problem }
    }

    /// What the sender gets: DESIGN's table, row by row.
    pub fn answer(&self) -> Answer {
        match self {
            Self::NotFound => Answer::not_found(),
            Self::WrongMethod { allowed } => Answer::wrong_method(allowed),
            Self::TooMany => Answer::too_many_refusals(),
            Self::Misconfigured(_) => Answer::misconfigured(),
            Self::Unverified(error) if error.is_authentic() => Answer::unusable(&error.to_string()),
            Self::Unverified(_) => Answer::unauthentic(),
            Self::Unauthorized(_) => Answer::unauthorized(),
            Self::Unusable(problem) => Answer::unusable(problem),
            Self::BodyTooLarge { limit } => Answer::body_too_large(*limit),
            Self::MessageTooLarge(_) => Answer::message_too_large(),
            Self::HeadersTooLarge(_) => Answer::headers_too_large(),
            Self::Off { binding } => Answer::off(binding),
            Self::InFlight => Answer::in_flight(),
            Self::BodyBroken(_) | Self::Failed { .. } => Answer::unavailable(),
        }
    }

    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Misconfigured(_) | Self::BodyBroken(_) | Self::Failed { .. } | Self::Off { .. } => Verdict::Failed,
            Self::InFlight => Verdict::Duplicate,
            _ => Verdict::Rejected,
        }
    }

    /// Whether it counts against who sent it: what is the sender's doing, at a place that exists.
    pub fn counts(&self) -> bool {
        self.verdict() == Verdict::Rejected
            && !matches!(self, Self::NotFound | Self::TooMany | Self::HeadersTooLarge(_))
    }

    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::WrongMethod { .. } => "wrong_method",
            Self::TooMany => "too_many_refusals",
            Self::Misconfigured(_) => "misconfigured",
            Self::Unverified(error) => error.code(),
            Self::Unauthorized(_) => "unauthorized",
            Self::Unusable(_) => "unusable",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::BodyBroken(_) => "body_broken",
            Self::MessageTooLarge(_) => "message_too_large",
            Self::HeadersTooLarge(_) => "headers_too_large",
            Self::InFlight => "in_flight",
            Self::Off { .. } => "off",
            Self::Failed { code, .. } => code,
        }
    }

    pub fn detail(&self) -> String {
        match self {
            Self::NotFound => "nothing is configured at this path".to_owned(),
            Self::WrongMethod { allowed } => format!("this path takes {allowed}"),
            Self::TooMany => "too many refusals from this address: it is not listened to for a minute".to_owned(),
            Self::Misconfigured(error) => error.to_string(),
            Self::Unverified(error) => error.to_string(),
            Self::Unauthorized(problem) => (*problem).to_owned(),
            Self::BodyTooLarge { limit } => format!("the body is over {limit} bytes; raise max_body to take it"),
            Self::Unusable(problem) | Self::BodyBroken(problem) | Self::Failed { problem, .. } => problem.clone(),
            Self::MessageTooLarge(error) => format!("{error}; with the binding PAYLOADS it would be taken"),
            Self::HeadersTooLarge(error) => error.to_string(),
            Self::InFlight => "another delivery of this event is being made durable".to_owned(),
            Self::Off { binding } => format!("this needs the binding {binding}"),
        }
    }
}
