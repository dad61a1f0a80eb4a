-- gauges: money that is on its way, of the payments that are not finished
SELECT
    coalesce(sum(iif(state = 'spending', price_nano, amount_nano)), 0) AS holds_nano,
    coalesce(sum(amount_nano) FILTER (WHERE state IN ('sending', 'unknown')), 0) AS unsettled_nano,
    count(*) FILTER (WHERE state = 'unknown') AS unknown_settlements,
    min(admitted_us) FILTER (WHERE state = 'unknown') AS oldest_unknown_us
FROM payments
WHERE state IN ('open', 'spending', 'sending', 'settled', 'unknown');
