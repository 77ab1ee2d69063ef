-- Whom policies of keys and roles name, beside the text: a line "<ARN> <unique id>" for each user and role, as they were
-- when the policy was saved. compatible-from: 10

ALTER TABLE kms_keys ADD COLUMN policy_principals TEXT NOT NULL DEFAULT '';
ALTER TABLE iam_entities ADD COLUMN trust_principals TEXT NOT NULL DEFAULT '';
