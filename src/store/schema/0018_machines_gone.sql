-- Machines that are gone for good. compatible-from: 15
--
-- A removed machine's row stays, so that nothing of it is let in again: removed_at, and withdrawn once its front end's key
-- is out of the domain cluster's log. seen_at: when its front end last said that it runs, or its host answered another's.

ALTER TABLE machines ADD COLUMN seen_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE machines ADD COLUMN removed_at BIGINT;
ALTER TABLE machines ADD COLUMN withdrawn BIGINT NOT NULL DEFAULT 0;
