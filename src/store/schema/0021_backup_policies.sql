-- A backup is shared with other accounts by its resource policy. compatible-from: 15
--
-- policy is empty while there is none; policy_principals is as in 0013. A copy of a backup has neither. Who lists what is
-- shared reads only backups with a policy.

ALTER TABLE backups ADD COLUMN policy TEXT NOT NULL DEFAULT '';
ALTER TABLE backups ADD COLUMN policy_principals TEXT NOT NULL DEFAULT '';
CREATE INDEX backups_shared ON backups (region, created_at, backup_id) WHERE policy <> '';
