//! The audit: who changed what by the operator's API.

use crate::truncate::beginning;
use hookgate_verify::UnixTime;
use serde::{Deserialize, Serialize, Serializer};

/// The longest name of a caller, in bytes.
const LONGEST_CALLER: usize = 320;
/// The longest target and the longest detail, in bytes.
const LONGEST_TEXT: usize = 512;
/// The digits of an id: ten of the time and sixteen at random.
const ID: usize = 26;

/// What a caller asked for. An entry is stored before its change is made, so no change is without an entry. An entry without
/// its change is possible: the change failed, found nothing to do, or the Worker stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(target_arch = "wasm32"), derive(schemars::JsonSchema))]
pub struct AuditEntry {
    /// The id. The order of ids is the order of times, in seconds. Entries of one second have a random order.
    pub id: String,
    /// When the caller asked. Stored in seconds since the epoch.
    #[serde(serialize_with = "as_rfc3339")]
    #[cfg_attr(not(target_arch = "wasm32"), schemars(with = "String", extend("format" = "date-time")))]
    pub at: UnixTime,
    /// The caller's name, at most 320 bytes.
    pub caller: String,
    /// The code of the change, such as `redrive`.
    pub action: String,
    /// What was to be changed, such as the id of a dead letter. At most 512 bytes.
    pub target: String,
    /// The parameters of the change. Empty if there are none. At most 512 bytes, and never a secret.
    pub detail: String,
}

impl AuditEntry {
    /// An entry of the time `at`. `random` tells two entries of one second apart. Long texts are cut.
    pub fn new(at: UnixTime, random: u64, caller: &str, action: &'static str, target: &str, detail: &str) -> Self {
        Self {
            // A time before 1970 or after the year 36000 does not occur. Its id would only be in a wrong place.
            id: format!("{:010x}{random:016x}", at.seconds().clamp(0, 0xff_ffff_ffff)),
            at,
            caller: beginning(caller, LONGEST_CALLER).into_owned(),
            action: action.to_owned(),
            target: beginning(target, LONGEST_TEXT).into_owned(),
            detail: beginning(detail, LONGEST_TEXT).into_owned(),
        }
    }

    /// Whether `text` has the form of an id.
    pub fn is_id(text: &str) -> bool {
        text.len() == ID && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    }
}

fn as_rfc3339<S: Serializer>(time: &UnixTime, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&time.to_rfc3339())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: UnixTime = UnixTime::from_seconds(1_768_480_200);

    #[test]
    fn the_stored_entry_is_pinned() {
        let entry = AuditEntry::new(AT, 7, "ci", "redrive", "5f0c", "");
        assert_eq!(entry.id, "006968ddc80000000000000007");
        assert!(AuditEntry::is_id(&entry.id));
        let json = r#"{"id":"006968ddc80000000000000007","at":"2026-01-15T12:30:00Z","caller":"ci","action":"redrive","target":"5f0c","detail":""}"#;
        assert_eq!(serde_json::to_string(&entry).ok().as_deref(), Some(json));
    }

    #[test]
    fn the_order_of_ids_is_the_order_of_times() {
        let id = |seconds, random| AuditEntry::new(UnixTime::from_seconds(seconds), random, "", "", "", "").id;
        let ids = [id(-5, 9), id(1, u64::MAX), id(2, 0), id(1_768_480_200, 1), id(9_999_999_999, 0), id(i64::MAX, 0)];
        assert!(ids.is_sorted(), "{ids:?}");
        assert!(ids.iter().all(|id| AuditEntry::is_id(id)), "{ids:?}");
        for wrong in ["", "0", "ABCDEF68dec8000000000000000007", "00000000000000000000000000'"] {
            assert!(!AuditEntry::is_id(wrong), "{wrong}");
        }
    }

    #[test]
    fn no_text_makes_a_long_entry() {
        let long = "\u{1}🦀".repeat(10_000);
        let entry = AuditEntry::new(AT, 7, &long, "redrive", &long, &long);
        let json = serde_json::to_string(&entry).unwrap_or_default();
        assert!((1000..1500).contains(&json.len()), "{}", json.len());
    }
}
