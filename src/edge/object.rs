//! The inside of the Durable Object `Claims`: stores what [`crate::dedup`] and [`crate::installed`] decide.

use super::now;
use crate::dedup::{self, Acceptance, Entry, Rings, Terms, Token};
use crate::installed::{self, Offered, Waiting};
use hookgate_verify::UnixTime;
use js_sys::{Array, Reflect};
use std::time::Duration;
use wasm_bindgen::prelude::*;

/// No alarm deletes more than this; the next one goes on, at once: else what is claimed faster would fill the object.
const MOST_EXPIRED: f64 = 10_000.0;
const SOON_MS: u32 = 1000;
const HOUR_MS: u32 = 3600 * 1000;

#[wasm_bindgen]
extern "C" {
    /// The object's own SQLite database; every call is synchronous.
    pub type Sql;
    #[wasm_bindgen(method, variadic, catch)]
    fn exec(this: &Sql, query: &str, values: &Array) -> Result<Cursor, JsValue>;

    type Cursor;
    #[wasm_bindgen(method, catch, js_name = toArray)]
    fn to_array(this: &Cursor) -> Result<Array, JsValue>;
}

type Outcome<T> = Result<T, JsValue>;

impl Sql {
    fn rows(&self, query: &str, values: &[JsValue]) -> Outcome<Array> {
        self.exec(query, &values.iter().collect())?.to_array()
    }

    fn entry(&self, name: &str) -> Outcome<Option<Entry>> {
        const QUERY: &str =
            "SELECT token, acceptance, first_seen, leased_until, expires, confirmed FROM claims WHERE name = ?";
        let row = self.rows(QUERY, &[name.into()])?.get(0);
        if row.is_undefined() {
            return Ok(None);
        }
        let token = Reflect::get(&row, &"token".into())?.as_string();
        let first_seen = time(&row, "first_seen")?;
        // A row of the version before acceptances had numbers has none.
        let acceptance = match Reflect::get(&row, &"acceptance".into())?.as_string() {
            None => Acceptance::FirstSeen(first_seen),
            Some(text) => Acceptance::parse(&text).ok_or("a row with an acceptance that cannot be read")?,
        };
        Ok(Some(Entry {
            token: token.as_deref().and_then(Token::parse).ok_or("a row without a token")?,
            acceptance,
            first_seen,
            leased_until: time(&row, "leased_until")?,
            expires: time(&row, "expires")?,
            confirmed: number(&row, "confirmed")? != 0.0,
        }))
    }

    fn store(&self, name: &str, entry: &Entry) -> Outcome<()> {
        const QUERY: &str = "INSERT OR REPLACE INTO claims \
            (name, token, acceptance, first_seen, leased_until, expires, confirmed) VALUES (?, ?, ?, ?, ?, ?, ?)";
        let seconds = |time: UnixTime| JsValue::from(time.seconds() as f64);
        let Entry { token, acceptance, first_seen, leased_until, expires, confirmed } = *entry;
        let values = [name.into(), token.to_string().into(), acceptance.to_string().into(), seconds(first_seen)];
        let values =
            values.into_iter().chain([seconds(leased_until), seconds(expires), JsValue::from(u32::from(confirmed))]);
        self.exec(QUERY, &values.collect()).map(|_| ())
    }
}

fn number(row: &JsValue, column: &str) -> Outcome<f64> {
    Reflect::get(row, &column.into())?.as_f64().ok_or_else(|| "a row with a column that is no number".into())
}

fn time(row: &JsValue, column: &str) -> Outcome<UnixTime> {
    Ok(UnixTime::from_seconds(number(row, column)? as i64))
}

fn span(seconds: u32) -> Duration {
    Duration::from_secs(seconds.into())
}

/// Makes the tables where they are missing.
#[wasm_bindgen(js_name = openClaims)]
pub fn open(sql: &Sql) -> Outcome<()> {
    for statement in [
        "CREATE TABLE IF NOT EXISTS claims (name TEXT PRIMARY KEY, token TEXT NOT NULL, first_seen INTEGER NOT NULL, \
         leased_until INTEGER NOT NULL, expires INTEGER NOT NULL, confirmed INTEGER NOT NULL) WITHOUT ROWID",
        "CREATE INDEX IF NOT EXISTS claims_by_expiry ON claims (expires)",
        "CREATE TABLE IF NOT EXISTS rings (ring INTEGER PRIMARY KEY, until INTEGER NOT NULL)",
        "CREATE TABLE IF NOT EXISTS handshakes (source TEXT PRIMARY KEY, secret TEXT NOT NULL, expires INTEGER NOT NULL) \
         WITHOUT ROWID",
    ] {
        sql.exec(statement, &Array::new())?;
    }
    // Tables of the version before this one lack the column.
    let columns = sql.rows("SELECT name FROM pragma_table_info('claims') WHERE name = 'acceptance'", &[])?;
    if columns.length() == 0 {
        sql.exec("ALTER TABLE claims ADD COLUMN acceptance TEXT", &Array::new())?;
    }
    Ok(())
}

