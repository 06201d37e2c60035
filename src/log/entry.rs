//! What the log says of an event: one row, which each attempt updates.

use crate::config::LogPolicy;
use crate::database::{Statement, Value};
use crate::dedup::digest_of;
use crate::message::Event;
use crate::redact::{BodyPart, RedactedBody};
use crate::truncate::beginning;
use hookgate_verify::UnixTime;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The most attempts that one row keeps. A queue makes 101 at most, and each redrive or replay begins again.
const MOST_ATTEMPTS: u32 = 200;
const LONGEST_DETAIL: usize = 512;
/// The row has every byte of the event, so the event can be sent again.
pub const EXACT: &str = "exact";
/// The last 28 bits of an id, all set.
pub(super) const LAST: u32 = (1 << 28) - 1;
/// R2 has every byte of the body.
pub const IN_BUCKET: &str = "bucket";
/// R2 had the exact body, and forgot it after the delivery.
const FORGOTTEN: &str = "delivered";
/// A value is missing, as the source's `redact` says.
pub const REDACTED: &str = "redacted";

/// The state of an event's delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// No attempt could be made: the reason says what is missing.
    Waiting,
    /// The destination answered 2xx.
    Delivered,
    /// An attempt failed. Another attempt follows.
    Retrying,
    /// The source is paused. No attempt is made.
    Paused,
    /// No attempt follows. The event is a dead letter.
    Dead,
    /// The source does not want the event's type. The event was not forwarded.
    Filtered,
}

impl State {
    /// All states.
    pub const ALL: [Self; 6] =
        [Self::Waiting, Self::Delivered, Self::Retrying, Self::Paused, Self::Dead, Self::Filtered];

    /// The name of the state, as in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Retrying => "retrying",
            Self::Paused => "paused",
            Self::Dead => "dead",
            Self::Filtered => "filtered",
        }
    }
}

/// Names the row of an event: the second of its arrival, and a text of 32 hex digits that begins with its deduplication key.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct EventName {
    /// When the event was received.
    pub received: UnixTime,
    /// 24 digits of the key, and 8 digits of the acceptance.
    pub name: String,
}

impl EventName {
    /// The number of digits of the key.
    pub const KEY_DIGITS: usize = 24;
    const DIGITS: usize = 32;
    /// The last time whose id is a number of 63 bits: in the year 2514.
    const LATEST: i64 = (1 << 34) - 1;

    /// The name of `event`, or `None` if another program wrote its time.
    pub fn of(event: &Event<'_>) -> Option<Self> {
        let received = UnixTime::from_rfc3339(event.received()).filter(|at| Self::has_id(*at))?;
        let mut name = hex::encode(digest_of(&[event.acceptance_text().as_bytes()]));
        name.truncate(Self::DIGITS.saturating_sub(Self::KEY_DIGITS));
        name.insert_str(0, Self::prefix(&event.key().to_string()));
        Some(Self { received, name })
    }

    /// Whether an event that was received at `at` can have an id.
    fn has_id(at: UnixTime) -> bool {
        (0..=Self::LATEST).contains(&at.seconds())
    }

    /// The two numbers of which a statement makes the id of the row: `(?1 << 28) | ?2`. D1 has each number as a double, so an
    /// id of 62 bits is never a parameter or a column of an answer.
    ///
    /// The second number has 28 bits: the sum of the last 7 digits of the key and the last 7 digits of the acceptance. So two
    /// acceptances of one event have two ids, and so have two events without an acceptance. Two events of the same second
    /// have the same id with the probability 2^-28. A database of 10 GB holds some 5 million events. If they come in a week,
    /// 8 a second, one event in about a quarter of a year finds its id taken. It then has no row in the log. No statement
    /// takes the row for its own, because each of them compares the name too.
    pub fn id(&self) -> [Value; 2] {
        let (received, last) = self.place();
        [received.into(), last.into()]
    }

    /// The two numbers of [`EventName::id`]. Rows have the order of their places.
    pub fn place(&self) -> (i64, u32) {
        let digits = |from: usize| {
            let digits = self.name.bytes().skip(from).take(7).map(|digit| char::from(digit).to_digit(16).unwrap_or(0));
            digits.fold(0_u32, |number, digit| (number << 4) | digit)
        };
        let [key, acceptance] = [Self::KEY_DIGITS, Self::DIGITS].map(|end| digits(end.saturating_sub(7)));
        (self.received.seconds(), key.wrapping_add(acceptance) & LAST)
    }

