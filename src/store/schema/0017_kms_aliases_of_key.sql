-- A key's aliases in the order of their names: with the index there was, the aliases of all keys were read for them.
-- compatible-from: 15

CREATE INDEX kms_aliases_of_key ON kms_aliases (account_id, region, key_id, alias_name);
DROP INDEX kms_aliases_by_key;
