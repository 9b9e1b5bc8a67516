-- 0001: connections with their streams, runs with what they read, snapshots, and the leases that keep two processes apart.
-- The same text runs on SQLite and PostgreSQL: times are RFC 3339 text in UTC, sealed secrets are base64 text.
CREATE TABLE counter (name TEXT PRIMARY KEY, value BIGINT NOT NULL);

CREATE TABLE connection (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  name_key TEXT NOT NULL UNIQUE,
  description TEXT,
  region TEXT,
  console_url TEXT NOT NULL,
  insights_url TEXT NOT NULL,
  org_id TEXT,
  org_name TEXT,
  owner_name TEXT,
  owner_email TEXT,
  collector TEXT,
  enabled BOOLEAN NOT NULL,
  removed_at TEXT,
  credential_kind TEXT,
  credential_sealed TEXT,
  credential_last_four TEXT,
  credential_client_id TEXT,
  credential_added_at TEXT,
  credential_expires_at TEXT,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
);

CREATE TABLE stream (
  connection_id TEXT NOT NULL,
  stream TEXT NOT NULL,
  schedule TEXT NOT NULL,
  next_run_at TEXT,
  last_run_id BIGINT,
  last_started_at TEXT,
  last_outcome TEXT,
  last_success_at TEXT,
  failing_since TEXT,
  failures BIGINT NOT NULL,
  failure_code TEXT,
  failure TEXT,
  failure_help TEXT,
  PRIMARY KEY (connection_id, stream)
);

CREATE TABLE run (
  id BIGINT PRIMARY KEY,
  connection_id TEXT NOT NULL,
  connection_name TEXT NOT NULL,
  org_id TEXT,
  action TEXT NOT NULL,
  stream TEXT,
  started_by TEXT NOT NULL,
  collector TEXT NOT NULL,
  started_at TEXT NOT NULL,
  ended_at TEXT,
  stage TEXT NOT NULL,
  outcome TEXT,
  error_code TEXT,
  error TEXT,
  help TEXT,
  snapshot BIGINT,
  calls BIGINT NOT NULL,
  retries BIGINT NOT NULL,
  rate_limited BIGINT NOT NULL,
  bytes BIGINT NOT NULL
);
CREATE INDEX run_by_connection ON run (connection_id, id);

CREATE TABLE run_table (
  run_id BIGINT NOT NULL,
  position BIGINT NOT NULL,
  table_name TEXT NOT NULL,
  part TEXT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT,
  told BIGINT,
  read BIGINT NOT NULL,
  new BIGINT NOT NULL,
  changed BIGINT NOT NULL,
  gone BIGINT NOT NULL,
  unchanged BIGINT NOT NULL,
  duplicates BIGINT NOT NULL,
  misfits BIGINT NOT NULL,
  quarantined BIGINT NOT NULL,
  PRIMARY KEY (run_id, table_name, part)
);

CREATE TABLE run_call (
  run_id BIGINT NOT NULL,
  endpoint TEXT NOT NULL,
  calls BIGINT NOT NULL,
  retries BIGINT NOT NULL,
  rate_limited BIGINT NOT NULL,
  last_status BIGINT,
  PRIMARY KEY (run_id, endpoint)
);

CREATE TABLE snapshot (
  number BIGINT PRIMARY KEY,
  org_id TEXT NOT NULL,
  connection_id TEXT NOT NULL,
  run_id BIGINT NOT NULL,
  started_at TEXT NOT NULL,
  committed_at TEXT,
  complete BOOLEAN,
  reason TEXT
);
CREATE INDEX snapshot_by_organization ON snapshot (org_id, number);

CREATE TABLE snapshot_table (
  snapshot BIGINT NOT NULL,
  table_name TEXT NOT NULL,
  part TEXT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT,
  rows_held BIGINT NOT NULL,
  PRIMARY KEY (snapshot, table_name, part)
);

CREATE TABLE quarantine (
  snapshot BIGINT NOT NULL,
  org_id TEXT NOT NULL,
  table_name TEXT NOT NULL,
  position BIGINT NOT NULL,
  reason TEXT NOT NULL,
  raw TEXT NOT NULL,
  PRIMARY KEY (snapshot, table_name, position)
);

CREATE TABLE lease (
  name TEXT PRIMARY KEY,
  token BIGINT NOT NULL,
  holder TEXT NOT NULL,
  host TEXT NOT NULL,
  process BIGINT NOT NULL,
  process_started BIGINT NOT NULL,
  since TEXT NOT NULL,
  until TEXT NOT NULL
);

CREATE TABLE table_layout (name TEXT PRIMARY KEY, layout TEXT NOT NULL);
