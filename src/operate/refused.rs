//! `GET /api/refused`: samples of refused requests, and their exact numbers.

use super::query::{self, Page};
use super::{Call, rows, unreadable};
use crate::answer::Answer;
use crate::log::{RefusedCursor, RefusedFilter, refused_page_of};
use crate::pipeline::ports::{Ports, Request};
use crate::pipeline::refusal::Refusal;
use crate::record::{Record, Verdict};

/// The number of samples of a page, and the largest number.
pub(super) const PAGE: u32 = 50;
pub(super) const LARGEST_PAGE: u32 = 100;

/// `GET /api/refused?source&reason&since&until&cursor&limit`: a page of samples, the newest first.
pub async fn list<R: Request, P: Ports>(call: &Call<'_, R, P>, record: &mut Record) -> Result<Answer, Refusal> {
    let (mut filter, mut page) = (RefusedFilter::default(), Page::new(PAGE, LARGEST_PAGE));
    let names = [&RefusedFilter::NAMES[..], &Page::<RefusedCursor>::NAMES].concat();
    query::read(&call.request.query(), &names, |name, value| {
        Ok(page.set(name, value, RefusedCursor::parse)? || filter.set(name, value).map_err(|error| error.problem)?)
    })?;
    let window = filter.window(call.now).ok_or_else(query::no_time)?;
    let ports = call.logged(record).await?;
    let mut statements = filter.page(window, page.cursor.as_ref(), page.limit);
    if page.cursor.is_none() {
        statements.extend(filter.counts(window));
    }
    let page = refused_page_of(rows(ports, statements).await?, page.limit).map_err(unreadable)?;
    record.verdict = Verdict::Listed;
    Ok(Answer::ok(&page))
}
