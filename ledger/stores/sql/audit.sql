-- assets_balance: an asset whose debits are not its credits, posted or held
SELECT a.asset, a.decimals, m.phase
FROM movements AS m JOIN accounts AS a ON a.no = m.account_no
GROUP BY a.asset, a.decimals, m.phase
HAVING sum(iif(m.side = 'debit', 1, -1) * (m.amount >> 31)) <> 0
    OR sum(iif(m.side = 'debit', 1, -1) * (m.amount & 2147483647)) <> 0;

-- closed_periods_stay: a journal that was booked into a period after its close
SELECT j.seq, p.number FROM periods AS p JOIN journals AS j ON j.seq > p.seq AND j.happened_us <= p.through_us;

-- closed_accounts_stay: an entry, but the end of a hold, that was booked on an account after its close
SELECT t.id, a.id
FROM transfers AS t  -- first: all that came after the first close is read once
CROSS JOIN closures AS c JOIN accounts AS a ON a.no = c.account_no
WHERE t.journal_seq > (SELECT min(n.seq) FROM closures AS n) AND t.kind IN ('transfer', 'pending')
  AND c.account_no IN (t.debit_no, t.credit_no) AND c.seq < t.journal_seq;

-- transfers_well_formed: a transfer between two assets, within one account, or of nothing
SELECT t.id
FROM transfers AS t
LEFT JOIN accounts AS d ON d.no = t.debit_no
LEFT JOIN accounts AS c ON c.no = t.credit_no
WHERE d.no IS NULL OR c.no IS NULL OR d.no = c.no OR t.amount <= 0
   OR d.asset <> c.asset OR d.decimals <> c.decimals;

-- holds_resolved_once: a hold resolved twice, before it was made, for more than it holds, or on other accounts
SELECT pending_id FROM transfers WHERE pending_id IS NOT NULL GROUP BY pending_id HAVING count(*) > 1
UNION ALL
SELECT r.id
FROM transfers AS r LEFT JOIN transfers AS p ON p.id = r.pending_id
WHERE r.pending_id IS NOT NULL
  AND (p.id IS NULL OR p.kind <> 'pending'
       OR p.debit_no <> r.debit_no OR p.credit_no <> r.credit_no
       OR r.amount > p.amount OR (r.kind IN ('void', 'expire') AND r.amount <> p.amount)
       OR (r.journal_seq, r.position) <= (p.journal_seq, p.position));

-- folds_follow: a fold that does not go on from the one before it
SELECT f.seq, f.after_seq FROM folds AS f
WHERE f.after_seq <> coalesce((SELECT max(b.seq) FROM folds AS b WHERE b.seq < f.seq), 0)
   OR f.seq > (SELECT coalesce(max(j.seq), 0) FROM journals AS j);

-- folds_timed: a journal in a fold that by the fold's own times is not in it
SELECT j.seq, f.seq
FROM journals AS j JOIN folds AS f ON f.seq = (SELECT min(n.seq) FROM folds AS n WHERE n.seq >= j.seq)
WHERE j.happened_us > f.happened_max_us OR j.recorded_us > f.recorded_max_us
UNION ALL
SELECT b.seq, f.seq FROM folds AS f JOIN folds AS b ON b.seq = f.after_seq
WHERE b.happened_max_us > f.happened_max_us OR b.recorded_max_us > f.recorded_max_us;
