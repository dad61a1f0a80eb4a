-- The double-entry book. Rows of accounts, journals and transfers never change.

CREATE TABLE accounts (
    no          INTEGER PRIMARY KEY,    -- short name inside this file; rows and indexes stay small
    id          TEXT NOT NULL UNIQUE,   -- the parts joined by ':'; one account per name
    asset       TEXT NOT NULL,          -- what is counted; both sides of a transfer agree in it
    decimals    INTEGER NOT NULL CHECK (decimals >= 0),  -- of the asset's smallest unit; fixed for ever
    kind        TEXT NOT NULL CHECK (kind IN
                ('asset', 'liability', 'equity', 'revenue', 'expense', 'memorandum')),
    side        TEXT NOT NULL CHECK (side IN ('debit', 'credit')),  -- the side that increases it
    bound       TEXT NOT NULL CHECK (bound IN ('none', 'no_negative', 'limit'))  -- its constraint
) STRICT;

CREATE TABLE balances (                 -- constrained accounts only: all others are sums, so none is hot
    account_no      INTEGER PRIMARY KEY REFERENCES accounts (no),
    floor           TEXT NOT NULL CHECK (floor = 'none' OR floor = 'debit' OR floor = 'credit'),  -- side that may not be overdrawn
    debits_posted   INTEGER NOT NULL CHECK (debits_posted >= 0),
    credits_posted  INTEGER NOT NULL CHECK (credits_posted >= 0),
    debits_pending  INTEGER NOT NULL CHECK (debits_pending >= 0),
    credits_pending INTEGER NOT NULL CHECK (credits_pending >= 0),
    CHECK (floor <> 'credit' OR credits_posted - debits_posted - debits_pending >= 0),  -- no overdraft, whatever the code does
    CHECK (floor <> 'debit' OR debits_posted - credits_posted - credits_pending >= 0)
) STRICT;

CREATE TABLE journals (
    seq         INTEGER PRIMARY KEY CHECK (seq > 0),  -- 1, 2, 3 ...; a gap is a lost journal
    id          TEXT NOT NULL UNIQUE,   -- derived from the event: the same event is booked once
    kind        TEXT NOT NULL,          -- the event's role, for reports
    happened_us INTEGER NOT NULL,       -- when it happened, microseconds since the epoch, UTC
    recorded_us INTEGER NOT NULL,       -- when the book learned it; never decreases with seq
    subject     TEXT NOT NULL,          -- what it is about, such as a call's id; may be empty
    note        TEXT NOT NULL,          -- for people; may be empty
    prev_hash   BLOB NOT NULL CHECK (length(prev_hash) = 32),  -- the hash of seq - 1, zeros before the first
    hash        BLOB NOT NULL CHECK (length(hash) = 32)        -- seals the journal, its transfers, and all before
) STRICT;

-- A journal whose id begins with what it is about is found by that.
CREATE INDEX journals_by_subject ON journals (subject)
    WHERE subject <> '' AND substr(id, 1, length(subject) + 1) <> subject || '/';

CREATE TABLE transfers (
    journal_seq INTEGER NOT NULL REFERENCES journals (seq),
    position    INTEGER NOT NULL CHECK (position >= 0),  -- 0, 1, 2 ... in the journal
    id          TEXT NOT NULL UNIQUE,   -- derived from the event and the role
    kind        TEXT NOT NULL CHECK     -- OR: for each row, an IN of three or more would build a table
                (kind = 'transfer' OR kind = 'pending' OR kind = 'post' OR kind = 'void' OR kind = 'expire'),
    debit_no    INTEGER NOT NULL REFERENCES accounts (no),
    credit_no   INTEGER NOT NULL REFERENCES accounts (no),
    amount      INTEGER NOT NULL CHECK (amount > 0),  -- units; of a void or expire: what it returned
    pending_id  TEXT REFERENCES transfers (id),       -- the hold it resolves
    PRIMARY KEY (journal_seq, position),
    CHECK (debit_no <> credit_no),
    CHECK ((kind = 'transfer' OR kind = 'pending') = (pending_id IS NULL))
) STRICT, WITHOUT ROWID;

-- A hold is resolved once, whatever the code does.
CREATE UNIQUE INDEX transfers_by_pending ON transfers (pending_id) WHERE pending_id IS NOT NULL;

CREATE TRIGGER accounts_no_update BEFORE UPDATE ON accounts
BEGIN SELECT RAISE(ABORT, 'accounts are immutable'); END;
CREATE TRIGGER accounts_no_delete BEFORE DELETE ON accounts
BEGIN SELECT RAISE(ABORT, 'accounts are immutable'); END;
CREATE TRIGGER journals_no_update BEFORE UPDATE ON journals
BEGIN SELECT RAISE(ABORT, 'journals are immutable'); END;
CREATE TRIGGER journals_no_delete BEFORE DELETE ON journals
BEGIN SELECT RAISE(ABORT, 'journals are immutable'); END;
CREATE TRIGGER transfers_no_update BEFORE UPDATE ON transfers
BEGIN SELECT RAISE(ABORT, 'transfers are immutable'); END;
CREATE TRIGGER transfers_no_delete BEFORE DELETE ON transfers
BEGIN SELECT RAISE(ABORT, 'transfers are immutable'); END;

-- What moves each account: posted amounts, and holds that are not resolved yet.
CREATE VIEW movements AS
SELECT t.debit_no AS account_no, 'debit' AS side,
       CASE t.kind WHEN 'pending' THEN 'pending' ELSE 'posted' END AS phase,
       t.amount AS amount
FROM transfers AS t
WHERE t.kind IN ('transfer', 'post')
   OR (t.kind = 'pending' AND NOT EXISTS (SELECT 1 FROM transfers AS r WHERE r.pending_id = t.id))
UNION ALL
SELECT t.credit_no, 'credit',
       CASE t.kind WHEN 'pending' THEN 'pending' ELSE 'posted' END,
       t.amount
FROM transfers AS t
WHERE t.kind IN ('transfer', 'post')
   OR (t.kind = 'pending' AND NOT EXISTS (SELECT 1 FROM transfers AS r WHERE r.pending_id = t.id));

-- Every entry with the names of its accounts, for readers.
CREATE VIEW entries AS
SELECT j.seq AS seq, j.id AS journal_id, j.kind AS journal_kind, j.subject AS subject,
       j.happened_us AS happened_us, j.recorded_us AS recorded_us,
       t.position AS position, t.id AS id, t.kind AS kind,
       d.id AS debit, c.id AS credit, d.asset AS asset, t.amount AS amount, t.pending_id AS pending_id
FROM journals AS j
JOIN transfers AS t ON t.journal_seq = j.seq
JOIN accounts AS d ON d.no = t.debit_no
JOIN accounts AS c ON c.no = t.credit_no;

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
