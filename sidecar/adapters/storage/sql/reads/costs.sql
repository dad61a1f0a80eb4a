-- recent_costs: what the newest served calls since a time cost, where all of it is known, oldest first
SELECT c.id AS id, c.endpoint AS endpoint, c.at_us AS at_us, coalesce(sum(l.amount_nano), 0) AS cost_nano
FROM (SELECT id, endpoint, at_us, captured_nano FROM calls ORDER BY id DESC LIMIT :calls) AS c
LEFT JOIN cost_lines AS l ON l.call_id = c.id AND l.kind <> 'fee'
WHERE c.at_us > :since_us AND c.captured_nano > 0
GROUP BY c.id, c.endpoint, c.at_us
HAVING count(*) FILTER (WHERE l.basis = 'unknown') = 0
ORDER BY c.id;
