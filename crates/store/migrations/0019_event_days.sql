-- 0019: events by day (since 1970), kind and outcome: what is shown of a month or more is counted from a seventh of the rows.
CREATE TABLE event_day_count (
  org INTEGER NOT NULL,
  day INTEGER NOT NULL,
  kind INTEGER NOT NULL,
  outcome SMALLINT NOT NULL,
  events BIGINT NOT NULL,
  PRIMARY KEY (org, day, kind, outcome)
){clustered};
INSERT INTO event_day_count (org, day, kind, outcome, events)
SELECT org, hour / 24, kind, outcome, SUM(events) FROM event_count GROUP BY org, hour / 24, kind, outcome;
