-- gauges: money that is on its way, of the payments that are not finished
SELECT
    coalesce(sum(iif(state = 'spending', price_nano, amount_nano))
        FILTER (WHERE state NOT IN ('owed', 'collecting', 'doubtful')), 0) AS holds_nano,
    coalesce(sum(amount_nano)
        FILTER (WHERE state IN ('sending', 'unknown', 'owed', 'collecting', 'doubtful')), 0) AS unsettled_nano,
    count(*) FILTER (WHERE state IN ('unknown', 'doubtful')) AS unknown_settlements,
    min(admitted_us) FILTER (WHERE state IN ('unknown', 'doubtful')) AS oldest_unknown_us
FROM payments
WHERE (state = 'open' OR state = 'spending' OR state = 'sending' OR state = 'settled' OR state = 'unknown'
    OR state = 'owed' OR state = 'collecting' OR state = 'doubtful');  -- as the partial index has it
