-- 0014: a connection's findings are known by its id, since its name can change, and of its credential is kept when JumpCloud
-- says that it was made: with that date and without one of expiry, a key never expires.
ALTER TABLE connection ADD COLUMN credential_created_at TEXT;

UPDATE finding SET resource_id =
  (SELECT c.id FROM connection c WHERE c.org_id = finding.org_id AND c.name = finding.resource_id AND c.removed_at IS NULL)
WHERE resource_type = 'connection' AND EXISTS
  (SELECT 1 FROM connection c WHERE c.org_id = finding.org_id AND c.name = finding.resource_id AND c.removed_at IS NULL);

-- Services of a connection have its id before a slash.
UPDATE finding SET resource_id =
  (SELECT c.id || SUBSTR(finding.resource_id, LENGTH(c.name) + 1) FROM connection c
   WHERE c.org_id = finding.org_id AND SUBSTR(finding.resource_id, 1, LENGTH(c.name) + 1) = c.name || '/' AND c.removed_at IS NULL)
WHERE resource_type = 'connection' AND check_id = 'log-service-silent' AND
  (SELECT COUNT(*) FROM connection c
   WHERE c.org_id = finding.org_id AND SUBSTR(finding.resource_id, 1, LENGTH(c.name) + 1) = c.name || '/' AND c.removed_at IS NULL) = 1;
