-- 0012: where people are told what they should know, and what each place was told already, so that nothing is told twice by
-- any number of processes. The secret (a URL, a password, a signing key) is sealed with the master key.
CREATE TABLE notification (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  name_key TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  address TEXT NOT NULL,
  settings TEXT NOT NULL,
  secret_sealed TEXT,
  topics TEXT NOT NULL,
  severity BIGINT NOT NULL,
  digest TEXT,
  enabled BOOLEAN NOT NULL,
  created_at TEXT NOT NULL,
  last_sent_at TEXT,
  next_at TEXT,
  failing_since TEXT,
  failures BIGINT NOT NULL,
  failure TEXT
);

CREATE TABLE notification_told (
  notification_id TEXT NOT NULL,
  news TEXT NOT NULL,
  told_at TEXT NOT NULL,
  PRIMARY KEY (notification_id, news)
);
