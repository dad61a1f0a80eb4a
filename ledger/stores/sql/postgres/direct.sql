-- An array that is selected has no length that a plan could be made for: else the server would plan each time anew.

-- lock: counters of accounts, alone until the end of this transaction
SELECT account_no, debits_posted, credits_posted, debits_pending, credits_pending
FROM balances WHERE account_no = ANY (ARRAY(SELECT unnest($1::bigint[])))
ORDER BY account_no FOR NO KEY UPDATE;

-- lock_held: the same, and of the accounts of holds
SELECT account_no, debits_posted, credits_posted, debits_pending, credits_pending
FROM balances WHERE account_no = ANY (ARRAY(
    SELECT unnest($1::bigint[])
    UNION ALL SELECT debit_no FROM transfers WHERE id = ANY (ARRAY(SELECT unnest($2::text[])))
    UNION ALL SELECT credit_no FROM transfers WHERE id = ANY (ARRAY(SELECT unnest($2::text[])))))
ORDER BY account_no FOR NO KEY UPDATE;

-- entries: entries, and how each was resolved if it is a hold that was
SELECT id, kind, debit_no, credit_no, amount, pending_id, (SELECT r.kind FROM transfers AS r WHERE r.pending_id = t.id)
FROM transfers AS t WHERE id = ANY (ARRAY(SELECT unnest($1::text[])));

-- number: a number for a new journal, drawn when this runs; and the journal of an id
SELECT nextval('journals_seq_seq'::regclass), j.seq, j.kind, j.happened_us, j.recorded_us, j.subject, j.note
FROM (SELECT) AS one LEFT JOIN journals AS j ON j.id = $1;

-- open: accounts under numbers that were drawn
INSERT INTO accounts (no, id, asset, decimals, kind, side, bound)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::text[]);

-- book: journals
INSERT INTO journals (seq, id, kind, happened_us, recorded_us, subject, note)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::text[], $7::text[]);

-- keep: the counters of constrained accounts
INSERT INTO balances (account_no, floor, debits_posted, credits_posted, debits_pending, credits_pending)
SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[])
ON CONFLICT (account_no) DO UPDATE SET
    debits_posted = excluded.debits_posted, credits_posted = excluded.credits_posted,
    debits_pending = excluded.debits_pending, credits_pending = excluded.credits_pending;

-- enter: the entries of journals
INSERT INTO transfers (journal_seq, position, id, kind, debit_no, credit_no, amount, pending_id)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[], $8::text[]);
