-- Accounts that an operator has closed: nothing more is booked on them but the end of what they hold.

CREATE TABLE closures (
    account_no  INTEGER PRIMARY KEY REFERENCES accounts (no),  -- there is no way to open it again
    seq         INTEGER NOT NULL,       -- the newest journal when it was closed
    closed_us   INTEGER NOT NULL,
    reason      TEXT NOT NULL CHECK (reason <> ''),
    closed_by   TEXT NOT NULL           -- the key of the operator
) STRICT;

CREATE TRIGGER closures_no_update BEFORE UPDATE ON closures
BEGIN SELECT RAISE(ABORT, 'closures are immutable'); END;
CREATE TRIGGER closures_no_delete BEFORE DELETE ON closures
BEGIN SELECT RAISE(ABORT, 'closures are immutable'); END;
