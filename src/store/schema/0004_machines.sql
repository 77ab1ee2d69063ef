-- The machines of a deployment, each with a front end and a host of HSMs. compatible-from: 1
--
-- Who can write here can still not bring in a machine of its own: `proof` is made with an invitation's secret, of which
-- the store has a hash only, and `approval` is sealed by the domain cluster. Both cover every other fact of the row.

CREATE TABLE invitations (
  invitation_id TEXT NOT NULL PRIMARY KEY,
  secret_hash BLOB NOT NULL,
  expires_at BIGINT NOT NULL,
  used_by TEXT
);

CREATE TABLE machines (
  host_id TEXT NOT NULL PRIMARY KEY,
  address TEXT NOT NULL,
  port BIGINT NOT NULL,
  network TEXT NOT NULL,
  control_certificate TEXT NOT NULL,
  front_end_certificate TEXT NOT NULL,
  invitation_id TEXT,
  proof BLOB,
  approval BLOB,
  joined_at BIGINT NOT NULL
);