    /// The statement that finds out whether the event was ever delivered. Then the answer has a row.
    pub fn delivered(&self) -> Statement {
        let [received, last] = self.id();
        let sql = "SELECT 1 FROM log_events WHERE id = ((?1 << 28) | ?2) AND name = ?3 AND delivered IS NOT NULL";
        Statement::new(sql, [received, last, self.name.as_str().into()])
    }

    /// The digits of a key with which the names of its events begin.
    pub fn prefix(key: &str) -> &str {
        key.get(..Self::KEY_DIGITS).unwrap_or(key)
    }

    /// Reads the text that [`Display`](fmt::Display) writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (received, name) = text.split_once('-')?;
        let is_name = name.len() == Self::DIGITS && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let at = UnixTime::from_seconds(received.parse().ok()?);
        let is_time = Self::has_id(at) && at.seconds().to_string() == received;
        (is_name && is_time).then(|| Self { received: at, name: name.to_owned() })
    }
}

/// The id of the event in the API.
impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.received.seconds(), self.name)
    }
}

/// One attempt to hand an event to its destination.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When the attempt began, in seconds since 1970.
    pub at: UnixTime,
    /// The number of the attempt, from 1. A redrive and a replay begin with 1 again.
    pub number: u32,
    /// The destination's URL, without its query.
    pub destination: String,
    /// The status of the answer. `None` if there was no answer.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub status: Option<u16>,
    /// The milliseconds until the head of the answer, or until the failure.
    pub ms: u64,
    /// Why the attempt failed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// When the next attempt follows.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<UnixTime>,
    /// How often the event had been redriven.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub redrive: u32,
    /// The token of the replay that the attempt belongs to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub replay: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A change of an event's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    name: EventName,
    source: String,
    event_id: String,
    event_type: String,
    bytes: u64,
    payload: Option<String>,
    head: String,
    body: Option<Vec<u8>>,
    kept: &'static str,
    /// Whether R2 forgets the body after the delivery.
    is_forgotten: bool,
    days: u32,
    /// How often the event was redriven, and the token of its replay.
    round: (u32, Option<String>),
    /// The new state.
    pub state: State,
    /// The code of the reason.
    pub reason: Option<&'static str>,
    /// The reason in words.
    pub detail: Option<String>,
    /// The attempt that was made.
    pub attempt: Option<Attempt>,
    /// When the queue hands the event over again.
    pub next: Option<UnixTime>,
    /// When this became so.
    pub updated: UnixTime,
}

impl Entry {
    /// The entry of `event`, as `policy` allows. `None` if another program wrote the event's time, so that the row has no
    /// place.
    pub fn of(event: &Event<'_>, policy: &LogPolicy, state: State, now: UnixTime) -> Option<Self> {
        let name = EventName::of(event)?;
        let (head, is_head_exact) = event.head_for_log(&policy.redactions);
        let (body, kept) = match (event.payload(), policy.bodies) {
            (Some(_), _) => (None, IN_BUCKET),
            (None, None) => (None, "none"),
            (None, Some(_)) => {
                let body = policy.redactions.body(BodyPart::Whole(event.body()));
                let kept = match &body {
                    RedactedBody::Exact(_) => EXACT,
                    RedactedBody::Redacted { .. } => REDACTED,
                    RedactedBody::Withheld(reason) => reason.code(),
                };
                (body.bytes().map(<[u8]>::to_vec), kept)
            }
        };
        let is_exact = kept == EXACT || kept == IN_BUCKET;
        Some(Self {
            name,
            source: event.source().to_owned(),
            event_id: beginning(event.id(), LONGEST_DETAIL).into_owned(),
            event_type: beginning(event.event_type(), LONGEST_DETAIL).into_owned(),
            bytes: event.body_bytes(),
            payload: event.payload().map(str::to_owned),
            head,
            body,
            kept: if is_exact && !is_head_exact { REDACTED } else { kept },
            is_forgotten: event.payload().is_some_and(|name| !policy.keeps_stored(name)),
            days: u32::try_from(policy.row().as_secs().div_euclid(24 * 3600)).unwrap_or(u32::MAX),
            round: (event.redrives(), event.replay().map(str::to_owned)),
            state,
            reason: None,
            detail: None,
            attempt: None,
            next: None,
            updated: now,
        })
    }

