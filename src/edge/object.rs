//! The Rust side of the Durable Object `Claims`. It stores the results of [`crate::dedup`] and [`crate::pending_secret`],
//! which make all decisions.

use super::{now, random};
use crate::dedup::{self, Acceptance, ClaimEntry, ClaimTerms, ClaimToken, Rings};
use crate::pending_secret::{self, OfferOutcome, PendingSecret};
use hookgate_verify::UnixTime;
use serde::Deserialize;
use std::time::Duration;
use wasm_bindgen::prelude::*;
use worker::worker_sys::DurableObjectState;
use worker::{Result, SqlStorage, SqlStorageValue, State};

/// The most claims that one alarm deletes. The next alarm follows after [`SOON_MS`], so that the object deletes faster than
/// it can be filled.
const MOST_EXPIRED: i32 = 10_000;
const SOON_MS: u32 = 1000;
const HOUR_MS: u32 = 3600 * 1000;

/// The result of an export. JavaScript gets the error as an exception.
type Outcome<T> = std::result::Result<T, JsValue>;

/// The SQLite database of the object. Every call is synchronous.
struct Sql(SqlStorage);

impl From<DurableObjectState> for Sql {
    fn from(state: DurableObjectState) -> Self {
        Self(State::from(state).storage().sql())
    }
}

#[derive(Deserialize)]
struct ClaimRow {
    token: String,
    acceptance: Option<String>,
    first_seen: i64,
    leased_until: i64,
    expires: i64,
    confirmed: u8,
}

#[derive(Deserialize)]
struct RingRow {
    ring: u32,
    until: i64,
}

#[derive(Deserialize)]
struct SecretRow {
    secret: String,
    expires: i64,
}

impl Sql {
    fn exec<const N: usize>(&self, query: &str, values: [SqlStorageValue; N]) -> Result<()> {
        self.0.exec(query, Vec::from(values)).map(|_| ())
    }

    fn rows<T: for<'r> Deserialize<'r>, const N: usize>(
        &self,
        query: &str,
        values: [SqlStorageValue; N],
    ) -> Result<Vec<T>> {
        self.0.exec(query, Vec::from(values))?.to_array()
    }

    /// Whether the query finds a row.
    fn any<const N: usize>(&self, query: &str, values: [SqlStorageValue; N]) -> Result<bool> {
        Ok(self.0.exec(query, Vec::from(values))?.raw().next().transpose()?.is_some())
    }

    fn entry(&self, name: &str) -> Result<Option<ClaimEntry>> {
        const QUERY: &str =
            "SELECT token, acceptance, first_seen, leased_until, expires, confirmed FROM claims WHERE name = ?";
        let Some(row) = self.rows::<ClaimRow, 1>(QUERY, [name.into()])?.into_iter().next() else { return Ok(None) };
        let first_seen = UnixTime::from_seconds(row.first_seen);
        // The column is empty in rows of the version before acceptances had numbers.
        let acceptance = match &row.acceptance {
            None => Acceptance::FirstSeen(first_seen),
            Some(text) => Acceptance::parse(text).ok_or("the acceptance in this row cannot be read")?,
        };
        Ok(Some(ClaimEntry {
            token: token(&row.token)?,
            acceptance,
            first_seen,
            leased_until: UnixTime::from_seconds(row.leased_until),
            expires: UnixTime::from_seconds(row.expires),
            confirmed: row.confirmed != 0,
        }))
    }

    fn store(&self, name: &str, entry: &ClaimEntry) -> Result<()> {
        const QUERY: &str = "INSERT OR REPLACE INTO claims \
            (name, token, acceptance, first_seen, leased_until, expires, confirmed) VALUES (?, ?, ?, ?, ?, ?, ?)";
        let ClaimEntry { token, acceptance, first_seen, leased_until, expires, confirmed } = *entry;
        let [first_seen, leased_until, expires] = [first_seen, leased_until, expires].map(|time| time.seconds().into());
        let (token, acceptance) = (token.to_string().into(), acceptance.to_string().into());
        self.exec(
            QUERY,
            [name.into(), token, acceptance, first_seen, leased_until, expires, i32::from(confirmed).into()],
        )
    }

    fn store_if_changed(&self, name: &str, entry: Option<ClaimEntry>) -> Result<bool> {
        entry.map_or(Ok(false), |entry| self.store(name, &entry).map(|()| true))
    }

    fn waiting(&self, source: &str) -> Result<Option<PendingSecret>> {
        let rows: Vec<SecretRow> =
            self.rows("SELECT secret, expires FROM handshakes WHERE source = ?", [source.into()])?;
        let waiting =
            |row: SecretRow| PendingSecret { secret: row.secret, expires: UnixTime::from_seconds(row.expires) };
        Ok(rows.into_iter().next().map(waiting))
    }
}

fn token(text: &str) -> Result<ClaimToken> {
    ClaimToken::parse(text).ok_or_else(|| "a token is 16 hex digits".into())
}

fn span(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}

/// Creates the tables that are missing.
#[wasm_bindgen(js_name = openClaims)]
pub fn open(state: DurableObjectState) -> Outcome<()> {
    let sql = Sql::from(state);
    for statement in [
        "CREATE TABLE IF NOT EXISTS claims (name TEXT PRIMARY KEY, token TEXT NOT NULL, first_seen INTEGER NOT NULL, \
         leased_until INTEGER NOT NULL, expires INTEGER NOT NULL, confirmed INTEGER NOT NULL) WITHOUT ROWID",
        "CREATE INDEX IF NOT EXISTS claims_by_expiry ON claims (expires)",
        "CREATE TABLE IF NOT EXISTS rings (ring INTEGER PRIMARY KEY, until INTEGER NOT NULL)",
        "CREATE TABLE IF NOT EXISTS handshakes (source TEXT PRIMARY KEY, secret TEXT NOT NULL, expires INTEGER NOT NULL) \
         WITHOUT ROWID",
    ] {
        sql.exec(statement, [])?;
    }
    // Tables of the previous version lack the column.
    if !sql.any("SELECT name FROM pragma_table_info('claims') WHERE name = 'acceptance'", [])? {
        sql.exec("ALTER TABLE claims ADD COLUMN acceptance TEXT", [])?;
    }
    Ok(())
}

