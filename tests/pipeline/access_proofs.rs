//! What proves a caller of `/api`: a whole token, or an identity of Cloudflare Access, and nothing else.

use super::access::{READER, WRITER, ask, audit, config_with, identity, person, told, unproven, with_token, worked};
use super::memory::Memory;
use super::{BODY, Post, TOKEN, configured_with, header, json_of, lookup, post, serve, serve_as};
use hookgate::config::{Bindings, CallerKind, Config};
use hookgate::operate::ROUTES;
use hookgate::pipeline::ports::{AccessIdentity, PortError};
use hookgate::serve::Outcome;
use serde_json::json;

#[test]
fn only_a_whole_token_in_one_bearer_header_is_a_proof() {
    let ports = Memory::default();
    let given = |headers: &[&str]| {
        let request = unproven("GET", "dead-letters");
        // The runtime joins headers of one name, as HTTP says.
        let joined = headers.join(", ");
        told(&ask(&request.with("authorization", &joined), &ports)).0
    };
    for good in ["Bearer ", "bearer ", "BEARER ", "Bearer   "] {
        assert_eq!(given(&[&format!("{good}{WRITER}")]), 200, "{good}");
    }
    let long = "x".repeat(100_000);
    let cases: [&[&str]; 14] = [
        &[""],
        &["Bearer"],
        &["Bearer "],
        &[WRITER],
        &[&format!("Basic {WRITER}")],
        &[&format!("Bearer\t{WRITER}")],
        &[&format!("Bearer {WRITER} ")],
        &[&format!("Bearer {WRITER}\u{a0}")],
        &[&format!("Bearer \"{WRITER}\"")],
        &[&format!("Bearer {WRITER}"), &format!("Bearer {READER}")],
        &[&format!("Bearer {READER}"), &format!("Bearer {READER}")],
        &[&format!("Bearer writer:write:{WRITER}")],
        &[&format!("Bearer {long}")],
        &[&long],
    ];
    for case in cases {
        assert_eq!(given(case), 401, "{:.60}", case.join(", "));
    }
    // A token anywhere else is none.
    for (name, value) in
        [("x-api-key", WRITER), ("cookie", WRITER), ("proxy-authorization", "Bearer a-token-that-writes-too")]
    {
        assert_eq!(told(&ask(&unproven("GET", "dead-letters").with(name, value), &ports)).0, 401, "{name}");
    }
    assert_eq!(told(&ask(&unproven("GET", &format!("dead-letters?access_token={WRITER}")), &ports)).0, 401);
}

#[test]
fn no_other_path_and_no_header_leads_to_a_route() {
    let ports = Memory::default();
    for path in [
        "/api//dead-letters", "/api/dead-letters/", "/api/./dead-letters", "/api/%2e/dead-letters",
        "/api/dead-letters%2f", "/api/DEAD-LETTERS", "/API/dead-letters", "/api/dead%2dletters", "/api/handshakes/",
        "/api/handshakes/a/b", "/api/dead-letters//redrive", "/api/dead-letters/a/b/redrive", "/api/keys/..",
        "/api/audit;x", "//api/audit", "/api",
    ] {
        for method in ["GET", "POST", "DELETE"] {
            let request = Post { path: path.to_owned(), method, ..with_token("GET", "", WRITER) };
            assert_eq!(told(&ask(&request, &ports)).0, 404, "{method} {path}");
        }
    }
    let (ports, request) = worked(ROUTES.iter().find(|route| route.path == "dead-letters").expect("a route"), READER);
    for name in ["x-http-method-override", "x-http-method", "x-method-override"] {
        let request = request.clone().with(name, "DELETE");
        assert_eq!(told(&ask(&request, &ports)), (200, None, Some("reader")), "{name}");
        let post = Post { method: "POST", path: "/api/dead-letters/redrive".to_owned(), ..request };
        assert_eq!(told(&ask(&post.with(name, "GET"), &ports)).0, 403, "{name}");
    }
    for method in ["HEAD", "OPTIONS"] {
        let outcome = ask(&with_token(method, "dead-letters", WRITER), &ports);
        assert_eq!(outcome.answer.status, 405, "{method}");
        assert_eq!(header(&outcome.answer, "allow"), Some("GET"));
        assert_eq!(header(&outcome.answer, "access-control-allow-origin"), None);
    }
    assert_eq!(ports.steps(), [""; 0]);
}

