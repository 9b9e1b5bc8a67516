-- 0013: the second factor of people who sign in with a password. The secret is sealed with the master key; of recovery codes
-- and of sign-ins that wait for a code only hashes are kept.
CREATE TABLE second_factor (
  person_id TEXT PRIMARY KEY,
  secret_sealed TEXT NOT NULL,
  confirmed_at TEXT,
  last_step BIGINT NOT NULL
);

CREATE TABLE recovery_code (
  person_id TEXT NOT NULL,
  code_hash TEXT NOT NULL,
  PRIMARY KEY (person_id, code_hash)
);

CREATE TABLE sign_in_waiting (
  token_hash TEXT PRIMARY KEY,
  person_id TEXT NOT NULL,
  expires_at TEXT NOT NULL
);