    /// The name of the source.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// About how many bytes the row has.
    pub fn bytes(&self) -> usize {
        let body = self.body.as_ref().map_or(0, Vec::len);
        body.saturating_add(self.head.len()).saturating_add(1024)
    }

    /// The statements that write the entry.
    pub fn statements(&self) -> impl Iterator<Item = Statement> {
        let place = || {
            let [received, last] = self.name.id();
            let slot = super::slot(self.name.received);
            [self.source.as_str().into(), slot.into(), self.name.name.as_str().into(), received, last]
        };
        // A redrive and a replay begin with 1 again, but their event may have waited before.
        let is_first = |one: &Attempt| one.number <= 1 && one.redrive == 0 && one.replay.is_none();
        let is_first = self.attempt.as_ref().is_some_and(is_first);
        let waiting = match self.state {
            State::Waiting | State::Retrying | State::Paused => Some(Statement::new(WAITS, place())),
            // An event whose first attempt settled it has never waited.
            State::Delivered | State::Dead if is_first => None,
            State::Delivered | State::Dead => Some(Statement::new(WAITS_NO_MORE, place())),
            State::Filtered => None,
        };
        std::iter::once(self.statement()).chain(waiting)
    }

    /// Writes the row, or adds the attempt to it. A state is replaced only by a later one. A statement that is run twice
    /// adds its attempt once.
    #[expect(clippy::expect_used, reason = "texts and numbers are JSON")]
    fn statement(&self) -> Statement {
        let [received, last] = self.name.id();
        let attempts =
            serde_json::to_string(self.attempt.as_slice()).expect("an attempt is an object of texts and numbers");
        let status = self.attempt.as_ref().and_then(|attempt| attempt.status);
        let delivered = (self.state == State::Delivered).then(|| self.updated.seconds());
        let destination = self.attempt.as_ref().map(|attempt| attempt.destination.as_str());
        let detail = self.detail.as_deref().map(|text| beginning(text, LONGEST_DETAIL).into_owned());
        Statement::new(
            UPSERT,
            [
                last,
                self.name.name.as_str().into(),
                received,
                self.updated.seconds().into(),
                self.source.as_str().into(),
                self.state.name().into(),
                self.reason.into(),
                status.map(u32::from).into(),
                u32::from(self.attempt.is_some()).into(),
                self.next.map(UnixTime::seconds).into(),
                delivered.into(),
                destination.into(),
                self.event_id.as_str().into(),
                self.event_type.as_str().into(),
                i64::try_from(self.bytes).unwrap_or(i64::MAX).into(),
                self.days.into(),
                self.payload.as_deref().into(),
                (if self.is_forgotten && self.state == State::Delivered { FORGOTTEN } else { self.kept }).into(),
                detail.into(),
                attempts.into(),
                self.head.as_str().into(),
                self.body.clone().map_or(Value::Null, Value::from),
                MOST_ATTEMPTS.into(),
                self.round.0.into(),
                self.round.1.as_deref().unwrap_or("").into(),
            ],
        )
    }
}

/// The reason of an event that the queue gave up. The row keeps the reason of the last attempt, which says more.
pub const GIVEN_UP: &str = "dead_letter";

