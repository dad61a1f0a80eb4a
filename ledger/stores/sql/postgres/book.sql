-- last_recorded: when the newest journals were recorded, to go on from
SELECT coalesce(max(recorded_us), 0) FROM (SELECT recorded_us FROM journals ORDER BY seq DESC LIMIT 100) AS newest;

-- journal_by_id: the journal of an id, to tell a repetition from a conflict
SELECT seq, kind, happened_us, recorded_us, subject, note FROM journals WHERE id = %s;

-- rows_of_journal: the entries of a journal in their order
SELECT id, kind, debit_no, credit_no, amount, pending_id
FROM transfers WHERE journal_seq = %s ORDER BY position;

-- transfers_by_id: entries, and how each was resolved if it is a hold that was
SELECT t.id, t.kind, t.debit_no, t.credit_no, t.amount, t.pending_id, r.kind
FROM transfers AS t LEFT JOIN transfers AS r ON r.pending_id = t.id
WHERE t.id = ANY (%s);

-- sums_of: the counters of an append-only account, in two halves so that no sum can overflow: as folded, and since
WITH last AS (SELECT * FROM sums WHERE account_no = %(no)s ORDER BY fold_seq DESC LIMIT 1)
SELECT side, phase, sum(high)::bigint, sum(low)::bigint FROM (
    SELECT 'debit' AS side, 'posted' AS phase, debits_posted_high AS high, debits_posted_low AS low FROM last
    UNION ALL SELECT 'credit', 'posted', credits_posted_high, credits_posted_low FROM last
    UNION ALL SELECT 'debit', 'pending', debits_pending_high, debits_pending_low FROM last
    UNION ALL SELECT 'credit', 'pending', credits_pending_high, credits_pending_low FROM last
    UNION ALL SELECT 'debit', phase, high, low FROM unfolded WHERE debit_no = %(no)s
    UNION ALL SELECT 'credit', phase, high, low FROM unfolded WHERE credit_no = %(no)s
) AS parts GROUP BY side, phase;
