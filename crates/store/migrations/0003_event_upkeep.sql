-- 0003: what is to be done about events is found without reading all of it; who changed the layout is noted.

-- Which program changed the layout last, and how often it was changed: a program that finds it changed stops.
CREATE TABLE layout_change (
  program TEXT NOT NULL,
  changes BIGINT NOT NULL
);

-- Every hour from `unbroken_from` on and before `unbroken_to` has a line in the ledger. `removed_events` were removed
-- since the texts that nothing refers to were removed last.
ALTER TABLE event_org ADD COLUMN unbroken_from BIGINT NOT NULL DEFAULT 0;
ALTER TABLE event_org ADD COLUMN unbroken_to BIGINT NOT NULL DEFAULT 0;
ALTER TABLE event_org ADD COLUMN removed_events BIGINT NOT NULL DEFAULT 0;

-- JumpCloud has dropped the hour's events: it is not tried again, unless somebody asks.
ALTER TABLE event_window ADD COLUMN lost BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE event_window SET lost = TRUE WHERE state = 'gap' AND reason LIKE 'JumpCloud keeps it no longer%';

-- The lines that are not proven, and those that are to be counted again: few of many. The columns of the condition are in
-- the index as well, or SQLite would read the table instead.
CREATE INDEX event_window_outstanding ON event_window (org, hour, state, removed_at, lost)
  WHERE state <> 'sealed' AND removed_at IS NULL AND NOT lost;
CREATE INDEX event_window_to_count ON event_window (org, next_check_at) WHERE next_check_at IS NOT NULL;

-- The version of the mapping that a part's index rows were made with; 0 is older than any.
ALTER TABLE event_part ADD COLUMN mapping INTEGER NOT NULL DEFAULT 0;
CREATE INDEX event_part_by_mapping ON event_part (org, mapping, number, events);

-- Days of which the index was made anew and the activity was not yet.
CREATE TABLE event_stale_day (
  org INTEGER NOT NULL,
  day INTEGER NOT NULL,
  PRIMARY KEY (org, day)
){clustered};
