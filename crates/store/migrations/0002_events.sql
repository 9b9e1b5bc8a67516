-- 0002: events: what was received, an index over it, what is counted as it arrives, and the ledger that proves it complete.
-- Numbers that look like text elsewhere (hours and days since 1970, terms, kinds) keep a row small: there are very many.
-- What the engines spell differently stands in braces, see `migration.rs`.

-- Organizations by a small number. `parts` is the number of the last part that was written; events before
-- `removed_before_ms` were removed by the retention, and are not stored again.
CREATE TABLE event_org (
  org INTEGER PRIMARY KEY,
  org_id TEXT NOT NULL UNIQUE,
  parts BIGINT NOT NULL,
  removed_before_ms BIGINT NOT NULL
);

-- Some events as received, in the order in which they came. A part's number grows within its organization, and parts
-- become visible in that order.
CREATE TABLE event_part (
  org INTEGER NOT NULL,
  number BIGINT NOT NULL,
  asked_hour INTEGER NOT NULL,
  received_at TEXT NOT NULL,
  events INTEGER NOT NULL,
  raw_bytes BIGINT NOT NULL,
  first_ms BIGINT NOT NULL,
  last_ms BIGINT NOT NULL,
  content {bytes} NOT NULL,
  filter {bytes} NOT NULL,
  PRIMARY KEY (org, number)
){clustered};
CREATE TABLE event_raw (
  org INTEGER NOT NULL,
  part BIGINT NOT NULL,
  packed {bytes} NOT NULL,
  PRIMARY KEY (org, part)
);

-- The index: a row for each event. `place` is the part's number * 2^20 + the position in it.
CREATE TABLE event (
  org INTEGER NOT NULL,
  time_ms BIGINT NOT NULL,
  uid {bytes} NOT NULL,
  place BIGINT NOT NULL,
  kind INTEGER NOT NULL,
  outcome SMALLINT NOT NULL,
  mfa BOOLEAN,
  user_term INTEGER,
  administrator_term INTEGER,
  device_term INTEGER,
  application_term INTEGER,
  target_term INTEGER,
  origin_term INTEGER,
  reason_term INTEGER,
  PRIMARY KEY (org, time_ms, uid)
){clustered}{by_month};
{other_months}

-- Events that do not tell a plausible time; `event.time_ms` is the beginning of the hour that was asked.
CREATE TABLE event_untimed (
  org INTEGER NOT NULL,
  uid {bytes} NOT NULL,
  time_ms BIGINT NOT NULL,
  PRIMARY KEY (org, uid)
){clustered};

-- Texts that events name again and again. `kind` is a target's kind, or an address's country.
CREATE TABLE event_term (
  org INTEGER NOT NULL,
  number INTEGER NOT NULL,
  name TEXT NOT NULL,
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  PRIMARY KEY (org, number)
){clustered};
CREATE UNIQUE INDEX event_term_by_name ON event_term (org, name, id, kind);
CREATE INDEX event_term_by_id ON event_term (org, id) WHERE id <> '';

-- What sort of event: its type with what the mapping made of it.
CREATE TABLE event_kind (
  org INTEGER NOT NULL,
  number INTEGER NOT NULL,
  service TEXT NOT NULL,
  event_type TEXT NOT NULL,
  class_uid INTEGER NOT NULL,
  activity_id INTEGER NOT NULL,
  activity_name TEXT NOT NULL,
  severity_id INTEGER NOT NULL,
  mapped BOOLEAN NOT NULL,
  mapping INTEGER NOT NULL,
  events BIGINT NOT NULL,
  first_ms BIGINT NOT NULL,
  last_ms BIGINT NOT NULL,
  PRIMARY KEY (org, number)
){clustered};

-- Events by hour (since 1970), kind and outcome.
CREATE TABLE event_count (
  org INTEGER NOT NULL,
  hour INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  outcome SMALLINT NOT NULL,
  events BIGINT NOT NULL,
  PRIMARY KEY (org, hour, kind, outcome)
){clustered};

-- What each user (role 1), administrator (2), device (3), application (4) and address (5) did on a day. Times are
-- milliseconds of the day; a bit of `slots` is a 64th of the day, so that one's events are found by reading few rows.
CREATE TABLE event_activity (
  org INTEGER NOT NULL,
  day INTEGER NOT NULL,
  role SMALLINT NOT NULL,
  term INTEGER NOT NULL,
  events BIGINT NOT NULL,
  failures BIGINT NOT NULL,
  sign_ins BIGINT NOT NULL,
  failed_sign_ins BIGINT NOT NULL,
  first_ms INTEGER NOT NULL,
  last_ms INTEGER NOT NULL,
  last_sign_in_ms INTEGER,
  slots BIGINT NOT NULL,
  PRIMARY KEY (org, day, role, term)
){clustered};

-- The ledger: one hour of one organization's events.
CREATE TABLE event_window (
  org INTEGER NOT NULL,
  hour INTEGER NOT NULL,
  state TEXT NOT NULL,
  reason TEXT,
  asked_at TEXT,
  position TEXT,
  stored BIGINT NOT NULL,
  duplicates BIGINT NOT NULL,
  late BIGINT NOT NULL,
  first_ms BIGINT,
  last_ms BIGINT,
  counted BIGINT,
  sealed_at TEXT,
  identities TEXT,
  verified_at TEXT,
  next_check_at TEXT,
  removed_at TEXT,
  PRIMARY KEY (org, hour)
){clustered};
