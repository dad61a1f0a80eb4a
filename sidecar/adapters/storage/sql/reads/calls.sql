-- calls: calls from one id down to another, newest first, each with its cost lines as JSON
SELECT
    id, at_us, endpoint, buyer, network, price_nano, held_nano, captured_nano, credited_nano,
    run, session, workflow, agent, workspace, settlement, transaction_hash, outcome, status,
    latency_us, settle_us,
    outcome <> '' AND settlement IN ('settled', 'failed', 'none') AS final,
    iif(settlement = 'failed' AND captured_nano > 0, held_nano, 0) AS bad_debt_nano,  -- delivered, and not paid
    -- In the same statement, so that a call is never read without the lines its close wrote.
    (SELECT json_group_array(json_object(
        'n', n, 'kind', kind, 'name', name, 'amount_nano', amount_nano, 'basis', basis, 'rate', rate,
        'source', source, 'provider', provider, 'step', step, 'attempt', attempt))
     FROM cost_lines WHERE call_id = calls.id) AS lines
FROM calls
WHERE id BETWEEN :oldest AND :newest
ORDER BY id DESC
LIMIT :limit;
