//! The keys that a provider publishes: fetched from where its preset says, and remembered.
//!
//! A request that is not proven yet may cause a fetch, so all of this is bounded for each source by itself: a stranger who
//! spends what one source may fetch takes nothing from another. Keys that are known serve without a fetch, and go on
//! serving for a day while their host cannot be asked.

use super::ports::{Fetched, PortError, Ports};
use super::refusal::Refusal;
use crate::record::Record;
use hookgate_verify::{PublicKey, UnixTime};
use std::time::Duration;

/// Rotations are announced by publishing, and a key that is withdrawn is gone after this.
const FRESH: Duration = Duration::from_secs(3600);
/// For how long after that known keys serve while they cannot be fetched anew.
const STALE: Duration = Duration::from_secs(24 * 3600);
/// How soon keys may be asked for again because none of them matched, or because they could not be had: whoever sends
/// forgeries causes no more fetches.
const PAUSE: Duration = Duration::from_secs(60);
/// More keys than any provider has at a time.
const MOST_KEYS: usize = 16;
/// More places than one source has, certificates of every rotation included. The oldest that proved nothing is forgotten.
const MOST_PLACES: usize = 16;
/// So many fetches in a minute.
const MOST_FETCHES: usize = 16;
/// Longer than any URL of a key.
const LONGEST_URL: usize = 1024;

/// What was fetched, for each source whose provider publishes keys.
#[derive(Debug, Default)]
pub struct PublishedKeys(Vec<(String, SourceCache)>);

/// What was fetched for one source.
#[derive(Debug, Default)]
struct SourceCache {
    /// The latest first.
    known: Vec<CachedKeys>,
    /// What could not be had lately. No more than there are fetches in a minute.
    missing: Vec<(String, UnixTime, Unavailable)>,
    /// When the last minute of fetches began, and how many there were in it.
    fetches: Option<(UnixTime, usize)>,
}

#[derive(Debug)]
struct CachedKeys {
    url: String,
    fetched: UnixTime,
    keys: Vec<PublicKey>,
    /// Whether a request was proven by them: such keys are not forgotten for others that only a request names.
    proved: bool,
}

/// Why keys cannot be had.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Unavailable {
    /// The request names a place where the provider has no certificate.
    None(String),
    /// The provider's host does not answer as it should.
    NotNow(String),
}

impl From<Unavailable> for Refusal {
    fn from(missing: Unavailable) -> Self {
        match missing {
            Unavailable::None(problem) => Self::NoSuchKey(problem),
            Unavailable::NotNow(problem) => Self::KeysUnavailable(problem),
        }
    }
}

/// Where keys are published, and for whom they are fetched.
#[derive(Debug, Clone, Copy)]
pub struct PublicKeyUrl<'p> {
    /// The source's name.
    pub source: &'p str,
    /// Where its provider publishes the keys.
    pub url: &'p str,
    /// Whether the request names it, as Amazon's do, rather than the preset.
    pub is_chosen: bool,
}

impl PublishedKeys {
    fn of(&mut self, source: &str) -> &mut SourceCache {
        let place = self.0.iter().position(|(known, _)| known == source).unwrap_or_else(|| {
            self.0.push((source.to_owned(), SourceCache::default()));
            self.0.len().saturating_sub(1)
        });
        #[expect(clippy::expect_used, reason = "the place was found, or made, just now")]
        let (_, found) = self.0.get_mut(place).expect("a source that was found");
        found
    }
}

/// What is to be done for keys.
enum CacheDecision {
    Serve(Option<Vec<PublicKey>>),
    Refuse(Unavailable),
    /// Fetch them; while that fails, these serve.
    Fetch(Option<Vec<PublicKey>>),
}

