-- prepare: what a decision depends on, counters locked until the end of this transaction; and a number, drawn when they are had
WITH locked AS MATERIALIZED (
    SELECT account_no, debits_posted, credits_posted, debits_pending, credits_pending
    FROM balances WHERE account_no = ANY ($1::bigint[])
    ORDER BY account_no FOR NO KEY UPDATE
)
SELECT 'balance', account_no, debits_posted, credits_posted, debits_pending, credits_pending, '', '', '', '' FROM locked
UNION ALL
SELECT 'number', nextval('journals_seq_seq'::regclass), n, 0, 0, 0, '', '', '', ''
FROM (SELECT count(*) AS n FROM locked) AS had
UNION ALL
SELECT 'entry', t.debit_no, t.credit_no, t.amount, 0, 0, t.id, t.kind, t.pending_id, r.kind
FROM transfers AS t LEFT JOIN transfers AS r ON r.pending_id = t.id WHERE t.id = ANY ($2::text[])
UNION ALL
SELECT 'journal', seq, happened_us, recorded_us, 0, 0, kind, subject, note, ''
FROM journals WHERE id = $3;

-- of_holds: the condition of `prepare` where holds are resolved: their counters too
account_no IN (
        SELECT unnest($1::bigint[])
        UNION SELECT debit_no FROM transfers WHERE id = ANY ($4::text[])
        UNION SELECT credit_no FROM transfers WHERE id = ANY ($4::text[]));

-- lock: counters of accounts, alone until the end of this transaction
SELECT account_no, debits_posted, credits_posted, debits_pending, credits_pending
FROM balances WHERE account_no = ANY ($1::bigint[])
ORDER BY account_no FOR NO KEY UPDATE;

-- write: book journals with their entries and the accounts they open, and keep the counters of constrained ones
WITH opened AS (
    INSERT INTO accounts (no, id, asset, decimals, kind, side, bound)
    SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[])
), booked AS (
    INSERT INTO journals (seq, id, kind, happened_us, recorded_us, subject, note)
    SELECT * FROM unnest($8::bigint[], $9::text[], $10::text[], $11::bigint[], $12::bigint[], $13::text[], $14::text[])
), kept AS (
    INSERT INTO balances (account_no, floor, debits_posted, credits_posted, debits_pending, credits_pending)
    SELECT * FROM unnest($15::bigint[], $16::text[], $17::bigint[], $18::bigint[], $19::bigint[], $20::bigint[])
    ON CONFLICT (account_no) DO UPDATE SET
        debits_posted = excluded.debits_posted, credits_posted = excluded.credits_posted,
        debits_pending = excluded.debits_pending, credits_pending = excluded.credits_pending
)
INSERT INTO transfers (journal_seq, position, id, kind, debit_no, credit_no, amount, pending_id)
SELECT * FROM unnest($21::bigint[], $22::bigint[], $23::text[], $24::text[], $25::bigint[], $26::bigint[], $27::bigint[], $28::text[]);