#[test]
fn a_wrong_path_without_a_proof_is_401_like_a_right_path() {
    let ports = Memory::default();
    for (method, path) in [("GET", "nothing"), ("PUT", "dead-letters"), ("GET", "audit")] {
        assert_eq!(told(&ask(&unproven(method, path), &ports)), (401, Some("unauthorized"), None));
    }
}

#[test]
fn cloudflare_access_opens_the_api_only_as_far_as_the_configuration_says() {
    let ports = Memory::default();
    let asked = |request: &Post, access| {
        let outcome = serve_as(request, &config_with(access), &ports);
        (outcome.answer.status, outcome.record.unwrap().by)
    };
    let (list, forget) = (person("GET", "dead-letters"), person("DELETE", "keys?source=queued&id=evt_1"));
    let ada = || Some("ada@example.com".to_owned());
    assert_eq!((asked(&list, None), asked(&forget, None)), ((401, None), (401, None)), "off by default");
    assert_eq!((asked(&list, Some("read")), asked(&forget, Some("read"))), ((200, ada()), (403, ada())));
    assert_eq!((asked(&list, Some("write")), asked(&forget, Some("write"))), ((200, ada()), (200, ada())));
    assert_eq!(asked(&list, Some("yes")), (401, None));
    assert_eq!(audit(&ports, "")["audit"][0]["caller"], "ada@example.com");
    // A token decides alone, whoever sends it.
    let both = list.clone().with("authorization", "Bearer a-wrong-token-of-some-length");
    assert_eq!(asked(&both, Some("write")), (401, None));
    let reader = forget.clone().with("authorization", &format!("Bearer {READER}"));
    assert_eq!(asked(&reader, Some("write")), (403, Some("reader".to_owned())));
}

#[test]
fn without_an_identity_of_the_runtime_nothing_opens_the_api() {
    let ports = Memory::default();
    let asked = |request: &Post| told_of(serve_as(request, &config_with(Some("write")), &ports));
    let forged = unproven("GET", "dead-letters")
        .with("cf-access-jwt-assertion", "eyJhbGciOiJub25lIn0.eyJlbWFpbCI6ImFkYUBleGFtcGxlLmNvbSJ9.")
        .with("cf-access-authenticated-user-email", "ada@example.com")
        .with("cf-access-client-id", "1234.access")
        .with("cookie", "CF_Authorization=eyJhbGciOiJub25lIn0.e30.");
    assert_eq!(asked(&forged), (401, Some("unauthorized"), None));
    assert_eq!(ports.refusals.borrow().len(), 1, "an unknown caller counts");
    let unknown = |email: Option<&str>, common_name: Option<&str>| {
        let identity = AccessIdentity { email: email.map(str::to_owned), common_name: common_name.map(str::to_owned) };
        asked(&Post { access: Ok(Some(identity)), ..unproven("GET", "dead-letters") })
    };
    let long = format!("{}@example.com", "x".repeat(300));
    for email in [None, Some(""), Some("admin"), Some("a b@example.com"), Some("a\n@example.com"), Some(long.as_str())]
    {
        assert_eq!(unknown(email, None).0, 401, "{email:?}");
    }
    assert_eq!(unknown(None, Some("1234.access")), (200, None, Some("service:1234.access".to_owned())));
    assert_eq!(unknown(Some(""), Some("ada@example.com")), (200, None, Some("service:ada@example.com".to_owned())));
    assert_eq!(unknown(Some("ada@example.com"), Some("x")), (200, None, Some("ada@example.com".to_owned())));
    assert_eq!(unknown(None, Some("a\u{7}")).0, 401);
    let broken = Post { access: Err(PortError("no answer".to_owned())), ..unproven("GET", "dead-letters") };
    assert_eq!(asked(&broken), (503, Some("access_failed"), None));
}

fn told_of(outcome: Outcome) -> (u16, Option<&'static str>, Option<String>) {
    let record = outcome.record.expect("a line");
    (outcome.answer.status, record.reason, record.by)
}

