-- accounts: accounts from a name on, in the order of names, each with its counters by side as JSON
SELECT
    accounts.id, asset, decimals, kind, side,
    -- What was folded, and the account's own entries after it: through a view over both sides, one account
    -- would cost all of them. In two halves, so that no sum can overflow.
    (SELECT json_group_array(json_array(phase, high, low)) FROM (SELECT phase, sum(high) AS high, sum(low) AS low FROM (
        SELECT 'posted' AS phase, s.debits_posted_high AS high, s.debits_posted_low AS low
        FROM sums AS s WHERE s.account_no = accounts.no AND s.fold_seq = last.fold_seq
        UNION ALL
        SELECT 'pending', s.debits_pending_high, s.debits_pending_low
        FROM sums AS s WHERE s.account_no = accounts.no AND s.fold_seq = last.fold_seq
        UNION ALL
        SELECT iif(t.kind = 'pending', 'pending', 'posted'), t.amount >> 31, t.amount & 2147483647
        FROM transfers AS t
        WHERE t.debit_no = accounts.no AND t.journal_seq > last.folded
          AND t.kind IN ('transfer', 'post', 'pending')
        UNION ALL  -- a hold that is resolved is held no more
        SELECT 'pending', -(p.amount >> 31), -(p.amount & 2147483647)
        FROM transfers AS r JOIN transfers AS p ON p.id = r.pending_id
        WHERE r.debit_no = accounts.no AND r.journal_seq > last.folded) AS moves GROUP BY phase) AS sums) AS debits,
    (SELECT json_group_array(json_array(phase, high, low)) FROM (SELECT phase, sum(high) AS high, sum(low) AS low FROM (
        SELECT 'posted' AS phase, s.credits_posted_high AS high, s.credits_posted_low AS low
        FROM sums AS s WHERE s.account_no = accounts.no AND s.fold_seq = last.fold_seq
        UNION ALL
        SELECT 'pending', s.credits_pending_high, s.credits_pending_low
        FROM sums AS s WHERE s.account_no = accounts.no AND s.fold_seq = last.fold_seq
        UNION ALL
        SELECT iif(t.kind = 'pending', 'pending', 'posted'), t.amount >> 31, t.amount & 2147483647
        FROM transfers AS t
        WHERE t.credit_no = accounts.no AND t.journal_seq > last.folded
          AND t.kind IN ('transfer', 'post', 'pending')
        UNION ALL  -- a hold that is resolved is held no more
        SELECT 'pending', -(p.amount >> 31), -(p.amount & 2147483647)
        FROM transfers AS r JOIN transfers AS p ON p.id = r.pending_id
        WHERE r.credit_no = accounts.no AND r.journal_seq > last.folded) AS moves GROUP BY phase) AS sums) AS credits
FROM accounts JOIN (
    SELECT a.no, (SELECT max(n.fold_seq) FROM sums AS n WHERE n.account_no = a.no) AS fold_seq,
           (SELECT coalesce(max(f.seq), 0) FROM folds AS f) AS folded
    FROM accounts AS a WHERE a.id >= :first ORDER BY a.id LIMIT :limit) AS last ON last.no = accounts.no
ORDER BY accounts.id;
