//! Reads the text at the location of the signature, as the scheme lays it out.

use super::jws::Jws;
use super::{Algorithm, Encoding, Hash, Layout, Location, PublicAlgorithm, Scheme, Variant, VerifyError};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// The most candidate signatures that one request may carry.
pub const MAX_SIGNATURES: usize = 8;

/// The longest text that is read for a signature, in bytes. Eight signatures need a tenth of it.
const MAX_TEXT: usize = 8 * 1024;

/// The most elements of a list that are read, with empty elements. The bound limits the work that a forged list can cause.
const MAX_ELEMENTS: usize = 3 * MAX_SIGNATURES;

/// No signature has a shorter text. A shorter text is not decoded.
const SHORTEST: usize = 8;

/// The signatures that a request carries. Nothing is proven yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct CandidateSignatures {
    /// At least one, at most [`MAX_SIGNATURES`], decoded.
    pub signatures: Vec<Vec<u8>>,
    /// The text of the timestamp beside the signatures.
    pub timestamp: Option<String>,
    /// The signed token, if the layout is a token.
    pub jws: Option<Jws>,
}

impl CandidateSignatures {
    /// Refuses a timestamp that differs from the timestamp of another location.
    fn set_timestamp(&mut self, timestamp: Option<&str>) -> Result<(), Problem> {
        let Some(timestamp) = timestamp else { return Ok(()) };
        if self.timestamp.get_or_insert_with(|| timestamp.to_owned()) == timestamp {
            Ok(())
        } else {
            Err(TWO_TIMESTAMPS)
        }
    }
}

/// Reads the texts that were `found` at the scheme's locations. The first text decides which variant the request has.
///
/// # Errors
/// [`VerifyError::SignatureMissing`], [`VerifyError::SignatureMalformed`] and [`VerifyError::TooManySignatures`].
pub(super) fn read<'s>(
    scheme: &'s Scheme,
    account: &str,
    found: &[(&Location, String)],
) -> Result<(&'s Variant, CandidateSignatures), VerifyError> {
    let (location, first) = found.first().ok_or_else(|| missing(scheme))?;
    if let Some((location, _)) = found.iter().find(|(_, text)| text.len() > MAX_TEXT) {
        return Err(malformed(location, "longer than 8 KiB"));
    }
    // The runtime replaces bytes that are not UTF-8 with this character, so two different headers would become one text.
    if let Some((location, _)) = found.iter().find(|(_, text)| text.contains(char::REPLACEMENT_CHARACTER)) {
        return Err(malformed(location, "not UTF-8"));
    }
    let variant = scheme.variants.iter().find(|variant| fits(&variant.layout, first));
    let variant = variant.ok_or_else(|| malformed(location, "not in a layout of the scheme"))?;
    let mut candidates = CandidateSignatures::default();
    for (location, text) in found {
        // A static token signs no content, so each location may have its own layout. For example, a URL with a user and a
        // password adds Basic authentication beside the sender's own header.
        let is_own = |variant: &&Variant| scheme.algorithm == Algorithm::StaticToken && fits(&variant.layout, text);
        let own = scheme.variants.iter().find(is_own).unwrap_or(variant);
        let outcome = read_text((scheme.algorithm, account), own, location, text, &mut candidates);
        if candidates.signatures.len() > MAX_SIGNATURES {
            return Err(VerifyError::TooManySignatures { place: location.to_string(), max: MAX_SIGNATURES });
        }
        outcome.map_err(|problem| malformed(location, problem))?;
    }
    Ok((variant, candidates))
}

/// The error of a request that has a signature at none of the scheme's locations.
pub(super) fn missing(scheme: &Scheme) -> VerifyError {
    VerifyError::SignatureMissing { place: scheme.location() }
}

fn malformed(location: &Location, problem: Problem) -> VerifyError {
    VerifyError::SignatureMalformed { place: location.to_string(), problem }
}

type Problem = &'static str;

const UNDECODABLE: Problem = "not a signature of the algorithm's length in the scheme's encoding";
const NO_PREFIX: Problem = "without the scheme's prefix";
const BLANK_END: Problem = "a blank before or after the list";
const TWO_TIMESTAMPS: Problem = "two timestamps";
const TOO_MANY_SIGNATURES: Problem = "more than 8 signatures";
const TOO_MANY_ELEMENTS: Problem = "a list of more than 24 elements";

/// Decodes signatures one after the other. The decoder stops at the first signature above [`MAX_SIGNATURES`], because the
/// sender is not proven yet.
struct Decoder<'c> {
    algorithm: Algorithm,
    encoding: Encoding,
    /// Whether the layout is a list. A list may have words that are no signature.
    is_list: bool,
    /// Whether any text was taken for a signature.
    has_text: bool,
    signatures: &'c mut Vec<Vec<u8>>,
}

