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
