-- accounts: accounts from a name on, in the order of names, each with its counters by side as JSON
WITH recent AS MATERIALIZED (  -- once for all accounts: by the two of each entry, of which there are few
    SELECT debit_no, credit_no, phase, sum(high) AS high, sum(low) AS low
    FROM unfolded GROUP BY debit_no, credit_no, phase
)
SELECT
    accounts.id, asset, decimals, kind, side,
    -- What was folded, and what was booked after it. In two halves, so that no sum can overflow.
    (SELECT json_group_array(json_array(phase, high, low)) FROM (SELECT phase, sum(high) AS high, sum(low) AS low FROM (
        SELECT 'posted' AS phase, s.debits_posted_high AS high, s.debits_posted_low AS low
        FROM sums AS s WHERE s.account_no = accounts.no AND s.fold_seq = last.fold_seq
        UNION ALL
        SELECT 'pending', s.debits_pending_high, s.debits_pending_low
        FROM sums AS s WHERE s.account_no = accounts.no AND s.fold_seq = last.fold_seq
        UNION ALL
        SELECT phase, high, low FROM recent WHERE debit_no = accounts.no) AS parts GROUP BY phase) AS sums) AS debits,
    (SELECT json_group_array(json_array(phase, high, low)) FROM (SELECT phase, sum(high) AS high, sum(low) AS low FROM (
        SELECT 'posted' AS phase, s.credits_posted_high AS high, s.credits_posted_low AS low
        FROM sums AS s WHERE s.account_no = accounts.no AND s.fold_seq = last.fold_seq
        UNION ALL
        SELECT 'pending', s.credits_pending_high, s.credits_pending_low
        FROM sums AS s WHERE s.account_no = accounts.no AND s.fold_seq = last.fold_seq
        UNION ALL
        SELECT phase, high, low FROM recent WHERE credit_no = accounts.no) AS parts GROUP BY phase) AS sums) AS credits
FROM accounts JOIN (
    SELECT a.no, (SELECT max(n.fold_seq) FROM sums AS n WHERE n.account_no = a.no) AS fold_seq
    FROM accounts AS a WHERE a.id >= :first ORDER BY a.id LIMIT :limit) AS last ON last.no = accounts.no
ORDER BY accounts.id;