impl Decoder<'_> {
    fn decode(&mut self, text: &str) -> Result<(), Problem> {
        self.has_text = true;
        match decode(self.algorithm, self.encoding, text) {
            Some(signature) => self.signatures.push(signature),
            None if self.is_list && !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric()) => {}
            None => return Err(UNDECODABLE),
        }
        if self.signatures.len() > MAX_SIGNATURES { Err(TOO_MANY_SIGNATURES) } else { Ok(()) }
    }
}

fn read_text(
    (algorithm, account): (Algorithm, &str),
    variant: &Variant,
    location: &Location,
    text: &str,
    candidates: &mut CandidateSignatures,
) -> Result<(), Problem> {
    let is_list = match variant.layout {
        Layout::Single { .. } => false,
        Layout::List { .. } | Layout::Positional | Layout::Jws { .. } => true,
    };
    let before = candidates.signatures.len();
    let signatures = &mut candidates.signatures;
    let mut decoder = Decoder { algorithm, encoding: variant.encoding, is_list, has_text: false, signatures };
    let timestamp = match &variant.layout {
        Layout::Single { prefixes } if location.is_header() => {
            singles(text, prefixes, &mut decoder)?;
            None
        }
        Layout::Single { prefixes } => {
            decoder.decode(without_prefix(text, prefixes).ok_or(NO_PREFIX)?)?;
            None
        }
        Layout::List { separators, assign, signature, timestamp } => {
            let wanted = signature.as_deref().or(Some(account).filter(|account| !account.is_empty()));
            if separators.contains(',') && !separators.contains(' ') && has_blank_end(text) {
                return Err(BLANK_END);
            }
            let lists = lists(text, separators, location.is_header());
            list(lists, (separators, *assign), wanted, timestamp.as_deref(), &mut decoder)?
        }
        Layout::Positional => Some(positional(text, location.is_header(), &mut decoder)?),
        Layout::Jws { prefix } => {
            let token = text.strip_prefix(prefix.as_str()).ok_or(NO_PREFIX)?;
            let (jws, signature) = Jws::read(token, algorithm)?;
            decoder.decode(signature)?;
            candidates.jws = Some(jws);
            None
        }
    };
    if !decoder.has_text {
        return Err("no signature of the scheme's version");
    }
    if decoder.signatures.len() == before {
        return Err(UNDECODABLE);
    }
    candidates.set_timestamp(timestamp)
}

/// Decodes the signatures of a header with one signature after a prefix, or with several signatures and commas between.
///
/// A static token may have commas itself, so the whole text stays a candidate. A text with more elements than a request may
/// have signatures is one token. A prefix may have a comma too, so the prefix of the whole text is tried first.
fn singles(text: &str, prefixes: &[String], decoder: &mut Decoder<'_>) -> Result<(), Problem> {
    let whole = without_prefix(text, prefixes);
    if !whole.unwrap_or(text).contains(',') {
        return decoder.decode(whole.ok_or(NO_PREFIX)?);
    }
    if decoder.encoding == Encoding::Text {
        let tokens = || {
            let tokens = elements(text).filter_map(|element| without_prefix(element, prefixes));
            tokens.filter(|token| !token.is_empty()).take(MAX_SIGNATURES)
        };
        if tokens().count() < MAX_SIGNATURES {
            tokens().try_for_each(|token| decoder.decode(token))?;
        }
        return whole.map_or(Ok(()), |token| decoder.decode(token));
    }
    if has_blank_end(text) {
        return Err(BLANK_END);
    }
    elements(text).try_for_each(|element| decoder.decode(without_prefix(element, prefixes).ok_or(NO_PREFIX)?))
}

/// The text after the first prefix that fits.
fn without_prefix<'t>(text: &'t str, prefixes: &[String]) -> Option<&'t str> {
    prefixes.iter().find_map(|prefix| text.strip_prefix(prefix.as_str()))
}

/// The first [`MAX_ELEMENTS`] elements of a list in a header, without blanks and tabs around them and without empty
/// elements (RFC 9110, section 5.6.1.2).
fn elements(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').take(MAX_ELEMENTS).map(|element| element.trim_matches(BLANKS)).filter(|element| !element.is_empty())
}

/// Whether the text begins or ends with a blank or a tab. No value of a header does (RFC 9110, section 5.5).
fn has_blank_end(text: &str) -> bool {
    text.starts_with(BLANKS) || text.ends_with(BLANKS)
}

const BLANKS: [char; 2] = [' ', '\t'];

/// Whether a text has the shape of this layout. The shape chooses between the variants of a scheme.
fn fits(layout: &Layout, text: &str) -> bool {
    match layout {
        Layout::Single { prefixes } => {
            let fits = |text: &str| without_prefix(text, prefixes).is_some();
            fits(text) || elements(text).any(fits)
        }
        Layout::Jws { prefix } => text.starts_with(prefix.as_str()),
        Layout::List { assign, .. } => text.contains(*assign),
        Layout::Positional => text.contains(','),
    }
}

