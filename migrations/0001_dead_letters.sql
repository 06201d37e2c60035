-- Dead letters. The Worker created this table before it had migrations, so the table may be there with its rows.
CREATE TABLE IF NOT EXISTS dead_letters (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  source TEXT NOT NULL,
  event_id TEXT NOT NULL,
  type TEXT NOT NULL,
  key TEXT NOT NULL,
  received TEXT NOT NULL,
  died INTEGER NOT NULL,
  reason TEXT NOT NULL,
  bytes INTEGER NOT NULL,
  payload TEXT,
  expires INTEGER NOT NULL,
  message TEXT NOT NULL,
  taken_until INTEGER NOT NULL DEFAULT 0,
  redriven INTEGER,
  redrives INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS dead_letters_by_source ON dead_letters (source, number);
CREATE INDEX IF NOT EXISTS dead_letters_by_expiry ON dead_letters (expires);
CREATE INDEX IF NOT EXISTS dead_letters_by_payload ON dead_letters (payload);
