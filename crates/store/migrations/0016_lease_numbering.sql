-- 0016: a lease tells where its holder's process id means something: which start of which system, and which PID namespace.
-- Containers of one machine can have one name and number their processes each for itself.
ALTER TABLE lease ADD COLUMN numbering TEXT;
