-- What accounts came to by a number, so that reports add up only what came after it.

CREATE TABLE folds (
    seq         INTEGER PRIMARY KEY,    -- every journal up to this number is in the sums
    after_seq   INTEGER NOT NULL UNIQUE,  -- the fold that it goes on from, or 0: one goes on from each
    happened_max_us INTEGER NOT NULL,   -- all of them had happened by then
    recorded_max_us INTEGER NOT NULL,   -- and were known by then
    CHECK (after_seq >= 0 AND after_seq < seq)
) STRICT;

CREATE TABLE sums (                     -- an account after a fold that moved it; before the first it has none
    account_no  INTEGER NOT NULL REFERENCES accounts (no),
    fold_seq    INTEGER NOT NULL REFERENCES folds (seq),
    debits_posted_high   INTEGER NOT NULL,  -- a counter is high * 2^31 + low: it may be larger than int64
    debits_posted_low    INTEGER NOT NULL,
    credits_posted_high  INTEGER NOT NULL,
    credits_posted_low   INTEGER NOT NULL,
    debits_pending_high  INTEGER NOT NULL,
    debits_pending_low   INTEGER NOT NULL,
    credits_pending_high INTEGER NOT NULL,
    credits_pending_low  INTEGER NOT NULL,
    PRIMARY KEY (account_no, fold_seq)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER folds_no_update BEFORE UPDATE ON folds
BEGIN SELECT RAISE(ABORT, 'folds are immutable'); END;
CREATE TRIGGER folds_no_delete BEFORE DELETE ON folds
BEGIN SELECT RAISE(ABORT, 'folds are immutable'); END;
CREATE TRIGGER sums_no_update BEFORE UPDATE ON sums
BEGIN SELECT RAISE(ABORT, 'sums are immutable'); END;
CREATE TRIGGER sums_no_delete BEFORE DELETE ON sums
BEGIN SELECT RAISE(ABORT, 'sums are immutable'); END;
