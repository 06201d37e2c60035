//! Stand-ins for the objects of claims, the table of dead letters, and the bucket of bodies. Each call is one atomic step.

use super::random::Random;
use hookgate::audit::AuditEntry;
use hookgate::dedup::{self, ClaimEntry, ClaimOutcome, ClaimTerms, ClaimToken, Rings, RingsRefused, Shard};
use hookgate::letter::{COUNTED, Filter, Group, Groups, Letter, MOST_GROUPS, Selection};
use hookgate::pending_secret::{self, OfferOutcome, PendingSecret};
use hookgate::pipeline::ports::{Page, Stored};
use hookgate_verify::UnixTime;
use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

/// The Durable Objects `Claims`, the registry of the numbers of shards, and the pending secrets.
#[derive(Default)]
pub struct Claims {
    entries: BTreeMap<(Shard, String), ClaimEntry>,
    pub rings: BTreeMap<u32, UnixTime>,
    /// The pending secret of each source.
    pub secrets: BTreeMap<String, PendingSecret>,
    /// Whether an alarm deletes expired entries.
    alarm: bool,
    /// Decides the clock of each object.
    salt: u64,
}

impl Claims {
    pub fn new(random: &Random) -> Self {
        Self { alarm: random.chance(500), salt: random.next(), ..Self::default() }
    }

    /// How many milliseconds the clock of `shard` is ahead.
    pub fn skew(&self, shard: Shard) -> i64 {
        let name = shard.to_string().bytes().fold(self.salt, |hash, byte| Random::new(hash ^ u64::from(byte)).next());
        (name % 4001) as i64 - 2000
    }

    pub fn claim(
        &mut self,
        shard: Shard,
        name: &str,
        terms: ClaimTerms,
        now: UnixTime,
        token: ClaimToken,
    ) -> ClaimOutcome {
        if self.alarm {
            self.entries.retain(|(of, _), entry| *of != shard || now < entry.expires);
        }
        let id = (shard, name.to_owned());
        let (claim, entry) = dedup::claim(self.entries.get(&id).copied(), now, terms, token);
        self.set(id, entry);
        claim
    }

    /// The token of the last claim of `name`.
    pub fn holder(&self, shard: Shard, name: &str) -> Option<ClaimToken> {
        self.entries.get(&(shard, name.to_owned())).map(|entry| entry.token)
    }

    pub fn confirm(&mut self, shard: Shard, name: &str, token: ClaimToken, now: UnixTime, ttl: Duration) -> bool {
        let id = (shard, name.to_owned());
        let entry = dedup::confirm(self.entries.get(&id).copied(), token, now, ttl);
        self.set(id, entry)
    }

    pub fn release(&mut self, shard: Shard, name: &str, token: ClaimToken, now: UnixTime) -> bool {
        let id = (shard, name.to_owned());
        let entry = dedup::release(self.entries.get(&id).copied(), token, now);
        self.set(id, entry)
    }

    pub fn forget(&mut self, shard: Shard, name: &str, now: UnixTime) -> bool {
        let id = (shard, name.to_owned());
        let may = self.entries.get(&id).is_some_and(|entry| dedup::may_forget(*entry, now));
        may && self.entries.remove(&id).is_some()
    }

    pub fn admit(&mut self, rings: Rings, now: UnixTime, hold: Duration) -> Result<(), RingsRefused> {
        let known: Vec<(u32, UnixTime)> = self.rings.iter().map(|(ring, until)| (*ring, *until)).collect();
        let until = dedup::admit(&known, rings, now, hold)?;
        self.rings.insert(rings.current, until);
        Ok(())
    }

    pub fn install(&mut self, source: &str, secret: &str, now: UnixTime) -> bool {
        match pending_secret::offer(self.secrets.get(source), secret, now) {
            OfferOutcome::Stored(pending) => {
                self.secrets.insert(source.to_owned(), pending);
                true
            }
            OfferOutcome::Same => true,
            OfferOutcome::Refused => false,
        }
    }

    pub fn installed(&self, source: &str, now: UnixTime) -> Option<String> {
        pending_secret::waiting(self.secrets.get(source).cloned(), now)
    }

