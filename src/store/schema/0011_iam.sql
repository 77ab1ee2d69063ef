-- IAM's users, groups, roles, policies and what belongs to them. compatible-from: 10
--
-- An entity is a user, a group or a role (kind). Names are unique in each account and kind ignoring case: name_key is
-- the name in lower case. What belongs to an entity refers to its id (AIDA…, AGPA…, AROA…), so that a name or path may
-- change. Times are milliseconds; last_used_at is of a role's last session, password_used_at of a user's last login at
-- the console.

CREATE TABLE iam_entities (
  account_id TEXT NOT NULL,
  kind TEXT NOT NULL,
  name_key TEXT NOT NULL,
  name TEXT NOT NULL,
  path TEXT NOT NULL,
  entity_id TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  boundary_arn TEXT NOT NULL DEFAULT '',
  description TEXT NOT NULL DEFAULT '',
  trust_policy TEXT NOT NULL DEFAULT '',
  max_session_seconds BIGINT NOT NULL DEFAULT 3600,
  last_used_at BIGINT,
  last_used_region TEXT NOT NULL DEFAULT '',
  password_used_at BIGINT,
  PRIMARY KEY (account_id, kind, name_key)
);
CREATE UNIQUE INDEX iam_entities_by_id ON iam_entities (entity_id);
CREATE INDEX iam_entities_by_boundary ON iam_entities (account_id, boundary_arn);

CREATE TABLE iam_memberships (
  account_id TEXT NOT NULL,
  group_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  PRIMARY KEY (account_id, group_id, user_id)
);
CREATE INDEX iam_memberships_by_user ON iam_memberships (account_id, user_id);

-- Customer managed policies; those of AWS (arn:aws:iam::aws:policy/…) are in the program. next_version never goes back.

CREATE TABLE iam_policies (
  account_id TEXT NOT NULL,
  name_key TEXT NOT NULL,
  name TEXT NOT NULL,
  path TEXT NOT NULL,
  policy_id TEXT NOT NULL,
  arn TEXT NOT NULL,
  description TEXT NOT NULL,
  default_version BIGINT NOT NULL,
  next_version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, name_key)
);
CREATE UNIQUE INDEX iam_policies_by_arn ON iam_policies (arn);

CREATE TABLE iam_policy_versions (
  account_id TEXT NOT NULL,
  policy_id TEXT NOT NULL,
  version BIGINT NOT NULL,
  document TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, policy_id, version)
);

CREATE TABLE iam_inline_policies (
  account_id TEXT NOT NULL,
  entity_id TEXT NOT NULL,
  name TEXT NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (account_id, entity_id, name)
);

CREATE TABLE iam_attachments (
  account_id TEXT NOT NULL,
  entity_id TEXT NOT NULL,
  policy_arn TEXT NOT NULL,
  PRIMARY KEY (account_id, entity_id, policy_arn)
);
CREATE INDEX iam_attachments_by_policy ON iam_attachments (account_id, policy_arn);

-- owner_id is an entity's or policy's id, an MFA device's serial number or an OIDC provider's ARN. Keys are unique
-- ignoring case.

CREATE TABLE iam_tags (
  account_id TEXT NOT NULL,
  owner_id TEXT NOT NULL,
  key_folded TEXT NOT NULL,
  tag_key TEXT NOT NULL,
  tag_value TEXT NOT NULL,
  PRIMARY KEY (account_id, owner_id, key_folded)
);

-- password_hash is libsodium's text of Argon2id; earlier_hashes are the last ones, newest first, a line each.

CREATE TABLE iam_login_profiles (
  account_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  password_hash TEXT NOT NULL,
  earlier_hashes TEXT NOT NULL,
  reset_required BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  changed_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, user_id)
);

CREATE TABLE iam_password_policies (
  account_id TEXT NOT NULL PRIMARY KEY,
  minimum_length BIGINT NOT NULL,
  symbols BIGINT NOT NULL,
  numbers BIGINT NOT NULL,
  uppercase BIGINT NOT NULL,
  lowercase BIGINT NOT NULL,
  users_may_change BIGINT NOT NULL,
  max_age_days BIGINT,
  reuse_prevention BIGINT,
  hard_expiry BIGINT
);

-- sealed_seed is ports::Sealer's under purpose "iam-mfa-seed" and the serial number (docs/formats.md, 17). user_id is
-- empty until the device is enabled; last_step is the last 30-second step whose code was taken, drift the device's clock
-- against ours in steps.

CREATE TABLE iam_mfa_devices (
  account_id TEXT NOT NULL,
  serial_number TEXT NOT NULL,
  sealed_seed BLOB NOT NULL,
  user_id TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  enabled_at BIGINT,
  last_step BIGINT NOT NULL,
  drift BIGINT NOT NULL,
  PRIMARY KEY (account_id, serial_number)
);
CREATE INDEX iam_mfa_devices_by_user ON iam_mfa_devices (account_id, user_id);

CREATE TABLE iam_account_aliases (
  alias TEXT NOT NULL PRIMARY KEY,
  account_id TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX iam_account_aliases_by_account ON iam_account_aliases (account_id);

-- url is without its scheme ("oidc.example.com/id/1"), as in the ARN; client_ids and thumbprints have a line for each.

CREATE TABLE iam_oidc_providers (
  account_id TEXT NOT NULL,
  url TEXT NOT NULL,
  client_ids TEXT NOT NULL,
  thumbprints TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, url)
);

ALTER TABLE access_keys ADD COLUMN last_used_at BIGINT;
ALTER TABLE access_keys ADD COLUMN last_used_region TEXT NOT NULL DEFAULT '';
ALTER TABLE access_keys ADD COLUMN last_used_service TEXT NOT NULL DEFAULT '';
