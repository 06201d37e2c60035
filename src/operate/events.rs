//! `GET /api/events`: the events of the log, and `GET /api/events/{id}`: everything about one of them.

use super::allow;
use crate::answer::Answer;
use crate::log::{Cursor, EventFilter, EventName, detail_of, page_of};
use crate::pipeline::ports::{PortError, Ports, Request};
use crate::pipeline::refusal::Refusal;
use crate::pipeline::write_log;
use crate::record::{Record, Verdict};
use hookgate_verify::UnixTime;

/// The number of events of a page, and the largest number.
const PAGE: u32 = 50;
const LARGEST_PAGE: u32 = 200;

/// Handles `/api/events{path}`.
pub async fn serve<R: Request, P: Ports>(
    request: &R,
    path: &str,
    ports: &P,
    now: UnixTime,
    record: &mut Record,
) -> Result<Answer, Refusal> {
    allow(request, "GET")?;
    if !ports.has_database() {
        return Err(Refusal::Off { binding: "LOG" });
    }
    record.verdict = Verdict::Listed;
    match path.strip_prefix('/') {
        None if path.is_empty() => {
            catch_up(ports, record).await;
            list(&request.query(), ports, now).await
        }
        Some(id) => {
            catch_up(ports, record).await;
            one(id, ports).await
        }
        None => Err(Refusal::NotFound),
    }
}

/// Writes what this isolate has collected, so that the operator sees it at once.
async fn catch_up<P: Ports>(ports: &P, record: &mut Record) {
    if let Some(Record { detail: Some(problem), .. }) = write_log(ports).await {
        record.trouble("log_failed", problem);
    }
}

async fn list<P: Ports>(query: &str, ports: &P, now: UnixTime) -> Result<Answer, Refusal> {
    let (mut filter, mut cursor, mut limit) = (EventFilter::default(), None, PAGE);
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let wrong = |problem: &str| Refusal::Unusable(format!("the parameter {name}={value}: {problem}"));
        match &*name {
            "cursor" => {
                let parsed = Cursor::parse(&value);
                cursor = Some(parsed.ok_or_else(|| wrong("must be the `next` of a page"))?);
            }
            "limit" => {
                let parsed = value.parse().ok().filter(|limit| (1..=LARGEST_PAGE).contains(limit));
                limit = parsed.ok_or_else(|| wrong("must be a number from 1 to 200"))?;
            }
            _ if filter.set(&name, &value).map_err(|error| Refusal::Unusable(error.to_string()))? => {}
            _ => return Err(wrong(&format!("the parameters are {}, cursor and limit", EventFilter::NAMES.join(", ")))),
        }
    }
    let answers = ports.run(filter.page(cursor.as_ref(), limit, now)).await.map_err(Refusal::failed("list_failed"))?;
    let page = page_of(answers, limit).map_err(PortError).map_err(Refusal::failed("list_failed"))?;
    Ok(Answer::ok(&page))
}

async fn one<P: Ports>(id: &str, ports: &P) -> Result<Answer, Refusal> {
    let name = EventName::parse(id).ok_or(Refusal::NotFound)?;
    let answers = ports.run(vec![name.detail()]).await.map_err(Refusal::failed("list_failed"))?;
    let event = detail_of(answers).map_err(PortError).map_err(Refusal::failed("list_failed"))?;
    Ok(Answer::ok(&event.ok_or(Refusal::NotFound)?))
}
