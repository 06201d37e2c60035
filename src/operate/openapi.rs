//! The description of the operator's API in OpenAPI 3.1: `docs/openapi.json`.
//!
//! The table of routes has the paths. The types of the answers have the schemas. Each [`Refusal`] has its status, its
//! headers and its example. So no fact of the code is written twice. `operations.rs` has what only people know.
//!
//! Only a native build has this module. The Worker does not serve the document.

mod operation;
mod operations;
mod parameters;

use super::routes::{ROUTES, Route, only_reads};
use crate::answer::Problem;
use crate::config::CallerKind;
use crate::pipeline::refusal::Refusal;
use operation::{Operation, Schemas};
use serde_json::{Map, Value, json};

const ABOUT: &str = "\
The operator's API of hookgate. A problem is an answer of `application/problem+json` (RFC 9457).\n\n\
Each call needs a bearer token: `ADMIN_TOKEN`, or a token of `ADMIN_TOKENS`. A token of the kind `read` gets 403 wherever \
an operation needs the kind `write`. With the variable `ACCESS`, a caller whom Cloudflare Access has let in needs no token. \
OpenAPI has no scheme for Cloudflare Access, because the runtime states the caller, and no header does.\n\n\
An answer may get more members in a later version.";

/// The document, as in `docs/openapi.json`. It ends with a newline.
pub fn openapi() -> String {
    let mut schemas = Schemas::default();
    let mut responses = Map::new();
    let mut paths = Map::new();
    let health = described(&operations::health(&mut schemas), "health", &mut responses, &mut schemas);
    paths.insert("/healthz".to_owned(), json!({ "get": health }));
    for route in &ROUTES {
        let mut operation = operations::of(route.endpoint, &mut schemas);
        operation.refusals.splice(0..0, common(route));
        operation.description.push_str(match route.needs {
            CallerKind::Read => "",
            CallerKind::Write => "\n\nThe caller needs the kind `write`.",
        });
        let tag = route.path.split('/').next().unwrap_or(route.path);
        let described = described(&operation, tag, &mut responses, &mut schemas);
        let path = format!("/api/{}", route.path.replace("{}", &format!("{{{}}}", operation.part)));
        let methods = paths.entry(path).or_insert_with(|| json!({}));
        if let Some(methods) = methods.as_object_mut() {
            methods.insert(route.method.to_ascii_lowercase(), described);
        }
    }
    let document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "hookgate",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "The host of the Worker" }],
        "security": [{ "bearer": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas.definitions(),
            "responses": responses,
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "description": "A token of the operator." },
            },
        },
    });
    format!("{document:#}\n")
}

/// What each route refuses. Cloudflare Access, the audit and the stores may fail.
fn common(route: &Route) -> Vec<Refusal> {
    let mut all = vec![
        Refusal::Unauthorized(""),
        Refusal::NotFound,
        Refusal::Unusable("the parameter limit=many: must be a number from 1 to 200".to_owned()),
        Refusal::TooMany { because: "unauthorized" },
        Refusal::Failed { code: "access_failed", problem: String::new() },
    ];
    if route.needs == CallerKind::Write {
        all.push(Refusal::ReadOnly);
    }
    all.push(Refusal::CrossSite);
    if !only_reads(route.method) && !route.endpoint.has_body() {
        all.push(Refusal::BodyTooLarge { limit: super::LONGEST_UNUSED_BODY });
    }
    all
}

/// The operation as an object of OpenAPI. Its refusals become entries of `responses`.
fn described(operation: &Operation, tag: &str, responses: &mut Map<String, Value>, schemas: &mut Schemas) -> Value {
    let mut all = Map::new();
    all.insert("200".to_owned(), operation.answer.clone());
    if let Some(description) = operation.no_content {
        all.insert("204".to_owned(), json!({ "description": description }));
    }
    for (status, refusals) in by_status(&operation.refusals) {
        let name = refusals.iter().map(|refusal| name_of(&title(refusal))).collect::<Vec<_>>().join("Or");
        all.insert(status.to_string(), json!({ "$ref": format!("#/components/responses/{name}") }));
        responses.insert(name, response(&refusals, schemas));
    }
    let mut object = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "description": operation.description,
        "tags": [tag],
        "responses": all,
    });
    let optional = [
        ("parameters", (!operation.parameters.is_empty()).then(|| json!(operation.parameters))),
        ("requestBody", operation.request.clone()),
        ("security", operation.needs_no_token.then(|| json!([{}, { "bearer": [] }]))),
    ];
    if let Some(members) = object.as_object_mut() {
        members.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    }
    object
}

