-- Rows of cluster logs that were moved aside, and what an operator has asked for. compatible-from: 1
--
-- A record is moved aside when nobody can verify it (strongroom cluster repair-log) or when an officer has chosen the
-- other side of a forked log. Nothing reads these rows again; they are kept for whoever wants to know what they were.

CREATE TABLE cluster_log_aside (
  cluster_id TEXT NOT NULL,
  moved_at BIGINT NOT NULL,
  number BIGINT NOT NULL,
  prev_hash BLOB NOT NULL,
  record BLOB NOT NULL,
  appended_at BIGINT NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (cluster_id, moved_at, number)
);

CREATE TABLE cluster_repairs (
  cluster_id TEXT NOT NULL PRIMARY KEY,
  request_id TEXT NOT NULL,
  state TEXT NOT NULL,
  message TEXT NOT NULL,
  requested_at BIGINT NOT NULL
);
