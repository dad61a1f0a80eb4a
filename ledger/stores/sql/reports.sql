-- balances: the counters of every account, in two halves so that no sum can overflow
WITH moved AS MATERIALIZED (  -- one pass: by pairs of accounts first, of which there are few
    SELECT t.debit_no, t.credit_no, CASE t.kind WHEN 'pending' THEN 'pending' ELSE 'posted' END AS phase,
           sum(t.amount >> 31) AS high, sum(t.amount & 2147483647) AS low
    FROM transfers AS t
    WHERE t.kind IN ('transfer', 'post')
       OR (t.kind = 'pending' AND NOT EXISTS (SELECT 1 FROM transfers AS r WHERE r.pending_id = t.id))
    GROUP BY 1, 2, 3
)
SELECT a.no, a.id, a.asset, a.decimals, a.kind, a.side, a.bound, m.side, m.phase, sum(m.high), sum(m.low)
FROM accounts AS a LEFT JOIN (
    SELECT debit_no AS account_no, 'debit' AS side, phase, high, low FROM moved
    UNION ALL
    SELECT credit_no, 'credit', phase, high, low FROM moved
) AS m ON m.account_no = a.no
GROUP BY a.no, m.side, m.phase
ORDER BY a.id;

-- balances_as_of: the same, of what had happened at one time and was known at another
WITH moved AS MATERIALIZED (
    SELECT t.debit_no, t.credit_no, CASE t.kind WHEN 'pending' THEN 'pending' ELSE 'posted' END AS phase,
           sum(t.amount >> 31) AS high, sum(t.amount & 2147483647) AS low
    FROM transfers AS t JOIN journals AS j ON j.seq = t.journal_seq
    WHERE j.happened_us <= :happened_us AND j.recorded_us <= :recorded_us
      AND (t.kind IN ('transfer', 'post') OR (t.kind = 'pending' AND NOT EXISTS (
           SELECT 1 FROM transfers AS r JOIN journals AS k ON k.seq = r.journal_seq
           WHERE r.pending_id = t.id AND k.happened_us <= :happened_us AND k.recorded_us <= :recorded_us)))
    GROUP BY 1, 2, 3
)
SELECT a.no, a.id, a.asset, a.decimals, a.kind, a.side, a.bound, m.side, m.phase, sum(m.high), sum(m.low)
FROM accounts AS a INNER JOIN (
    SELECT debit_no AS account_no, 'debit' AS side, phase, high, low FROM moved
    UNION ALL
    SELECT credit_no, 'credit', phase, high, low FROM moved
) AS m ON m.account_no = a.no
GROUP BY a.no, m.side, m.phase
ORDER BY a.id;

-- accounts: every account in the order of names
SELECT no, id, asset, decimals, kind, side, bound FROM accounts ORDER BY id;

-- account: one account under its name
SELECT no, id, asset, decimals, kind, side, bound FROM accounts WHERE id = :account;

-- statement: the entries of one account in a stretch of journals and after a place, in the order they were booked
SELECT t.journal_seq, t.position, j.id, j.kind, j.subject, j.happened_us, j.recorded_us,
       t.id, t.kind, iif(t.debit_no = :no, 'debit', 'credit'), o.id, t.amount
FROM transfers AS t  -- first: there is no index by account
CROSS JOIN journals AS j CROSS JOIN accounts AS o
WHERE t.journal_seq > :first AND t.journal_seq <= :last AND (t.journal_seq, t.position) > (:seq, :position)
  AND (t.debit_no = :no OR t.credit_no = :no)
  AND j.seq = t.journal_seq AND j.happened_us <= :happened_us AND j.recorded_us <= :recorded_us
  AND o.no = iif(t.debit_no = :no, t.credit_no, t.debit_no)
ORDER BY t.journal_seq, t.position LIMIT :limit;
