-- Whom grants name: the unique ids that grantee and retiring principal had when the grant was made; empty for accounts
-- and sessions, which have none. A program that does not know them would match by name alone. compatible-from: 15

ALTER TABLE kms_grants ADD COLUMN grantee_id TEXT NOT NULL DEFAULT '';
ALTER TABLE kms_grants ADD COLUMN retiring_id TEXT NOT NULL DEFAULT '';
CREATE INDEX kms_grants_by_grantee_id ON kms_grants (account_id, region, key_id, grantee_id);
