//! A cache of the public keys that providers publish.
//!
//! A request may cause a fetch before its signature is proven. So each source has its own limits: a stranger who uses up the
//! fetches of one source changes nothing for another source. Cached keys need no fetch. If their host fails, they stay valid
//! for a day.

use super::ports::{Fetched, PortError, Ports};
use super::refusal::Refusal;
use crate::record::Record;
use hookgate_verify::{PublicKey, UnixTime};
use std::time::Duration;

/// How long cached keys are used without a fetch. So a withdrawn key is still accepted for this time.
const FRESH: Duration = Duration::from_secs(3600);
/// How long after that cached keys are used if the fetch fails.
const STALE: Duration = Duration::from_secs(24 * 3600);
/// The time between two fetches of a URL, after a signature that no key matches or after a failed fetch. So forged requests
/// cannot cause more fetches.
const PAUSE: Duration = Duration::from_secs(60);
/// The most keys of one URL. No provider has so many at a time.
const MOST_KEYS: usize = 16;
/// The most URLs in the cache of a source. The oldest URL whose keys proved no request is dropped first.
const MOST_URLS: usize = 16;
/// The most fetches of a source in a minute.
const MOST_FETCHES: usize = 16;
/// The longest URL of a key, in bytes.
const LONGEST_URL: usize = 1024;

/// The cached keys of each source whose provider publishes keys.
#[derive(Debug, Default)]
pub struct PublishedKeys(Vec<(String, SourceCache)>);

/// The cached keys of one source.
#[derive(Debug, Default)]
struct SourceCache {
    /// The latest keys come first.
    known: Vec<CachedKeys>,
    /// The URLs whose fetch failed in the last minute. There are at most [`MOST_FETCHES`].
    missing: Vec<(String, UnixTime, Unavailable)>,
    /// When the current minute of fetches began, and the number of fetches in it.
    fetches: Option<(UnixTime, usize)>,
}

#[derive(Debug)]
struct CachedKeys {
    url: String,
    fetched: UnixTime,
    keys: Vec<PublicKey>,
    /// Whether the keys proved a request. Keys that proved nothing are dropped first.
    proved: bool,
}

/// Why there are no keys.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Unavailable {
    /// The request names a URL without a certificate.
    NotPublished(String),
    /// The provider's host failed.
    HostFailed(String),
}

impl From<Unavailable> for Refusal {
    fn from(missing: Unavailable) -> Self {
        match missing {
            Unavailable::NotPublished(problem) => Self::NoSuchKey(problem),
            Unavailable::HostFailed(problem) => Self::KeysUnavailable(problem),
        }
    }
}

/// The URL of public keys, and the source that needs them.
#[derive(Debug, Clone, Copy)]
pub struct PublicKeyUrl<'p> {
    /// The source's name.
    pub source: &'p str,
    /// The URL of the keys.
    pub url: &'p str,
    /// Whether the URL is from the request, as with Amazon. Otherwise it is from the preset.
    pub is_from_request: bool,
}

impl PublishedKeys {
    fn of(&mut self, source: &str) -> &mut SourceCache {
        let index = self.0.iter().position(|(known, _)| known == source).unwrap_or_else(|| {
            self.0.push((source.to_owned(), SourceCache::default()));
            self.0.len().saturating_sub(1)
        });
        #[expect(clippy::expect_used, reason = "the index was found or pushed just now")]
        let (_, found) = self.0.get_mut(index).expect("a source that was found");
        found
    }
}

/// How to get the keys.
enum CacheDecision {
    Serve(Option<Vec<PublicKey>>),
    Refuse(Unavailable),
    /// Fetch the keys. If the fetch fails, use these keys.
    Fetch(Option<Vec<PublicKey>>),
}

impl SourceCache {
    /// How to get the keys at `url`. With `again`, the cached keys did not prove the request.
    fn next(&mut self, url: &str, again: bool, now: UnixTime) -> CacheDecision {
        let known = self.known.iter().find(|known| known.url == url);
        let age = known.map(|known| known.fetched.until(now));
        if age.is_some_and(|age| age < if again { PAUSE } else { FRESH }) {
            return CacheDecision::Serve(known.filter(|_| !again).map(|known| known.keys.clone()));
        }
        let lasting = age.is_some_and(|age| age < FRESH.saturating_add(STALE)) && !again;
        let stale = known.filter(|_| lasting).map(|known| known.keys.clone());
        self.missing.retain(|(_, since, _)| since.until(now) < PAUSE);
        let missing = self.missing.iter().find(|(known, ..)| known == url).map(|(.., missing)| missing.clone());
        match (missing, stale) {
            (Some(_), Some(keys)) => CacheDecision::Serve(Some(keys)),
            (Some(missing), None) => CacheDecision::Refuse(missing),
            (None, stale) if self.may_fetch(now) => CacheDecision::Fetch(stale),
            (None, Some(keys)) => CacheDecision::Serve(Some(keys)),
            (None, None) => CacheDecision::Refuse(Unavailable::HostFailed(format!(
                "the source has made {MOST_FETCHES} fetches of keys in a minute, so {url} is not fetched now"
            ))),
        }
    }

