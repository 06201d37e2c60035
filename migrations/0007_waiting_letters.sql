-- The dead letters that wait for a redrive, with every column of a filter. So a list or a count reads no message, and no letter
-- that is redriven. `redriven` is NULL in each entry. SQLite needs it to read the index alone.
CREATE INDEX IF NOT EXISTS dead_letters_waiting
  ON dead_letters (number, source, type, reason, died, redriven) WHERE redriven IS NULL;
CREATE INDEX IF NOT EXISTS dead_letters_waiting_of_source
  ON dead_letters (source, number, type, reason, died, redriven) WHERE redriven IS NULL;
DROP INDEX IF EXISTS dead_letters_by_source;
