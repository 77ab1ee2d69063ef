-- Keys of CloudHSM key stores that have no HSM key yet: few, looked for every half minute and left out of lists.
-- compatible-from: 15

CREATE INDEX kms_keys_half_made ON kms_keys (account_id, region, key_id)
  WHERE origin = 'AWS_CLOUDHSM' AND hsm_handle IS NULL;
