-- usable: the last fold of which all had happened and was known by two times
SELECT seq, happened_max_us, recorded_max_us FROM folds
WHERE happened_max_us <= :happened_us AND recorded_max_us <= :recorded_us ORDER BY seq DESC LIMIT 1;

-- sums: every account that was used up to a fold, after it
SELECT s.account_no, s.debits_posted_high, s.debits_posted_low, s.credits_posted_high, s.credits_posted_low,
       s.debits_pending_high, s.debits_pending_low, s.credits_pending_high, s.credits_pending_low
FROM accounts AS a CROSS JOIN sums AS s  -- in this order: each account's last row, and none of the others
WHERE s.account_no = a.no
  AND s.fold_seq = (SELECT max(n.fold_seq) FROM sums AS n WHERE n.account_no = a.no AND n.fold_seq <= :seq);

-- sums_of: one account after a fold
SELECT s.account_no, s.debits_posted_high, s.debits_posted_low, s.credits_posted_high, s.credits_posted_low,
       s.debits_pending_high, s.debits_pending_low, s.credits_pending_high, s.credits_pending_low
FROM sums AS s WHERE s.account_no = :no AND s.fold_seq <= :seq ORDER BY s.fold_seq DESC LIMIT 1;

-- stretches: the folds that moved an account, from one number to another: after what they go, and up to what
SELECT f.after_seq, f.seq FROM sums AS s JOIN folds AS f ON f.seq = s.fold_seq
WHERE s.account_no = :no AND s.fold_seq >= :seq AND s.fold_seq <= :last ORDER BY s.fold_seq;

-- moved: what journals between two numbers did to each account, in two halves so that no sum can overflow
WITH moves AS (
    SELECT t.debit_no, t.credit_no, iif(t.kind = 'pending', 'pending', 'posted') AS phase,
           t.amount >> 31 AS high, t.amount & 2147483647 AS low
    FROM transfers AS t
    WHERE t.journal_seq > :after AND t.journal_seq <= :through AND t.kind IN ('transfer', 'post', 'pending')
    UNION ALL  -- a hold that is resolved is held no more, whatever part of it was posted
    SELECT p.debit_no, p.credit_no, 'pending', -(p.amount >> 31), -(p.amount & 2147483647)
    FROM transfers AS r JOIN transfers AS p ON p.id = r.pending_id
    WHERE r.journal_seq > :after AND r.journal_seq <= :through
)
SELECT account_no, side, phase, sum(high), sum(low) FROM (
    SELECT debit_no AS account_no, 'debit' AS side, phase, high, low FROM moves
    UNION ALL
    SELECT credit_no, 'credit', phase, high, low FROM moves
) AS sides GROUP BY account_no, side, phase;

-- moved_as_of: the same of all after a number, of what had happened at one time and was known at another
WITH moves AS (
    SELECT t.debit_no, t.credit_no, iif(t.kind = 'pending', 'pending', 'posted') AS phase,
           t.amount >> 31 AS high, t.amount & 2147483647 AS low
    FROM transfers AS t JOIN journals AS j ON j.seq = t.journal_seq
    WHERE t.journal_seq > :after AND t.kind IN ('transfer', 'post', 'pending')
      AND j.happened_us <= :happened_us AND j.recorded_us <= :recorded_us
    UNION ALL
    SELECT p.debit_no, p.credit_no, 'pending', -(p.amount >> 31), -(p.amount & 2147483647)
    FROM transfers AS r JOIN journals AS k ON k.seq = r.journal_seq
    JOIN transfers AS p ON p.id = r.pending_id JOIN journals AS j ON j.seq = p.journal_seq
    WHERE r.journal_seq > :after
      AND k.happened_us <= :happened_us AND k.recorded_us <= :recorded_us
      AND j.happened_us <= :happened_us AND j.recorded_us <= :recorded_us
)
SELECT account_no, side, phase, sum(high), sum(low) FROM (
    SELECT debit_no AS account_no, 'debit' AS side, phase, high, low FROM moves
    UNION ALL
    SELECT credit_no, 'credit', phase, high, low FROM moves
) AS sides GROUP BY account_no, side, phase;

-- times: the latest times of journals between two numbers, and how many they are
SELECT max(happened_us), max(recorded_us), count(*) FROM journals WHERE seq > :after AND seq <= :through;

-- through: the number of a journal so many after another, at most a last one
SELECT max(seq) FROM (
    SELECT seq FROM journals WHERE seq > :after AND seq <= :last ORDER BY seq LIMIT :count) AS numbers;

-- last: the fold that goes furthest
SELECT seq, happened_max_us, recorded_max_us FROM folds ORDER BY seq DESC LIMIT 1;

-- final: up to where no journal can appear any more
SELECT coalesce(max(seq), 0) FROM journals;

-- add_fold: keep a fold
INSERT INTO folds (seq, after_seq, happened_max_us, recorded_max_us) VALUES (?, ?, ?, ?);

-- add_sums: keep what one account came to by it
INSERT INTO sums (account_no, fold_seq, debits_posted_high, debits_posted_low, credits_posted_high,
    credits_posted_low, debits_pending_high, debits_pending_low, credits_pending_high, credits_pending_low)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- kept: all that is kept of accounts
SELECT account_no, fold_seq, debits_posted_high, debits_posted_low, credits_posted_high, credits_posted_low,
       debits_pending_high, debits_pending_low, credits_pending_high, credits_pending_low
FROM sums ORDER BY account_no, fold_seq;

-- added_up: what each fold should have added to each account, from the entries themselves
WITH moves AS (
    SELECT (SELECT min(f.seq) FROM folds AS f WHERE f.seq >= t.journal_seq) AS fold_seq,
           t.debit_no, t.credit_no, iif(t.kind = 'pending', 'pending', 'posted') AS phase,
           t.amount >> 31 AS high, t.amount & 2147483647 AS low
    FROM transfers AS t
    WHERE t.journal_seq <= (SELECT max(seq) FROM folds) AND t.kind IN ('transfer', 'post', 'pending')
    UNION ALL
    SELECT (SELECT min(f.seq) FROM folds AS f WHERE f.seq >= r.journal_seq),
           p.debit_no, p.credit_no, 'pending', -(p.amount >> 31), -(p.amount & 2147483647)
    FROM transfers AS r JOIN transfers AS p ON p.id = r.pending_id
    WHERE r.journal_seq <= (SELECT max(seq) FROM folds)
), pairs AS MATERIALIZED (
    SELECT fold_seq, debit_no, credit_no, phase, sum(high) AS high, sum(low) AS low
    FROM moves GROUP BY fold_seq, debit_no, credit_no, phase
)
SELECT account_no, fold_seq, side, phase, sum(high), sum(low) FROM (
    SELECT debit_no AS account_no, 'debit' AS side, fold_seq, phase, high, low FROM pairs
    UNION ALL
    SELECT credit_no, 'credit', fold_seq, phase, high, low FROM pairs
) AS sides GROUP BY account_no, fold_seq, side, phase ORDER BY account_no, fold_seq;
