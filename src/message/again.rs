//! An event that is sent again: as a dead letter that is redriven, or by a replay.

use super::{Event, LONGEST_REASON, TooLarge};
use crate::dedup::digest_of;
use hookgate_verify::UnixTime;
use std::time::Duration;

impl Event<'_> {
    /// The event as a dead letter. The reason is cut if the message has no space for all of it.
    pub fn dead(self, reason: &str) -> Self {
        let cut = |most: usize| reason.get(..reason.floor_char_boundary(most)).unwrap_or(reason).to_owned();
        let mut dead = Self { deadreason: Some(cut(LONGEST_REASON)), ..self };
        if let Err(TooLarge { bytes, limit }) = dead.encode_again() {
            // The version before left less space for a reason. Even an empty reason marks the message as a dead letter.
            let over = bytes.saturating_sub(limit);
            let kept = dead.deadreason.as_ref().map_or(0, String::len).saturating_sub(over);
            dead.deadreason = Some(cut(kept));
        }
        dead
    }

    /// The event of a dead letter, redriven at `now`.
    pub fn redriven(self, now: UnixTime) -> Self {
        let redrive = self.redrive.saturating_add(1);
        Self { deadreason: None, redrive, redrivenat: Some(now.to_rfc3339()), ..self }
    }

    /// The event, sent again at `now` by the replay `token`. It is delivered although it was delivered before, and begins with
    /// the first attempt again. Its body and its idempotency key stay.
    pub fn replayed(self, token: &str, now: UnixTime) -> Self {
        let (replay, replayedat) = (Some(token.to_owned()), Some(now.to_rfc3339()));
        Self { deadreason: None, redrive: 0, redrivenat: None, replay, replayedat, ..self }
    }

    /// The token of the replay that sent the event.
    pub fn replay(&self) -> Option<&str> {
        self.replay.as_deref()
    }

    /// How often the event was redriven.
    pub fn redrives(&self) -> u32 {
        self.redrive
    }

    /// Whether the event was redriven.
    pub fn is_redriven(&self) -> bool {
        self.redrive > 0
    }

    /// The time since [`Event::began`]. `None` if that time cannot be read.
    pub fn age(&self, now: UnixTime) -> Option<Duration> {
        self.began().map(|began| began.until(now))
    }

    /// When the event was accepted, replayed or last redriven. `None` if that time cannot be read.
    pub fn began(&self) -> Option<UnixTime> {
        // A replay forgets the redrives before it, so a redrive is later than the replay.
        let began = self.redrivenat.as_ref().or(self.replayedat.as_ref()).unwrap_or(&self.time);
        UnixTime::from_rfc3339(began)
    }

    /// The name of the claim on the delivery. Each acceptance, each replay and each redrive has another name.
    pub fn claim_name(&self) -> String {
        // A message of the version before has no acceptance, and without `dedup = "exact"` no `firstseen`. Its delivery is
        // not claimed, but the id of its dead letter contains this name with an empty acceptance. So an error in place of
        // the empty text would change the ids of old letters.
        let name = format!("{}/{}/{}", self.dedupkey, self.acceptance_text(), self.redrive);
        match &self.replay {
            Some(replay) => format!("{name}/{replay}"),
            None => name,
        }
    }

    /// The name of the claim that all replays and redrives of one acceptance share. So one of two jobs delivers the event.
    pub fn replays_claim_name(&self) -> String {
        format!("{}/{}/replayed", self.dedupkey, self.acceptance_text())
    }

    /// The text that names the acceptance. Empty for a message of the version before without `dedup = "exact"`.
    pub fn acceptance_text(&self) -> &str {
        self.acceptance.as_deref().or(self.firstseen.as_deref()).unwrap_or_default()
    }

    /// The id of the event's dead letter, 64 hex digits. All dead letters of one acceptance have the same id. A replay has
    /// its own letter: an older letter may be redriven already, and must not hide that the replay died.
    pub fn letter_id(&self) -> String {
        hex::encode(match (&self.acceptance, &self.replay) {
            (_, Some(replay)) => {
                let (key, acceptance) = (self.dedupkey.to_string(), self.acceptance_text());
                digest_of(&[b"letter of a replay", key.as_bytes(), acceptance.as_bytes(), replay.as_bytes()])
            }
            (Some(acceptance), None) => {
                digest_of(&[b"letter", self.dedupkey.to_string().as_bytes(), acceptance.as_bytes()])
            }
            // The version before made this id. A message with its body inside has an empty payload here: see `claim_name`.
            (None, None) => {
                let payload = self.payload.as_deref().unwrap_or_default();
                digest_of(&[self.claim_name().as_bytes(), payload.as_bytes(), self.body()])
            }
        })
    }
}
