-- 0018: how many findings there are is kept, and not counted each time that it is shown. The severity that counts, to which
-- the share of failing things may raise a finding's own, stands in the finding, so that an index has the worst first.
ALTER TABLE finding ADD COLUMN effective_severity BIGINT NOT NULL DEFAULT 0;
UPDATE finding SET effective_severity = severity;
UPDATE finding SET effective_severity =
  (SELECT c.raised_severity FROM check_result c
   WHERE c.org_id = finding.org_id AND c.check_id = finding.check_id AND c.until_run = 9223372036854775807)
WHERE EXISTS
  (SELECT 1 FROM check_result c
   WHERE c.org_id = finding.org_id AND c.check_id = finding.check_id AND c.until_run = 9223372036854775807
     AND c.raised_severity > finding.severity);
CREATE INDEX finding_by_severity ON finding (effective_severity DESC, opened_at, number);

-- Whether a thing has an open finding is answered by the index alone.
CREATE INDEX finding_of_resource ON finding (org_id, resource_id, resolved_at, accepted_at, accepted_until);

-- The findings of a check in an organization, by what decides how they are counted. `accepted_until` is a part of it since an
-- acceptance ends by itself.
CREATE TABLE finding_count (
  org_id TEXT NOT NULL,
  check_id TEXT NOT NULL,
  resource_type TEXT NOT NULL,
  effective_severity BIGINT NOT NULL,
  resolved BOOLEAN NOT NULL,
  accepted_kind TEXT,
  accepted_until TEXT,
  outcome TEXT NOT NULL,
  findings BIGINT NOT NULL,
  first_opened_at TEXT NOT NULL
);
CREATE INDEX finding_count_of_check ON finding_count (org_id, check_id);
INSERT INTO finding_count (org_id, check_id, resource_type, effective_severity, resolved, accepted_kind, accepted_until, outcome,
  findings, first_opened_at)
SELECT org_id, check_id, resource_type, effective_severity, resolved_at IS NOT NULL, accepted_kind, accepted_until, outcome,
  COUNT(*), MIN(opened_at)
FROM finding
GROUP BY org_id, check_id, resource_type, effective_severity, resolved_at IS NOT NULL, accepted_kind, accepted_until, outcome;