/// The title of the problem.
fn title(refusal: &Refusal) -> String {
    let problem: Value = serde_json::from_str(&refusal.answer_to_operator().body).unwrap_or_default();
    problem.get("title").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// `Read only` as a name of a component: `ReadOnly`.
fn name_of(title: &str) -> String {
    let words = title.split(|letter: char| !letter.is_ascii_alphanumeric());
    let mut name = String::new();
    for word in words {
        let mut letters = word.chars();
        name.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        name.extend(letters);
    }
    name
}

/// The refusals by their status, in the order of the statuses.
fn by_status(refusals: &[Refusal]) -> std::collections::BTreeMap<u16, Vec<&Refusal>> {
    let mut all = std::collections::BTreeMap::<u16, Vec<&Refusal>>::new();
    for refusal in refusals {
        all.entry(refusal.answer_to_operator().status).or_default().push(refusal);
    }
    all
}

/// The response of refusals that have one status.
fn response(refusals: &[&Refusal], schemas: &mut Schemas) -> Value {
    let (mut examples, mut headers, mut titles) = (Map::new(), Map::new(), Vec::new());
    for refusal in refusals {
        let answer = refusal.answer_to_operator();
        let problem: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        titles.push(title(refusal));
        examples.insert(name_of(&title(refusal)), json!({ "value": problem }));
        let own = answer.headers.iter().filter(|(name, _)| !matches!(&**name, "content-type" | "cache-control"));
        for (name, value) in own {
            let header = json!({ "required": true, "schema": { "type": "string" }, "example": value });
            headers.insert(name.to_string(), header);
        }
    }
    let schema = schemas.answer::<Problem<'_>>();
    let mut response = json!({
        "description": titles.join(", or: "),
        "content": { "application/problem+json": { "schema": schema, "examples": examples } },
    });
    if let Some(members) = response.as_object_mut().filter(|_| !headers.is_empty()) {
        members.insert("headers".to_owned(), Value::Object(headers));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Value {
        serde_json::from_str(&openapi()).unwrap_or_default()
    }

    /// The operations of the document, each with its name.
    fn operations(document: &Value) -> Vec<(String, &Value)> {
        let paths = document.get("paths").and_then(Value::as_object).into_iter().flatten();
        let methods =
            paths.flat_map(|(path, methods)| methods.as_object().into_iter().flatten().map(move |of| (path, of)));
        methods.map(|(path, (method, operation))| (format!("{method} {path}"), operation)).collect()
    }

    #[test]
    fn the_file_is_the_document() {
        let file = include_str!("../../docs/openapi.json");
        assert!(file == openapi(), "docs/openapi.json is stale: make openapi");
    }

    #[test]
    fn each_route_is_in_the_document_under_one_name() {
        let document = document();
        let operations = operations(&document);
        assert_eq!(operations.len(), ROUTES.len().saturating_add(1), "and GET /healthz");
        for route in &ROUTES {
            let (before, after) = route.path.split_once("{}").unwrap_or((route.path, ""));
            let begin = format!("{} /api/{before}", route.method.to_ascii_lowercase());
            let is_it = |name: &str| {
                let part = name.strip_prefix(&begin).and_then(|rest| rest.strip_suffix(after));
                part.is_some_and(|part| part.starts_with('{') == route.path.contains("{}") && !part.contains('/'))
            };
            assert!(operations.iter().any(|(name, _)| is_it(name)), "{route:?}");
        }
        let mut ids: Vec<_> = operations.iter().map(|(_, operation)| operation.get("operationId")).collect();
        ids.sort_by_key(|id| id.map(Value::to_string));
        ids.dedup();
        assert_eq!(ids.len(), operations.len());
    }

    #[test]
    fn everything_has_a_description() {
        fn visit(value: &Value, place: &str) {
            let Value::Object(members) = value else { return };
            let says = |name: &str| members.get(name).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
            let is_operation = members.contains_key("operationId");
            assert!(!is_operation || says("summary"), "{place}");
            assert!(!(is_operation || members.contains_key("in")) || says("description"), "{place}");
            for (name, member) in members.get("properties").and_then(Value::as_object).into_iter().flatten() {
                // The tag of a variant has the description of the variant.
                let has = ["description", "$ref", "const"].into_iter().any(|one| member.get(one).is_some());
                assert!(has, "{place}: {name} has no description");
            }
            for (name, member) in members {
                let items = member.as_array().into_iter().flatten().enumerate();
                items.for_each(|(number, item)| visit(item, &format!("{place}/{name}/{number}")));
                visit(member, &format!("{place}/{name}"));
            }
        }
        visit(&document(), "");
    }

    #[test]
    fn no_two_types_share_a_name() {
        // schemars gives the second type the name and a number.
        let document = document();
        let schemas = document.pointer("/components/schemas").and_then(Value::as_object);
        let names: Vec<_> = schemas.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        assert!(names.contains(&"EventPage"), "{names:?}");
        assert!(names.iter().all(|name| !name.ends_with(|letter: char| letter.is_ascii_digit())), "{names:?}");
    }
}