    fn set(&mut self, id: (Shard, String), entry: Option<ClaimEntry>) -> bool {
        entry.map(|entry| self.entries.insert(id, entry)).is_some()
    }
}

/// The table of dead letters, the oldest first.
#[derive(Default)]
pub struct Letters(Vec<Row>);

#[derive(Clone)]
pub struct Row {
    pub letter: Letter,
    taken: Option<UnixTime>,
    pub redriven: bool,
}

impl Letters {
    /// The letters that were not redriven.
    pub fn alive(&self) -> impl DoubleEndedIterator<Item = &Row> + Clone {
        self.0.iter().filter(|row| !row.redriven)
    }

    pub fn keep(&mut self, letter: Letter) {
        match self.row(&letter.id) {
            None => self.0.push(Row { letter, taken: None, redriven: false }),
            Some(row) if row.letter.redrives < letter.redrives => {
                let expires = row.letter.expires.max(letter.expires);
                *row = Row { letter: Letter { expires, ..letter }, taken: None, redriven: false };
            }
            Some(_) => {}
        }
    }

    pub fn has(&self, id: &str) -> bool {
        self.0.iter().any(|row| row.letter.id == id)
    }

    pub fn list(&self, Selection { filter, after, limit }: &Selection) -> Vec<Letter> {
        let after = after.as_ref().and_then(|id| self.0.iter().position(|row| row.letter.id == *id));
        let rows = self.0.iter().skip(after.map_or(0, |position| position + 1)).filter(|row| !row.redriven);
        let wanted = |letter: &&Letter| selects(filter, letter);
        rows.map(|row| &row.letter).filter(wanted).take(*limit as usize).cloned().collect()
    }

    pub fn groups(&self, filter: &Filter) -> Groups {
        let scope = Filter { source: filter.source.clone(), ..Filter::default() };
        let newest = self.alive().map(|row| &row.letter).rev().filter(|letter| selects(&scope, letter));
        let mut groups = BTreeMap::<(String, String), Group>::new();
        for letter in newest.clone().take(COUNTED as usize).filter(|letter| selects(filter, letter)) {
            let Letter { source, reason, died, .. } = letter.clone();
            let none = Group { source: source.clone(), reason: reason.clone(), count: 0, oldest: died, newest: died };
            let group = groups.entry((source, reason)).or_insert(none);
            group.count += 1;
            (group.oldest, group.newest) = (group.oldest.min(died), group.newest.max(died));
        }
        let mut groups: Vec<Group> = groups.into_values().collect();
        let letters = groups.iter().map(|group| group.count).sum();
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        groups.truncate(MOST_GROUPS as usize);
        Groups { groups, letters, complete: newest.count() <= COUNTED as usize }
    }

    pub fn take(&mut self, id: &str, now: UnixTime, until: UnixTime, expires: UnixTime) -> Option<Letter> {
        let row = self.row(id).filter(|row| !row.redriven && row.taken.is_none_or(|taken| taken <= now))?;
        row.taken = Some(until);
        row.letter.expires = row.letter.expires.max(expires);
        Some(row.letter.clone())
    }

    pub fn redriven(&mut self, id: &str, redrives: u32) {
        if let Some(row) = self.row(id).filter(|row| row.letter.redrives == redrives) {
            row.redriven = true;
        }
    }

    pub fn replayed(&mut self, letters: &[Letter]) {
        for letter in letters {
            match self.row(&letter.id) {
                None => {
                    let letter = Letter { message: String::new(), ..letter.clone() };
                    self.0.push(Row { letter, taken: None, redriven: true });
                }
                Some(row) if row.letter.redrives <= letter.redrives => {
                    (row.redriven, row.letter.redrives) = (true, letter.redrives);
                }
                Some(_) => {}
            }
        }
    }

    /// Sets whether every letter is noted as redriven. A note of a redrive may be missing, because it may fail. A letter that
    /// is stored without its message has its note from the beginning.
    pub fn note_redrives(&mut self, redriven: bool) {
        let whole = self.0.iter_mut().filter(|row| !row.letter.message.is_empty());
        whole.for_each(|row| row.redriven = redriven);
    }

