//! Handshakes, installed secrets and published keys, through the whole pipeline.

use super::memory::Memory;
use super::{NOW, Post, SECRET, TOKEN, configured, header, json_of, request};
use hookgate::answer::Answer;
use hookgate::pipeline::ports::BodyError;
use hookgate::record::Verdict;
use hookgate::serve::Outcome;
use hookgate_verify::UnixTime;
use pollster::block_on;
use serde_json::{Value, json};

pub const TOPIC: &str = "arn:aws:sns:eu-central-1:123456789012:orders";
pub const CERTIFICATE_URL: &str =
    "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem";

pub fn serve_at(request: &Post, ports: &Memory, now: UnixTime) -> Outcome {
    let secrets = json!(["GENERIC_SECRET"]);
    let sources = json!({
        "asana": { "provider": "asana", "handshake": "armed", "deliver": "origin", "dedup": "none" },
        "unarmed": { "provider": "asana", "secrets": secrets, "deliver": "origin", "dedup": "none" },
        "meta": { "provider": "meta", "secrets": secrets, "handshake_secret": "ADMIN_TOKEN" },
        "x": { "provider": "x_twitter", "secrets": secrets },
        "okta": { "provider": "okta", "secrets": secrets },
        "slack": { "provider": "slack", "secrets": secrets },
        "notion": { "provider": "notion", "handshake": "armed", "deliver": "origin", "dedup": "none" },
        "fal": { "provider": "fal", "dedup": "none" },
        "sns": { "provider": "aws_sns", "account": TOPIC },
        "gitlab": { "provider": "gitlab_token", "secrets": secrets },
        "grid": { "secrets": secrets, "dedup": "none", "scheme": grid() },
        "events": { "secrets": secrets, "dedup": "none", "scheme": events() },
    });
    block_on(hookgate::serve::serve(request, &configured(sources), ports, now))
}

pub fn serve(request: &Post, ports: &Memory) -> Answer {
    serve_at(request, ports, NOW).answer
}

pub fn vector(file: &str, id: &str) -> Value {
    let text = std::fs::read_to_string(format!("crates/verify/tests/vectors/{file}.json")).unwrap();
    let vectors: Vec<Value> = serde_json::from_str(&text).unwrap();
    vectors.into_iter().find(|vector| vector["id"] == id).expect(id)
}

#[test]
fn a_handshake_is_answered_and_is_no_event() {
    let ports = Memory::default();
    let query = format!("hub.mode=subscribe&hub.verify_token={TOKEN}&hub.challenge=1158201444");
    let outcome = serve_at(&request("GET", "meta", &query, &[], ""), &ports, NOW);
    assert_eq!((outcome.answer.status, outcome.answer.body.as_str()), (200, "1158201444"));
    assert_eq!(header(&outcome.answer, "x-content-type-options"), Some("nosniff"));
    assert_eq!(outcome.record.unwrap().verdict, Verdict::Handshake);
    assert_eq!(ports.steps(), [""; 0], "no storage is touched");
    let guess = serve(&request("GET", "meta", &query.replace(TOKEN, "a-guess"), &[], ""), &ports);
    assert_eq!(guess.status, 405);
}

#[test]
fn a_signed_handshake_is_verified_before_it_is_answered() {
    let vector = vector("slack", "url-verification");
    let headers = vector["headers"].as_object().unwrap();
    let headers: Vec<(&str, &str)> =
        headers.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
    // This request is signed with another secret than the source's.
    let now = UnixTime::from_seconds(vector["now"].as_i64().unwrap());
    let post = request("POST", "slack", "", &headers, vector["body"].as_str().unwrap());
    assert_eq!(serve_at(&post, &Memory::default(), now).answer.status, 401);
    let ask = |token| {
        let headers = [("authorization", token), ("x-okta-verification-challenge", "v3r1fy")];
        serve(&request("GET", "okta", "", &headers, ""), &Memory::default())
    };
    assert_eq!(json_of(&ask(SECRET)), json!({ "verification": "v3r1fy" }));
    assert_eq!(ask("a-guess").status, 401);
}

/// A sender of CloudEvents that asks for permission first (CloudEvents, HTTP 1.1 Web Hooks, section 4). Its token is in the
/// query.
fn grid() -> Value {
    let asked = |more: Value, headers: Value| {
        let mut test = json!({
            "method": "OPTIONS",
            "when": ["header:webhook-request-origin"],
            "proof": "signature",
            "challenge": "header:webhook-request-origin",
            "alphabet": "base64",
            "headers": { "webhook-allowed-origin": "{challenge}" },
        });
        test["when"].as_array_mut().unwrap().extend(more.as_array().unwrap().clone());
        test["headers"].as_object_mut().unwrap().extend(headers.as_object().unwrap().clone());
        test
    };
    json!({
        "algorithm": "token",
        "signature": { "query": "code" },
        "identity": "none",
        "type": { "json": "[].type" },
        "handshakes": [
            asked(json!(["header:webhook-request-rate"]), json!({ "webhook-allowed-rate": "120" })),
            asked(json!([]), json!({})),
        ],
    })
}

