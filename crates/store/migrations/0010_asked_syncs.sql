-- 0010: a sync that somebody asks for stands in the store, and so does the wish that a running one stops: any process that
-- may do it sees it, and another one goes on where a process has died.
ALTER TABLE stream ADD COLUMN asked_at TEXT;
ALTER TABLE stream ADD COLUMN asked_by TEXT;
ALTER TABLE lease ADD COLUMN stop_asked BOOLEAN NOT NULL DEFAULT FALSE;