    pub fn expire(&mut self, now: UnixTime) -> Vec<Row> {
        self.0.extract_if(.., |row| row.letter.expires <= now).collect()
    }

    pub fn refers_to(&self, name: &str) -> bool {
        self.0.iter().any(|row| row.letter.payload.as_deref() == Some(name))
    }

    /// Each of `names` that a letter refers to.
    pub fn referred(&self, names: &[String]) -> Vec<String> {
        names.iter().filter(|name| self.refers_to(name)).cloned().collect()
    }

    fn row(&mut self, id: &str) -> Option<&mut Row> {
        self.0.iter_mut().find(|row| row.letter.id == id)
    }
}

/// Whether the letter fits each part of the filter.
fn selects(filter: &Filter, letter: &Letter) -> bool {
    let Filter { source, event_type, reason, since, until } = filter;
    source.as_ref().is_none_or(|source| *source == letter.source)
        && event_type.as_ref().is_none_or(|event_type| *event_type == letter.event_type)
        && reason.as_ref().is_none_or(|reason| *reason == letter.reason)
        && since.is_none_or(|since| since <= letter.died)
        && until.is_none_or(|until| letter.died < until)
}

/// The bucket of bodies, with the time at which each was stored.
#[derive(Default)]
pub struct Bodies(BTreeMap<String, (UnixTime, Vec<u8>)>);

impl Bodies {
    /// A small page, so that a sweep must read several pages.
    const PAGE: usize = 2;

    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    pub fn store(&mut self, name: String, body: Vec<u8>, now: UnixTime) {
        self.0.insert(name, (now, body));
    }

    pub fn load(&self, name: &str) -> Stored {
        match self.0.get(name) {
            None => Stored::Nothing,
            Some((_, body)) if body.is_empty() => Stored::Delivered,
            Some((_, body)) => Stored::Bytes(body.clone()),
        }
    }

    pub fn discard(&mut self, names: &[String]) {
        self.0.retain(|name, _| !names.contains(name));
    }

    /// The page after the name `cursor`.
    pub fn page(&self, prefix: &str, before: UnixTime, cursor: Option<&str>) -> Page {
        let named = self.0.iter().filter(|(name, _)| name.starts_with(prefix));
        let rest = named.filter(|(name, _)| cursor.is_none_or(|cursor| name.as_str() > cursor));
        let page: Vec<_> = rest.take(Self::PAGE).collect();
        let next = (page.len() == Self::PAGE).then(|| page[Self::PAGE - 1].0.clone());
        let old = page.into_iter().filter(|(_, (stored, _))| *stored < before);
        Page { names: old.map(|(name, _)| name.clone()).collect(), next }
    }
}

/// The table of the audit.
#[derive(Default)]
pub struct AuditLog(BTreeMap<String, AuditEntry>);

impl AuditLog {
    pub fn add(&mut self, entry: AuditEntry) {
        self.0.entry(entry.id.clone()).or_insert(entry);
    }

    /// The newest entries, before the id `before`.
    pub fn page(&self, before: Option<&str>, limit: u32) -> Vec<AuditEntry> {
        let newest = self.0.values().rev().filter(|entry| before.is_none_or(|before| entry.id.as_str() < before));
        newest.take(limit.try_into().unwrap()).cloned().collect()
    }
}

/// Lets a test read and change the content of a store.
macro_rules! open {
    ($($store:ty, $field:tt: $content:ty;)*) => {$(
        impl Deref for $store {
            type Target = $content;

            fn deref(&self) -> &$content {
                &self.$field
            }
        }

        impl DerefMut for $store {
            fn deref_mut(&mut self) -> &mut $content {
                &mut self.$field
            }
        }
    )*};
}

open! {
    Claims, entries: BTreeMap<(Shard, String), ClaimEntry>;
    Letters, 0: Vec<Row>;
    Row, letter: Letter;
    Bodies, 0: BTreeMap<String, (UnixTime, Vec<u8>)>;
}
