-- Bodies in R2 that a message of a replay names, and until when it may name them. Neither the end of the event's row nor the
-- end of its dead letter deletes such a body before.
CREATE TABLE IF NOT EXISTS held_bodies (
  payload TEXT PRIMARY KEY,
  until INTEGER NOT NULL
) WITHOUT ROWID;
