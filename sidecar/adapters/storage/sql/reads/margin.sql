-- margin: what the calls of a time earned and cost, summed by one unit, the largest revenue first
WITH chosen AS (
    SELECT
        id, captured_nano,
        outcome <> '' AND settlement IN ('settled', 'failed', 'none') AS final,
        iif(settlement = 'failed' AND captured_nano > 0, held_nano, 0) AS bad_debt_nano,  -- delivered, and not paid
        CASE :by
            WHEN 'endpoint' THEN endpoint
            WHEN 'agent' THEN agent
            WHEN 'workflow' THEN workflow
            WHEN 'run' THEN run
            WHEN 'session' THEN session
            WHEN 'buyer' THEN buyer
            WHEN 'workspace' THEN workspace
            WHEN 'day' THEN date(at_us / 1000000, 'unixepoch')
            -- All of them that the call used, together: its revenue is not divided among them.
            WHEN 'model' THEN (
                SELECT group_concat(name, ' + ') FROM (
                    -- Work that was not delivered is a retry; a model's line still names its provider.
                    SELECT DISTINCT name FROM cost_lines
                    WHERE call_id = calls.id AND (kind = 'model' OR (kind = 'retry' AND provider <> ''))
                    ORDER BY name) AS used)
            WHEN 'tool' THEN (
                SELECT group_concat(name, ' + ') FROM (
                    SELECT DISTINCT name FROM cost_lines
                    WHERE call_id = calls.id AND kind = 'tool' ORDER BY name) AS used)
            WHEN 'provider' THEN (
                SELECT group_concat(provider, ' + ') FROM (
                    SELECT DISTINCT provider FROM cost_lines
                    WHERE call_id = calls.id AND kind <> 'fee' AND provider <> '' ORDER BY provider) AS used)
        END AS unit
    FROM calls
    WHERE at_us >= :from_us AND at_us < :to_us
),
lines AS (
    SELECT call_id, kind, amount_nano, basis, basis IN ('reported', 'measured') AS known FROM cost_lines
),
-- One row a call: its known amounts by kind, and whether all of them are known.
spent AS (
    SELECT
        coalesce(unit, '') AS unit, final, captured_nano, bad_debt_nano,
        coalesce(sum(amount_nano) FILTER (WHERE known AND kind = 'model'), 0) AS model,
        coalesce(sum(amount_nano) FILTER (WHERE known AND kind = 'tool'), 0) AS tool,
        coalesce(sum(amount_nano) FILTER (WHERE known AND kind = 'external'), 0) AS external,
        coalesce(sum(amount_nano) FILTER (WHERE known AND kind = 'retry'), 0) AS retry,
        coalesce(sum(amount_nano) FILTER (WHERE known AND kind = 'fee'), 0) AS fees,
        coalesce(sum(amount_nano) FILTER (WHERE basis = 'estimated'), 0) AS estimated,
        count(*) FILTER (WHERE NOT known) > 0 AS uncertain
    FROM chosen LEFT JOIN lines ON lines.call_id = chosen.id
    GROUP BY chosen.id, unit, final, captured_nano, bad_debt_nano
)
SELECT
    unit,
    count(*) AS calls,
    sum(captured_nano) AS revenue,
    sum(CASE WHEN final THEN 0 ELSE captured_nano END) AS unsettled,
    sum(CASE WHEN final THEN model ELSE 0 END) AS cost_model,
    sum(CASE WHEN final THEN tool ELSE 0 END) AS cost_tool,
    sum(CASE WHEN final THEN external ELSE 0 END) AS cost_external,
    sum(CASE WHEN final THEN retry ELSE 0 END) AS cost_retry,
    sum(fees) AS fees,
    sum(bad_debt_nano) AS bad_debt,
    sum(estimated) AS estimated_cost,
    sum(CASE WHEN final THEN 0 ELSE model + tool + external + retry END) AS unsettled_cost,
    count(*) FILTER (WHERE uncertain) AS unknown_cost_calls,
    sum(CASE WHEN uncertain THEN captured_nano ELSE 0 END) AS unknown_cost_revenue,
    sum(CASE WHEN final AND NOT uncertain THEN captured_nano ELSE 0 END) AS known_revenue,
    sum(CASE WHEN final AND NOT uncertain
        THEN captured_nano - model - tool - external - retry - fees - bad_debt_nano ELSE 0 END) AS known_calls_margin
FROM spent
GROUP BY unit
ORDER BY revenue DESC, unit
LIMIT :limit;
