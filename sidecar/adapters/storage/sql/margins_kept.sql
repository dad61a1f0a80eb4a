-- next: the end of so many calls after an id, and when the last of them came; fewer are no chunk
SELECT id, at_us FROM calls WHERE id > :after ORDER BY id LIMIT 1 OFFSET :others;

-- end: where the last chunk ends
SELECT coalesce(max(last), '') FROM margin_chunks;

-- watch: have changes of these calls marked from now on
INSERT INTO margin_chunks (last, after, n, version, at_min_us, at_max_us)
SELECT :last, :after, count(*) + 1, 0, 0, 0 FROM margin_chunks;

-- stale: chunks that are not added up since something of them changed
SELECT after, last, version FROM margin_chunks AS c
WHERE version = 0 OR EXISTS (
    SELECT 1 FROM margin_marks AS m WHERE m.call_id > c.after AND m.call_id <= c.last)
ORDER BY last;

-- holding: chunks that say they are
SELECT after, last, version FROM margin_chunks AS c
WHERE version > 0 AND NOT EXISTS (
    SELECT 1 FROM margin_marks AS m WHERE m.call_id > c.after AND m.call_id <= c.last)
ORDER BY last;

-- times: when the calls of a chunk came
SELECT min(at_us), max(at_us) FROM calls WHERE id > :after AND id <= :last;

-- times_kept: the same as they are kept
SELECT at_min_us, at_max_us FROM margin_chunks WHERE last = :last;

-- marks: what changed of a chunk
SELECT n FROM margin_marks WHERE call_id > :after AND call_id <= :last;

-- sums: what is kept of a chunk by one dimension
SELECT
    unit, calls, revenue, unsettled, cost_model, cost_tool, cost_external, cost_retry, fees, bad_debt,
    estimated_cost, unsettled_cost, unknown_cost_calls, unknown_cost_revenue, known_revenue, known_calls_margin
FROM margin_sums WHERE dimension = :dimension AND last = :last;

-- renew: the next version of a chunk; no row written means that somebody else was faster
UPDATE margin_chunks SET version = version + 1, at_min_us = :at_min_us, at_max_us = :at_max_us
WHERE last = :last AND version = :version;

-- remove: what was kept of a unit of a chunk
DELETE FROM margin_sums WHERE dimension = ? AND last = ? AND unit = ?;

-- unmark: a change that is added up
DELETE FROM margin_marks WHERE n = ?;
