//! The facts of a proven request: the identity of its event, the event's type and the event's time.

use super::{ContentCandidate, Received};
use crate::identity::SHOWN;
use crate::json::{self, ExtractError, Names, Scalar};
use crate::secret::sha256;
use crate::{
    Crypto, DigestOf, EventId, EventTypes, Head, IdLocation, Identity, IdentityRule, JsonPath, Part, Scheme, Step,
    TimeUnit, TimestampLocation, TypeLocation, TypesFound, UnixTime, Variant, VerifyError, WithoutId, members,
};
use std::borrow::Cow;

/// The unsigned headers that are read.
#[derive(Debug, Default)]
pub(super) struct UnsignedHeaders {
    /// The first header for the event's type that the request has, and its text. No text if the header is not UTF-8.
    event_type: Option<(String, Option<String>)>,
    /// The event's id, in a scheme that proves only the sender.
    id: Option<String>,
    /// The value that tells events with the same bytes apart.
    split: Option<String>,
}

impl UnsignedHeaders {
    pub(super) fn of(scheme: &Scheme, head: &(impl Head + ?Sized)) -> Self {
        // The runtime alters a header that is not UTF-8, so two values could become one value.
        let whole = |name: &str| head.header(name).filter(|text| !text.contains(char::REPLACEMENT_CHARACTER));
        let event_type = scheme.event_type.iter().find_map(|location| match location {
            TypeLocation::UnsignedHeader(name) => head.header(name).map(|_| (name.clone(), whole(name))),
            TypeLocation::Json(_) => None,
        });
        let id = match &scheme.id {
            IdLocation::UnsignedHeader(name, _) => whole(name),
            IdLocation::SignedHeader(_) | IdLocation::Json { .. } | IdLocation::Nowhere => None,
        };
        let split = match &scheme.identity {
            IdentityRule::Digest { split: Some(name), .. } => whole(name),
            IdentityRule::Digest { split: None, .. }
            | IdentityRule::Content { .. }
            | IdentityRule::None { .. }
            | IdentityRule::Unstated => None,
        };
        Self { event_type, id, split }
    }
}

