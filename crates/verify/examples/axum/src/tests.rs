use super::*;
use hookgate_verify::{SignInput, sign};
use tower::ServiceExt as _;

const SECRET: &str = "It's a Secret to Everybody";
const BODY: &[u8] = br#"{"zen":"Keep it logically awesome."}"#;

/// A request as the provider would sign [`BODY`], with `body` in its place.
fn request(provider: &str, body: &[u8]) -> Request {
    let preset = presets::find("github").expect("a preset");
    let secret = Secret::new(SECRET).expect("a secret");
    let key = secret.key(preset.scheme.algorithm, &preset.scheme.secret).expect("a key");
    let now = UnixTime::from_seconds(1_768_478_400);
    let delivery = SignInput { variant: 0, id: "", now, url: "", account: "", body: BODY };
    let signed = sign(&preset, &key, SECRET, delivery).expect("a signature");
    let mut request = Request::post(format!("/webhooks/{provider}"));
    for (name, value) in signed.into_headers() {
        request = request.header(name, value);
    }
    request.body(Body::from(body.to_vec())).expect("a request")
}

async fn answer(request: Request) -> (StatusCode, Vec<u8>) {
    let secrets: Secrets = Arc::new(|provider| (provider == "github").then(|| SECRET.to_owned()));
    let response = app(secrets).oneshot(request).await.expect("the router never fails");
    let status = response.status();
    (status, to_bytes(response.into_body(), 1024).await.expect("a short body").to_vec())
}

#[tokio::test]
async fn a_signed_request_passes() {
    assert_eq!(answer(request("github", BODY)).await, (StatusCode::OK, b"received\n".to_vec()));
}

#[tokio::test]
async fn every_failure_has_the_same_answer() {
    let refused = (REFUSED.0, REFUSED.1.as_bytes().to_vec());
    let mut changed = BODY.to_vec();
    changed[9] ^= 1;
    assert_eq!(answer(request("github", &changed)).await, refused, "a changed byte");
    assert_eq!(answer(request("stripe", BODY)).await, refused, "no secret");
    assert_eq!(answer(request("nobody", BODY)).await, refused, "no such provider");
    let mut unsigned = request("github", BODY);
    unsigned.headers_mut().clear();
    assert_eq!(answer(unsigned).await, refused, "no signature");
    assert_eq!(answer(request("github", &vec![b'a'; LONGEST_BODY + 1])).await, refused, "too long");
}
