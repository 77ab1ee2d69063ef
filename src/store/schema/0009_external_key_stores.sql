-- External key stores: the proxy that a custom key store of type EXTERNAL_KEY_STORE names. compatible-from: 7
--
-- Empty for other stores. sealed_password has the proxy credential's secret. The external key's id of a KMS key is in
-- kms_keys.xks_key_id.

ALTER TABLE custom_key_stores ADD COLUMN xks_connectivity TEXT NOT NULL DEFAULT '';
ALTER TABLE custom_key_stores ADD COLUMN xks_endpoint TEXT NOT NULL DEFAULT '';
ALTER TABLE custom_key_stores ADD COLUMN xks_path TEXT NOT NULL DEFAULT '';
ALTER TABLE custom_key_stores ADD COLUMN xks_vpc_service TEXT NOT NULL DEFAULT '';
ALTER TABLE custom_key_stores ADD COLUMN xks_vpc_owner TEXT NOT NULL DEFAULT '';
ALTER TABLE custom_key_stores ADD COLUMN xks_access_key_id TEXT NOT NULL DEFAULT '';
CREATE UNIQUE INDEX kms_keys_by_external_key ON kms_keys (account_id, region, custom_key_store_id, xks_key_id)
  WHERE xks_key_id IS NOT NULL;
