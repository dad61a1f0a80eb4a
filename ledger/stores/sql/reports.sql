-- balances: the counters of every account, in two halves so that no sum can overflow
SELECT a.no, a.id, a.asset, a.decimals, a.kind, a.side, a.bound,
       m.side, m.phase, sum(m.amount >> 31), sum(m.amount & 2147483647)
FROM accounts AS a LEFT JOIN movements AS m ON m.account_no = a.no
GROUP BY a.id, m.side, m.phase
ORDER BY a.id;

-- account: one account under its name
SELECT no, id, asset, decimals, kind, side, bound FROM accounts WHERE id = :account;

-- statement: the entries of one account in the order they were booked
SELECT seq, position, journal_id, journal_kind, subject, happened_us, recorded_us,
       id, kind, 'debit' AS side, credit AS other, amount
FROM entries WHERE debit = :account
UNION ALL
SELECT seq, position, journal_id, journal_kind, subject, happened_us, recorded_us,
       id, kind, 'credit', debit, amount
FROM entries WHERE credit = :account
ORDER BY seq, position;