/// The separator between the values of a header that a request has several times.
const JOINT: &str = ", ";

/// The lists in `text`. If no separator is a comma, each of the header's values is one list.
fn lists<'t>(text: &'t str, separators: &str, is_header: bool) -> impl Iterator<Item = &'t str> {
    let is_joined = is_header && !separators.contains(',') && text.as_bytes().windows(2).any(|w| w == JOINT.as_bytes());
    let one = (!is_joined).then_some(text);
    one.into_iter().chain(is_joined.then(|| text.split(JOINT)).into_iter().flatten())
}

/// Decodes the signatures of a list without names, and returns its time. A header that a request has twice has the time
/// twice.
fn positional<'t>(text: &'t str, is_header: bool, decoder: &mut Decoder<'_>) -> Result<&'t str, Problem> {
    let (timestamp, rest) = text.split_once(',').ok_or("no comma after the timestamp")?;
    for (number, element) in rest.split(',').enumerate() {
        if number == MAX_ELEMENTS {
            return Err(TOO_MANY_ELEMENTS);
        }
        let element = if is_header { element.strip_prefix(' ').unwrap_or(element) } else { element };
        if is_header && element == timestamp {
            continue;
        }
        if element.len() == timestamp.len() && element.bytes().all(|b| b.is_ascii_digit()) {
            return Err(TWO_TIMESTAMPS);
        }
        decoder.decode(element)?;
    }
    Ok(timestamp)
}

/// Decodes the signatures among named entries, and returns the time among them.
fn list<'t>(
    lists: impl Iterator<Item = &'t str>,
    (separators, assign): (&str, char),
    wanted: Option<&str>,
    time: Option<&str>,
    decoder: &mut Decoder<'_>,
) -> Result<Option<&'t str>, Problem> {
    let blanks = separators.contains(' ') && separators.len() > 1;
    let commas = separators.contains(',');
    // A list has at most two separators. Two comparisons are faster than a search in `separators` for each character.
    let mut characters = separators.chars();
    let (one, other) = (characters.next(), characters.next());
    let mut timestamp = None;
    let entries = lists.flat_map(|list| list.split(move |c| Some(c) == one || Some(c) == other));
    for (number, entry) in entries.enumerate() {
        if number == MAX_ELEMENTS {
            return Err(TOO_MANY_ELEMENTS);
        }
        let entry = if commas { entry.trim_matches(BLANKS) } else { entry };
        if entry.is_empty() && (commas || blanks) {
            continue;
        }
        let (name, value) = entry.split_once(assign).ok_or("an entry without a name")?;
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
            return Err("an entry's name is not a word");
        }
        if time == Some(name) && timestamp.replace(value).is_some_and(|before| before != value) {
            return Err(TWO_TIMESTAMPS);
        }
        if wanted.is_none_or(|wanted| wanted == name) {
            decoder.decode(value)?;
        }
    }
    if time.is_some() && timestamp.is_none() {
        return Err("no timestamp among the entries");
    }
    Ok(timestamp)
}

/// Decodes a signature, and checks its length. A static token becomes its hash, because a comparison of the tokens would
/// show the length of the secret.
fn decode(algorithm: Algorithm, encoding: Encoding, text: &str) -> Option<Vec<u8>> {
    if algorithm != Algorithm::StaticToken && text.len() < SHORTEST {
        return None;
    }
    let bytes = match encoding {
        Encoding::Hex => {
            let mut bytes = vec![0; text.len() / 2];
            hex::decode_to_slice(text, &mut bytes).ok()?;
            bytes
        }
        Encoding::Base64 => STANDARD.decode(text).ok()?,
        Encoding::Base64Url => URL_SAFE_NO_PAD.decode(text).ok()?,
        Encoding::Text => text.as_bytes().to_vec(),
    };
    let lengths = match algorithm {
        Algorithm::StaticToken => return (!bytes.is_empty()).then(|| Sha256::digest(&bytes).to_vec()),
        Algorithm::Hmac(Hash::Sha1) => 20..=20,
        Algorithm::Hmac(Hash::Sha256) | Algorithm::PlainHash => 32..=32,
        Algorithm::Hmac(Hash::Sha512)
        | Algorithm::Public(PublicAlgorithm::Ed25519 | PublicAlgorithm::EcdsaP256Fixed) => 64..=64,
        Algorithm::Public(PublicAlgorithm::EcdsaP256Der) => 8..=72,
        // Keys of 1024 to 8192 bits.
        Algorithm::Public(PublicAlgorithm::RsaSha256 | PublicAlgorithm::RsaSha1) => 128..=1024,
    };
    lengths.contains(&bytes.len()).then_some(bytes)
}
