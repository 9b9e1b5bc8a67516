-- 0017: as whom people sign in at a provider of OpenID Connect. Whoever signs in is known by issuer and subject, never by the
-- address alone. given_role is the role that the provider's groups gave last; NULL for people who were added by hand.
CREATE TABLE person_identity (
  issuer TEXT NOT NULL,
  subject TEXT NOT NULL,
  person_id TEXT NOT NULL,
  given_role TEXT,
  linked_at TEXT NOT NULL,
  PRIMARY KEY (issuer, subject)
);
CREATE UNIQUE INDEX person_identity_by_person ON person_identity (person_id, issuer);
