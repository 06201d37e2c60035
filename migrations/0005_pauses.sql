-- The sources that are paused by the API. `since` is in seconds since 1970. The queue's consumer reads every row before each
-- batch.
CREATE TABLE IF NOT EXISTS pauses (
  source TEXT NOT NULL PRIMARY KEY,
  since INTEGER NOT NULL,
  caller TEXT NOT NULL,
  reason TEXT
) WITHOUT ROWID;