impl Received<'_> {
    /// Reads the scheme's values from the proven body, in one pass. If the scheme has no value in the body, the body is not
    /// read.
    pub(super) fn read_facts(&self, variant: &Variant, body: &[u8]) -> Result<Facts, VerifyError> {
        let scheme = &self.verifier.preset.scheme;
        let (id, beside_id, missing) = match &scheme.id {
            IdLocation::Json { path, when, missing } => (Some(path), when.as_ref(), Some(*missing)),
            IdLocation::SignedHeader(_) | IdLocation::UnsignedHeader(..) | IdLocation::Nowhere => (None, None, None),
        };
        let differs: &[JsonPath] = match &scheme.identity {
            IdentityRule::Digest { when, .. } => when,
            IdentityRule::Content { .. } | IdentityRule::None { .. } | IdentityRule::Unstated => &[],
        };
        let timestamp = match variant.timestamp.as_ref().map(|timestamp| &timestamp.at) {
            Some(TimestampLocation::Json(path)) => Some(path),
            Some(TimestampLocation::Field | TimestampLocation::Header(_) | TimestampLocation::Claim(_)) | None => None,
        };
        let ones: Vec<&JsonPath> = id.into_iter().chain(timestamp).collect();
        let types = json_types(scheme).count();
        let alls: Vec<&JsonPath> = json_types(scheme).chain(beside_id).chain(differs).collect();
        if ones.is_empty() && alls.is_empty() {
            return Ok(Facts { names_an_event: true, differs: true, ..Facts::default() });
        }
        // If neither the id nor the time needs the body, the body may be something else than JSON, such as a Slack command.
        let needs_json = timestamp.is_some() || missing == Some(WithoutId::Refuse);
        let (found, mut names) = match json::read(body, &ones, &alls, !needs_json) {
            Ok(read) => read,
            Err(ExtractError::NotJson(_)) if !needs_json => {
                let unreadable = Names { problem: Some("the body is not JSON"), ..Names::default() };
                return Ok(Facts { names: vec![unreadable; types], differs: differs.is_empty(), ..Facts::default() });
            }
            Err(ExtractError::NotJson(problem)) => return Err(VerifyError::NotJson { problem }),
            Err(ExtractError::Ambiguous(key)) => return Err(VerifyError::AmbiguousJson { key }),
        };
        let mut found = found.into_iter();
        let id = id.and_then(|_| found.next().flatten());
        let timestamp = timestamp.and_then(|_| found.next().flatten());
        let mut conditions = names.split_off(types).into_iter().map(|names| names.present);
        let names_an_event = beside_id.is_none_or(|_| conditions.next().is_some_and(|is_there| is_there));
        let differs = differs.is_empty() || conditions.any(|is_there| is_there);
        Ok(Facts { id, names_an_event, differs, timestamp, names })
    }

    /// The types of the events, from the `names` in the body or from the unsigned header. The first location with a type
    /// counts. If a location cannot be read, all types are unreadable, because that location may have a type.
    pub(super) fn event_types(&self, variant: &Variant, names: Vec<Names>) -> EventTypes {
        self.types_in_body(variant, names).unwrap_or_else(|astray| self.types_in_head(variant, astray))
    }

    /// The types in the body.
    ///
    /// # Errors
    /// The body has no type. The error is the outcome of a location that another value obstructs, if there is one.
    fn types_in_body(&self, variant: &Variant, names: Vec<Names>) -> Result<EventTypes, Option<EventTypes>> {
        let scheme = &self.verifier.preset.scheme;
        let unreadable = |problem, unsigned| EventTypes { found: TypesFound::Unreadable(problem), unsigned };
        let mut astray = None;
        let mut of_batch: Option<(Vec<String>, Option<String>)> = None;
        for (path, names) in json_types(scheme).zip(names) {
            let signed = scheme.signs_body(variant) || scheme.signs(variant, path);
            let unsigned = (!signed).then(|| path.to_string());
            if let Some(problem) = names.problem {
                return Ok(unreadable(problem, unsigned));
            }
            // An element of a batch that is no event may still have a type.
            if names.astray && !names.names.is_empty() {
                return Ok(unreadable("some elements have a type, and others have another value", unsigned));
            }
            if names.astray {
                astray = Some(unreadable("another value is on the way to it", unsigned.clone()));
            }
            if names.names.is_empty() {
                continue;
            }
            match &mut of_batch {
                // One element of a batch may have its type here, and the next element at another location.
                None if path.steps().contains(&Step::Each) => of_batch = Some((names.names, unsigned)),
                None => return Ok(EventTypes { found: TypesFound::Named(names.names), unsigned }),
                Some((known, at)) => {
                    known.extend(names.names.into_iter().filter(|name| !known.contains(name)).collect::<Vec<_>>());
                    *at = at.take().or(unsigned);
                }
            }
        }
        let types = of_batch.map(|(names, unsigned)| EventTypes { found: TypesFound::Named(names), unsigned });
        types.ok_or(astray)
    }

    /// The type in an unsigned header. `astray` is the error of [`Self::types_in_body`].
    fn types_in_head(&self, variant: &Variant, astray: Option<EventTypes>) -> EventTypes {
        let scheme = &self.verifier.preset.scheme;
        let mut headers = scheme.event_type.iter().filter_map(|location| match location {
            TypeLocation::UnsignedHeader(name) => Some(name),
            TypeLocation::Json(_) => None,
        });
        let present = self.unsigned.event_type.as_ref();
        let Some(header) = present.map(|(name, _)| name).or_else(|| headers.next()) else {
            let path = || json_types(scheme).find(|_| !scheme.signs_body(variant)).map(ToString::to_string);
            return astray.unwrap_or_else(|| EventTypes { found: TypesFound::Absent, unsigned: path() });
        };
        let found = match present.and_then(|(_, text)| text.as_deref()) {
            // The values of a repeated header are one text with a comma. No type has a comma.
            Some(name) if name.contains(',') => TypesFound::Unreadable("more than one value"),
            Some(name) if (1..=SHOWN).contains(&name.len()) => TypesFound::Named(vec![name.to_owned()]),
            Some("") => TypesFound::Unreadable("empty"),
            Some(_) => TypesFound::Unreadable("longer than 256 bytes"),
            None if astray.is_none() && json_types(scheme).next().is_some() => TypesFound::Absent,
            // The sender always sends the header, so a proxy may have removed it.
            None => TypesFound::Unreadable("the header is missing, or is not UTF-8"),
        };
        EventTypes { found, unsigned: Some(header.clone()) }
    }

    /// The identity of the event.
    pub(super) fn identify(
        &self,
        candidate: &ContentCandidate<'_>,
        body: &[u8],
        content: &[Cow<'_, [u8]>],
        facts: &Facts,
        crypto: &impl Crypto,
    ) -> Result<Identity, VerifyError> {
        let scheme = &self.verifier.preset.scheme;
        let (place, missing, problem) = match &scheme.id {
            IdLocation::Nowhere => return Ok(self.identify_by_rule(candidate.variant, body, content, facts, crypto)),
            IdLocation::SignedHeader(name) => match header_id(candidate, name)? {
                Some(id) => return Ok(id),
                None => (name.clone(), &WithoutId::ByRule, "missing"),
            },
            IdLocation::UnsignedHeader(name, missing) => match self.unsigned.id.as_deref() {
                Some("") => (name.clone(), missing, "empty"),
                Some(id) => return Ok(Identity::UnsignedId(id.into())),
                None => (name.clone(), missing, "missing"),
            },
            IdLocation::Json { path, missing, .. } => match facts.event_id() {
                Ok(id) if scheme.signs(candidate.variant, path) => return Ok(Identity::SignedId(id)),
                Ok(id) => return Ok(Identity::UnsignedId(id)),
                Err(problem) => (path.to_string(), missing, problem),
            },
        };
        match missing {
            WithoutId::ByRule => Ok(self.identify_by_rule(candidate.variant, body, content, facts, crypto)),
            WithoutId::Refuse => Err(VerifyError::IdUnreadable { place, problem }),
        }
    }

    /// The identity of an event without an id, by the scheme's rule.
    fn identify_by_rule(
        &self,
        variant: &Variant,
        body: &[u8],
        content: &[Cow<'_, [u8]>],
        facts: &Facts,
        crypto: &impl Crypto,
    ) -> Identity {
        let scheme = &self.verifier.preset.scheme;
        let whole = || {
            let signed = || Cow::Owned(content.concat());
            let bytes = if scheme.signs_bytes(variant) { Cow::Borrowed(body) } else { signed() };
            (DigestOf::Body, sha256(&bytes, crypto))
        };
        let (of, digest) = match &scheme.identity {
            IdentityRule::None { .. } => return Identity::None,
            IdentityRule::Digest { .. } if !facts.differs => return Identity::None,
            IdentityRule::Digest { split: Some(_), .. } if self.unsigned.split.is_none() => return Identity::None,
            IdentityRule::Content { .. } => {
                // Each part has its own digest, so no byte can move between two parts. A token has at most a digest of the
                // body, so the body is a part too.
                let token_and_body = variant.content.contains(&Part::Jws).then_some(body);
                let parts = content.iter().map(Cow::as_ref).chain(token_and_body);
                let digests: Vec<[u8; 32]> = parts.map(|part| sha256(part, crypto)).collect();
                (DigestOf::Content, sha256(&digests.concat(), crypto))
            }
            IdentityRule::Digest { without, .. } if !without.is_empty() => {
                match members::digest_without(body, without) {
                    Some(digest) => (DigestOf::Members, digest),
                    None => whole(),
                }
            }
            IdentityRule::Digest { .. } | IdentityRule::Unstated => whole(),
        };
        match &self.unsigned.split {
            Some(value) => Identity::split(of, digest, value),
            None => Identity::Digest(of, digest),
        }
    }
}

/// The id in the signed header `name`. `None` if the header is optional and the request lacks it.
///
/// # Errors
/// [`VerifyError::SignedHeader`] if the proven content does not cover the header.
fn header_id(candidate: &ContentCandidate<'_>, name: &str) -> Result<Option<Identity>, VerifyError> {
    let signed = candidate.variant.content.iter().filter(|part| part.is_in_head());
    let mut named =
        signed.zip(&candidate.head).filter(|(part, _)| matches!(part, Part::Header(header) if header == name));
    let id = named.next().map(|(_, value)| value.as_deref().map(Identity::signed));
    id.ok_or_else(|| VerifyError::SignedHeader { place: name.to_owned(), problem: "not covered" })
}

/// The paths of types in the body.
fn json_types(scheme: &Scheme) -> impl Iterator<Item = &JsonPath> {
    scheme.event_type.iter().filter_map(|location| match location {
        TypeLocation::Json(path) => Some(path),
        TypeLocation::UnsignedHeader(_) => None,
    })
}

/// The values of a proven body.
#[derive(Default)]
pub(super) struct Facts {
    id: Option<Scalar>,
    /// Whether the id is the id of an event. Some schemes tell this by another value in the body.
    names_an_event: bool,
    /// Whether the body has a value that makes it differ from the body of any other event.
    differs: bool,
    timestamp: Option<Scalar>,
    /// The types at each of [`json_types`].
    pub(super) names: Vec<Names>,
}

impl Facts {
    /// The event's id.
    ///
    /// # Errors
    /// The reason why the body has no usable id.
    fn event_id(&self) -> Result<EventId, &'static str> {
        match &self.id {
            Some(_) if !self.names_an_event => Err("not the event's"),
            Some(Scalar::Text(id)) if !id.is_empty() => Ok(EventId::Text(id.clone())),
            Some(Scalar::Integer(id)) => Ok(EventId::Integer(id.clone())),
            Some(Scalar::Text(_)) => Err("empty"),
            Some(Scalar::Other(what)) => Err(what),
            None => Err("missing"),
        }
    }

    /// The event's time, which the body has at `path`.
    pub(super) fn timestamp(&self, path: &JsonPath, unit: TimeUnit) -> Result<UnixTime, VerifyError> {
        let place = path.to_string();
        let read = match &self.timestamp {
            None => return Err(VerifyError::TimestampMissing { place }),
            Some(Scalar::Text(text) | Scalar::Integer(text)) => UnixTime::read(unit, text),
            Some(Scalar::Other(_)) => None,
        };
        read.ok_or(VerifyError::TimestampMalformed { place, expected: unit.expected() })
    }
}
