-- enter: become a writer
INSERT INTO writers (owner, until, fenced)
VALUES (%(owner)s, clock_timestamp() + make_interval(secs => %(lease_s)s), false);

-- begin_group: be in the midst of writing, which a taker-over and a close wait for
SELECT pg_advisory_xact_lock_shared(hashtextextended('writer:' || {owner}, 0)),
       pg_advisory_xact_lock_shared(hashtextextended('periods', 0));

-- standing: whether somebody took over this writer's work, where no row is as bad; up to when periods are closed; a number that outlives the connection; and whether accounts are closed
SELECT fenced, (SELECT max(through_us) FROM periods), pg_current_xact_id()::text, EXISTS (SELECT 1 FROM closures)
FROM writers WHERE owner = {owner};

-- mark: be known by this transaction's number, if it is committed
INSERT INTO commits (owner, connection, number)
VALUES ({owner}, $1::bigint, pg_current_xact_id()::text)
ON CONFLICT (owner, connection) DO UPDATE SET number = excluded.number;

-- renew: go on being a writer, and whether the lease still ran; no row written means that somebody took over
UPDATE writers AS w SET until = clock_timestamp() + make_interval(secs => %(lease_s)s)
FROM writers AS before WHERE before.owner = w.owner AND w.owner = %(owner)s AND NOT w.fenced
RETURNING before.until >= clock_timestamp();

-- fence: writers whose lease ran out, and who are not in the midst of writing, never write again
WITH expired AS MATERIALIZED (
    SELECT owner FROM writers WHERE NOT fenced AND until < clock_timestamp() AND owner <> %(owner)s
)
UPDATE writers SET fenced = true FROM expired
WHERE writers.owner = expired.owner AND NOT writers.fenced AND writers.until < clock_timestamp()
  AND pg_try_advisory_xact_lock(hashtextextended('writer:' || expired.owner, 0))
RETURNING writers.owner;

-- leave: end of this writer; what it left open is for others
UPDATE writers SET fenced = true WHERE owner = %(owner)s;

-- living: who may still be working
SELECT owner FROM writers WHERE NOT fenced;

-- runs: whether a transaction has not ended; its number may be one that is not given yet, or given again, after a crash
SELECT pg_xact_status(%s::xid8) = 'in progress';

-- marked: whether a transaction is the last that a writer's connection has committed
SELECT EXISTS (SELECT 1 FROM commits WHERE owner = %s AND connection = %s AND number = %s);
