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

-- What was booked after the last fold, by the two accounts of each entry: what sums do not have yet. A hold that
-- is resolved is held no more, whatever part of it was posted.
CREATE VIEW unfolded AS
SELECT t.debit_no AS debit_no, t.credit_no AS credit_no,
       iif(t.kind = 'pending', 'pending', 'posted') AS phase,
       t.amount >> 31 AS high, t.amount & 2147483647 AS low  -- in two halves, so that no sum can overflow
FROM transfers AS t
WHERE t.journal_seq > (SELECT coalesce(max(f.seq), 0) FROM folds AS f)
  AND t.journal_seq <= (SELECT max(n.journal_seq) FROM transfers AS n)  -- all; a range with two ends is read by its key
  AND t.kind IN ('transfer', 'post', 'pending')
UNION ALL
SELECT p.debit_no, p.credit_no, 'pending', -(p.amount >> 31), -(p.amount & 2147483647)
FROM transfers AS r JOIN transfers AS p ON p.id = r.pending_id
WHERE r.journal_seq > (SELECT coalesce(max(f.seq), 0) FROM folds AS f)
  AND r.journal_seq <= (SELECT max(n.journal_seq) FROM transfers AS n) AND r.pending_id IS NOT NULL;

-- What is posted on each account's normal side, in parts that add up: after the last fold that moved it, and of
-- each entry after the last fold of all.
CREATE VIEW posted AS
SELECT a.id AS account,
       iif(a.side = 'debit', 1, -1) * (((s.debits_posted_high - s.credits_posted_high) << 31)
                                       + s.debits_posted_low - s.credits_posted_low) AS units
FROM accounts AS a CROSS JOIN sums AS s  -- in this order: each account's last row, and none of the others
WHERE s.account_no = a.no AND s.fold_seq = (SELECT max(n.fold_seq) FROM sums AS n WHERE n.account_no = a.no)
UNION ALL
SELECT a.id, iif(a.side = 'debit', t.amount, -t.amount)
FROM transfers AS t CROSS JOIN accounts AS a  -- in this order: there is no index by account
WHERE a.no = t.debit_no AND t.kind IN ('transfer', 'post')
  AND t.journal_seq > (SELECT coalesce(max(f.seq), 0) FROM folds AS f)
  AND t.journal_seq <= (SELECT max(n.journal_seq) FROM transfers AS n)
UNION ALL
SELECT a.id, iif(a.side = 'credit', t.amount, -t.amount)
FROM transfers AS t CROSS JOIN accounts AS a
WHERE a.no = t.credit_no AND t.kind IN ('transfer', 'post')
  AND t.journal_seq > (SELECT coalesce(max(f.seq), 0) FROM folds AS f)
  AND t.journal_seq <= (SELECT max(n.journal_seq) FROM transfers AS n);
