//! `GET /api/refused`: samples of refused requests, and their exact numbers.

use super::Call;
use super::events::logged;
use crate::answer::Answer;
use crate::log::{RefusedCursor, RefusedFilter, refused_page_of};
use crate::pipeline::ports::{PortError, Ports, Request};
use crate::pipeline::refusal::Refusal;
use crate::record::{Record, Verdict};

/// The number of samples of a page, and the largest number.
pub(super) const PAGE: u32 = 50;
pub(super) const LARGEST_PAGE: u32 = 100;

/// `GET /api/refused?source&reason&since&until&cursor&limit`: a page of samples, the newest first.
pub async fn list<R: Request, P: Ports>(call: &Call<'_, R, P>, record: &mut Record) -> Result<Answer, Refusal> {
    let query = Query::parse(&call.request.query()).map_err(Refusal::Unusable)?;
    let none = || Refusal::Unusable("the parameters since and until: since must be before until".to_owned());
    let window = query.filter.window(call.now).ok_or_else(none)?;
    let ports = logged(call, record).await?;
    let mut statements = query.filter.page(window, query.cursor.as_ref(), query.limit);
    if query.cursor.is_none() {
        statements.extend(query.filter.counts(window));
    }
    let answers = ports.run(statements).await.map_err(Refusal::failed("list_failed"))?;
    let page = refused_page_of(answers, query.limit).map_err(PortError).map_err(Refusal::failed("list_failed"))?;
    record.verdict = Verdict::Listed;
    Ok(Answer::ok(&page))
}

struct Query {
    filter: RefusedFilter,
    cursor: Option<RefusedCursor>,
    limit: u32,
}

impl Query {
    fn parse(query: &str) -> Result<Self, String> {
        let mut parsed = Self { filter: RefusedFilter::default(), cursor: None, limit: PAGE };
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let wrong = |problem: &str| format!("the parameter {name}={value}: {problem}");
            match &*name {
                "cursor" => {
                    let cursor = RefusedCursor::parse(&value);
                    parsed.cursor = Some(cursor.ok_or_else(|| wrong("must be the `next` of a page"))?);
                }
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=LARGEST_PAGE).contains(limit));
                    parsed.limit = limit.ok_or_else(|| wrong("must be a number from 1 to 100"))?;
                }
                _ if parsed.filter.set(&name, &value).map_err(|error| error.to_string())? => {}
                _ => {
                    let names = RefusedFilter::NAMES.join(", ");
                    return Err(wrong(&format!("the parameters are {names}, cursor and limit")));
                }
            }
        }
        Ok(parsed)
    }
}
