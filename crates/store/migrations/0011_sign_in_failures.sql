-- 0011: failed sign-ins are counted for all processes of an installation, so that guessing is not faster where there are
-- several. A name or an address is kept as a hash: what was typed as a name may have been a password.
CREATE TABLE sign_in_failure (
  subject TEXT PRIMARY KEY,
  failures BIGINT NOT NULL,
  last_at TEXT NOT NULL
);
