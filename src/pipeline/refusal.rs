//! Why a request is not accepted: the answer for the sender, and the reason for the operator.

use super::ports::{BodyError, PortError};
use crate::answer::Answer;
use crate::config::{ConfigError, Source};
use crate::forwarded_headers::HeadersTooLarge;
use crate::message::TooLarge;
use crate::record::Verdict;
use hookgate_verify::VerifyError;

/// The reason if no permit for a large body is free.
const BUSY: &str = "busy";

/// Why a request is not accepted.
#[derive(Debug)]
pub enum Refusal {
    NotFound,
    WrongMethod {
        allowed: &'static str,
    },
    /// The sender is over the limit. `because` is the reason for which this request is refused.
    TooMany {
        because: &'static str,
    },
    Misconfigured(ConfigError),
    Unverified(VerifyError),
    Unauthorized(&'static str),
    /// The caller of `/api` may only read.
    ReadOnly,
    /// Another site made the caller's browser send the request.
    CrossSite,
    /// The request names a key that the provider does not publish.
    NoSuchKey(String),
    /// The provider's keys cannot be fetched now.
    KeysUnavailable(String),
    /// Another secret waits for the operator.
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
                let problem = "other large bodies use the memory of this isolate; a retry may succeed";
                Self::Failed { code: BUSY, problem: problem.to_owned() }
            }
        }
    }

    /// The refusal after the failure of a port. `code` is the reason in the log.
    pub fn failed(code: &'static str) -> impl FnOnce(PortError) -> Self {
        move |PortError(problem)| Self::Failed { code, problem }
    }

    /// The answer to the sender. All failed authentications have one answer, so that a forger learns nothing. A step
    /// that failed is 503, so that the provider sends the event again.
    pub fn answer(&self) -> Answer {
        match self {
            Self::NotFound => Answer::not_found(),
            Self::WrongMethod { allowed } => Answer::wrong_method(allowed),
            Self::TooMany { .. } => Answer::too_many_refusals(),
            Self::Misconfigured(_) => Answer::misconfigured(),
            Self::Unverified(error) if error.is_authentic() => Answer::unusable(&error.to_string()),
            Self::Unverified(_) | Self::NoSuchKey(_) => Answer::unauthentic(),
            Self::Unauthorized(_) => Answer::unauthorized(),
            Self::ReadOnly => Answer::read_only(),
            Self::CrossSite => Answer::cross_site(),
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

    /// The answer to a caller of `/api`. It has the status of [`answer`](Self::answer), and says more.
    pub fn answer_to_operator(&self) -> Answer {
        match self {
            Self::NotFound => Answer::to_operator(404, "Not found", "There is nothing at this path."),
            Self::Unusable(problem) => Answer::to_operator(422, "Not usable", problem),
            Self::Misconfigured(error) => Answer::to_operator(500, "Misconfigured", &error.to_string()),
            Self::BodyTooLarge { limit } => {
                let detail = format!("The body of this request may have up to {limit} bytes.");
                Answer::to_operator(413, "Body too large", &detail)
            }
            Self::BodyBroken(problem) | Self::Failed { problem, .. } => {
                let detail = format!("{problem}. Send the request again.");
                Answer::to_operator(503, "Temporarily unavailable", &detail)
            }
            Self::WrongMethod { .. }
            | Self::TooMany { .. }
            | Self::Unverified(_)
            | Self::Unauthorized(_)
            | Self::ReadOnly
            | Self::CrossSite
            | Self::NoSuchKey(_)
            | Self::KeysUnavailable(_)
            | Self::SecretPending
            | Self::MessageTooLarge(_)
            | Self::HeadersTooLarge(_)
            | Self::InFlight
            | Self::Off { .. } => self.answer(),
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
            | Self::ReadOnly
            | Self::CrossSite
            | Self::NoSuchKey(_)
            | Self::SecretPending
            | Self::Unusable(_)
            | Self::BodyTooLarge { .. }
            | Self::HeadersTooLarge(_)
            | Self::MessageTooLarge(_) => Verdict::Rejected,
        }
    }

    /// Whether the refusal counts towards the sender's limit: only a request without a valid proof counts.
    pub fn counts(&self) -> bool {
        match self {
            Self::Unverified(error) => !error.is_authentic(),
            Self::Unauthorized(_) | Self::NoSuchKey(_) | Self::KeysUnavailable(_) | Self::SecretPending => true,
            Self::NotFound
            | Self::WrongMethod { .. }
            | Self::TooMany { .. }
            | Self::ReadOnly
            | Self::CrossSite
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

    /// Whether a source refuses the request before it has proven the request.
    pub fn is_before_the_proof(&self) -> bool {
        self.counts()
            || matches!(self, Self::WrongMethod { .. } | Self::BodyTooLarge { .. } | Self::BodyBroken(_))
            || matches!(self, Self::Failed { code: BUSY, .. })
    }

    /// The refusal for a sender over the limit. A failure of the gateway is not changed, and neither is a refusal that helps
    /// an honest sender.
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
            Self::ReadOnly => "read_only",
            Self::CrossSite => "cross_site",
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
            Self::NotFound => "nothing is served at this path".to_owned(),
            Self::WrongMethod { allowed } => format!("this path takes only {allowed}"),
            Self::TooMany { because } => {
                format!(
                    "this address had too many refused requests, so it gets 429 for a minute. This one would be refused \
                     for {because}"
                )
            }
            Self::SecretPending => "a secret that came before still waits to be read".to_owned(),
            Self::NoSuchKey(problem) | Self::KeysUnavailable(problem) => problem.clone(),
            Self::Misconfigured(error) => error.to_string(),
            Self::Unverified(error) => error.to_string(),
            Self::Unauthorized(problem) => (*problem).to_owned(),
            Self::ReadOnly => "this caller may only read".to_owned(),
            Self::CrossSite => "a page of another site made the browser of this caller send the request".to_owned(),
            Self::BodyTooLarge { limit } => {
                format!("the body is larger than {limit} bytes")
            }
            Self::Unusable(problem) | Self::BodyBroken(problem) | Self::Failed { problem, .. } => problem.clone(),
            Self::MessageTooLarge(error) => error.to_string(),
            Self::HeadersTooLarge(error) => error.to_string(),
            Self::InFlight => "another request is making this event durable".to_owned(),
            Self::Off { binding } => format!("this needs the binding {binding}"),
        }
    }
}
