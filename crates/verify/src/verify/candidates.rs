//! The texts that may be the signature, and the contents that the signature may cover.

use crate::content::{self, Texts};
use crate::{Head, Location, Scheme, Variant, VerifyError};

/// One of the contents that a request's signature may cover.
#[derive(Debug)]
pub(super) struct ContentCandidate<'v> {
    pub(super) variant: &'v Variant,
    /// The texts of the parts in the head, from [`content::of_head`].
    pub(super) head: Vec<Option<String>>,
}

/// The candidates for the signed content: one for each alternative of the variant whose head parts can be read.
pub(super) fn contents<'v>(
    scheme: &'v Scheme,
    variant: &'v Variant,
    read: impl Fn(&Variant) -> Result<Vec<Option<String>>, VerifyError>,
) -> Result<Vec<ContentCandidate<'v>>, VerifyError> {
    let mut contents = Vec::new();
    let mut problem = None;
    for variant in scheme.with_alternatives(variant) {
        match read(variant) {
            Ok(head) => contents.push(ContentCandidate { variant, head }),
            Err(error) => problem = problem.or(Some(error)),
        }
    }
    match problem {
        Some(problem) if contents.is_empty() => Err(problem),
        Some(_) | None => Ok(contents),
    }
}

/// The locations in the head that have a text, with their texts.
pub(super) fn found_in_head<'p>(
    locations: &'p [Location],
    head: &(impl Head + ?Sized),
) -> Result<Vec<(&'p Location, String)>, VerifyError> {
    found(locations, |location| match location {
        Location::Header(name) => Ok(head.header(name)),
        Location::Query(name) => content::query_value(&head.query(), name),
        Location::Json(_) | Location::Form(_) => Ok(None),
    })
}

/// The locations in the body that have a text, with their texts.
pub(super) fn found_in_body<'p>(
    locations: &'p [Location],
    texts: &Texts<'_>,
) -> Result<Vec<(&'p Location, String)>, VerifyError> {
    found(locations, |location| match location {
        Location::Json(path) => Ok(texts.json(path)?.map(str::to_owned)),
        Location::Form(name) => Ok(texts.form(name)?.map(str::to_owned)),
        Location::Header(_) | Location::Query(_) => Ok(None),
    })
}

fn found(
    locations: &[Location],
    read: impl Fn(&Location) -> Result<Option<String>, VerifyError>,
) -> Result<Vec<(&Location, String)>, VerifyError> {
    let texts = locations.iter().map(|location| Ok((location, read(location)?)));
    texts.filter_map(|found| found.map(|(location, text)| Some((location, text?))).transpose()).collect()
}