#[test]
fn a_page_of_another_site_changes_nothing_with_the_session_of_cloudflare_access() {
    let ports = Memory::default();
    let asked = |name: &str, value: &str| {
        let request = person("DELETE", "keys?source=queued&id=evt_1").with(name, value);
        told_of(serve_as(&request, &config_with(Some("write")), &ports)).0
    };
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", ""),
        ("origin", "https://hooks.example.com.evil.example"),
        ("origin", "https://evil.example/hooks.example.com"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-site", "none"),
    ] {
        assert_eq!(asked(name, value), 403, "{name}: {value}");
    }
    assert_eq!(ports.steps(), [""; 0]);
    for (name, value) in [
        ("origin", "https://hooks.example.com"),
        ("origin", "https://hooks.example.com:8443"),
        ("sec-fetch-site", "same-origin"),
        ("user-agent", "curl/8"),
    ] {
        assert_eq!(asked(name, value), 200, "{name}: {value}");
    }
}

#[test]
fn a_page_of_another_site_reads_nothing_with_the_session_of_cloudflare_access() {
    const PLACES: [(&str, &str); 3] =
        [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "https://evil.example")];
    for route in ROUTES.iter().filter(|route| route.method == "GET") {
        let (ports, request) = worked(route, WRITER);
        let asked = |headers: &[(&'static str, &'static str)]| {
            let plain = Post { access: identity("ada@example.com"), headers: Vec::new(), ..request.clone() };
            let request = headers.iter().fold(plain, |request, (name, value)| request.with(name, value));
            told_of(serve_as(&request, &config_with(Some("write")), &ports)).0
        };
        // A picture, a script, a frame, and `fetch` without CORS.
        for place in PLACES {
            for [mode, dest] in
                [["no-cors", "image"], ["no-cors", "empty"], ["navigate", "iframe"], ["cors", "document"]]
            {
                let headers = [place, ("sec-fetch-mode", mode), ("sec-fetch-dest", dest)];
                assert_eq!(asked(&headers), 403, "{route:?}: {headers:?}");
            }
            assert_eq!(asked(&[place]), 403, "{route:?}: {place:?}");
        }
        assert_eq!(ports.steps(), [""; 0], "{route:?}");
        // A person opens a window with a list. A secret is for the dashboard alone: its reading is in the audit.
        let opened = |site: &'static str| {
            asked(&[("sec-fetch-site", site), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")])
        };
        let expected = if route.needs == CallerKind::Read { 200 } else { 403 };
        assert_eq!([opened("none"), opened("cross-site")], [expected; 2], "{route:?}");
        assert_eq!([asked(&[("sec-fetch-site", "same-origin")]), asked(&[])], [200; 2], "{route:?}");
    }
}

#[test]
fn access_alone_opens_the_api_and_nothing_else_does() {
    let access = |name: &str| match name {
        "ACCESS" => Some("read".to_owned()),
        "ADMIN_TOKEN" => None,
        name => lookup(name),
    };
    let config = Config::parse(&json!({}), Bindings::ALL, &access);
    let ports = Memory::default();
    let asked = |request: &Post| serve_as(request, &config, &ports).answer.status;
    assert_eq!(asked(&person("GET", "dead-letters")), 200);
    assert_eq!(asked(&unproven("GET", "dead-letters")), 401);
    assert_eq!(asked(&with_token("GET", "dead-letters", TOKEN)), 401);
    // The health check shows the sources to tokens alone, and asks for no identity.
    let health = Post { path: "/healthz".to_owned(), ..person("GET", "") };
    assert!(json_of(&serve_as(&health, &config, &ports).answer).get("sources").is_none());
    let nothing = configured_with(json!({}), "ADMIN_TOKEN", None);
    assert_eq!(serve_as(&person("GET", "dead-letters"), &nothing, &ports).answer.status, 404);
}

#[test]
fn a_webhook_never_asks_for_an_identity() {
    let ports = Memory::default();
    // `Post` fails the test if it is asked.
    let event = Post { access: Err(PortError("asked".to_owned())), ..post("queued", BODY) };
    assert_eq!(serve(&event, &ports).answer.status, 200);
    assert_eq!(serve(&event.forged(), &ports).answer.status, 401);
}
