//! Which headers of a request are forwarded to the destination.
//!
//! A header is forwarded only if one of three lists names it: the headers that every source forwards, the headers of the
//! provider's preset, and the headers of the source. Most headers are not signed, so a sender can add any header to a signed
//! body. Three kinds of headers are never forwarded, even if a list names them: headers about a connection, a proxy or this
//! gateway; headers that contain a secret; and headers whose value is not UTF-8.
//!
//! The lists apply twice: when the event is made, so that no secret is stored, and when the event is forwarded, because a
//! message from an older version may contain more headers.

use crate::headers::HeaderLines;
use hookgate_verify::{
    HeaderPattern, IdLocation, IdentityRule, Location, Part, Preset, TimestampLocation, TypeLocation, never_forwarded,
};
use std::borrow::Cow;
use thiserror::Error;

/// The most bytes of names and values that one event keeps. Providers send one or two kilobytes.
pub const MOST_BYTES: usize = 16 * 1024;

/// The headers that every source forwards: the kind of the body, the sender, and the trace. The trace's headers are not
/// forwarded as they came: [`crate::trace`] reads them, and each attempt writes its own.
const ALWAYS: &[&str] =
    &["content-encoding", "content-language", "content-type", "traceparent", "tracestate", "user-agent"];

/// The headers that an event of one source keeps are larger than [`MOST_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the headers to forward have {bytes} bytes; the limit is {MOST_BYTES}")]
pub struct HeadersTooLarge {
    /// Names and values together.
    pub bytes: usize,
}

/// The lists of one source.
#[derive(Debug, Clone, Copy)]
pub struct ForwardedHeaders<'s> {
    preset: &'s Preset,
    listed: &'s [HeaderPattern],
}

impl<'s> ForwardedHeaders<'s> {
    /// The headers that `preset` names, and the headers that the source lists.
    pub const fn new(preset: &'s Preset, listed: &'s [HeaderPattern]) -> Self {
        Self { preset, listed }
    }

    /// Whether the header `name` with this value is forwarded.
    pub fn admits(&self, name: &str, value: &str) -> bool {
        // The runtime replaces bytes that are not UTF-8 with U+FFFD: the forwarded value would be another value.
        !value.contains(char::REPLACEMENT_CHARACTER) && self.lists(name) && never_forwarded(self.preset, name).is_none()
    }

    fn lists(&self, name: &str) -> bool {
        // The runtime writes names in lower case, but a queue message may come from elsewhere.
        let lower = lower(name);
        let mut patterns = self.preset.headers.iter().chain(self.listed);
        ALWAYS.contains(&&*lower) || patterns.any(|pattern| pattern.admits(&lower)) || names(self.preset, &lower)
    }

    /// The headers to forward.
    ///
    /// # Errors
    /// [`HeadersTooLarge`], if they have more than [`MOST_BYTES`] bytes.
    pub fn keep(&self, headers: &HeaderLines) -> Result<HeaderLines, HeadersTooLarge> {
        let kept: Vec<_> = headers.iter().filter(|(name, value)| self.admits(name, value)).collect();
        let sizes = kept.iter().map(|(name, value)| name.len().saturating_add(value.len()));
        let bytes = sizes.fold(0, usize::saturating_add);
        if bytes > MOST_BYTES { Err(HeadersTooLarge { bytes }) } else { Ok(kept.into_iter().collect()) }
    }
}

/// Whether the scheme of the preset reads this header.
fn names(preset: &Preset, name: &str) -> bool {
    let scheme = &preset.scheme;
    let reads = |part: &Part| matches!(part, Part::Header(header) | Part::ListedHeaders(header) if header == name);
    scheme.locations.iter().any(|place| matches!(place, Location::Header(header) if header == name))
        || scheme.event_type.iter().any(|at| matches!(at, TypeLocation::UnsignedHeader(header) if header == name))
        || matches!(&scheme.id, IdLocation::UnsignedHeader(header, _) if header == name)
        || matches!(&scheme.identity, IdentityRule::Digest { split: Some(header), .. } if header == name)
        || scheme.variants.iter().any(|variant| {
            let time = variant.timestamp.as_ref().map(|timestamp| &timestamp.at);
            matches!(time, Some(TimestampLocation::Header(header)) if header == name)
                || variant.content.iter().any(reads)
        })
}

fn lower(name: &str) -> Cow<'_, str> {
    match name.bytes().any(|b| b.is_ascii_uppercase()) {
        true => Cow::Owned(name.to_ascii_lowercase()),
        false => Cow::Borrowed(name),
    }
}
