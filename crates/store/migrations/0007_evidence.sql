-- 0007: the key that signs evidence packs, and the chain of the packs: each names the digest of the one before it, so that a
-- pack that was left out or put in another's place is noticed.

-- One row: an installation has one key. The secret is sealed with the master key, bound to the public key.
CREATE TABLE evidence_key (
  number BIGINT PRIMARY KEY,
  public_key TEXT NOT NULL,
  secret_sealed TEXT NOT NULL,
  made_at TEXT NOT NULL
);

CREATE TABLE evidence_pack (
  number BIGINT PRIMARY KEY,
  org_id TEXT NOT NULL,
  framework TEXT NOT NULL,
  period_from TEXT NOT NULL,
  period_to TEXT NOT NULL,
  as_of TEXT NOT NULL,
  made_at TEXT NOT NULL,
  made_by TEXT NOT NULL,
  files BIGINT NOT NULL,
  bytes BIGINT NOT NULL,
  digest TEXT NOT NULL,
  previous TEXT,
  public_key TEXT NOT NULL
);
