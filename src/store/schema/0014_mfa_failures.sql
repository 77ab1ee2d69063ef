-- Wrong codes of an MFA device since the last right one, and when the last of them came (milliseconds): what the wait
-- before the next code is worked out of. compatible-from: 10

ALTER TABLE iam_mfa_devices ADD COLUMN failures BIGINT NOT NULL DEFAULT 0;
ALTER TABLE iam_mfa_devices ADD COLUMN failed_at BIGINT NOT NULL DEFAULT 0;
