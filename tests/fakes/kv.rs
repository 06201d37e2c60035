//! Workers KV, as weak as in production. Another location sees a change late. A location caches every answer, even "no such
//! key". A write never compares with the old value. `tests/contract/keys.json` has the required and the possible answers.

use std::collections::BTreeMap;
use std::time::Duration;

/// Milliseconds since the run began, or since the epoch.
type Millis = u64;

#[derive(Default)]
pub struct Kv {
    changes: BTreeMap<String, Change>,
    /// The cache of each location: the value of a key, and the end of the cache's lifetime.
    caches: BTreeMap<(usize, String), (Millis, Option<String>)>,
}

struct Change {
    location: usize,
    /// When the other locations see the change.
    shown: Millis,
    /// `None` if the key was deleted.
    value: Option<Value>,
    /// The value that the other locations see before.
    before: Option<Value>,
}

#[derive(Clone)]
struct Value {
    text: String,
    expires: Millis,
    ttl: Duration,
}

impl Kv {
    /// Reads a key at `location`. The location caches the answer for `cached`.
    pub fn get(&mut self, location: usize, key: &str, now: Millis, cached: Millis) -> Option<String> {
        let id = (location, key.to_owned());
        if let Some((_, believed)) = self.caches.get(&id).filter(|(until, _)| now < *until) {
            return believed.clone();
        }
        let seen = |change: &Change| {
            let new = change.location == location || change.shown <= now;
            let value = if new { &change.value } else { &change.before };
            value.clone().filter(|value| now < value.expires)
        };
        let found = self.changes.get(key).and_then(seen);
        let until = found.as_ref().map_or(Millis::MAX, |value| value.expires).min(now + cached);
        let text = found.map(|value| value.text);
        self.caches.insert(id, (until, text.clone()));
        text
    }

    /// Writes a value that expires after `ttl`. Other locations see it after `delay`.
    pub fn put(&mut self, location: usize, key: String, text: String, now: Millis, delay: Millis, ttl: Duration) {
        let value = Value { text, expires: now + ttl.as_millis() as Millis, ttl };
        self.change(location, key, now, delay, Some(value));
    }

    /// Deletes a value. Other locations still see it for `delay`.
    pub fn delete(&mut self, location: usize, key: String, now: Millis, delay: Millis) {
        self.change(location, key, now, delay, None);
    }

    fn change(&mut self, location: usize, key: String, now: Millis, delay: Millis, value: Option<Value>) {
        let before = self.changes.get(&key).and_then(|change| change.value.clone());
        self.changes.insert(key, Change { location, shown: now + delay, value, before });
    }

    /// The keys that were put and not deleted, each with its TTL.
    pub fn keys(&self) -> impl Iterator<Item = (&String, Duration)> {
        self.changes.iter().filter_map(|(key, change)| Some((key, change.value.as_ref()?.ttl)))
    }

    /// Removes every key, as if every key had expired.
    pub fn clear(&mut self) {
        self.changes.clear();
        self.caches.clear();
    }
}
