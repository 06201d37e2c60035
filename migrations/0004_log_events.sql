-- The events of the log, in the place of the table `events`. A table without a row id keeps at most 1 kB of a row in a page,
-- and gives the rest a page of its own. This table keeps two rows of 1.8 kB in a page, and its lists need no sort.
--
-- The first 34 bits of `id` are `received`. The last 28 bits are the sum of two groups of 7 digits of `name`:
-- src/log/entry.rs has the reason. `name` begins with the event's deduplication key. `attempts` is a JSON list. `head` is the
-- queue message without its body. `body` is a text if it is UTF-8. `kept` says what `body` and the headers in `head` are:
-- `exact`, `bucket` (R2 has the exact body, under the name `payload`), `delivered` (R2 had it until the delivery), `redacted`,
-- `none`, or why the body is withheld.
CREATE TABLE IF NOT EXISTS log_events (
  id INTEGER PRIMARY KEY,
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
  body
);

-- Moves the newest rows of `events`. The Worker runs these statements each hour, until `events` is empty. So one run is short,
-- and a row that an older Worker writes after this migration is moved too. If the event has a row here already, the row gets
-- the attempts of both.
INSERT INTO log_events (id, name, received, updated, source, state, reason, status, tries, next, delivered, destination,
  event_id, type, bytes, days, payload, kept, detail, attempts, head, body)
SELECT
  (received << 28) | (268435455 & (
    (instr('0123456789abcdef', substr(name, 18, 1)) - 1 << 24) + (instr('0123456789abcdef', substr(name, 26, 1)) - 1 << 24)
    + (instr('0123456789abcdef', substr(name, 19, 1)) - 1 << 20) + (instr('0123456789abcdef', substr(name, 27, 1)) - 1 << 20)
    + (instr('0123456789abcdef', substr(name, 20, 1)) - 1 << 16) + (instr('0123456789abcdef', substr(name, 28, 1)) - 1 << 16)
    + (instr('0123456789abcdef', substr(name, 21, 1)) - 1 << 12) + (instr('0123456789abcdef', substr(name, 29, 1)) - 1 << 12)
    + (instr('0123456789abcdef', substr(name, 22, 1)) - 1 << 8) + (instr('0123456789abcdef', substr(name, 30, 1)) - 1 << 8)
    + (instr('0123456789abcdef', substr(name, 23, 1)) - 1 << 4) + (instr('0123456789abcdef', substr(name, 31, 1)) - 1 << 4)
    + instr('0123456789abcdef', substr(name, 24, 1)) - 1 + instr('0123456789abcdef', substr(name, 32, 1)) - 1
  )),
  name, received, updated, source, state, reason, status, tries, next, delivered, destination, event_id, type, bytes, days,
  payload, kept, detail, attempts, head, body
FROM events WHERE true ORDER BY slot DESC, name DESC LIMIT 20000
ON CONFLICT (id) DO UPDATE SET
  state = iif(excluded.updated > updated, excluded.state, state),
  reason = iif(excluded.updated > updated, excluded.reason, reason),
  detail = iif(excluded.updated > updated, excluded.detail, detail),
  next = iif(excluded.updated > updated, excluded.next, next),
  status = iif(excluded.updated > updated, coalesce(excluded.status, status), coalesce(status, excluded.status)),
  destination = coalesce(destination, excluded.destination),
  delivered = coalesce(min(delivered, excluded.delivered), delivered, excluded.delivered),
  tries = tries + excluded.tries,
  attempts = (SELECT json_group_array(json(one)) FROM (SELECT one FROM (
    SELECT value AS one FROM json_each(excluded.attempts) UNION ALL SELECT value FROM json_each(log_events.attempts)
  ) ORDER BY one ->> 'at')),
  updated = max(updated, excluded.updated),
  head = iif(kept IN ('exact', 'bucket'), head, excluded.head),
  body = iif(kept IN ('exact', 'bucket'), body, excluded.body),
  kept = iif(kept IN ('exact', 'bucket'), kept, excluded.kept)
WHERE name = excluded.name;
DELETE FROM events WHERE (slot, name) IN (SELECT slot, name FROM events ORDER BY slot DESC, name DESC LIMIT 20000);
