-- Jobs: replays of many events. A job is at the step `step`, and goes on after the event with the id `cursor`. Who makes a step
-- has the lease. `selection` is JSON: which events, up to which time. `total` is the number of events that the dry run counted.
CREATE TABLE IF NOT EXISTS jobs (
  id TEXT NOT NULL PRIMARY KEY,
  state TEXT NOT NULL,
  selection TEXT NOT NULL,
  repeats INTEGER NOT NULL,
  rate INTEGER NOT NULL,
  total INTEGER NOT NULL,
  at INTEGER NOT NULL,
  step INTEGER NOT NULL,
  cursor TEXT NOT NULL,
  enqueued INTEGER NOT NULL,
  skipped INTEGER NOT NULL,
  caller TEXT NOT NULL,
  created INTEGER NOT NULL,
  ended INTEGER,
  lease TEXT NOT NULL,
  leased_until INTEGER NOT NULL,
  problem TEXT
) WITHOUT ROWID;
