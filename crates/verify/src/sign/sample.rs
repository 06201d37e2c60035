//! Makes a whole request of a provider: the smallest body that the provider's scheme can read, and its signature.

use super::{CONTENT_TYPE, SharedSigner, SignError, SignInput};
use crate::{
    Crypto, IdLocation, IdentityRule, JsonPath, Location, Part, Scheme, Step, TimeUnit, TimestampLocation,
    TypeLocation, UnixTime, Variant, Verifier,
};
use form_urlencoded::Serializer;
use serde_json::{Map, Value};

/// The name of the member that each sample body has. Its value is the event's id, so no two events have the same body.
const MARK: &str = "hookgate_test";

/// The event of a sample request.
#[derive(Debug, Clone, Copy)]
pub struct SampleEvent<'d> {
    /// The event's id: ASCII letters, digits and `-`. Each event needs another id.
    pub id: &'d str,
    /// The event's type. It is left out if the scheme has no type.
    pub event_type: &'d str,
    /// The time of the signature.
    pub signed_at: UnixTime,
}

/// A signed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleRequest {
    /// Every header: name (lower case) and value.
    pub headers: Vec<(String, String)>,
    /// The query, without the `?`. Most schemes need no query: then the text is empty.
    pub query: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Makes the request of `event` that the provider of `verifier` would send, in the first variant of its scheme.
///
/// # Errors
/// [`SignError`]. A scheme of the user may need two values at one location of the body: then the error is
/// [`SignError::NoPlace`].
pub fn sample(
    verifier: &Verifier,
    signer: SharedSigner<'_, impl Crypto>,
    event: SampleEvent<'_>,
) -> Result<SampleRequest, SignError> {
    let scheme = &verifier.preset().scheme;
    let variant = scheme.variants.first().ok_or(SignError::NoSuchVariant)?;
    let mut draft = if is_form(scheme, variant) {
        SampleBody::Form(form_pairs(variant, event.id))
    } else {
        SampleBody::Json(json_body(verifier, variant, event))
    };
    let body = draft.to_bytes();
    let (url, account) = (verifier.url(), verifier.account());
    let input = SignInput { variant: 0, id: event.id, now: event.signed_at, url, account, body: &body };
    let signed = signer.sign(verifier.preset(), input)?;
    let body = match (&signed.location, &mut draft) {
        (Location::Json(path), SampleBody::Json(value)) => {
            *place_of(value, path).ok_or(SignError::NoPlace)? = signed.signature.clone().into();
            draft.to_bytes()
        }
        (Location::Form(name), SampleBody::Form(pairs)) => {
            pairs.push((name.clone(), signed.signature.clone()));
            draft.to_bytes()
        }
        (Location::Json(_) | Location::Form(_), _) => return Err(SignError::NoPlace),
        (Location::Header(_) | Location::Query(_), _) => body,
    };
    let query = signed.query.clone();
    let mut headers = signed.into_headers();
    add_unsigned_headers(scheme, event, draft.media_type(), &mut headers);
    Ok(SampleRequest { headers, query, body })
}

enum SampleBody {
    Json(Value),
    Form(Vec<(String, String)>),
}

impl SampleBody {
    fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Json(value) => value.to_string().into_bytes(),
            Self::Form(pairs) => Serializer::new(String::new()).extend_pairs(pairs).finish().into_bytes(),
        }
    }

    fn media_type(&self) -> &'static str {
        match self {
            Self::Json(_) => "application/json",
            Self::Form(_) => "application/x-www-form-urlencoded",
        }
    }
}

fn is_form(scheme: &Scheme, variant: &Variant) -> bool {
    scheme.locations.iter().any(|location| matches!(location, Location::Form(_)))
        || variant.content.iter().any(|part| matches!(part, Part::SortedForm | Part::Form(_)))
}

