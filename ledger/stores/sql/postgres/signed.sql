-- wait_alone: wait until nobody else decides over something that has no row yet; in order, so that nobody waits for us
SELECT count(pg_advisory_xact_lock(key))
FROM (SELECT hashtextextended(name, 0) AS key FROM unnest($1::text[]) AS name ORDER BY 1) AS keys;

-- try_alone: the same without waiting; false if somebody does
SELECT bool_and(pg_try_advisory_xact_lock(key))
FROM (SELECT hashtextextended(name, 0) AS key FROM unnest($1::text[]) AS name ORDER BY 1) AS keys;

-- head: the end of the chain as it is sealed by now
SELECT place, hash FROM seals ORDER BY place DESC LIMIT 1;

-- last_checkpoint: the checkpoint that goes furthest, to sign the next one
SELECT statement, signature FROM checkpoints ORDER BY seq DESC LIMIT 1;

-- hashes: the chain hashes of some places in their order
SELECT hash FROM seals WHERE place >= %s ORDER BY place LIMIT %s;

-- add_checkpoint: keep a signed checkpoint
INSERT INTO checkpoints (seq, statement, signature) VALUES (%s, %s, %s);

-- close_alone: wait until nobody else is in the midst of booking; nobody begins to until the end of this transaction
SELECT pg_advisory_xact_lock(hashtextextended('periods', 0));

-- closed_through: up to when periods are closed
SELECT max(through_us) FROM periods;

-- last_period: the newest close of a period
SELECT statement, signature FROM periods ORDER BY number DESC LIMIT 1;

-- happened_since: whether a journal after a place, or without one yet, happened at a time or before
SELECT EXISTS (SELECT 1 FROM seals AS s JOIN journals AS j ON j.seq = s.journal_seq
               WHERE s.place > %(seq)s AND j.happened_us <= %(through_us)s)
    OR EXISTS (SELECT 1 FROM journals AS j
               WHERE j.seq > (SELECT settled FROM sealing) AND j.happened_us <= %(through_us)s
                 AND NOT EXISTS (SELECT 1 FROM seals AS s WHERE s.journal_seq = j.seq));

-- closed_accounts: accounts on which nothing new is booked
SELECT a.id FROM closures AS c JOIN accounts AS a ON a.no = c.account_no;

-- closure: how an account was closed
SELECT c.closed_us, c.reason, c.closed_by FROM closures AS c JOIN accounts AS a ON a.no = c.account_no WHERE a.id = %s;

-- add_closure: close an account
INSERT INTO closures (account_no, seq, closed_us, reason, closed_by)
SELECT no, (SELECT max(seq) FROM journals), %s, %s, %s FROM accounts WHERE id = %s;

-- add_period: keep the close of a period
INSERT INTO periods (number, through_us, seq, statement, signature) VALUES (%s, %s, %s, %s, %s);