/// [`dedup::claim`]. Returns the outcome as JSON. `drawn` is the token; a Worker of the previous version sends none.
#[wasm_bindgen(js_name = claimName)]
pub fn claim(state: DurableObjectState, name: &str, lease: u32, ttl: u32, drawn: Option<String>) -> Outcome<String> {
    let sql = Sql::from(state);
    let token = drawn.map_or_else(|| Ok(ClaimToken(random())), |text| token(&text))?;
    let terms = ClaimTerms { lease: span(lease), ttl: span(ttl) };
    let (claim, entry) = dedup::claim(sql.entry(name)?, now(), terms, token);
    sql.store_if_changed(name, entry)?;
    json(&claim)
}

/// [`dedup::confirm`]. `false` if nothing was confirmed, because another claim has the name.
#[wasm_bindgen(js_name = confirmClaim)]
pub fn confirm(state: DurableObjectState, name: &str, drawn: &str, ttl: u32) -> Outcome<bool> {
    let sql = Sql::from(state);
    Ok(sql.store_if_changed(name, dedup::confirm(sql.entry(name)?, token(drawn)?, now(), span(ttl)))?)
}

/// [`dedup::release`]. `false` if there was nothing to release.
#[wasm_bindgen(js_name = releaseClaim)]
pub fn release(state: DurableObjectState, name: &str, drawn: &str) -> Outcome<bool> {
    let sql = Sql::from(state);
    Ok(sql.store_if_changed(name, dedup::release(sql.entry(name)?, token(drawn)?, now()))?)
}

/// Deletes the entry of `name` if [`dedup::may_forget`] allows it. Returns whether it was deleted.
#[wasm_bindgen(js_name = forgetClaim)]
pub fn forget(state: DurableObjectState, name: &str) -> Outcome<bool> {
    let sql = Sql::from(state);
    let may = sql.entry(name)?.is_some_and(|entry| dedup::may_forget(entry, now()));
    if may {
        sql.exec("DELETE FROM claims WHERE name = ?", [name.into()])?;
    }
    Ok(may)
}

/// [`dedup::admit`]. Returns the reason of a refusal as JSON, or `None`. `hold` is in seconds.
#[wasm_bindgen(js_name = admitRings)]
pub fn admit(state: DurableObjectState, current: u32, before: Option<u32>, hold: u32) -> Outcome<Option<String>> {
    let sql = Sql::from(state);
    let known: Vec<RingRow> = sql.rows("SELECT ring, until FROM rings", [])?;
    let known: Vec<_> = known.into_iter().map(|row| (row.ring, UnixTime::from_seconds(row.until))).collect();
    match dedup::admit(&known, Rings { current, before }, now(), span(hold)) {
        Ok(until) => {
            let values = [i64::from(current).into(), until.seconds().into()];
            sql.exec("INSERT OR REPLACE INTO rings (ring, until) VALUES (?, ?)", values)?;
            Ok(None)
        }
        Err(refused) => json(&refused).map(Some),
    }
}

/// [`pending_secret::offer`]. `false` if another secret is pending.
#[wasm_bindgen(js_name = installSecret)]
pub fn install(state: DurableObjectState, source: &str, secret: &str) -> Outcome<bool> {
    let sql = Sql::from(state);
    match pending_secret::offer(sql.waiting(source)?.as_ref(), secret, now()) {
        OfferOutcome::Stored(PendingSecret { secret, expires }) => {
            let values = [source.into(), secret.into(), expires.seconds().into()];
            sql.exec("INSERT OR REPLACE INTO handshakes (source, secret, expires) VALUES (?, ?, ?)", values)?;
            Ok(true)
        }
        OfferOutcome::Same => Ok(true),
        OfferOutcome::Refused => Ok(false),
    }
}

/// [`pending_secret::waiting`].
#[wasm_bindgen(js_name = installedSecret)]
pub fn installed(state: DurableObjectState, source: &str) -> Outcome<Option<String>> {
    Ok(pending_secret::waiting(Sql::from(state).waiting(source)?, now()))
}

/// Deletes expired rows. Returns the delay in milliseconds before the next call, or `None` if no row is left.
#[wasm_bindgen(js_name = expireClaims)]
pub fn expire(state: DurableObjectState) -> Outcome<Option<u32>> {
    let sql = Sql::from(state);
    let now = || SqlStorageValue::from(now().seconds());
    sql.exec(
        "DELETE FROM claims WHERE name IN (SELECT name FROM claims WHERE expires <= ? ORDER BY expires LIMIT ?)",
        [now(), MOST_EXPIRED.into()],
    )?;
    sql.exec("DELETE FROM handshakes WHERE expires <= ?", [now()])?;
    if sql.any("SELECT 1 FROM claims WHERE expires <= ? LIMIT 1", [now()])? {
        return Ok(Some(SOON_MS));
    }
    let is_left = sql.any("SELECT 1 FROM claims LIMIT 1", [])? || sql.any("SELECT 1 FROM handshakes LIMIT 1", [])?;
    Ok(is_left.then_some(HOUR_MS))
}

fn json(of: &impl serde::Serialize) -> Outcome<String> {
    serde_json::to_string(of).map_err(|error| error.to_string().into())
}
