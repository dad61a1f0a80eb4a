-- Periods that are closed, each with its signed trial balance.

CREATE TABLE periods (
    number      INTEGER PRIMARY KEY CHECK (number > 0),  -- 1, 2, 3 ...
    through_us  INTEGER NOT NULL UNIQUE,  -- what happened then or before is not booked any more
    seq         INTEGER NOT NULL REFERENCES journals (seq),  -- the end of the book when it was closed
    statement   TEXT NOT NULL,          -- the trial balance that is signed; ledger/periods.py reads it
    signature   BLOB NOT NULL CHECK (length(signature) = 64)    -- Ed25519, over the statement
) STRICT;

CREATE TRIGGER periods_no_update BEFORE UPDATE ON periods
BEGIN SELECT RAISE(ABORT, 'periods are immutable'); END;
CREATE TRIGGER periods_no_delete BEFORE DELETE ON periods
BEGIN SELECT RAISE(ABORT, 'periods are immutable'); END;
-- What the rules say is so whatever the code does.
CREATE TRIGGER periods_stay_closed BEFORE INSERT ON journals
WHEN NEW.happened_us <= (SELECT max(through_us) FROM periods)
BEGIN SELECT RAISE(ABORT, 'the period is closed'); END;
