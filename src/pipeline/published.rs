//! The keys that a provider publishes: fetched from where its preset says, and remembered.

use super::ports::{PortError, Ports};
use crate::webhook::{PublicKey, UnixTime};
use std::time::Duration;

/// Rotations are announced by publishing, and a key that is withdrawn is gone after this.
const FRESH: Duration = Duration::from_secs(3600);
/// How soon keys may be asked for again because none of them matched: whoever sends forgeries causes no more fetches.
const PAUSE: Duration = Duration::from_secs(60);
/// More keys than any provider has at a time.
const MOST_KEYS: usize = 16;
/// More places than the sources of one Worker have, certificates of every region included. The oldest is forgotten.
const MOST_PLACES: usize = 16;

/// What was fetched.
#[derive(Debug, Default)]
pub struct Published {
    known: Vec<(String, UnixTime, Vec<PublicKey>)>,
    /// When the last minute of fetches began, and how many there were in it.
    fetches: Option<(UnixTime, usize)>,
}

impl Published {
    /// Counts one more fetch. Requests name certificates, and must not choose how often others are asked for one.
    fn may_fetch(&mut self, now: UnixTime) -> bool {
        let (began, count) = self.fetches.filter(|(began, _)| began.until(now) < PAUSE).unwrap_or((now, 0));
        self.fetches = Some((began, count.saturating_add(1)));
        count < MOST_PLACES
    }
}

/// The keys at `url`. With `again`, what was fetched before the last minute is fetched anew; `None` where that would be
/// nothing else.
pub async fn keys<P: Ports>(
    url: &str,
    again: bool,
    ports: &P,
    now: UnixTime,
) -> Result<Option<Vec<PublicKey>>, PortError> {
    let published = &ports.isolate().published;
    let known = published.borrow().known.iter().find(|(known, ..)| known == url).cloned();
    if let Some((_, fetched, keys)) = known {
        let age = fetched.until(now);
        if age < if again { PAUSE } else { FRESH } {
            return Ok((!again).then_some(keys));
        }
    }
    if !published.borrow_mut().may_fetch(now) {
        return Err(PortError(format!("{MOST_PLACES} fetches of keys in a minute are enough; {url} has to wait")));
    }
    let text = ports.published(url).await?;
    let mut keys = PublicKey::parse_published(&text).ok_or_else(|| PortError(format!("{url} has no keys")))?;
    keys.truncate(MOST_KEYS);
    let known = &mut published.borrow_mut().known;
    known.retain(|(known, ..)| known != url);
    known.truncate(MOST_PLACES.saturating_sub(1));
    known.insert(0, (url.to_owned(), now, keys.clone()));
    Ok(Some(keys))
}
