-- Backups of clusters, as CloudHSMv2 shows them. compatible-from: 1
--
-- A row is what the API knows of a backup; its sealed bytes are a row of cluster_snapshots, named by data_cluster_id and
-- data_backup_id. A copy in another region is a row of its own over the same bytes, which go with the last row.

CREATE TABLE backups (
  account_id TEXT NOT NULL,
  region TEXT NOT NULL,
  backup_id TEXT NOT NULL,
  cluster_id TEXT,
  state TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  copied_at BIGINT,
  never_expires BIGINT NOT NULL,
  source_region TEXT,
  source_backup_id TEXT,
  source_cluster_id TEXT,
  delete_at BIGINT,
  hsm_type TEXT NOT NULL,
  mode TEXT NOT NULL,
  cluster_certificate TEXT NOT NULL,
  trust_anchor TEXT NOT NULL,
  data_cluster_id TEXT NOT NULL,
  data_backup_id TEXT NOT NULL,
  PRIMARY KEY (account_id, region, backup_id),
  UNIQUE (backup_id)
);
CREATE INDEX backups_by_cluster ON backups (cluster_id, created_at);
CREATE INDEX backups_by_data ON backups (data_cluster_id, data_backup_id);
