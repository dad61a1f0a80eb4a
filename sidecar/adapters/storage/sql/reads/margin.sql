-- margin: what the calls of a time earned and cost, summed by one unit, the largest revenue first
WITH
-- By '*': what those between two ids did, by each of the units: what is kept of a chunk.
chunks AS MATERIALIZED (
    SELECT *, holds AND at_min_us >= :from_us AND at_max_us < :to_us AS within,
        holds AND (at_min_us >= :to_us OR at_max_us < :from_us) AS outside
    FROM (
        SELECT n, after, last, at_min_us, at_max_us,
            version > 0 AND NOT EXISTS (  -- what is kept of it is what its calls come to
                SELECT 1 FROM margin_marks AS m WHERE m.call_id > c.after AND m.call_id <= c.last) AS holds
        FROM margin_chunks AS c WHERE :by <> '*') AS watched
),
-- Blocks of chunks that all hold and are of this time. One that is cut says that the table is too long.
usable AS MATERIALIZED (
    SELECT b.size, b.n, b.cut FROM margin_blocks AS b
    JOIN chunks ON chunks.n > b.size * (b.n - 1) AND chunks.n <= b.size * b.n
    WHERE b.dimension = :by AND (b.cut = 0 OR b.cut >= :limit)
    GROUP BY b.size, b.n, b.cut HAVING count(*) FILTER (WHERE chunks.within) = b.size
),
too_long AS MATERIALIZED (SELECT size, n FROM usable WHERE cut > 0 ORDER BY size, n LIMIT 1),
-- What is added up: the largest blocks that there are; or, of a table that is too long, enough to see that it is.
blocks AS MATERIALIZED (
    SELECT size, n FROM too_long
    UNION ALL
    SELECT size, n FROM usable WHERE NOT EXISTS (SELECT 1 FROM too_long) AND NOT EXISTS (
        SELECT 1 FROM usable AS larger
        WHERE larger.size > usable.size AND larger.n = (usable.n - 1) / (larger.size / usable.size) + 1)
),
single AS MATERIALIZED (
    SELECT last FROM chunks WHERE within AND NOT EXISTS (SELECT 1 FROM too_long) AND NOT EXISTS (
        SELECT 1 FROM blocks WHERE chunks.n > blocks.size * (blocks.n - 1) AND chunks.n <= blocks.size * blocks.n)
),
-- The calls that are not in what is kept, or of whose chunk only some are of this time.
ranges AS MATERIALIZED (
    SELECT after, last FROM (
        SELECT after, last FROM chunks
        WHERE NOT (within OR outside)
        UNION ALL
        SELECT coalesce(max(last), :after), :last FROM chunks) AS others
    WHERE NOT EXISTS (SELECT 1 FROM too_long)
),
chosen AS MATERIALIZED (
    SELECT
        id, endpoint, agent, workflow, run, session, buyer, workspace, at_us, captured_nano,
        outcome <> '' AND settlement IN ('settled', 'failed', 'none') AS final,
        iif(settlement = 'failed' AND captured_nano > 0, held_nano, 0) AS bad_debt_nano,  -- delivered, and not paid
        -- All of them that the call used, together: its revenue is not divided among them.
        CASE WHEN :by IN ('model', '*') THEN (
            SELECT group_concat(name, ' + ') FROM (
                -- Work that was not delivered is a retry; a model's line still names its provider.
                SELECT DISTINCT name FROM cost_lines
                WHERE call_id = calls.id AND (kind = 'model' OR (kind = 'retry' AND provider <> ''))
                ORDER BY name) AS used) END AS model,
        CASE WHEN :by IN ('tool', '*') THEN (
            SELECT group_concat(name, ' + ') FROM (
                SELECT DISTINCT name FROM cost_lines
                WHERE call_id = calls.id AND kind = 'tool' ORDER BY name) AS used) END AS tool,
        CASE WHEN :by IN ('provider', '*') THEN (
            SELECT group_concat(provider, ' + ') FROM (
                SELECT DISTINCT provider FROM cost_lines
                WHERE call_id = calls.id AND kind <> 'fee' AND provider <> '' ORDER BY provider) AS used) END AS provider
    FROM ranges CROSS JOIN calls
    WHERE calls.id > ranges.after AND calls.id <= ranges.last AND at_us >= :from_us AND at_us < :to_us
),
-- The longest stretch among those of which no call is read: what is before and behind it is read as two pieces.
skipped AS MATERIALIZED (
    SELECT min(after) AS after, max(last) AS last FROM (
        SELECT after, last, n - row_number() OVER (ORDER BY n) AS stretch FROM chunks
        WHERE (within OR outside)
          AND after >= (SELECT min(id) FROM chosen) AND last < (SELECT max(id) FROM chosen)) AS apart
    GROUP BY stretch ORDER BY count(*) DESC LIMIT 1
),
lines AS (
    SELECT call_id, kind, amount_nano, basis, basis IN ('reported', 'measured') AS known FROM cost_lines
    WHERE call_id >= (SELECT min(id) FROM chosen)
      AND call_id <= coalesce((SELECT after FROM skipped), (SELECT max(id) FROM chosen))
    UNION ALL
    SELECT call_id, kind, amount_nano, basis, basis IN ('reported', 'measured') AS known FROM cost_lines
    WHERE call_id > (SELECT last FROM skipped) AND call_id <= (SELECT max(id) FROM chosen)
),
-- One row a call: its known amounts by kind, and whether all of them are known.
spent AS MATERIALIZED (
    SELECT
        max(endpoint) AS endpoint, max(agent) AS agent, max(workflow) AS workflow, max(run) AS run,
        max(session) AS session, max(buyer) AS buyer, max(workspace) AS workspace, max(at_us) AS at_us,
        max(model) AS model, max(tool) AS tool, max(provider) AS provider,
        final, max(captured_nano) AS captured_nano, max(bad_debt_nano) AS bad_debt_nano,
        CAST(coalesce(sum(amount_nano) FILTER (WHERE known AND kind = 'model'), 0) AS bigint) AS model_nano,
        CAST(coalesce(sum(amount_nano) FILTER (WHERE known AND kind = 'tool'), 0) AS bigint) AS tool_nano,
        CAST(coalesce(sum(amount_nano) FILTER (WHERE known AND kind = 'external'), 0) AS bigint) AS external_nano,
        CAST(coalesce(sum(amount_nano) FILTER (WHERE known AND kind = 'retry'), 0) AS bigint) AS retry_nano,
        CAST(coalesce(sum(amount_nano) FILTER (WHERE known AND kind = 'fee'), 0) AS bigint) AS fees_nano,
        CAST(coalesce(sum(amount_nano) FILTER (WHERE basis = 'estimated'), 0) AS bigint) AS estimated_nano,
        count(*) FILTER (WHERE NOT known) > 0 AS uncertain
    FROM chosen LEFT JOIN lines ON lines.call_id = chosen.id
    GROUP BY chosen.id, final
),
dimensions AS (
    SELECT 'endpoint' AS dimension UNION ALL SELECT 'agent' UNION ALL SELECT 'workflow' UNION ALL SELECT 'run'
    UNION ALL SELECT 'session' UNION ALL SELECT 'buyer' UNION ALL SELECT 'workspace' UNION ALL SELECT 'day'
    UNION ALL SELECT 'model' UNION ALL SELECT 'tool' UNION ALL SELECT 'provider'
),
figures AS (
    SELECT
        dimension,
        coalesce(CASE dimension
            WHEN 'endpoint' THEN endpoint
            WHEN 'agent' THEN agent
            WHEN 'workflow' THEN workflow
            WHEN 'run' THEN run
            WHEN 'session' THEN session
            WHEN 'buyer' THEN buyer
            WHEN 'workspace' THEN workspace
            WHEN 'day' THEN date(at_us / 1000000, 'unixepoch')
            WHEN 'model' THEN model
            WHEN 'tool' THEN tool
            WHEN 'provider' THEN provider
        END, '') AS unit,
        1 AS calls,
        captured_nano AS revenue,
        CASE WHEN final THEN 0 ELSE captured_nano END AS unsettled,
        CASE WHEN final THEN model_nano ELSE 0 END AS cost_model,
        CASE WHEN final THEN tool_nano ELSE 0 END AS cost_tool,
        CASE WHEN final THEN external_nano ELSE 0 END AS cost_external,
        CASE WHEN final THEN retry_nano ELSE 0 END AS cost_retry,
        fees_nano AS fees,
        bad_debt_nano AS bad_debt,
        estimated_nano AS estimated_cost,
        CASE WHEN final THEN 0 ELSE model_nano + tool_nano + external_nano + retry_nano END AS unsettled_cost,
        CASE WHEN uncertain THEN 1 ELSE 0 END AS unknown_cost_calls,
        CASE WHEN uncertain THEN captured_nano ELSE 0 END AS unknown_cost_revenue,
        CASE WHEN final AND NOT uncertain THEN captured_nano ELSE 0 END AS known_revenue,
        CASE WHEN final AND NOT uncertain
            THEN captured_nano - model_nano - tool_nano - external_nano - retry_nano - fees_nano - bad_debt_nano
            ELSE 0 END AS known_calls_margin
    FROM spent JOIN dimensions ON :by IN (dimension, '*')
    UNION ALL
    SELECT
        dimension, unit, calls, revenue, unsettled, cost_model, cost_tool, cost_external, cost_retry, fees,
        bad_debt, estimated_cost, unsettled_cost, unknown_cost_calls, unknown_cost_revenue, known_revenue,
        known_calls_margin
    FROM single CROSS JOIN margin_sums AS s WHERE s.dimension = :by AND s.last = single.last
    UNION ALL
    SELECT
        dimension, unit, calls, revenue, unsettled, cost_model, cost_tool, cost_external, cost_retry, fees,
        bad_debt, estimated_cost, unsettled_cost, unknown_cost_calls, unknown_cost_revenue, known_revenue,
        known_calls_margin
    FROM blocks CROSS JOIN margin_block_sums AS s WHERE s.dimension = :by AND s.size = blocks.size AND s.n = blocks.n
)
SELECT
    dimension, unit, sum(calls) AS calls, sum(revenue) AS revenue, sum(unsettled) AS unsettled,
    sum(cost_model) AS cost_model, sum(cost_tool) AS cost_tool, sum(cost_external) AS cost_external,
    sum(cost_retry) AS cost_retry, sum(fees) AS fees, sum(bad_debt) AS bad_debt,
    sum(estimated_cost) AS estimated_cost, sum(unsettled_cost) AS unsettled_cost,
    sum(unknown_cost_calls) AS unknown_cost_calls, sum(unknown_cost_revenue) AS unknown_cost_revenue,
    sum(known_revenue) AS known_revenue, sum(known_calls_margin) AS known_calls_margin
FROM figures
GROUP BY dimension, unit
ORDER BY revenue DESC, unit
LIMIT :limit;
