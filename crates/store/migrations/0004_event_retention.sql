-- 0004: how long an organization's events are kept, and how far removing what is older has come.

-- `400d`, `forever`, or NULL for what the program is set to. Only the stream of events has it.
ALTER TABLE stream ADD COLUMN keep TEXT;

-- Everything before it was removed to the end; between it and `removed_before_ms` something may be left.
ALTER TABLE event_org ADD COLUMN removed_to_ms BIGINT NOT NULL DEFAULT -4611686018427387904;
