-- session: the calls of one session of one buyer, each with its cost lines as JSON
SELECT
    captured_nano,
    outcome <> '' AND settlement IN ('settled', 'failed', 'none') AS final,
    iif(settlement = 'failed' AND captured_nano > 0, held_nano, 0) AS bad_debt_nano,
    (SELECT json_group_array(json_object(
        'n', n, 'kind', kind, 'amount_nano', amount_nano, 'basis', basis))
     FROM cost_lines WHERE call_id = calls.id) AS lines
FROM calls
WHERE session = :session AND buyer = :buyer AND session <> '';
