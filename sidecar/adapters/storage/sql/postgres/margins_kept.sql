-- begun: the number of this transaction: whatever writes later has a higher one
SELECT pg_current_xact_id()::text::bigint;

-- running: the first transaction that has not ended yet
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint;
