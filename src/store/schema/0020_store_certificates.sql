-- A custom key store knows its cluster by the certificate, also when the cluster is gone. compatible-from: 15

ALTER TABLE custom_key_stores ADD COLUMN cluster_certificate TEXT NOT NULL DEFAULT '';
UPDATE custom_key_stores SET cluster_certificate = COALESCE((SELECT c.cluster_certificate FROM clusters c
  WHERE c.cluster_id = custom_key_stores.cluster_id), '') WHERE type = 'AWS_CLOUDHSM';
