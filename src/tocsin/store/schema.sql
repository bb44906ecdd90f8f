-- The embedded store's own tables. Other rooms add theirs with SqliteStore.ensure.

-- The journal. The body stands last, so that a search by kind never has to read the pages that long bodies spill to.
CREATE TABLE IF NOT EXISTS journal (
  seq INTEGER PRIMARY KEY,     -- from 1, without a gap
  at INTEGER NOT NULL,         -- microseconds since 1970-01-01T00:00:00Z
  realm TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  prev BLOB NOT NULL CHECK (length(prev) = 32),
  hash BLOB NOT NULL CHECK (length(hash) = 32),
  body BLOB NOT NULL
) STRICT;

-- "Has this been recorded before?" is asked for every report of every poll.
CREATE INDEX IF NOT EXISTS journal_by_kind_subject ON journal (kind, subject);

-- Followers look for the few kinds they are concerned with, past the million others that a journal may hold.
CREATE INDEX IF NOT EXISTS journal_by_kind ON journal (kind);

-- How far each follower is.
CREATE TABLE IF NOT EXISTS cursor (
  follower TEXT PRIMARY KEY,
  upto INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Which tables of other rooms were made here, and from which text.
CREATE TABLE IF NOT EXISTS room (
  name TEXT PRIMARY KEY,
  made_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;