/// A sender with two handshakes: a signed challenge in a header, and a ping, which has a type and no token.
fn events() -> Value {
    json!({
        "signature": { "header": "x-signature" },
        "identity": "none",
        "handshakes": [
            {
                "when": ["header:x-challenge"],
                "proof": "signature",
                "challenge": "header:x-challenge",
                "json": { "challenge": "{challenge}" },
            },
            { "when": ["json:type=0", "!json:token", "!header:x-event"], "proof": "signature", "status": 204 },
        ],
    })
}

#[test]
fn permission_to_send_needs_the_token() {
    let ports = Memory::default();
    let ask =
        |method, query: &str, headers: &[(&str, &str)]| serve(&request(method, "grid", query, headers, ""), &ports);
    let code = format!("code={}", SECRET);
    let origin = ("webhook-request-origin", "eventgrid.azure.net");
    let answer = ask("OPTIONS", &code, &[origin, ("webhook-request-callback", "https://a.example/?id=1")]);
    assert_eq!((answer.status, header(&answer, "webhook-allowed-origin")), (200, Some("eventgrid.azure.net")));
    assert_eq!((header(&answer, "webhook-allowed-rate"), answer.body.as_str()), (None, ""));
    let answer = ask("OPTIONS", &code, &[origin, ("webhook-request-rate", "300")]);
    assert_eq!(header(&answer, "webhook-allowed-origin"), Some("eventgrid.azure.net"));
    assert_eq!(header(&answer, "webhook-allowed-rate"), Some("120"));
    for (query, headers, status) in [
        ("code=a-guess-0123", vec![origin], 401),
        ("", vec![origin], 401),
        (code.as_str(), vec![], 405),
        (code.as_str(), vec![("webhook-request-origin", "a\r\nset-cookie: b")], 405),
        (code.as_str(), vec![("webhook-request-origin", "<script>")], 405),
    ] {
        let answer = ask("OPTIONS", query, &headers);
        assert_eq!((answer.status, header(&answer, "webhook-allowed-origin")), (status, None), "{query} {headers:?}");
        assert!(status != 405 || header(&answer, "allow") == Some("POST"));
    }
    assert_eq!(ask("GET", &code, &[origin]).status, 405);
    assert_eq!(
        serve(&request("OPTIONS", "gitlab", "", &[origin], ""), &ports).status,
        405,
        "a source without handshakes"
    );
    assert_eq!(ports.steps(), [""; 0], "no storage is touched");
}

