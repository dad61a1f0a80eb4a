-- Signed statements of how far the book goes.

CREATE TABLE checkpoints (
    seq         INTEGER PRIMARY KEY REFERENCES journals (seq),  -- the last journal it covers
    statement   TEXT NOT NULL,          -- what is signed, word for word; ledger/checkpoints.py reads it
    signature   BLOB NOT NULL CHECK (length(signature) = 64)    -- Ed25519, over the statement
) STRICT;

CREATE TRIGGER checkpoints_no_update BEFORE UPDATE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'checkpoints are immutable'); END;
CREATE TRIGGER checkpoints_no_delete BEFORE DELETE ON checkpoints
BEGIN SELECT RAISE(ABORT, 'checkpoints are immutable'); END;
