//! Takes webhooks at `/webhooks/{provider}`, and hands on those that their provider signed:
//! `GITHUB_SECRET=… cargo run -p hookgate-verify-axum`.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::routing::post;
use hookgate_verify::native::{Native, RequestHead};
use hookgate_verify::{Secret, UnixTime, Verified, Verifier, presets};
use std::env;
use std::error::Error;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The longest body that is read. Nothing of a request is proven before its body is read.
const LONGEST_BODY: usize = 1024 * 1024;

/// The same bytes for every failure: a sender who forges learns nothing by it.
const REFUSED: (StatusCode, &str) = (StatusCode::UNAUTHORIZED, "unauthorized\n");

/// The secret of a provider by its name, where there is one.
type Secrets = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

fn app(secrets: Secrets) -> Router {
    Router::new().route("/webhooks/{provider}", post(receive)).with_state(secrets)
}

async fn receive(
    State(secrets): State<Secrets>,
    Path(provider): Path<String>,
    request: Request,
) -> (StatusCode, &'static str) {
    match prove(&secrets, &provider, request).await {
        Ok(()) => (StatusCode::OK, "received\n"),
        Err(error) => {
            eprintln!("{provider}: {error}");
            REFUSED
        }
    }
}

async fn prove(secrets: &Secrets, provider: &str, request: Request<Body>) -> Result<(), Box<dyn Error + Send + Sync>> {
    let preset = presets::find(provider).ok_or_else(|| presets::unknown(provider))?;
    let secret = Secret::new(secrets(provider).ok_or("no secret for this provider")?)?;
    let key = secret.key(preset.scheme.algorithm, &preset.scheme.secret)?;
    let verifier = Verifier::new(preset, vec![key], None)?;
    let (parts, body) = request.into_parts();
    // A name or value that is not UTF-8 shows the replacement character, which the crate refuses where it matters.
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect();
    let query = parts.uri.query().unwrap_or("").to_owned();
    let head = RequestHead { method: parts.method.to_string(), query, headers };
    // What the head lacks is refused before the body is read.
    let received = verifier.receive(&head)?;
    let body = to_bytes(body, LONGEST_BODY).await?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs().try_into()?;
    hand_on(&received.verify(&body, UnixTime::from_seconds(now), &Native)?);
    Ok(())
}

/// Here the application begins. Only a proof comes this far.
fn hand_on(event: &Verified<'_>) {
    let types = event.event_types().shown().unwrap_or_else(|| "no type".to_owned());
    println!("{} bytes, {types}, known by {}", event.body().len(), event.identity().provenance());
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let secrets: Secrets = Arc::new(|provider| env::var(format!("{}_SECRET", provider.to_uppercase())).ok());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, app(secrets)).await?)
}

#[cfg(test)]
mod tests;