impl SourceCache {
    /// What serves a request that names `url`; with `again`, one that none of the known keys proves.
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
            (None, None) => CacheDecision::Refuse(Unavailable::NotNow(format!(
                "{MOST_FETCHES} fetches of keys in a minute are enough for one source; {url} has to wait"
            ))),
        }
    }

    /// Counts one more fetch. Requests name certificates, and must not choose how often others are asked for one.
    fn may_fetch(&mut self, now: UnixTime) -> bool {
        let (began, count) = self.fetches.filter(|(began, _)| began.until(now) < PAUSE).unwrap_or((now, 0));
        self.fetches = Some((began, count.saturating_add(1)));
        count < MOST_FETCHES
    }

    fn learn(&mut self, url: &str, keys: Vec<PublicKey>, now: UnixTime) {
        let before = self.known.iter().position(|known| known.url == url).map(|place| self.known.remove(place));
        if self.known.len() >= MOST_PLACES {
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

/// The keys at `place`. With `again`, what was fetched before the last minute is fetched anew; `None` where that would be
/// nothing else. Notes in the record where keys serve that could not be fetched anew.
///
/// # Errors
/// [`Refusal::NoSuchKey`] and [`Refusal::KeysUnavailable`].
pub async fn public_keys<P: Ports>(
    place: PublicKeyUrl<'_>,
    again: bool,
    ports: &P,
    now: UnixTime,
    record: &mut Record,
) -> Result<Option<Vec<PublicKey>>, Refusal> {
    let PublicKeyUrl { source, url, .. } = place;
    if url.len() > LONGEST_URL {
        return Err(Refusal::NoSuchKey(format!("a URL of {} bytes, of {LONGEST_URL} at most", url.len())));
    }
    let published = &ports.isolate().published;
    let next = published.borrow_mut().of(source).next(url, again, now);
    let stale = match next {
        CacheDecision::Serve(keys) => return Ok(keys),
        CacheDecision::Refuse(missing) => return Err(missing.into()),
        CacheDecision::Fetch(stale) => stale,
    };
    let missing = match read(ports.published(url).await, place) {
        Ok(keys) => {
            published.borrow_mut().of(source).learn(url, keys.clone(), now);
            return Ok(Some(keys));
        }
        Err(missing) => missing,
    };
    published.borrow_mut().of(source).miss(url, missing.clone(), now);
    match (stale, missing) {
        (Some(keys), Unavailable::None(problem) | Unavailable::NotNow(problem)) => {
            record.trouble("keys_unavailable", format!("{problem}; the ones known serve for a day"));
            Ok(Some(keys))
        }
        (None, missing) => Err(missing.into()),
    }
}

/// Notes that the keys at `place` proved a request.
pub fn proved<P: Ports>(place: PublicKeyUrl<'_>, ports: &P) {
    let mut published = ports.isolate().published.borrow_mut();
    if let Some(known) = published.of(place.source).known.iter_mut().find(|known| known.url == place.url) {
        known.proved = true;
    }
}

/// The keys in what a host answered.
fn read(
    fetched: Result<Fetched, PortError>,
    PublicKeyUrl { url, is_chosen, .. }: PublicKeyUrl<'_>,
) -> Result<Vec<PublicKey>, Unavailable> {
    // What the request names and the host has not is the request's fault; a host that fails is nobody's.
    let none = |problem: String| if is_chosen { Unavailable::None(problem) } else { Unavailable::NotNow(problem) };
    let text = match fetched {
        Ok(Fetched::Text(text)) => text,
        Ok(Fetched::TooLong) => return Err(none(format!("{url} is longer than 64 KiB"))),
        Ok(Fetched::Status(status @ (429 | 500..))) => {
            return Err(Unavailable::NotNow(format!("{url} answered {status}")));
        }
        Ok(Fetched::Status(status)) => return Err(none(format!("{url} answered {status}"))),
        Err(PortError(problem)) => return Err(Unavailable::NotNow(problem)),
    };
    let is_wanted = |key: &PublicKey| !is_chosen || matches!(key, PublicKey::Certificate(_));
    let keys = PublicKey::parse_published(&text).filter(|keys| !keys.is_empty() && keys.iter().all(is_wanted));
    let mut keys = keys.ok_or_else(|| none(format!("{url} has no keys")))?;
    keys.truncate(MOST_KEYS);
    Ok(keys)
}
