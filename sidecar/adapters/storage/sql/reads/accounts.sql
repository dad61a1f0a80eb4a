-- accounts: accounts from a name on, in the order of names, each with its counters by side as JSON
SELECT
    id, asset, decimals, kind, side,
    -- From the entries themselves: through a view over both sides, one account would cost all of them.
    -- In two halves, so that no sum can overflow.
    (SELECT json_group_array(json_array(phase, high, low)) FROM (
        SELECT iif(t.kind = 'pending', 'pending', 'posted') AS phase,
               sum(t.amount >> 31) AS high, sum(t.amount & 2147483647) AS low
        FROM transfers AS t
        WHERE t.debit_no = accounts.no
          AND (t.kind IN ('transfer', 'post') OR (
               t.kind = 'pending' AND NOT EXISTS (SELECT 1 FROM transfers AS r WHERE r.pending_id = t.id)))
        GROUP BY 1) AS sums) AS debits,
    (SELECT json_group_array(json_array(phase, high, low)) FROM (
        SELECT iif(t.kind = 'pending', 'pending', 'posted') AS phase,
               sum(t.amount >> 31) AS high, sum(t.amount & 2147483647) AS low
        FROM transfers AS t
        WHERE t.credit_no = accounts.no
          AND (t.kind IN ('transfer', 'post') OR (
               t.kind = 'pending' AND NOT EXISTS (SELECT 1 FROM transfers AS r WHERE r.pending_id = t.id)))
        GROUP BY 1) AS sums) AS credits
FROM accounts
WHERE id >= :first
ORDER BY id
LIMIT :limit;
