//! `GET /api/events`: the events of the log, and `GET /api/events/{id}`: everything about one of them.

use super::Call;
use crate::answer::Answer;
use crate::log::{EventFilter, EventName, detail_of, page_of};
use crate::pipeline::ports::{PortError, Ports, Request};
use crate::pipeline::refusal::Refusal;
use crate::pipeline::write_log;
use crate::record::{Record, Verdict};

/// The number of events of a page, and the largest number.
pub(super) const PAGE: u32 = 50;
pub(super) const LARGEST_PAGE: u32 = 200;

/// `GET /api/events?…`: a page of the events that a filter selects, the newest event first.
pub async fn list<R: Request, P: Ports>(call: &Call<'_, R, P>, record: &mut Record) -> Result<Answer, Refusal> {
    let query = Query::parse(&call.request.query()).map_err(Refusal::Unusable)?;
    let ports = logged(call, record).await?;
    let statements = query.filter.page(query.cursor.as_ref(), query.limit, call.now);
    let answers = ports.run(statements).await.map_err(Refusal::failed("list_failed"))?;
    let page = page_of(answers, query.limit).map_err(PortError).map_err(Refusal::failed("list_failed"))?;
    record.verdict = Verdict::Listed;
    Ok(Answer::ok(&page))
}

/// `GET /api/events/{id}`: everything about one event.
pub async fn one<R: Request, P: Ports>(
    call: &Call<'_, R, P>,
    id: &str,
    record: &mut Record,
) -> Result<Answer, Refusal> {
    let ports = logged(call, record).await?;
    let name = EventName::parse(id).ok_or(Refusal::NotFound)?;
    let answers = ports.run(vec![name.detail()]).await.map_err(Refusal::failed("list_failed"))?;
    let event = detail_of(answers).map_err(PortError).map_err(Refusal::failed("list_failed"))?;
    record.verdict = Verdict::Listed;
    Ok(Answer::ok(&event.ok_or(Refusal::NotFound)?))
}

/// The ports, if they have a database. What this isolate has collected is written first, so that the operator sees it at
/// once.
pub(super) async fn logged<'c, R: Request, P: Ports>(
    call: &Call<'c, R, P>,
    record: &mut Record,
) -> Result<&'c P, Refusal> {
    if !call.ports.has_database() {
        return Err(Refusal::Off { binding: "LOG" });
    }
    if let Some(Record { detail: Some(problem), .. }) = write_log(call.ports).await {
        record.trouble("log_failed", problem);
    }
    Ok(call.ports)
}

/// The query of `GET /api/events`.
struct Query {
    filter: EventFilter,
    cursor: Option<EventName>,
    limit: u32,
}

impl Query {
    fn parse(query: &str) -> Result<Self, String> {
        let mut parsed = Self { filter: EventFilter::default(), cursor: None, limit: PAGE };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let wrong = |problem: &str| format!("the parameter {name}={value}: {problem}");
            match &*name {
                "cursor" => {
                    let cursor = EventName::parse(&value);
                    parsed.cursor = Some(cursor.ok_or_else(|| wrong("must be the `next` of a page"))?);
                }
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=LARGEST_PAGE).contains(limit));
                    parsed.limit = limit.ok_or_else(|| wrong("must be a number from 1 to 200"))?;
                }
                _ if parsed.filter.set(&name, &value).map_err(|error| error.to_string())? => {}
                _ => {
                    let names = EventFilter::NAMES.join(", ");
                    return Err(wrong(&format!("the parameters are {names}, cursor and limit")));
                }
            }
        }
        Ok(parsed)
    }
}
