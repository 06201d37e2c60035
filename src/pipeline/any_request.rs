//! A request that the pipeline handles: from outside, or from the gateway itself.
//!
//! The pipeline takes one type for both. With a type for each, the Worker would contain the pipeline twice.

use super::ports::{BodyError, Request};
use crate::headers::HeaderLines;
use hookgate_verify::{Head, SampleRequest};

/// A request from outside, or from the gateway itself.
pub enum AnyRequest<'r, R> {
    /// From outside.
    Outside(&'r R),
    /// A test request of the operator for this path.
    Test(&'r str, &'r SampleRequest),
}

impl<R: Request> Head for AnyRequest<'_, R> {
    fn header(&self, name: &str) -> Option<String> {
        match self {
            Self::Outside(request) => request.header(name),
            Self::Test(_, request) => request.headers.header(name),
        }
    }

    fn method(&self) -> String {
        match self {
            Self::Outside(request) => request.method(),
            Self::Test(..) => "POST".to_owned(),
        }
    }

    fn query(&self) -> String {
        match self {
            Self::Outside(request) => request.query(),
            Self::Test(_, request) => request.query.clone(),
        }
    }
}

impl<R: Request> Request for AnyRequest<'_, R> {
    /// A test request has no host. Only the operator's API reads the host.
    fn host(&self) -> String {
        match self {
            Self::Outside(request) => request.host(),
            Self::Test(..) => String::new(),
        }
    }

    fn path(&self) -> String {
        match self {
            Self::Outside(request) => request.path(),
            Self::Test(path, _) => (*path).to_owned(),
        }
    }

    fn headers(&self) -> HeaderLines {
        match self {
            Self::Outside(request) => request.headers(),
            Self::Test(_, request) => request.headers.iter().collect(),
        }
    }

    async fn body(&self, limit: usize) -> Result<Vec<u8>, BodyError> {
        match self {
            Self::Outside(request) => request.body(limit).await,
            Self::Test(_, request) if request.body.len() > limit => Err(BodyError::TooLarge),
            Self::Test(_, request) => Ok(request.body.clone()),
        }
    }
}
