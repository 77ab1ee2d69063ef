-- When each KMS key was last used for cryptography. compatible-from: 1
--
-- Written in groups by each front end, some seconds after the use.

CREATE TABLE kms_last_usage (
  account_id TEXT NOT NULL,
  region TEXT NOT NULL,
  key_id TEXT NOT NULL,
  operation TEXT NOT NULL,
  used_at BIGINT NOT NULL,
  request_id TEXT NOT NULL,
  PRIMARY KEY (account_id, region, key_id)
);
