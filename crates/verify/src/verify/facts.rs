//! What a proven request says of itself: which event it carries, of which type, and when that was.

use super::{ContentCandidate, Received};
use crate::identity::SHOWN;
use crate::json::{self, ExtractError, Names, Scalar};
use crate::secret::sha256;
use crate::{
    Crypto, DigestOf, EventId, EventTypes, Head, IdLocation, Identity, IdentityRule, JsonPath, Part, Scheme, Step,
    TimeUnit, TimestampLocation, TypeLocation, TypesFound, UnixTime, Variant, VerifyError, WithoutId, members,
};
use std::borrow::Cow;

/// What no signature covers and is read from the head all the same.
#[derive(Debug, Default)]
pub(super) struct UnsignedHeaders {
    /// The first of the headers for the event's type that stands there, and what it says, where that is whole.
    event_type: Option<(String, Option<String>)>,
    /// The event's id, of a scheme that proves only who sends.
    id: Option<String>,
    /// What splits the identity of events with the same bytes.
    split: Option<String>,
}

impl UnsignedHeaders {
    pub(super) fn of(scheme: &Scheme, head: &(impl Head + ?Sized)) -> Self {
        // The runtime shows a header altered whose bytes are not UTF-8: two values could become one.
        let whole = |name: &str| head.header(name).filter(|text| !text.contains(char::REPLACEMENT_CHARACTER));
        let event_type = scheme.event_type.iter().find_map(|place| match place {
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
    /// Reads from the proven body what the scheme says stands there, in one pass; no pass where nothing does.
    pub(super) fn read_facts(&self, form: &Variant, body: &[u8]) -> Result<Facts, VerifyError> {
        let scheme = &self.verifier.preset.scheme;
        let (id, beside_id, missing) = match &scheme.id {
            IdLocation::Json { path, when, missing } => (Some(path), when.as_ref(), Some(*missing)),
            IdLocation::SignedHeader(_) | IdLocation::UnsignedHeader(..) | IdLocation::Nowhere => (None, None, None),
        };
        let differs: &[JsonPath] = match &scheme.identity {
            IdentityRule::Digest { when, .. } => when,
            IdentityRule::Content { .. } | IdentityRule::None { .. } | IdentityRule::Unstated => &[],
        };
        let timestamp = match form.timestamp.as_ref().map(|timestamp| &timestamp.at) {
            Some(TimestampLocation::Json(path)) => Some(path),
            Some(TimestampLocation::Field | TimestampLocation::Header(_) | TimestampLocation::Claim(_)) | None => None,
        };
        let ones: Vec<&JsonPath> = id.into_iter().chain(timestamp).collect();
        let types = json_types(scheme).count();
        let alls: Vec<&JsonPath> = json_types(scheme).chain(beside_id).chain(differs).collect();
        if ones.is_empty() && alls.is_empty() {
            return Ok(Facts { names_an_event: true, differs: true, ..Facts::default() });
        }
        // Where neither id nor time hangs on it, the body need not be JSON: a Slack command is a form.
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

    /// The types, from the `names` in the body and from the unsigned header: the first place that has one counts. What
    /// cannot be read at one place makes all of them unreadable, since nobody knows what stands there.
    pub(super) fn event_types(&self, form: &Variant, names: Vec<Names>) -> EventTypes {
        let scheme = &self.verifier.preset.scheme;
        let of = |found, unsigned| EventTypes { found, unsigned };
        let mut astray = None;
        let mut of_batch: Option<EventTypes> = None;
        for (path, names) in json_types(scheme).zip(names) {
            let signed = scheme.signs_body(form) || scheme.signs(form, path);
            let unsigned = (!signed).then(|| path.to_string());
            if let Some(problem) = names.problem {
                return of(TypesFound::Unreadable(problem), unsigned);
            }
            // Of a batch, nobody knows which types the elements have that are no events.
            if names.astray && !names.names.is_empty() {
                return of(TypesFound::Unreadable("something else stands among those that have one"), unsigned);
            }
            if names.astray {
                astray = Some(unsigned.clone());
            }
            if names.names.is_empty() {
                continue;
            }
            match &mut of_batch {
                // One element of a batch may state its type here, and the next one at another place.
                None if path.steps().contains(&Step::Each) => {
                    of_batch = Some(of(TypesFound::Named(names.names), unsigned));
                }
                None => return of(TypesFound::Named(names.names), unsigned),
                Some(EventTypes { found: TypesFound::Named(known), unsigned: at }) => {
                    known.extend(names.names.into_iter().filter(|name| !known.contains(name)).collect::<Vec<_>>());
                    *at = at.take().or(unsigned);
                }
                Some(_) => {}
            }
        }
        if let Some(types) = of_batch {
            return types;
        }
        let mut headers = scheme.event_type.iter().filter_map(|place| match place {
            TypeLocation::UnsignedHeader(name) => Some(name),
            TypeLocation::Json(_) => None,
        });
        let there = self.unsigned.event_type.as_ref();
        let header = there.map(|(name, _)| name).or_else(|| headers.next());
        let Some(header) = header else {
            return match astray {
                Some(unsigned) => of(TypesFound::Unreadable("something else stands on the way to it"), unsigned),
                None => of(
                    TypesFound::Absent,
                    json_types(scheme).find(|_| !scheme.signs_body(form)).map(ToString::to_string),
                ),
            };
        };
        let found = match there.and_then(|(_, text)| text.as_deref()) {
            // A header that came twice is one text with a comma, and no type has one.
            Some(name) if name.contains(',') => TypesFound::Unreadable("more than one value"),
            Some(name) if (1..=SHOWN).contains(&name.len()) => TypesFound::Named(vec![name.to_owned()]),
            Some("") => TypesFound::Unreadable("empty"),
            Some(_) => TypesFound::Unreadable("longer than 256 bytes"),
            None if astray.is_none() && json_types(scheme).next().is_some() => TypesFound::Absent,
            // A proxy may have taken it away: the sender always names it there.
            None => TypesFound::Unreadable("the header is missing, or is not UTF-8"),
        };
        of(found, Some(header.clone()))
    }

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

    /// The identity of an event without an id.
    fn identify_by_rule(
        &self,
        form: &Variant,
        body: &[u8],
        content: &[Cow<'_, [u8]>],
        facts: &Facts,
        crypto: &impl Crypto,
    ) -> Identity {
        let scheme = &self.verifier.preset.scheme;
        let whole = || {
            let signed = || Cow::Owned(content.concat());
            let bytes = if scheme.signs_bytes(form) { Cow::Borrowed(body) } else { signed() };
            (DigestOf::Body, sha256(&bytes, crypto))
        };
        let (of, digest) = match &scheme.identity {
            IdentityRule::None { .. } => return Identity::None,
            IdentityRule::Digest { .. } if !facts.differs => return Identity::None,
            IdentityRule::Digest { split: Some(_), .. } if self.unsigned.split.is_none() => return Identity::None,
            IdentityRule::Content { .. } => {
                // A digest for each part: the parts' own bounds stay, whatever stands in them. A token says nothing of
                // the body but its digest, at most, so the body is a part as well.
                let token_and_body = form.content.contains(&Part::Jws).then_some(body);
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

/// The id in the signed header `name`; `None` where the request may lack it, and does.
///
/// # Errors
/// [`VerifyError::SignedHeader`], where the content that was proven does not cover that header.
fn header_id(candidate: &ContentCandidate<'_>, name: &str) -> Result<Option<Identity>, VerifyError> {
    let signed = candidate.variant.content.iter().filter(|part| part.is_in_head());
    let mut named =
        signed.zip(&candidate.head).filter(|(part, _)| matches!(part, Part::Header(header) if header == name));
    let id = named.next().map(|(_, value)| value.as_deref().map(Identity::signed));
    id.ok_or_else(|| VerifyError::SignedHeader { place: name.to_owned(), problem: "not covered" })
}

/// The paths in the body at which types stand.
fn json_types(scheme: &Scheme) -> impl Iterator<Item = &JsonPath> {
    scheme.event_type.iter().filter_map(|place| match place {
        TypeLocation::Json(path) => Some(path),
        TypeLocation::UnsignedHeader(_) => None,
    })
}

/// What a proven body says of itself.
#[derive(Default)]
pub(super) struct Facts {
    id: Option<Scalar>,
    /// Whether what must stand beside the id, for it to name an event, is there.
    names_an_event: bool,
    /// Whether the body has what makes it differ from that of any other event.
    differs: bool,
    timestamp: Option<Scalar>,
    /// The types at each of [`json_types`].
    pub(super) names: Vec<Names>,
}

impl Facts {
    /// The event's id, or why there is none.
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
