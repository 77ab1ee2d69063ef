-- The generations of the domain key, under which key tokens are wrapped. compatible-from: 7
--
-- rewrapped_at: when no token was found under it any more. dropped_at: when the HSMs destroyed it, which is once every
-- backup of this database that could hold such a token is past its retention.

CREATE TABLE domain_keys (
  generation BIGINT NOT NULL PRIMARY KEY,
  made_at BIGINT NOT NULL,
  rewrapped_at BIGINT,
  dropped_at BIGINT
);
