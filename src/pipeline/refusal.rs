//! Why a request is not accepted: what the provider gets, and what the operator reads.

use super::ports::{BodyError, PortError};
use crate::answer::Answer;
use crate::config::{ConfigError, Source};
use crate::forwarded_headers::HeadersTooLarge;
use crate::message::TooLarge;
use crate::record::Verdict;
use hookgate_verify::VerifyError;

/// The reason where large bodies of others leave no room.
const BUSY: &str = "busy";

/// Why a request is not accepted.
#[derive(Debug)]
pub enum Refusal {
    NotFound,
    WrongMethod {
        allowed: &'static str,
    },
    /// Of a sender over the limit; with the name of the reason why this request is refused.
    TooMany {
        because: &'static str,
    },
    Misconfigured(ConfigError),
    Unverified(VerifyError),
    Unauthorized(&'static str),
    /// The request names a key that the provider does not publish.
    NoSuchKey(String),
    /// The keys that the provider publishes cannot be had now.
    KeysUnavailable(String),
    /// Another secret waits for the operator, who armed the source.
    SecretPending,
    Unusable(String),
    BodyTooLarge {
        limit: usize,
    },
    BodyBroken(String),
    MessageTooLarge(TooLarge),
    HeadersTooLarge(HeadersTooLarge),
    InFlight,
    Off {
        binding: &'static str,
    },
    Failed {
        code: &'static str,
        problem: String,
    },
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
                Self::Failed { code: BUSY, problem: problem.to_owned() }
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
            Self::TooMany { .. } => Answer::too_many_refusals(),
            Self::Misconfigured(_) => Answer::misconfigured(),
            Self::Unverified(error) if error.is_authentic() => Answer::unusable(&error.to_string()),
            Self::Unverified(_) | Self::NoSuchKey(_) => Answer::unauthentic(),
            Self::Unauthorized(_) => Answer::unauthorized(),
            Self::Unusable(problem) => Answer::unusable(problem),
            Self::BodyTooLarge { limit } => Answer::body_too_large(*limit),
            Self::MessageTooLarge(_) => Answer::message_too_large(),
            Self::HeadersTooLarge(_) => Answer::headers_too_large(),
            Self::Off { binding } => Answer::off(binding),
            Self::InFlight => Answer::in_flight(),
            Self::BodyBroken(_) | Self::KeysUnavailable(_) | Self::SecretPending | Self::Failed { .. } => {
                Answer::unavailable()
            }
        }
    }

    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Misconfigured(_)
            | Self::BodyBroken(_)
            | Self::KeysUnavailable(_)
            | Self::Failed { .. }
            | Self::Off { .. } => Verdict::Failed,
            Self::InFlight => Verdict::Duplicate,
            Self::NotFound
            | Self::WrongMethod { .. }
            | Self::TooMany { .. }
            | Self::Unverified(_)
            | Self::Unauthorized(_)
            | Self::NoSuchKey(_)
            | Self::SecretPending
            | Self::Unusable(_)
            | Self::BodyTooLarge { .. }
            | Self::HeadersTooLarge(_)
            | Self::MessageTooLarge(_) => Verdict::Rejected,
        }
    }

    /// Whether it counts against who sent it: only what a forger does, and never what was proven.
    pub fn counts(&self) -> bool {
        match self {
            Self::Unverified(error) => !error.is_authentic(),
            Self::Unauthorized(_) | Self::NoSuchKey(_) | Self::KeysUnavailable(_) | Self::SecretPending => true,
            Self::NotFound
            | Self::WrongMethod { .. }
            | Self::TooMany { .. }
            | Self::Misconfigured(_)
            | Self::Unusable(_)
            | Self::BodyTooLarge { .. }
            | Self::BodyBroken(_)
            | Self::HeadersTooLarge(_)
            | Self::MessageTooLarge(_)
            | Self::InFlight
            | Self::Off { .. }
            | Self::Failed { .. } => false,
        }
    }

    /// Whether, at a source, it comes before the request is proven.
    pub fn is_before_the_proof(&self) -> bool {
        self.counts()
            || matches!(self, Self::WrongMethod { .. } | Self::BodyTooLarge { .. } | Self::BodyBroken(_))
            || matches!(self, Self::Failed { code: BUSY, .. })
    }

    /// What a sender over the limit is told in its place. A failure of ours stays one, and so does what helps an honest
    /// sender.
    pub fn of_limited(self) -> Self {
        match self {
            Self::Unverified(_)
            | Self::Unauthorized(_)
            | Self::NoSuchKey(_)
            | Self::SecretPending
            | Self::WrongMethod { .. } => Self::TooMany { because: self.code() },
            other => other,
        }
    }

    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::WrongMethod { .. } => "wrong_method",
            Self::TooMany { .. } => "too_many_refusals",
            Self::NoSuchKey(_) => "no_such_key",
            Self::KeysUnavailable(_) => "keys_unavailable",
            Self::SecretPending => "secret_waits",
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
            Self::TooMany { because } => {
                format!("{because}; there were too many refusals from this address, so it is answered 429 for a minute")
            }
            Self::SecretPending => {
                "another secret waits already: read it at /api/handshakes, or wait until it expires".to_owned()
            }
            Self::NoSuchKey(problem) | Self::KeysUnavailable(problem) => problem.clone(),
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