/// [`dedup::claim`], as JSON. A Worker of the version before this one draws no token.
#[wasm_bindgen(js_name = claimName)]
pub fn claim(sql: &Sql, name: &str, lease: u32, ttl: u32, token: Option<String>) -> Outcome<String> {
    let token = match token {
        Some(text) => Token::parse(&text).ok_or("not a token")?,
        None => Token(getrandom::u64().map_err(|error| error.to_string())?),
    };
    let terms = Terms { lease: span(lease), ttl: span(ttl) };
    let (claim, entry) = dedup::claim(sql.entry(name)?, now(), terms, token);
    if let Some(entry) = entry {
        sql.store(name, &entry)?;
    }
    serde_json::to_string(&claim).map_err(|error| error.to_string().into())
}

/// [`dedup::confirm`].
#[wasm_bindgen(js_name = confirmClaim)]
pub fn confirm(sql: &Sql, name: &str, token: &str, ttl: u32) -> Outcome<bool> {
    let token = Token::parse(token).ok_or("not a token")?;
    store_if_changed(sql, name, dedup::confirm(sql.entry(name)?, token, now(), span(ttl)))
}

/// [`dedup::release`].
#[wasm_bindgen(js_name = releaseClaim)]
pub fn release(sql: &Sql, name: &str, token: &str) -> Outcome<bool> {
    let token = Token::parse(token).ok_or("not a token")?;
    store_if_changed(sql, name, dedup::release(sql.entry(name)?, token, now()))
}

/// Deletes the entry of `name`, where [`dedup::may_forget`] allows it.
#[wasm_bindgen(js_name = forgetClaim)]
pub fn forget(sql: &Sql, name: &str) -> Outcome<bool> {
    let may = sql.entry(name)?.is_some_and(|entry| dedup::may_forget(entry, now()));
    if may {
        sql.rows("DELETE FROM claims WHERE name = ?", &[name.into()])?;
    }
    Ok(may)
}

fn store_if_changed(sql: &Sql, name: &str, entry: Option<Entry>) -> Outcome<bool> {
    entry.map_or(Ok(false), |entry| sql.store(name, &entry).map(|()| true))
}

/// [`dedup::admit`]: why not, as JSON, or nothing.
#[wasm_bindgen(js_name = admitRings)]
pub fn admit(sql: &Sql, current: u32, before: Option<u32>, hold: u32) -> Outcome<Option<String>> {
    let mut known = Vec::new();
    for row in sql.rows("SELECT ring, until FROM rings", &[])?.iter() {
        known.push((number(&row, "ring")? as u32, time(&row, "until")?));
    }
    match dedup::admit(&known, Rings { current, before }, now(), span(hold)) {
        Ok(until) => {
            let values = [JsValue::from(current), JsValue::from(until.seconds() as f64)];
            sql.rows("INSERT OR REPLACE INTO rings (ring, until) VALUES (?, ?)", &values)?;
            Ok(None)
        }
        Err(refused) => serde_json::to_string(&refused).map(Some).map_err(|error| error.to_string().into()),
    }
}

fn waiting(sql: &Sql, source: &str) -> Outcome<Option<Waiting>> {
    let row = sql.rows("SELECT secret, expires FROM handshakes WHERE source = ?", &[source.into()])?.get(0);
    if row.is_undefined() {
        return Ok(None);
    }
    let secret = Reflect::get(&row, &"secret".into())?.as_string().ok_or("a row without a secret")?;
    Ok(Some(Waiting { secret, expires: time(&row, "expires")? }))
}

/// [`installed::offer`]; `false` where another secret waits.
#[wasm_bindgen(js_name = installSecret)]
pub fn install(sql: &Sql, source: &str, secret: &str) -> Outcome<bool> {
    match installed::offer(waiting(sql, source)?.as_ref(), secret, now()) {
        Offered::Taken(Waiting { secret, expires }) => {
            let values = [source.into(), secret.into(), JsValue::from(expires.seconds() as f64)];
            sql.rows("INSERT OR REPLACE INTO handshakes (source, secret, expires) VALUES (?, ?, ?)", &values)?;
            Ok(true)
        }
        Offered::Same => Ok(true),
        Offered::Refused => Ok(false),
    }
}

/// [`installed::waiting`].
#[wasm_bindgen(js_name = installedSecret)]
pub fn installed(sql: &Sql, source: &str) -> Outcome<Option<String>> {
    Ok(installed::waiting(waiting(sql, source)?, now()))
}

/// Deletes what expired; in how many milliseconds it is to be called again, where anything is left.
#[wasm_bindgen(js_name = expireClaims)]
pub fn expire(sql: &Sql) -> Outcome<Option<u32>> {
    let now = JsValue::from(now().seconds() as f64);
    let values = [now.clone(), MOST_EXPIRED.into()];
    sql.rows(
        "DELETE FROM claims WHERE name IN (SELECT name FROM claims WHERE expires <= ? ORDER BY expires LIMIT ?)",
        &values,
    )?;
    sql.rows("DELETE FROM handshakes WHERE expires <= ?", std::slice::from_ref(&now))?;
    let any = |query, values: &[JsValue]| Ok::<_, JsValue>(sql.rows(query, values)?.length() > 0);
    if any("SELECT 1 FROM claims WHERE expires <= ? LIMIT 1", &[now])? {
        return Ok(Some(SOON_MS));
    }
    Ok((any("SELECT 1 FROM claims LIMIT 1", &[])? || any("SELECT 1 FROM handshakes LIMIT 1", &[])?).then_some(HOUR_MS))
}
