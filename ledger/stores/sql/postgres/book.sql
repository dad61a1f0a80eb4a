-- last_recorded: when the newest journals were recorded, to go on from
SELECT coalesce(max(recorded_us), 0) FROM (SELECT recorded_us FROM journals ORDER BY seq DESC LIMIT 100) AS newest;

-- lock: what a decision over these accounts and holds depends on, alone until the end of this transaction
SELECT account_no, debits_posted, credits_posted, debits_pending, credits_pending
FROM balances
WHERE account_no IN (
    SELECT no FROM accounts WHERE id = ANY (%(accounts)s)
    UNION SELECT debit_no FROM transfers WHERE id = ANY (%(holds)s)
    UNION SELECT credit_no FROM transfers WHERE id = ANY (%(holds)s))
ORDER BY account_no FOR UPDATE;

-- journal_by_id: the journal of an id, to tell a repetition from a conflict
SELECT seq, kind, happened_us, recorded_us, subject, note FROM journals WHERE id = %s;

-- rows_of_journal: the entries of a journal in their order
SELECT id, kind, debit_no, credit_no, amount, pending_id
FROM transfers WHERE journal_seq = %s ORDER BY position;

-- transfers_by_id: entries, and how each was resolved if it is a hold that was
SELECT t.id, t.kind, t.debit_no, t.credit_no, t.amount, t.pending_id, r.kind
FROM transfers AS t LEFT JOIN transfers AS r ON r.pending_id = t.id
WHERE t.id = ANY (%s);

-- accounts_by_id: accounts under their names
SELECT no, id, asset, decimals, kind, side, bound FROM accounts WHERE id = ANY (%s);

-- accounts_by_no: accounts that rows name
SELECT no, id, asset, decimals, kind, side, bound FROM accounts WHERE no = ANY (%s);

-- sums_of: the counters of an append-only account, in two halves so that no sum can overflow
SELECT side, phase, sum(amount >> 31)::bigint, sum(amount & 2147483647)::bigint
FROM movements WHERE account_no = %s GROUP BY side, phase;

-- add_accounts: open accounts at their first use
INSERT INTO accounts (id, asset, decimals, kind, side, bound)
SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[])
RETURNING no, id;

-- add_journal: book a journal with its entries, and keep the counters of constrained accounts, all at once
WITH journal AS (
    INSERT INTO journals (id, kind, happened_us, recorded_us, subject, note)
    VALUES (%s, %s, %s, %s, %s, %s) RETURNING seq
), kept AS (
    INSERT INTO balances (account_no, floor, debits_posted, credits_posted, debits_pending, credits_pending)
    SELECT * FROM unnest(%s::bigint[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
    ON CONFLICT (account_no) DO UPDATE SET
        debits_posted = excluded.debits_posted, credits_posted = excluded.credits_posted,
        debits_pending = excluded.debits_pending, credits_pending = excluded.credits_pending
), booked AS (
    INSERT INTO transfers (journal_seq, position, id, kind, debit_no, credit_no, amount, pending_id)
    SELECT journal.seq, entry.*
    FROM journal, unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[], %s::text[])
        AS entry
)
SELECT seq FROM journal;
