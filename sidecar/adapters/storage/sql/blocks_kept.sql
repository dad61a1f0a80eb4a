-- due: the blocks by one dimension of which every part is there, and that are not kept themselves
SELECT size, n FROM (
    SELECT :fan AS size, (n - 1) / :fan + 1 AS n FROM margin_chunks WHERE version > 0
    GROUP BY 2 HAVING count(*) = :fan
    UNION ALL
    SELECT size * :fan, (n - 1) / :fan + 1 FROM margin_blocks WHERE dimension = :dimension AND cut = 0
    GROUP BY 1, 2 HAVING count(*) = :fan
) AS possible
WHERE NOT EXISTS (
    SELECT 1 FROM margin_blocks AS b
    WHERE b.dimension = :dimension AND b.size = possible.size AND b.n = possible.n)
ORDER BY size, n;

-- versions: how often each chunk of a block was added up
SELECT version FROM margin_chunks WHERE n > :size * (:n - 1) AND n <= :size * :n ORDER BY n;

-- of_chunks: what the chunks of a block come to together, by unit
SELECT
    unit, sum(calls), sum(revenue), sum(unsettled), sum(cost_model), sum(cost_tool), sum(cost_external),
    sum(cost_retry), sum(fees), sum(bad_debt), sum(estimated_cost), sum(unsettled_cost), sum(unknown_cost_calls),
    sum(unknown_cost_revenue), sum(known_revenue), sum(known_calls_margin)
FROM margin_chunks AS c CROSS JOIN margin_sums AS s
WHERE c.n > :size * (:n - 1) AND c.n <= :size * :n AND s.dimension = :dimension AND s.last = c.last
GROUP BY unit ORDER BY unit LIMIT :units;

-- of_blocks: the same of the next smaller blocks in it
SELECT
    unit, sum(calls), sum(revenue), sum(unsettled), sum(cost_model), sum(cost_tool), sum(cost_external),
    sum(cost_retry), sum(fees), sum(bad_debt), sum(estimated_cost), sum(unsettled_cost), sum(unknown_cost_calls),
    sum(unknown_cost_revenue), sum(known_revenue), sum(known_calls_margin)
FROM margin_block_sums
WHERE dimension = :dimension AND size = :size / :fan AND n > :fan * (:n - 1) AND n <= :fan * :n
GROUP BY unit ORDER BY unit LIMIT :units;

-- parts: how many of the next smaller blocks in it are kept with all of their units
SELECT count(*) FROM margin_blocks
WHERE dimension = :dimension AND size = :size / :fan AND n > :fan * (:n - 1) AND n <= :fan * :n AND cut = 0;

-- add_block: keep a block; no row written means that it is kept
INSERT INTO margin_blocks (dimension, size, n, cut) VALUES (:dimension, :size, :n, :cut) ON CONFLICT DO NOTHING;

-- around: the blocks that a chunk is in
SELECT dimension, size, b.n, cut FROM margin_blocks AS b
JOIN margin_chunks AS c ON c.n > size * (b.n - 1) AND c.n <= size * b.n
WHERE c.last = :last ORDER BY dimension, size;

-- empty: units of a block that no call has any more
DELETE FROM margin_block_sums WHERE dimension = :dimension AND size = :size AND n = :n AND calls = 0;

-- remove_sums: what is kept of a block
DELETE FROM margin_block_sums WHERE dimension = :dimension AND size = :size AND n = :n;

-- remove: and itself
DELETE FROM margin_blocks WHERE dimension = :dimension AND size = :size AND n = :n;

-- kept: the blocks there are
SELECT dimension, size, n, cut FROM margin_blocks ORDER BY dimension, size, n;

-- sums: what is kept of a block
SELECT
    unit, calls, revenue, unsettled, cost_model, cost_tool, cost_external, cost_retry, fees, bad_debt,
    estimated_cost, unsettled_cost, unknown_cost_calls, unknown_cost_revenue, known_revenue, known_calls_margin
FROM margin_block_sums WHERE dimension = :dimension AND size = :size AND n = :n ORDER BY unit;

-- strange: units of a block that none of its chunks has
SELECT unit FROM margin_block_sums
WHERE dimension = :dimension AND size = :size AND n = :n AND unit NOT IN (
    SELECT s.unit FROM margin_chunks AS c CROSS JOIN margin_sums AS s
    WHERE c.n > :size * (:n - 1) AND c.n <= :size * :n AND s.dimension = :dimension AND s.last = c.last);
