//! Contents with brackets, and several contents of one signature.

use super::{NOW, head, mac, mistake, outcome, own, source, verify};

/// A manifest. A request may lack some of its parts, and the case of its id may differ in the content.
const MANIFEST: &str = r#"
secrets = ["SECRET"]
[scheme]
signature = { header = "x-sig", field = "v1" }
timestamp = { field = "ts" }
content = [
    "[id:{lower_query:data.id};][request-id:{header:x-request-id};]ts:{timestamp};",
    "[id:{query:data.id};][request-id:{header:x-request-id};]ts:{timestamp};",
]
id = { header = "x-request-id" }
identity = "content"
"#;

/// Verifies a request with this query and request id. `signed` is the content without the time. Returns the identity.
fn manifest(query: &str, request_id: Option<&str>, signed: &str) -> Result<String, &'static str> {
    let signature = format!("ts={NOW},v1={}", mac(&format!("{signed}ts:{NOW};")));
    let mut headers = vec![("x-sig", signature.as_str())];
    headers.extend(request_id.map(|id| ("x-request-id", id)));
    let shown = verify(&source(MANIFEST), &head(query, &headers), "{}").map_err(|error| error.code())?;
    Ok(shown.chars().take(7).collect())
}

#[test]
fn a_value_in_brackets_may_be_missing_and_is_signed_if_it_exists() {
    let [id, digest] = ["r1", "sha256:"].map(|shown| Ok(shown.to_owned()));
    assert_eq!(manifest("data.id=ORD01", Some("r1"), "id:ord01;request-id:r1;"), id);
    assert_eq!(manifest("data.id=ORD01", Some("r1"), "id:ORD01;request-id:r1;"), id);
    assert_eq!(manifest("", Some("r1"), "request-id:r1;"), id);
    assert_eq!(manifest("data.id=ORD01", None, "id:ord01;"), digest);
    assert_eq!(manifest("", None, ""), digest);
    // A signature over another set of parts is wrong.
    for (query, request_id, signed) in [
        ("data.id=ORD01", Some("r1"), "request-id:r1;"),
        ("data.id=ORD01", Some("r1"), "id:ord01;"),
        ("data.id=ORD01", Some("r1"), ""),
        ("", Some("r1"), "id:ord01;request-id:r1;"),
        ("data.id=ORD01", None, "id:ord01;request-id:r1;"),
        ("", None, "id:ord01;request-id:r1;"),
        ("data.id=Ord01", Some("r1"), "id:ORD01;request-id:r1;"),
    ] {
        assert_eq!(manifest(query, request_id, signed), Err("signature_mismatch"), "{query} {request_id:?}");
    }
    // An empty value is refused. A value that contains a separator is refused, because it could be read as two values.
    for (query, request_id, signed) in [
        ("data.id=", Some("r1"), "request-id:r1;"),
        ("data.id=ORD01", Some(""), "id:ord01;"),
        ("", Some("r1;ts:1"), ""),
        ("data.id=a%3Brequest-id:r1", None, "id:a;request-id:r1;"),
        ("data.id=a&data.id=b", Some("r1"), "request-id:r1;"),
    ] {
        assert_eq!(manifest(query, request_id, signed), Err("signed_header"), "{query} {request_id:?}");
    }
    // A value may contain the beginning of the next bracket.
    assert_eq!(manifest("data.id=ts:1", None, "id:ts:1;"), digest);
}

#[test]
fn brackets_that_make_a_content_ambiguous_are_refused() {
    let scheme = |content: &str| {
        format!("signature = {{ header = 'x-sig' }}\ntimestamp = {{ header = 'x-time' }}\ncontent = '{content}'")
    };
    for content in [
        "[id:{query:id};]{timestamp}",
        "[id:{query:id};]{body}{timestamp}",
        "{timestamp}[.{header:x};]",
        "[a{query:id};][a{header:x};]{timestamp}",
        "[a{query:id};][ab{header:x};]ts{timestamp}",
        "[ab{query:id};][c{header:x};]a{timestamp}",
        "{timestamp}.{body}.[a{query:id};]",
        "{timestamp}.{body}.[a{query:id};]x",
        "{timestamp}:{header:y}[a{query:id};]b",
    ] {
        let error = mistake(&scheme(content));
        let told = error.contains("has a bracket with {") && error.contains("nothing tells whether a request lacks it");
        assert!(told, "{error}");
    }
    assert!(mistake(&scheme("[{query:id}]{timestamp}")).contains("has brackets with something else than a text"));
    assert!(mistake(&scheme("[id:{query:id};]")).contains("has nothing but brackets"));
    for content in
        ["{timestamp}.[id:{query:id};].{body}", "{timestamp}.[a{query:id};][b{header:x};]", "[[{timestamp}]].{body}"]
    {
        assert_eq!(mistake(&scheme(content)), "", "{content}");
    }
    let error = mistake(
        "signature = { header = 'x-sig' }\ncontent = '[id:{header:x-id};]of:{method} {body}'\n\
                         id = { header = 'x-id', missing = 'refuse' }",
    );
    assert!(error.contains("id.missing: \"refuse\": has no effect: `identity`"), "{error}");
}

#[test]
fn several_contents_of_one_signature_are_tried_if_they_can_be_told_apart() {
    let scheme = own("signature = { header = 'x-sig' }\ntimestamp = { header = 'x-time' }\n\
                      content = ['a:{timestamp}.{body}', 'b:{header:x-id}:{timestamp}.{body}']");
    let told = |id: &str, content: &str| {
        let (mac, time) = (mac(content), NOW.to_string());
        let mut headers = vec![("x-sig", mac.as_str()), ("x-time", &time)];
        headers.extend((!id.is_empty()).then_some(("x-id", id)));
        outcome(&scheme, &headers, "hello")
    };
    let (first, second) = (format!("a:{NOW}.hello"), format!("b:7:{NOW}.hello"));
    assert_eq!([told("", &first), told("7", &first), told("7", &second)], ["proven"; 3]);
    assert_eq!([told("8", &second), told("", &second)], ["signature_mismatch"; 2]);
    for (lines, told) in [
        ("content = []", "scheme.content: must be one to 4 texts"),
        ("content = ['1{body}', '2{body}', '3{body}', '4{body}', '5{body}']", "scheme.content: must be one to 4 texts"),
        ("content = ['1{body}', '2{body}', '3{body}']", "has more than 2 contents with the body"),
        ("content = ['1{json:a}', '2{json:b}']", "{json:$.a} would be read from the body for each"),
        (
            "content = ['{header:a}.{header:b}', '{header:b}.{header:a}']",
            "scheme.content: numbers 0 and 1 can be the same text",
        ),
    ] {
        let error = mistake(&format!("signature = {{ header = 'x-sig' }}\n{lines}"));
        assert!(error.contains(told), "{lines}\n  told {error}\n  wanted {told}");
    }
}
