-- What the deployment knows of the time, so that a clock that jumps destroys nothing. compatible-from: 15
--
-- The row with the empty name is of all front ends: seen_at is the newest time of the database's clock that they agree to
-- have seen, doubt says why later times are not believed, and accepted counts how often a person has believed one. A front end whose own clock differs from the database's has
-- a row that says so, and writes it again while that lasts.

CREATE TABLE clock_marks (
  front_end TEXT NOT NULL PRIMARY KEY,
  seen_at BIGINT NOT NULL,
  doubt TEXT NOT NULL,
  accepted BIGINT NOT NULL DEFAULT 0
);