#[test]
fn a_member_that_only_events_have_tells_a_handshake_from_an_event() {
    let sign = |body: &str| {
        let key = hookgate_verify::VerificationKey::new(hookgate_verify::Algorithm::default(), SECRET.as_bytes());
        hex::encode(key.mac(&[body.as_bytes()], &hookgate_verify::native::Native))
    };
    let send = |body: &str, more: &[(&str, &str)]| {
        let mac = sign(body);
        let mut headers = vec![("x-signature", mac.as_str())];
        headers.extend(more);
        serve_at(&request("POST", "events", "", &headers, body), &Memory::default(), NOW)
    };
    let verdict = |outcome: &Outcome| outcome.record.as_ref().unwrap().verdict;
    let challenge = send("{}", &[("x-challenge", "abc-123")]);
    assert_eq!(
        (verdict(&challenge), json_of(&challenge.answer)),
        (Verdict::Handshake, json!({ "challenge": "abc-123" }))
    );
    let unsigned = [("x-signature", "00"), ("x-challenge", "abc-123")];
    assert_eq!(serve(&request("POST", "events", "", &unsigned, "{}"), &Memory::default()).status, 401);
    assert_eq!(send(r#"{"type":0}"#, &[]).answer.status, 204);
    // If the member exists, the request is an event, even if the member is empty.
    for body in [
        r#"{"type":0,"token":"t"}"#, r#"{"type":0,"token":""}"#, r#"{"type":0,"token":null}"#,
        r#"{"type":0,"token":{}}"#, r#"{"type":0,"token":[1]}"#, r#"{"type":0,"token":"a","token":"b"}"#,
        r#"{"type":1}"#, r#"{"type":0"#, "type=0",
    ] {
        let outcome = send(body, &[]);
        assert_eq!((outcome.answer.status, verdict(&outcome)), (200, Verdict::Accepted), "{body}");
    }
    assert_eq!(verdict(&send(r#"{"type":0}"#, &[("x-event", "")])), Verdict::Accepted);
}

#[test]
fn a_secret_is_installed_only_while_armed_and_never_replaced() {
    let ports = Memory::default();
    let send =
        |source: &str, secret: &str| serve(&request("POST", source, "", &[("x-hook-secret", secret)], "{}"), &ports);
    assert_eq!(send("unarmed", "attacker").status, 401);
    assert!(ports.claims.borrow().secrets.is_empty());
    ports.steps();
    let answer = send("asana", "from-asana");
    assert_eq!(ports.steps(), ["install"], "one atomic step, without a read before it");
    assert_eq!((answer.status, header(&answer, "x-hook-secret")), (200, Some("from-asana")));
    assert_eq!(send("asana", "from-asana").status, 200, "the same secret again");
    assert_eq!(send("asana", "attacker").status, 503);
    assert_eq!(
        ports.claims.borrow().secrets.get("asana").map(|waiting| waiting.secret.clone()).as_deref(),
        Some("from-asana")
    );
    let bearer = format!("Bearer {TOKEN}");
    let mut ask = request("GET", "", "", &[("authorization", bearer.as_str())], "");
    ask.path = "/api/handshakes/asana".to_owned();
    assert_eq!(json_of(&serve(&ask, &ports)), json!({ "source": "asana", "secret": "from-asana" }));
    ask.headers[0].1 = "Bearer somebody-else-s-token".to_owned();
    assert_eq!(serve(&ask, &ports).status, 401);
    let failing = Memory::failing("install");
    failing.fail_after.set(true);
    let lost = || serve(&request("POST", "asana", "", &[("x-hook-secret", "from-asana")], "{}"), &failing);
    assert_eq!(lost().status, 503, "the answer of the store is lost");
    failing.fail.set(None);
    assert_eq!(lost().status, 200, "the provider tries again");
}

/// Anybody can offer a secret while a source is armed.
#[test]
fn secrets_offered_by_strangers_are_counted_and_limited() {
    let ports = Memory::default();
    ports.limit.set(Some(1));
    let offer = |secret: &str| {
        let headers = [("x-hook-secret", secret), ("cf-connecting-ip", "203.0.113.7")];
        let outcome = serve_at(&request("POST", "asana", "", &headers, "{}"), &ports, NOW);
        (outcome.answer.status, outcome.record.and_then(|record| record.reason))
    };
    assert_eq!(offer("from-asana").0, 200);
    for _ in 0..2 {
        assert_eq!(offer("attacker"), (503, Some("secret_waits")));
    }
    ports.steps();
    assert_eq!(offer("attacker"), (429, Some("too_many_refusals")));
    assert_eq!(ports.steps(), [""; 0], "the store is not asked");
    // If the secret is in the body, the body is not even read.
    let offer = |body| {
        let request = request("POST", "notion", "", &[("cf-connecting-ip", "203.0.113.7")], "");
        serve(&Post { body, ..request }, &ports).status
    };
    for _ in 0..2 {
        assert_eq!(offer(Ok(b"{}".to_vec())), 401);
    }
    let unread = || Err(BodyError::Broken("it was read".to_owned()));
    assert_eq!(offer(unread()), 429);
    ports.wait(60);
    assert_eq!(serve_at(&request("POST", "notion", "", &[], "{}"), &ports, ports.now()).answer.status, 401);
}

#[test]
fn the_answer_to_a_challenge_is_not_accepted_as_a_signature() {
    let ports = Memory::default();
    let answer = serve(&request("GET", "x", "crc_token=a_harmless_text", &[], ""), &ports);
    let mac = json_of(&answer)["response_token"].as_str().unwrap().to_owned();
    let forged = request("POST", "x", "", &[("x-twitter-webhooks-signature", &mac)], "a_harmless_text");
    let outcome = serve_at(&forged, &ports, NOW);
    assert_eq!((outcome.answer.status, outcome.record.unwrap().reason), (401, Some("challenge_replayed")));
}

#[test]
fn the_log_marks_a_weak_source() {
    let ports = Memory::default();
    let outcome = serve_at(&request("POST", "gitlab", "", &[("x-gitlab-token", SECRET)], "{}"), &ports, NOW);
    let record = outcome.record.unwrap();
    assert_eq!((outcome.answer.status, record.strength), (200, Some("weak")));
    assert!(record.line().contains(r#""strength":"weak""#), "{}", record.line());
}

#[test]
fn a_subscription_is_confirmed_before_it_is_answered() {
    let vector = vector("aws_sns", "subscription");
    let body = vector["body"].as_str().unwrap();
    let subscribe: Value = serde_json::from_str(body).unwrap();
    let ports = Memory::default();
    ports.published.borrow_mut().insert(CERTIFICATE_URL.to_owned(), vector["secrets"][0].as_str().unwrap().into());
    let post = request("POST", "sns", "", &[], body);
    assert_eq!(serve(&post, &ports).status, 503, "the confirmation fails");
    ports.published.borrow_mut().insert(subscribe["SubscribeURL"].as_str().unwrap().to_owned(), b"ok".to_vec());
    let outcome = serve_at(&post, &ports, NOW);
    assert_eq!((outcome.answer.status, outcome.record.unwrap().verdict), (200, Verdict::Handshake));
    assert!(ports.queue.borrow().is_empty(), "a subscription is no event");
}
