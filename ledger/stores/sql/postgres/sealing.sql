-- take: take the turn to seal, or go on having it; no row means that another process has it
UPDATE sealing SET holder = %(owner)s, until = clock_timestamp() + make_interval(secs => %(lease_s)s)
WHERE one = (SELECT one FROM sealing
             WHERE holder = %(owner)s OR until < clock_timestamp()
                OR EXISTS (SELECT 1 FROM writers AS w WHERE w.owner = holder AND w.fenced)
             FOR UPDATE SKIP LOCKED)
RETURNING settled;

-- end: where the chain ends
SELECT place, hash FROM seals ORDER BY place DESC LIMIT 1;

-- unsealed: journals that are committed and not sealed, in the order they were booked: what follows from another comes after it
SELECT j.seq, j.id, j.kind, j.happened_us, j.recorded_us, j.subject, j.note
FROM journals AS j
WHERE j.seq > %(settled)s AND NOT EXISTS (SELECT 1 FROM seals AS s WHERE s.journal_seq = j.seq)
ORDER BY j.seq LIMIT %(limit)s;

-- transfers: the entries of journals in their order
SELECT journal_seq, id, kind, debit_no, credit_no, amount, pending_id
FROM transfers WHERE journal_seq = ANY (%s) ORDER BY journal_seq, position;

-- folded: accounts among these that were folded: what is folded is sealed
SELECT a.no FROM unnest(%s::bigint[]) AS a (no) WHERE EXISTS (SELECT 1 FROM sums AS s WHERE s.account_no = a.no);

-- patiently: let this transaction take as long as it needs: what was not folded for days is much, and who does not seal does not fold
SET LOCAL statement_timeout = 0;

-- used: accounts that sealed journals after the last fold use
SELECT DISTINCT a.no
FROM transfers AS t JOIN seals AS s ON s.journal_seq = t.journal_seq
CROSS JOIN LATERAL (VALUES (t.debit_no), (t.credit_no)) AS a (no)
WHERE t.journal_seq > (SELECT coalesce(max(f.seq), 0) FROM folds AS f)
  AND t.journal_seq <= (SELECT max(n.journal_seq) FROM transfers AS n);  -- all; a range with two ends is read by its key

-- accounts: accounts by their numbers
SELECT no, id, asset, decimals, kind, side, bound FROM accounts WHERE no = ANY (%s);

-- add: seal journals behind those that are sealed
INSERT INTO seals (place, journal_seq, prev_hash, hash)
SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bytea[], %s::bytea[]);

-- newest: the newest booked number
SELECT coalesce(max(seq), 0) FROM journals;

-- running: the number of this transaction, and the lowest of a transaction that runs
SELECT pg_current_xact_id()::text::bigint, pg_snapshot_xmin(pg_current_snapshot())::text::bigint;

-- settle: nothing up to this number can appear any more
UPDATE sealing SET settled = %s;

-- lag: how many journals wait to be sealed, and since when the oldest does
SELECT count(*), min(j.recorded_us)
FROM journals AS j
WHERE j.seq > (SELECT settled FROM sealing)
  AND NOT EXISTS (SELECT 1 FROM seals AS s WHERE s.journal_seq = j.seq);
