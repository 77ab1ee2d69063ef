-- Key materials in rows of their own, and what rotation and multi-Region keys need. compatible-from: 7
--
-- A key has one CURRENT material, those that it has rotated away (NON_CURRENT) and, imported ones, at most one to come.
-- Each Region of a multi-Region key has rows of its own: a copy of the token, or, imported material, none where it is
-- missing. position counts in the order in which the materials came. kms_keys.material_id names the CURRENT one;
-- kms_keys.token is no longer used.

CREATE TABLE kms_materials (
  account_id TEXT NOT NULL,
  region TEXT NOT NULL,
  key_id TEXT NOT NULL,
  material_id TEXT NOT NULL,
  position BIGINT NOT NULL,
  state TEXT NOT NULL,
  token BLOB,
  created_at BIGINT NOT NULL,
  rotated_at BIGINT,
  rotation_type TEXT,
  description TEXT NOT NULL DEFAULT '',
  valid_to BIGINT,
  PRIMARY KEY (account_id, region, key_id, material_id)
);
CREATE INDEX kms_materials_by_expiry ON kms_materials (valid_to) WHERE valid_to IS NOT NULL;
INSERT INTO kms_materials (account_id, region, key_id, material_id, position, state, token, created_at)
  SELECT account_id, region, key_id, material_id, 1, 'CURRENT', token, created_at FROM kms_keys
  WHERE origin = 'AWS_KMS' AND material_id IS NOT NULL;
UPDATE kms_keys SET token = NULL;

-- primary_region: of multi-Region keys. rotation_next: when the next automatic rotation is due, while that is enabled.
-- on_demand_started: an on-demand rotation that has not ended. pending_window_days: of a primary key whose deletion waits
-- for its replicas. transition: CREATING or UPDATING, until a background step ends it. xks_key_id: of an external key store.
ALTER TABLE kms_keys ADD COLUMN primary_region TEXT;
ALTER TABLE kms_keys ADD COLUMN rotation_enabled BIGINT NOT NULL DEFAULT 0;
ALTER TABLE kms_keys ADD COLUMN rotation_period_days BIGINT NOT NULL DEFAULT 365;
ALTER TABLE kms_keys ADD COLUMN rotation_next BIGINT;
ALTER TABLE kms_keys ADD COLUMN on_demand_rotations BIGINT NOT NULL DEFAULT 0;
ALTER TABLE kms_keys ADD COLUMN on_demand_started BIGINT;
ALTER TABLE kms_keys ADD COLUMN pending_window_days BIGINT;
ALTER TABLE kms_keys ADD COLUMN transition TEXT;
ALTER TABLE kms_keys ADD COLUMN xks_key_id TEXT;
CREATE INDEX kms_keys_multi_region ON kms_keys (account_id, key_id, region) WHERE multi_region = 1;
CREATE INDEX kms_keys_by_rotation ON kms_keys (rotation_next) WHERE rotation_next IS NOT NULL;
CREATE INDEX kms_keys_rotating ON kms_keys (on_demand_started) WHERE on_demand_started IS NOT NULL;
CREATE INDEX kms_keys_in_transition ON kms_keys (transition) WHERE transition IS NOT NULL;
