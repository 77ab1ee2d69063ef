-- The first schema. compatible-from: 1
--
-- Written once for both engines. Four words are translated (src/store/migrations.cpp): TEXT compares by bytes, BLOB,
-- BIGINT, and AUTO_NUMBER for a primary key that counts by itself. Every time is in milliseconds since 1970 by the
-- database's clock; every yes or no is 0 or 1. Rows are (account, region, id) first, so that data can be split by
-- account. A statement ends with a semicolon at the end of a line.
--
-- Changes go expand, migrate, contract: a new file only adds what the version before can live with, and says so in its
-- "compatible-from:" line (the oldest version of the program's schema that can run on it).

CREATE TABLE deployment (
  name TEXT NOT NULL PRIMARY KEY,
  value BLOB NOT NULL
);

-- Identity ------------------------------------------------------------------------------------------------------------

CREATE TABLE accounts (
  account_id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE access_keys (
  access_key_id TEXT NOT NULL PRIMARY KEY,
  account_id TEXT NOT NULL REFERENCES accounts (account_id),
  principal_arn TEXT NOT NULL,
  principal_id TEXT NOT NULL,
  sealed_secret BLOB NOT NULL,
  status TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX access_keys_by_principal ON access_keys (account_id, principal_arn);

-- KMS -----------------------------------------------------------------------------------------------------------------

CREATE TABLE kms_keys (
  account_id TEXT NOT NULL,
  region TEXT NOT NULL,
  key_id TEXT NOT NULL,
  spec TEXT NOT NULL,
  usage TEXT NOT NULL,
  origin TEXT NOT NULL,
  enabled BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  deletion_at BIGINT,
  description TEXT NOT NULL,
  policy TEXT NOT NULL,
  multi_region BIGINT NOT NULL,
  custom_key_store_id TEXT,
  cluster_id TEXT,
  material_id TEXT,
  token BLOB,
  hsm_handle BIGINT,
  version BIGINT NOT NULL,
  PRIMARY KEY (account_id, region, key_id)
);
CREATE INDEX kms_keys_by_custom_key_store ON kms_keys (account_id, region, custom_key_store_id);
CREATE INDEX kms_keys_by_deletion ON kms_keys (deletion_at);

CREATE TABLE kms_aliases (
  account_id TEXT NOT NULL,
  region TEXT NOT NULL,
  alias_name TEXT NOT NULL,
  key_id TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, region, alias_name)
);
CREATE INDEX kms_aliases_by_key ON kms_aliases (account_id, region, key_id);

CREATE TABLE kms_tags (
  account_id TEXT NOT NULL,
  region TEXT NOT NULL,
  key_id TEXT NOT NULL,
  tag_key TEXT NOT NULL,
  tag_value TEXT NOT NULL,
  PRIMARY KEY (account_id, region, key_id, tag_key)
);

CREATE TABLE custom_key_stores (
  account_id TEXT NOT NULL,
  region TEXT NOT NULL,
  store_id TEXT NOT NULL,
  name TEXT NOT NULL,
  type TEXT NOT NULL,
  cluster_id TEXT NOT NULL,
  trust_anchor TEXT NOT NULL,
  sealed_password BLOB NOT NULL,
  sealed_previous_password BLOB,
  state TEXT NOT NULL,
  error_code TEXT,
  attempt_id TEXT,
  lease_until BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, region, store_id),
  UNIQUE (account_id, region, name)
);
CREATE INDEX custom_key_stores_by_cluster ON custom_key_stores (account_id, region, cluster_id);

-- CloudHSM ------------------------------------------------------------------------------------------------------------

CREATE TABLE clusters (
  account_id TEXT NOT NULL,
  region TEXT NOT NULL,
  cluster_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  hsm_type TEXT NOT NULL,
  mode TEXT NOT NULL,
  state TEXT NOT NULL,
  state_message TEXT NOT NULL,
  vpc_id TEXT NOT NULL,
  security_group TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  retention_days BIGINT NOT NULL,
  network_type TEXT NOT NULL,
  source_backup_id TEXT,
  csr TEXT NOT NULL,
  hsm_certificate TEXT NOT NULL,
  aws_hw_certificate TEXT NOT NULL,
  manufacturer_hw_certificate TEXT NOT NULL,
  cluster_certificate TEXT NOT NULL,
  trust_anchor TEXT NOT NULL,
  delete_at BIGINT,
  PRIMARY KEY (account_id, region, cluster_id),
  UNIQUE (cluster_id)
);

CREATE TABLE cluster_subnets (
  cluster_id TEXT NOT NULL,
  zone TEXT NOT NULL,
  subnet_id TEXT NOT NULL,
  PRIMARY KEY (cluster_id, zone)
);

CREATE TABLE hsms (
  account_id TEXT NOT NULL,
  region TEXT NOT NULL,
  hsm_id TEXT NOT NULL,
  cluster_id TEXT NOT NULL,
  zone TEXT NOT NULL,
  subnet_id TEXT NOT NULL,
  eni_id TEXT NOT NULL,
  eni_ip TEXT NOT NULL,
  host_id TEXT NOT NULL,
  state TEXT NOT NULL,
  state_message TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, region, hsm_id),
  UNIQUE (hsm_id)
);
CREATE INDEX hsms_by_cluster ON hsms (cluster_id);

CREATE TABLE resource_tags (
  account_id TEXT NOT NULL,
  region TEXT NOT NULL,
  resource_id TEXT NOT NULL,
  tag_key TEXT NOT NULL,
  tag_value TEXT NOT NULL,
  PRIMARY KEY (account_id, region, resource_id, tag_key)
);

CREATE TABLE cluster_log (
  cluster_id TEXT NOT NULL,
  number BIGINT NOT NULL,
  prev_hash BLOB NOT NULL,
  record BLOB NOT NULL,
  appended_at BIGINT NOT NULL,
  PRIMARY KEY (cluster_id, number)
);

CREATE TABLE cluster_snapshots (
  cluster_id TEXT NOT NULL,
  number BIGINT NOT NULL,
  backup_id TEXT NOT NULL,
  data BLOB NOT NULL,
  created_at BIGINT NOT NULL,
  kind TEXT NOT NULL,
  PRIMARY KEY (cluster_id, backup_id)
);
CREATE INDEX cluster_snapshots_by_number ON cluster_snapshots (cluster_id, number);

-- The change feed: see change_feed.h ----------------------------------------------------------------------------------

CREATE TABLE changes (
  number AUTO_NUMBER,
  kind TEXT NOT NULL,
  account_id TEXT NOT NULL,
  region TEXT NOT NULL,
  id TEXT NOT NULL,
  at BIGINT NOT NULL
);
CREATE INDEX changes_by_time ON changes (at);
