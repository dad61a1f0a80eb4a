-- head: the last journal, to go on from
SELECT seq, hash, recorded_us FROM journals ORDER BY seq DESC LIMIT 1;

-- journal_by_id: the journal of an id, to tell a repetition from a conflict
SELECT seq, kind, happened_us, recorded_us, subject, note FROM journals WHERE id = ?;

-- rows_of_journal: the entries of a journal in their order
SELECT id, kind, debit_no, credit_no, amount, pending_id
FROM transfers WHERE journal_seq = ? ORDER BY position;

-- transfer_by_id: an entry, and how it was resolved if it is a hold that was
SELECT t.kind, t.debit_no, t.credit_no, t.amount, t.pending_id, r.kind
FROM transfers AS t LEFT JOIN transfers AS r ON r.pending_id = t.id
WHERE t.id = ?;

-- journal_taken: whether an id is a journal's already
SELECT 1 FROM journals WHERE id = ?;

-- entry_taken: whether an id is an entry's already
SELECT 1 FROM transfers WHERE id = ?;

-- account_by_id: an account under its name
SELECT no, id, asset, decimals, kind, side, bound FROM accounts WHERE id = ?;

-- account_by_no: an account that a row names
SELECT no, id, asset, decimals, kind, side, bound FROM accounts WHERE no = ?;

-- balance_of: the counters of a constrained account
SELECT debits_posted, credits_posted, debits_pending, credits_pending
FROM balances WHERE account_no = ?;

-- sums_of: the counters of an append-only account, in two halves so that no sum can overflow: as folded, and since
WITH last AS (SELECT * FROM sums WHERE account_no = :no ORDER BY fold_seq DESC LIMIT 1)
SELECT side, phase, sum(high), sum(low) FROM (
    SELECT 'debit' AS side, 'posted' AS phase, debits_posted_high AS high, debits_posted_low AS low FROM last
    UNION ALL SELECT 'credit', 'posted', credits_posted_high, credits_posted_low FROM last
    UNION ALL SELECT 'debit', 'pending', debits_pending_high, debits_pending_low FROM last
    UNION ALL SELECT 'credit', 'pending', credits_pending_high, credits_pending_low FROM last
    UNION ALL SELECT 'debit', phase, high, low FROM unfolded WHERE debit_no = :no
    UNION ALL SELECT 'credit', phase, high, low FROM unfolded WHERE credit_no = :no
) AS parts GROUP BY side, phase;

-- add_account: open an account at its first use
INSERT INTO accounts (id, asset, decimals, kind, side, bound) VALUES (?, ?, ?, ?, ?, ?);

-- add_journal: seal a journal at the end of the chain
INSERT INTO journals (seq, id, kind, happened_us, recorded_us, subject, note, prev_hash, hash)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?);

-- add_transfer: book one entry of a journal
INSERT INTO transfers (journal_seq, position, id, kind, debit_no, credit_no, amount, pending_id)
VALUES (?, ?, ?, ?, ?, ?, ?, ?);

-- save_balance: keep the counters of a constrained account; the first use adds the row
INSERT INTO balances (account_no, floor, debits_posted, credits_posted, debits_pending, credits_pending)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (account_no) DO UPDATE SET
    debits_posted = excluded.debits_posted, credits_posted = excluded.credits_posted,
    debits_pending = excluded.debits_pending, credits_pending = excluded.credits_pending;

-- last_checkpoint: the checkpoint that goes furthest, to sign the next one
SELECT statement, signature FROM checkpoints ORDER BY seq DESC LIMIT 1;

-- hashes: the chain hashes of some journals in their order
SELECT hash FROM journals WHERE seq >= ? ORDER BY seq LIMIT ?;

-- add_checkpoint: keep a signed checkpoint
INSERT INTO checkpoints (seq, statement, signature) VALUES (?, ?, ?);

-- last_period: the newest close of a period
SELECT statement, signature FROM periods ORDER BY number DESC LIMIT 1;

-- closed_through: up to when periods are closed
SELECT max(through_us) FROM periods;

-- happened_since: whether a journal after a number happened at a time or before
SELECT EXISTS (SELECT 1 FROM journals WHERE seq > ? AND happened_us <= ?);

-- closed_accounts: accounts on which nothing new is booked
SELECT a.id FROM closures AS c JOIN accounts AS a ON a.no = c.account_no;

-- closure: how an account was closed
SELECT c.closed_us, c.reason, c.closed_by FROM closures AS c JOIN accounts AS a ON a.no = c.account_no WHERE a.id = ?;

-- add_closure: close an account
INSERT INTO closures (account_no, seq, closed_us, reason, closed_by)
SELECT no, (SELECT max(seq) FROM journals), ?, ?, ? FROM accounts WHERE id = ?;

-- add_period: keep the close of a period
INSERT INTO periods (number, through_us, seq, statement, signature) VALUES (?, ?, ?, ?, ?);
