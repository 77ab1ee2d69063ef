-- External key store proxies that this deployment offers: whose keys of which cluster. compatible-from: 1
--
-- region is the cluster's, signing_region the one of the external key store, which may be a real AWS Region. The sealed
-- columns are ports::Sealer's (docs/formats.md, 16). What was the credential before the last rotation counts until
-- previous_until (milliseconds). A proxy without a password is switched off.

CREATE TABLE xks_proxies (
  account_id TEXT NOT NULL,
  region TEXT NOT NULL,
  proxy_id TEXT NOT NULL,
  cluster_id TEXT NOT NULL,
  path_prefix TEXT NOT NULL,
  signing_region TEXT NOT NULL,
  user_name TEXT NOT NULL,
  sealed_password BLOB NOT NULL,
  access_key_id TEXT NOT NULL,
  sealed_secret BLOB NOT NULL,
  previous_access_key_id TEXT,
  sealed_previous_secret BLOB,
  previous_until BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, region, proxy_id)
);
CREATE UNIQUE INDEX xks_proxies_by_path ON xks_proxies (path_prefix);
