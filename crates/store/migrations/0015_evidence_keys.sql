-- 0015: the key that signs evidence packs can be replaced. Each new key is vouched for by the one before it, whose secret is
-- forgotten; the public keys stay, so that older packs can be checked.
ALTER TABLE evidence_key ADD COLUMN vouched TEXT;