fn form_pairs(variant: &Variant, id: &str) -> Vec<(String, String)> {
    let signed = variant.content.iter().filter_map(|part| match part {
        // Without the newline, the value could be the challenge of a handshake, and such a signed value proves nothing.
        Part::Form(name) => Some((name.clone(), format!("{id}\n"))),
        _ => None,
    });
    signed.chain([(MARK.to_owned(), id.to_owned())]).collect()
}

/// A body with every value that the scheme reads.
fn json_body(verifier: &Verifier, variant: &Variant, event: SampleEvent<'_>) -> Value {
    let scheme = &verifier.preset().scheme;
    let id = || Value::from(event.id);
    let mut body = Value::Null;
    let mut add = |path: &JsonPath, value: Value| {
        if let Some(place) = place_of(&mut body, path).filter(|place| place.is_null()) {
            *place = value;
        }
    };
    if let IdLocation::Json { path, .. } = &scheme.id {
        add(path, id());
    }
    if let Some(timestamp) = &variant.timestamp
        && let TimestampLocation::Json(path) = &timestamp.at
    {
        add(path, written(event.signed_at, timestamp.unit));
    }
    if let Some(path) = &scheme.account {
        add(path, verifier.account().into());
    }
    if let Some(TypeLocation::Json(path)) = scheme.event_type.first() {
        add(path, event.event_type.into());
    }
    for part in &variant.content {
        match part {
            Part::Json(path) => add(path, id()),
            Part::JsonLines(keys) => keys.iter().for_each(|key| add(&JsonPath::of_key(key), id())),
            _ => {}
        }
    }
    // The values without which an event has no identity.
    if let IdLocation::Json { when: Some(path), .. } = &scheme.id {
        add(path, id());
    }
    if let IdentityRule::Digest { when, .. } = &scheme.identity
        && let Some(path) = when.first()
    {
        add(path, id());
    }
    mark(&mut body, event.id);
    body
}

/// Adds the mark to the root, or to the event in a batch.
fn mark(body: &mut Value, id: &str) {
    let event = if let Value::Array(events) = body { events.first_mut() } else { Some(body) };
    let Some(event) = event else { return };
    if event.is_null() {
        *event = Value::Object(Map::new());
    }
    if let Value::Object(members) = event {
        members.insert(MARK.to_owned(), id.into());
    }
}

/// The value at `path`. A missing value is null, and so are the missing values on the way. `None` if another value is on the
/// way.
fn place_of<'v>(root: &'v mut Value, path: &JsonPath) -> Option<&'v mut Value> {
    path.steps().iter().try_fold(root, |value, step| match step {
        Step::Key(key) => {
            if value.is_null() {
                *value = Value::Object(Map::new());
            }
            Some(value.as_object_mut()?.entry(key.as_str()).or_insert(Value::Null))
        }
        Step::Each => {
            if value.is_null() {
                *value = Value::Array(vec![Value::Null]);
            }
            value.as_array_mut()?.first_mut()
        }
    })
}

/// The time as a provider writes it into JSON.
fn written(time: UnixTime, unit: TimeUnit) -> Value {
    let text = time.write(unit);
    match unit {
        TimeUnit::Seconds | TimeUnit::Milliseconds | TimeUnit::Unix => {
            text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from)
        }
        TimeUnit::Rfc3339 | TimeUnit::Rfc3339Utc | TimeUnit::HttpDate => text.into(),
    }
}

/// Adds the headers that the scheme does not sign: the media type, the event's type, and the value that tells two equal
/// bodies apart.
fn add_unsigned_headers(
    scheme: &Scheme,
    event: SampleEvent<'_>,
    media_type: &str,
    headers: &mut Vec<(String, String)>,
) {
    let mut add = |name: &str, value: &str| {
        if !headers.iter().any(|(known, _)| known == name) {
            headers.push((name.to_owned(), value.to_owned()));
        }
    };
    add(CONTENT_TYPE, media_type);
    if let Some(TypeLocation::UnsignedHeader(name)) = scheme.event_type.first() {
        add(name, event.event_type);
    }
    if let IdentityRule::Digest { split: Some(name), .. } = &scheme.identity {
        add(name, event.id);
    }
}
