//! Reads what stands where the signature does, as the scheme lays it out.

use super::jws::Jws;
use super::{Algorithm, Encoding, Hash, Layout, Location, PublicAlgorithm, Scheme, Variant, VerifyError};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

/// The most candidate signatures that one request may carry.
pub const MAX_SIGNATURES: usize = 8;

/// The longest text that is read for a signature: eight signatures need a tenth of it.
const MAX_TEXT: usize = 8 * 1024;

/// The most elements of a header's list that are looked at, those among them that are empty.
const MOST_ELEMENTS: usize = 3 * MAX_SIGNATURES;

/// No signature is shorter: what is, is not decoded.
const SHORTEST: usize = 8;

/// What a request claims where the signature stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct CandidateSignatures {
    /// At least one, at most [`MAX_SIGNATURES`], decoded.
    pub signatures: Vec<Vec<u8>>,
    /// The text of the timestamp that stands beside them.
    pub timestamp: Option<String>,
    /// The signed token, where that is the layout.
    pub jws: Option<Jws>,
}

/// Reads the texts that stand at `scheme`'s places, and says which of its forms they have: the first one decides.
///
/// # Errors
/// [`VerifyError::SignatureMissing`], [`VerifyError::SignatureMalformed`] and [`VerifyError::TooManySignatures`].
pub(super) fn read<'s>(
    scheme: &'s Scheme,
    account: &str,
    found: &[(&Location, String)],
) -> Result<(&'s Variant, CandidateSignatures), VerifyError> {
    let (place, first) = found.first().ok_or_else(|| missing(scheme))?;
    if let Some((place, _)) = found.iter().find(|(_, text)| text.len() > MAX_TEXT) {
        return Err(malformed(place, "longer than 8 KiB"));
    }
    // The runtime shows bytes that are not UTF-8 as this character, so that two texts would be one.
    if let Some((place, _)) = found.iter().find(|(_, text)| text.contains(char::REPLACEMENT_CHARACTER)) {
        return Err(malformed(place, "not UTF-8"));
    }
    let form = scheme.variants.iter().find(|form| fits(&form.layout, first));
    let form = form.ok_or_else(|| malformed(place, "not in the scheme's form"))?;
    let mut claimed = CandidateSignatures::default();
    for (place, text) in found {
        // A secret that is sent itself signs no content, so each place may have it in a form of its own: a URL with user and
        // password adds Basic beside the sender's own header.
        let own =
            scheme.variants.iter().find(|form| scheme.algorithm == Algorithm::StaticToken && fits(&form.layout, text));
        read_text((scheme.algorithm, account), own.unwrap_or(form), place, text, &mut claimed)
            .map_err(|problem| malformed(place, problem))?;
        if claimed.signatures.len() > MAX_SIGNATURES {
            return Err(VerifyError::TooManySignatures { place: place.to_string(), max: MAX_SIGNATURES });
        }
    }
    Ok((form, claimed))
}

/// That no place carries a signature.
pub(super) fn missing(scheme: &Scheme) -> VerifyError {
    VerifyError::SignatureMissing { place: scheme.place() }
}

fn malformed(place: &Location, problem: Problem) -> VerifyError {
    VerifyError::SignatureMalformed { place: place.to_string(), problem }
}

type Problem = &'static str;

const UNDECODABLE: Problem = "not a signature of the algorithm's length in the scheme's encoding";
const NO_PREFIX: Problem = "not the scheme's prefix";
const BLANK_END: Problem = "a blank before or after the list";

fn read_text(
    (algorithm, account): (Algorithm, &str),
    form: &Variant,
    place: &Location,
    text: &str,
    claimed: &mut CandidateSignatures,
) -> Result<(), Problem> {
    let is_header = place.is_header();
    let is_single = match form.layout {
        Layout::Single { .. } => true,
        Layout::List { .. } | Layout::Positional | Layout::Jws { .. } => false,
    };
    let before = claimed.signatures.len();
    let mut is_empty = true;
    // Decoded one after the other, and none after the one that is too many: nobody knows yet who sends them.
    let mut take = |text: &str| {
        is_empty = false;
        if claimed.signatures.len() > MAX_SIGNATURES {
            return Ok(());
        }
        match decode(algorithm, form.encoding, text) {
            Some(signature) => claimed.signatures.push(signature),
            // In a list of entries, a word that is no signature is passed over; anything else is none of the scheme's.
            None if !is_single && !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric()) => {}
            None => return Err(UNDECODABLE),
        }
        Ok(())
    };
    let timestamp = match &form.layout {
        Layout::Single { prefixes } if !is_header => {
            take(without_prefix(text, prefixes).ok_or(NO_PREFIX)?)?;
            None
        }
        Layout::Single { prefixes } => {
            singles(text, prefixes, form.encoding == Encoding::Text, &mut take)?;
            None
        }
        Layout::List { separators, assign, signature, timestamp } => {
            let wanted = signature.as_deref().or(Some(account).filter(|account| !account.is_empty()));
            if separators.contains(',') && !separators.contains(' ') && has_blank_end(text) {
                return Err(BLANK_END);
            }
            let lists = lists(text, separators, is_header);
            list(lists, (separators, *assign), wanted, timestamp.as_deref(), &mut take)?
        }
        Layout::Positional => Some(positional(text, is_header, &mut take)?),
        Layout::Jws { prefix } => {
            let token = text.strip_prefix(prefix.as_str()).ok_or(NO_PREFIX)?;
            let (jws, signature) = Jws::read(token, algorithm)?;
            take(signature)?;
            claimed.jws = Some(jws);
            None
        }
    };
    if is_empty {
        return Err("no signature of the scheme's version");
    }
    if claimed.signatures.len() == before {
        return Err(UNDECODABLE);
    }
    match (&claimed.timestamp, timestamp) {
        (Some(known), Some(other)) if known != other => Err("two timestamps"),
        (None, Some(timestamp)) => {
            claimed.timestamp = Some(timestamp.to_owned());
            Ok(())
        }
        (Some(_), Some(_)) | (_, None) => Ok(()),
    }
}

