-- 0004: findings with their lives and history, and the numbers of every run of the checks.
-- What stays as it is costs no row: a finding is written when it changes, a check's numbers hold from one run until another.
CREATE TABLE posture_run (
  number BIGINT PRIMARY KEY,
  org_id TEXT NOT NULL,
  snapshot BIGINT NOT NULL,
  started_by TEXT NOT NULL,
  started_at TEXT NOT NULL,
  ended_at TEXT,
  checks BIGINT NOT NULL,
  opened BIGINT NOT NULL,
  resolved BIGINT NOT NULL,
  reopened BIGINT NOT NULL
);
CREATE INDEX posture_run_by_organization ON posture_run (org_id, number);

CREATE TABLE check_result (
  org_id TEXT NOT NULL,
  check_id TEXT NOT NULL,
  from_run BIGINT NOT NULL,
  until_run BIGINT NOT NULL,
  passed BIGINT NOT NULL,
  failed BIGINT NOT NULL,
  unknown BIGINT NOT NULL,
  not_applicable BIGINT NOT NULL,
  raised_severity BIGINT,
  reason TEXT,
  parameters TEXT NOT NULL,
  PRIMARY KEY (org_id, check_id, from_run)
);

CREATE TABLE finding (
  number BIGINT PRIMARY KEY,
  org_id TEXT NOT NULL,
  check_id TEXT NOT NULL,
  resource_type TEXT NOT NULL,
  resource_id TEXT NOT NULL,
  name TEXT NOT NULL,
  severity BIGINT NOT NULL,
  reason TEXT NOT NULL,
  evidence TEXT NOT NULL,
  content {bytes} NOT NULL,
  outcome TEXT NOT NULL,
  opened_at TEXT NOT NULL,
  opened_run BIGINT NOT NULL,
  last_seen_at TEXT,
  passing_snapshot BIGINT,
  resolved_at TEXT,
  reopened BIGINT NOT NULL,
  owner TEXT,
  due_at TEXT,
  accepted_kind TEXT,
  accepted_why TEXT,
  accepted_by TEXT,
  accepted_at TEXT,
  accepted_until TEXT,
  accepted_rule TEXT
);
CREATE UNIQUE INDEX finding_by_resource ON finding (org_id, check_id, resource_id);
CREATE INDEX finding_by_acceptance ON finding (accepted_until);

CREATE TABLE finding_event (
  finding BIGINT NOT NULL,
  position BIGINT NOT NULL,
  run BIGINT,
  at TEXT NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  detail TEXT,
  PRIMARY KEY (finding, position)
);
CREATE INDEX finding_event_by_run ON finding_event (run);
