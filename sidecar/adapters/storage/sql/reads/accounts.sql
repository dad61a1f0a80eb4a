-- accounts: accounts from a name on, in the order of names, each with its counters by side as JSON
WITH page AS MATERIALIZED (
    SELECT a.no, (SELECT max(n.fold_seq) FROM sums AS n WHERE n.account_no = a.no) AS fold_seq
    FROM accounts AS a WHERE a.id >= :first ORDER BY a.id LIMIT :limit
),
folded AS MATERIALIZED (
    SELECT s.* FROM page JOIN sums AS s ON s.account_no = page.no AND s.fold_seq = page.fold_seq
),
recent AS MATERIALIZED (SELECT debit_no, credit_no, phase, high, low FROM unfolded),  -- read once for all of them
counters AS MATERIALIZED (  -- in two halves, so that no sum can overflow
    SELECT account_no, entered, phase, sum(high) AS high, sum(low) AS low FROM (
        SELECT account_no, 'debit' AS entered, 'posted' AS phase, debits_posted_high AS high, debits_posted_low AS low
        FROM folded
        UNION ALL SELECT account_no, 'credit', 'posted', credits_posted_high, credits_posted_low FROM folded
        UNION ALL SELECT account_no, 'debit', 'pending', debits_pending_high, debits_pending_low FROM folded
        UNION ALL SELECT account_no, 'credit', 'pending', credits_pending_high, credits_pending_low FROM folded
        UNION ALL SELECT debit_no, 'debit', phase, high, low FROM recent
        UNION ALL SELECT credit_no, 'credit', phase, high, low FROM recent
    ) AS parts WHERE account_no IN (SELECT no FROM page) GROUP BY account_no, entered, phase
)
SELECT
    a.id, a.asset, a.decimals, a.kind, a.side,
    json_group_array(json_array(c.phase, c.high, c.low)) FILTER (WHERE c.entered = 'debit') AS debits,
    json_group_array(json_array(c.phase, c.high, c.low)) FILTER (WHERE c.entered = 'credit') AS credits
FROM page CROSS JOIN accounts AS a LEFT JOIN counters AS c ON c.account_no = page.no
WHERE a.no = page.no
GROUP BY a.no
ORDER BY a.id;
