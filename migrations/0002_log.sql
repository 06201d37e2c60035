-- The log. D1 bills each row and each index entry that is written or deleted. So the tables have no index beside their
-- primary key, and an event's attempts are in the row of the event. Times are seconds since 1970, and slots are minutes.

-- The events of the version before: `0004_log_events.sql` moves the rows.
-- One row an event. `name` begins with the event's deduplication key. `attempts` is a JSON list. `head` is the queue message
-- without its body. `body` is a text if it is UTF-8. `kept` says what `body` and the headers in `head` are: `exact`, `bucket`
-- (R2 has the exact body, under the name `payload`), `delivered` (R2 had it until the delivery), `redacted`, `none`, or why
-- the body is withheld.
CREATE TABLE IF NOT EXISTS events (
  slot INTEGER NOT NULL,
  name TEXT NOT NULL,
  received INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  source TEXT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT,
  status INTEGER,
  tries INTEGER NOT NULL,
  next INTEGER,
  delivered INTEGER,
  destination TEXT,
  event_id TEXT NOT NULL,
  type TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  days INTEGER NOT NULL,
  payload TEXT,
  kept TEXT NOT NULL,
  detail TEXT,
  attempts TEXT NOT NULL,
  head TEXT NOT NULL,
  body,
  PRIMARY KEY (slot, name)
) WITHOUT ROWID;

-- How many requests came again for an event that was accepted before.
CREATE TABLE IF NOT EXISTS duplicates (
  key TEXT NOT NULL PRIMARY KEY,
  count INTEGER NOT NULL,
  last INTEGER NOT NULL
) WITHOUT ROWID;

-- How many requests had a verdict other than accepted.
CREATE TABLE IF NOT EXISTS counts (
  slot INTEGER NOT NULL,
  source TEXT NOT NULL,
  verdict TEXT NOT NULL,
  reason TEXT NOT NULL,
  count INTEGER NOT NULL,
  PRIMARY KEY (slot, source, verdict, reason)
) WITHOUT ROWID;

-- Samples of refused requests: at most five for each minute, source and reason.
CREATE TABLE IF NOT EXISTS refused (
  slot INTEGER NOT NULL,
  source TEXT NOT NULL,
  reason TEXT NOT NULL,
  number INTEGER NOT NULL,
  at INTEGER NOT NULL,
  status INTEGER NOT NULL,
  detail TEXT NOT NULL,
  method TEXT NOT NULL,
  path TEXT NOT NULL,
  headers TEXT NOT NULL,
  bytes INTEGER,
  body,
  PRIMARY KEY (slot, source, reason, number)
) WITHOUT ROWID;

-- Attempts and accepted events. `ms0` to `ms15` count the attempts by their duration: src/log/deliveries.rs has the bounds.
CREATE TABLE IF NOT EXISTS deliveries (
  slot INTEGER NOT NULL,
  source TEXT NOT NULL,
  destination TEXT NOT NULL,
  accepted INTEGER NOT NULL,
  delivered INTEGER NOT NULL,
  dead INTEGER NOT NULL,
  s2xx INTEGER NOT NULL,
  s3xx INTEGER NOT NULL,
  s4xx INTEGER NOT NULL,
  s5xx INTEGER NOT NULL,
  unreachable INTEGER NOT NULL,
  ms0 INTEGER NOT NULL,
  ms1 INTEGER NOT NULL,
  ms2 INTEGER NOT NULL,
  ms3 INTEGER NOT NULL,
  ms4 INTEGER NOT NULL,
  ms5 INTEGER NOT NULL,
  ms6 INTEGER NOT NULL,
  ms7 INTEGER NOT NULL,
  ms8 INTEGER NOT NULL,
  ms9 INTEGER NOT NULL,
  ms10 INTEGER NOT NULL,
  ms11 INTEGER NOT NULL,
  ms12 INTEGER NOT NULL,
  ms13 INTEGER NOT NULL,
  ms14 INTEGER NOT NULL,
  ms15 INTEGER NOT NULL,
  PRIMARY KEY (slot, source, destination)
) WITHOUT ROWID;

-- Up to which minute the expired rows of each retention are deleted.
CREATE TABLE IF NOT EXISTS swept (
  days INTEGER NOT NULL PRIMARY KEY,
  slot INTEGER NOT NULL
) WITHOUT ROWID;

-- When a secret last proved a request of a source, to about ten minutes. The row without a name says since when the log
-- watches the source.
CREATE TABLE IF NOT EXISTS secrets (
  source TEXT NOT NULL,
  name TEXT NOT NULL,
  matched INTEGER NOT NULL,
  PRIMARY KEY (source, name)
) WITHOUT ROWID;

-- Who changed what by the API. The id begins with the time.
CREATE TABLE IF NOT EXISTS audit (
  id TEXT NOT NULL PRIMARY KEY,
  at INTEGER NOT NULL,
  caller TEXT NOT NULL,
  action TEXT NOT NULL,
  target TEXT NOT NULL,
  detail TEXT NOT NULL
) WITHOUT ROWID;

-- The events that are waiting or retrying. Only an event whose first attempt failed has a row here.
CREATE TABLE IF NOT EXISTS waiting (
  source TEXT NOT NULL,
  slot INTEGER NOT NULL,
  name TEXT NOT NULL,
  received INTEGER NOT NULL,
  PRIMARY KEY (source, slot, name)
) WITHOUT ROWID;

-- The state of the alerts, in one row.
CREATE TABLE IF NOT EXISTS alerts (
  id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  revision INTEGER NOT NULL,
  state TEXT NOT NULL
);
