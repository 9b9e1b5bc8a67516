-- 0009: whether a password crossed the network readable, and whether something was done with an API key, belong to what sort
-- of event it is, so that counts tell them too. NULL where an event does not say, and for all that was indexed before.
ALTER TABLE event_kind ADD COLUMN cleartext BOOLEAN;
ALTER TABLE event_kind ADD COLUMN by_api_key BOOLEAN;
