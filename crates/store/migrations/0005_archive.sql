-- 0004: archives: where sealed events are written to as files, and what each holds, so that it goes on where it was.

-- `settings` is JSON that only the archive's own code reads. The credential is sealed for this id and `url`.
CREATE TABLE archive (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  name_key TEXT NOT NULL UNIQUE,
  url TEXT NOT NULL,
  settings TEXT NOT NULL,
  credential_sealed TEXT,
  created_at TEXT NOT NULL,
  last_run_at TEXT,
  last_success_at TEXT,
  failing_since TEXT,
  failures BIGINT NOT NULL,
  failure_code TEXT,
  failure TEXT
);

-- A day of an organization, or one hour (0 to 23) of a large one; `hour` is -1 for the day. This is the archive's
-- position: `windows` says which sealed windows its objects hold, and `hours` is a bit for each of them. `windows` is
-- empty while the objects are being written, and stays so if that was cut short.
CREATE TABLE archive_unit (
  archive_id TEXT NOT NULL,
  org_id TEXT NOT NULL,
  day BIGINT NOT NULL,
  hour INTEGER NOT NULL,
  hours BIGINT NOT NULL,
  windows TEXT NOT NULL,
  events BIGINT NOT NULL,
  mapping INTEGER NOT NULL,
  written_at TEXT,
  PRIMARY KEY (archive_id, org_id, day, hour)
){clustered};

-- What a unit consists of: an object for each class of event that occurs in it.
CREATE TABLE archive_object (
  archive_id TEXT NOT NULL,
  org_id TEXT NOT NULL,
  day BIGINT NOT NULL,
  hour INTEGER NOT NULL,
  class_uid INTEGER NOT NULL,
  path TEXT NOT NULL,
  events BIGINT NOT NULL,
  bytes BIGINT NOT NULL,
  sha256 TEXT NOT NULL,
  PRIMARY KEY (archive_id, org_id, day, hour, class_uid)
){clustered};