/// `newer` is whether the entry replaces the state of the row. It is computed once, because a subquery without a table is not
/// merged into the outer one. The clocks of two isolates differ, and a message that came twice may fail after its copy was
/// delivered: a settled event does not wait again, unless it was redriven or replayed since then. The row has no attempt of
/// such a redrive or replay yet, and is not about it: the queue may give up a message without an attempt.
///
/// So an event that waits is settled by an older entry too: by a delivery, and by a death of the `same` redrive and replay. The
/// clock of the isolate whose entry says that it waits may be ahead.
///
/// `attempts` gets the new attempt, if there is one. An entry without an attempt has an empty list, whose element 0 is NULL.
///
/// `head` names the redrive and the replay of the last message, also if the row keeps another head: a job finds its events by
/// it, and a cancelled job the events that nothing else sends. So while the event waits, an older entry does not change them. D1
/// has each number as a double, and a redrive of `1.0` would be no redrive.
///
/// Two messages of one acceptance have a body each. `payload` is the body that was delivered, because it ends with the row. The
/// other message may still wait for its own.
const UPSERT: &str = "\
INSERT INTO log_events (id, name, received, updated, source, state, reason, status, tries, next, delivered, destination, \
event_id, type, bytes, days, payload, kept, detail, attempts, head, body) \
VALUES ((?3 << 28) | ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22) \
ON CONFLICT (id) DO UPDATE SET \
(state, reason, detail, next, status) = (SELECT \
iif(newer, excluded.state, state), \
CASE WHEN NOT newer THEN reason WHEN excluded.reason = 'dead_letter' THEN coalesce(reason, excluded.reason) \
ELSE excluded.reason END, \
CASE WHEN NOT newer THEN detail WHEN excluded.reason IS NOT 'dead_letter' THEN excluded.detail \
WHEN state = 'dead' THEN detail ELSE coalesce(detail || '; ', '') || excluded.detail END, \
iif(newer, excluded.next, next), \
iif(newer AND excluded.tries = 1, excluded.status, status) \
FROM (SELECT (excluded.updated >= updated AND (state NOT IN ('delivered', 'dead') \
OR excluded.state IN ('delivered', 'dead') OR ((?24 > 0 OR ?25 <> '') AND NOT same AND NOT EXISTS (SELECT 1 \
FROM json_each(log_events.attempts) AS made WHERE coalesce(made.value ->> 'redrive', 0) = ?24 \
AND coalesce(made.value ->> 'replay', '') = ?25)))) \
OR (state IN ('waiting', 'retrying', 'paused') AND (excluded.state = 'delivered' OR (excluded.state = 'dead' AND same))) \
AS newer FROM (SELECT coalesce(head ->> 'redrive', 0) = ?24 AND coalesce(head ->> 'replay', '') = ?25 AS same))), \
destination = coalesce(excluded.destination, destination), \
delivered = coalesce(delivered, excluded.delivered), \
tries = tries + excluded.tries, \
attempts = iif(excluded.tries = 1 AND json_array_length(attempts) < ?23, \
json_insert(attempts, '$[#]', json(excluded.attempts ->> '$[0]')), attempts), \
updated = max(updated, excluded.updated), \
head = json_patch(iif(excluded.kept = 'exact' OR (excluded.kept = 'bucket' AND kept = 'bucket'), excluded.head, head), \
iif(excluded.updated < updated AND state IN ('waiting', 'retrying', 'paused'), \
json_object('redrive', head ->> 'redrive', 'replay', head ->> 'replay'), \
json_object('redrive', nullif(CAST(?24 AS INTEGER), 0), 'replay', nullif(?25, '')))), \
payload = iif(payload IS NOT NULL AND (excluded.state = 'delivered' OR delivered IS NULL), \
coalesce(excluded.payload, payload), payload), \
body = iif(excluded.kept = 'exact', excluded.body, body), \
kept = iif(excluded.kept = 'exact' OR (excluded.kept = 'delivered' AND kept <> 'exact'), excluded.kept, kept) \
WHERE name = excluded.name AND (excluded.tries = 0 OR NOT EXISTS (SELECT 1 FROM json_each(log_events.attempts) AS known \
WHERE known.value = excluded.attempts ->> '$[0]'))";

/// An entry that is written late must not let a settled event wait again.
const WAITS: &str = "\
INSERT OR IGNORE INTO waiting (source, slot, name, received) SELECT source, ?2, name, received FROM log_events \
WHERE id = ((?4 << 28) | ?5) AND name = ?3 AND source = ?1 AND state IN ('waiting', 'retrying', 'paused')";
const WAITS_NO_MORE: &str = "\
DELETE FROM waiting WHERE source = ?1 AND slot = ?2 AND name = ?3 AND NOT EXISTS (SELECT 1 FROM log_events \
WHERE id = ((?4 << 28) | ?5) AND log_events.name = ?3 AND state IN ('waiting', 'retrying', 'paused'))";