/// Takes the signatures of a header that has one after a prefix, or several, with commas between.
///
/// A token may hold commas itself, so its whole text stays a candidate; a text of more elements than a request may have
/// signatures is one token. A prefix may hold a comma as well: the prefix of the whole text is looked for first.
fn singles(
    text: &str,
    prefixes: &[String],
    is_token: bool,
    take: &mut impl FnMut(&str) -> Result<(), Problem>,
) -> Result<(), Problem> {
    let whole = without_prefix(text, prefixes);
    if !whole.unwrap_or(text).contains(',') {
        return take(whole.ok_or(NO_PREFIX)?);
    }
    if is_token {
        let tokens = || {
            let tokens = elements(text).filter_map(|element| without_prefix(element, prefixes));
            tokens.filter(|token| !token.is_empty()).take(MAX_SIGNATURES)
        };
        if tokens().count() < MAX_SIGNATURES {
            tokens().try_for_each(&mut *take)?;
        }
        return whole.map_or(Ok(()), take);
    }
    if has_blank_end(text) {
        return Err(BLANK_END);
    }
    elements(text).try_for_each(|element| take(without_prefix(element, prefixes).ok_or(NO_PREFIX)?))
}

/// The signature in `text`, after the first of `prefixes` that fits.
fn without_prefix<'t>(text: &'t str, prefixes: &[String]) -> Option<&'t str> {
    prefixes.iter().find_map(|prefix| text.strip_prefix(prefix.as_str()))
}

/// The elements of a list in a header, without the blanks and tabs around them; those that are empty are passed over, as far
/// as that is no work for a forgery (RFC 9110, section 5.6.1.2).
fn elements(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .take(MOST_ELEMENTS)
        .map(|element| element.trim_matches(BLANKS))
        .filter(|element| !element.is_empty())
}

/// Whether a blank stands at an end of a list, where no header has one: RFC 9110, section 5.5.
fn has_blank_end(text: &str) -> bool {
    text.starts_with(BLANKS) || text.ends_with(BLANKS)
}

const BLANKS: [char; 2] = [' ', '\t'];

/// Whether a text has the shape of this layout; only schemes with several forms are told apart by it.
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

/// What joins the values of a header that comes several times.
const JOINT: &str = ", ";

/// The lists in `text`: one, or as many as the header came, where a comma is none of the separators itself.
fn lists<'t>(text: &'t str, separators: &str, is_header: bool) -> impl Iterator<Item = &'t str> {
    let is_joined = is_header && !separators.contains(',') && text.as_bytes().windows(2).any(|w| w == JOINT.as_bytes());
    let one = (!is_joined).then_some(text);
    one.into_iter().chain(is_joined.then(|| text.split(JOINT)).into_iter().flatten())
}

/// Takes the signatures of a list without names, and gives its time. A header that came twice has the same time twice.
fn positional<'t>(
    text: &'t str,
    is_header: bool,
    take: &mut impl FnMut(&str) -> Result<(), Problem>,
) -> Result<&'t str, Problem> {
    let (timestamp, rest) = text.split_once(',').ok_or("no comma after the timestamp")?;
    for element in rest.split(',') {
        let element = if is_header { element.strip_prefix(' ').unwrap_or(element) } else { element };
        if is_header && element == timestamp {
            continue;
        }
        if element.len() == timestamp.len() && element.bytes().all(|b| b.is_ascii_digit()) {
            return Err("two timestamps");
        }
        take(element)?;
    }
    Ok(timestamp)
}

/// Takes the signatures among named entries, and gives the time there.
fn list<'t>(
    lists: impl Iterator<Item = &'t str>,
    (separators, assign): (&str, char),
    wanted: Option<&str>,
    time: Option<&str>,
    take: &mut impl FnMut(&str) -> Result<(), Problem>,
) -> Result<Option<&'t str>, Problem> {
    let blanks = separators.contains(' ') && separators.len() > 1;
    let commas = separators.contains(',');
    // Two at the most, compared as they are: a search for each character of the text costs more than the signature's hash.
    let mut of_them = separators.chars();
    let (one, other) = (of_them.next(), of_them.next());
    let mut timestamp = None;
    for entry in lists.flat_map(|list| list.split(move |c| Some(c) == one || Some(c) == other)) {
        let entry = if commas { entry.trim_matches(BLANKS) } else { entry };
        if entry.is_empty() && (commas || blanks) {
            continue;
        }
        let (name, value) = entry.split_once(assign).ok_or("an entry without a name")?;
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-') {
            return Err("an entry's name is not a word");
        }
        if time == Some(name) && timestamp.replace(value).is_some_and(|before| before != value) {
            return Err("two timestamps");
        }
        if wanted.is_none_or(|wanted| wanted == name) {
            take(value)?;
        }
    }
    if time.is_some() && timestamp.is_none() {
        return Err("no timestamp among the entries");
    }
    Ok(timestamp)
}

/// Decodes a signature; its length is settled before anything is compared. In place of a shared secret its hash is
/// compared, so that no length shows.
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
