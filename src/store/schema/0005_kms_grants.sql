-- Grants on KMS keys. compatible-from: 1
--
-- operations are the API's names in the order of the request, parted by commas; constraints are the request's JSON object,
-- empty when there is none; request_hash is SHA-256 over what makes two requests of one name the same
-- (src/kms/grants/rows.cpp). kms_keys.grant_count counts a key's rows here.

CREATE TABLE kms_grants (
  account_id TEXT NOT NULL,
  region TEXT NOT NULL,
  key_id TEXT NOT NULL,
  grant_id TEXT NOT NULL,
  name TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  grantee TEXT NOT NULL,
  retiring_principal TEXT,
  issuing_account TEXT NOT NULL,
  operations TEXT NOT NULL,
  constraints TEXT NOT NULL,
  request_hash BLOB NOT NULL,
  PRIMARY KEY (account_id, region, key_id, grant_id)
);
CREATE INDEX kms_grants_by_time ON kms_grants (account_id, region, key_id, created_at, grant_id);
CREATE INDEX kms_grants_by_grantee ON kms_grants (account_id, region, key_id, grantee);
CREATE INDEX kms_grants_by_request ON kms_grants (account_id, region, key_id, name, request_hash);
CREATE INDEX kms_grants_by_retiring ON kms_grants (region, retiring_principal, created_at, grant_id);
ALTER TABLE kms_keys ADD COLUMN grant_count BIGINT NOT NULL DEFAULT 0;
