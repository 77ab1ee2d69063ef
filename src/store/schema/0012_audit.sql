-- The audit trail: segments of each front end's chain of records, what finds records in them, and signed digests.
-- compatible-from: 7
--
-- A segment's records are in audit_blocks, compressed (docs/formats.md). audit_index says for each value by which
-- records are looked up in which blocks of which segments it occurs (blocks: one bit each), from when to when; attribute
-- and value are empty for "any record". audit_segments.directory has two numbers for each block: its first and its last
-- time. closed: nothing will be added.

CREATE TABLE audit_segments (
  front_end TEXT NOT NULL,
  number BIGINT NOT NULL,
  header BLOB NOT NULL,
  first_record BIGINT NOT NULL,
  records BIGINT NOT NULL,
  first_millis BIGINT NOT NULL,
  last_millis BIGINT NOT NULL,
  last_hash BLOB NOT NULL,
  closed BIGINT NOT NULL,
  directory BLOB NOT NULL,
  PRIMARY KEY (front_end, number)
);

CREATE TABLE audit_blocks (
  front_end TEXT NOT NULL,
  number BIGINT NOT NULL,
  block BIGINT NOT NULL,
  data BLOB NOT NULL,
  PRIMARY KEY (front_end, number, block)
);

CREATE TABLE audit_index (
  account_id TEXT NOT NULL,
  region TEXT NOT NULL,
  attribute TEXT NOT NULL,
  value TEXT NOT NULL,
  front_end TEXT NOT NULL,
  number BIGINT NOT NULL,
  first_millis BIGINT NOT NULL,
  last_millis BIGINT NOT NULL,
  blocks BLOB NOT NULL,
  PRIMARY KEY (account_id, region, attribute, value, front_end, number)
);
CREATE INDEX audit_index_by_time ON audit_index (account_id, region, attribute, value, last_millis);
CREATE INDEX audit_index_by_segment ON audit_index (front_end, number);

CREATE TABLE audit_digests (
  front_end TEXT NOT NULL,
  number BIGINT NOT NULL,
  made_at BIGINT NOT NULL,
  body TEXT NOT NULL,
  signature BLOB NOT NULL,
  PRIMARY KEY (front_end, number)
);