    /// Counts one more fetch. Requests name URLs, so without a limit strangers could make the gateway send many requests.
    fn may_fetch(&mut self, now: UnixTime) -> bool {
        let (began, count) = self.fetches.filter(|(began, _)| began.until(now) < PAUSE).unwrap_or((now, 0));
        self.fetches = Some((began, count.saturating_add(1)));
        count < MOST_FETCHES
    }

    fn learn(&mut self, url: &str, keys: Vec<PublicKey>, now: UnixTime) {
        let before = self.known.iter().position(|known| known.url == url).map(|index| self.known.remove(index));
        if self.known.len() >= MOST_URLS {
            let useless = self.known.iter().rposition(|known| !known.proved);
            self.known.remove(useless.unwrap_or(self.known.len().saturating_sub(1)));
        }
        let proved = before.is_some_and(|known| known.proved);
        self.known.insert(0, CachedKeys { url: url.to_owned(), fetched: now, keys, proved });
    }

    fn miss(&mut self, url: &str, missing: Unavailable, now: UnixTime) {
        if self.missing.len() >= MOST_FETCHES {
            self.missing.remove(0);
        }
        self.missing.push((url.to_owned(), now, missing));
    }
}

/// The keys at the URL. With `again`, keys that are older than a minute are fetched again, and newer keys give `None`. If a
/// fetch fails and the cached keys are used, the record has the error.
///
/// # Errors
/// [`Refusal::NoSuchKey`] and [`Refusal::KeysUnavailable`].
pub async fn public_keys<P: Ports>(
    at: PublicKeyUrl<'_>,
    again: bool,
    ports: &P,
    now: UnixTime,
    record: &mut Record,
) -> Result<Option<Vec<PublicKey>>, Refusal> {
    let PublicKeyUrl { source, url, .. } = at;
    if url.len() > LONGEST_URL {
        return Err(Refusal::NoSuchKey(format!(
            "the URL of the keys has {} bytes; the limit is {LONGEST_URL}",
            url.len()
        )));
    }
    let published = &ports.isolate().published;
    let next = published.borrow_mut().of(source).next(url, again, now);
    let stale = match next {
        CacheDecision::Serve(keys) => return Ok(keys),
        CacheDecision::Refuse(missing) => return Err(missing.into()),
        CacheDecision::Fetch(stale) => stale,
    };
    let missing = match read(ports.published(url).await, at) {
        Ok(keys) => {
            published.borrow_mut().of(source).learn(url, keys.clone(), now);
            return Ok(Some(keys));
        }
        Err(missing) => missing,
    };
    published.borrow_mut().of(source).miss(url, missing.clone(), now);
    match (stale, missing) {
        (Some(keys), Unavailable::NotPublished(problem) | Unavailable::HostFailed(problem)) => {
            record.trouble("keys_unavailable", format!("{problem}; the cached keys are used for up to a day"));
            Ok(Some(keys))
        }
        (None, missing) => Err(missing.into()),
    }
}

/// Notes that the keys at the URL proved a request.
pub fn proved<P: Ports>(at: PublicKeyUrl<'_>, ports: &P) {
    let mut published = ports.isolate().published.borrow_mut();
    if let Some(known) = published.of(at.source).known.iter_mut().find(|known| known.url == at.url) {
        known.proved = true;
    }
}

/// Reads the keys in the answer of a host.
fn read(
    fetched: Result<Fetched, PortError>,
    PublicKeyUrl { url, is_from_request, .. }: PublicKeyUrl<'_>,
) -> Result<Vec<PublicKey>, Unavailable> {
    // Only a URL from the request makes a missing key the sender's fault.
    let none = |problem: String| {
        if is_from_request { Unavailable::NotPublished(problem) } else { Unavailable::HostFailed(problem) }
    };
    let text = match fetched {
        Ok(Fetched::Text(text)) => text,
        Ok(Fetched::TooLong) => return Err(none(format!("{url} is longer than 64 KiB"))),
        Ok(Fetched::Status(status @ (429 | 500..))) => {
            return Err(Unavailable::HostFailed(format!("{url} answered {status}")));
        }
        Ok(Fetched::Status(status)) => return Err(none(format!("{url} answered {status}"))),
        Err(PortError(problem)) => return Err(Unavailable::HostFailed(problem)),
    };
    let is_wanted = |key: &PublicKey| !is_from_request || matches!(key, PublicKey::Certificate(_));
    let keys = PublicKey::parse_published(&text).filter(|keys| !keys.is_empty() && keys.iter().all(is_wanted));
    let mut keys = keys.ok_or_else(|| none(format!("{url} has no keys")))?;
    keys.truncate(MOST_KEYS);
    Ok(keys)
}
