//! `GET /api/events`: the events of the log, and `GET /api/events/{id}`: everything about one of them.

use super::query::{self, Page};
use super::{Call, rows, unreadable};
use crate::answer::Answer;
use crate::config::LogPolicy;
use crate::log::{EventFilter, EventName, detail_of, page_of};
use crate::pipeline::bodies;
use crate::pipeline::ports::{PortError, Ports, Request};
use crate::pipeline::refusal::Refusal;
use crate::record::{Record, Verdict};

/// The number of events of a page, and the largest number.
pub(super) const PAGE: u32 = 50;
pub(super) const LARGEST_PAGE: u32 = 200;

/// `GET /api/events?…`: a page of the events that a filter selects, the newest event first.
pub async fn list<R: Request, P: Ports>(call: &Call<'_, R, P>, record: &mut Record) -> Result<Answer, Refusal> {
    let (mut filter, mut page) = (EventFilter::default(), Page::new(PAGE, LARGEST_PAGE));
    let names = [&EventFilter::NAMES[..], &Page::<EventName>::NAMES].concat();
    query::read(&call.request.query(), &names, |name, value| {
        Ok(page.set(name, value, EventName::parse)? || filter.set(name, value).map_err(|error| error.problem)?)
    })?;
    if filter.since.zip(filter.until).is_some_and(|(since, until)| since >= until) {
        return Err(query::no_time());
    }
    let ports = call.logged(record).await?;
    let answers = rows(ports, filter.page(page.cursor.as_ref(), page.limit, call.now)).await?;
    let page = page_of(answers, page.limit).map_err(unreadable)?;
    record.verdict = Verdict::Listed;
    Ok(Answer::ok(&page))
}

/// `GET /api/events/{id}`: everything about one event. With `body=false`, its body is read neither in D1 nor in R2.
pub async fn one<R: Request, P: Ports>(
    call: &Call<'_, R, P>,
    id: &str,
    record: &mut Record,
) -> Result<Answer, Refusal> {
    let mut with_body = true;
    query::read(&call.request.query(), &["body"], |name, value| {
        if name == "body" {
            with_body = value.parse().map_err(|_| "must be true or false".to_owned())?;
        }
        Ok(name == "body")
    })?;
    let ports = call.logged(record).await?;
    let name = EventName::parse(id).ok_or(Refusal::NotFound)?;
    let event = detail_of(rows(ports, vec![name.detail(with_body)]).await?).map_err(unreadable)?;
    let mut event = event.ok_or(Refusal::NotFound)?;
    record.verdict = Verdict::Listed;
    if !with_body {
        return Ok(Answer::ok(&event));
    }
    let policy = call.config.as_ref().map_or(LogPolicy::UNKNOWN, |config| config.log_policy(&event.summary.source));
    if let Err(PortError(problem)) = bodies::show(&mut event, policy, ports).await {
        record.trouble("load_failed", problem);
    }
    Ok(Answer::ok(&event))
}
