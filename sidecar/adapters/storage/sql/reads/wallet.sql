-- wallet_credit: what a wallet may spend of its credit now, and what its running calls hold of it
SELECT
    coalesce(max(b.credits_posted - b.debits_posted - b.debits_pending), 0) AS available_nano,
    coalesce(max(b.debits_pending), 0) AS held_nano
FROM accounts AS a JOIN balances AS b ON b.account_no = a.no
WHERE a.id = 'buyer:' || :wallet;

-- wallet_calls: the calls of a wallet from one id down, newest first, with what was paid for each
SELECT
    id, at_us, endpoint, method, target, network, price_nano, captured_nano, credited_nano, settlement,
    transaction_hash, outcome, status
FROM calls
WHERE buyer = :wallet AND id <= :newest
ORDER BY id DESC
LIMIT :limit;

-- wallet_receipt: one call of a wallet with its payment, as far as one was kept for it
SELECT
    c.id, c.at_us, c.endpoint, c.method, c.target, c.buyer, c.network, c.price_nano, c.captured_nano,
    c.credited_nano, c.settlement, c.transaction_hash, c.outcome, c.status,
    p.asset, p.asset_decimals, p.pay_to, p.payer, p.amount, p.request_digest, p.reason,
    (p.on_credit = 1 OR p.repaid_nano <> 0) AND c.transaction_hash = '' AS from_credit,
    p.proof = 'disproved' AND c.transaction_hash <> '' AS disproved,
    (SELECT min(happened_us) FROM journals
     WHERE journals.id IN (c.id || '/settled', c.id || '/late', c.id || '/debt_arrived', c.id || '/repaid'))
        AS settled_us
FROM calls AS c
LEFT JOIN payments AS p ON p.no = coalesce(
    (SELECT no FROM payments WHERE call_id = c.id),
    -- Its money became credit, and the same authorization pays for another call from that credit now.
    (SELECT s.no FROM receipts AS r CROSS JOIN payments AS s
     WHERE substr(r.transaction_hash, 43, 24) = substr(c.transaction_hash, 43, 24) AND r.network = c.network
       AND r.transaction_hash = c.transaction_hash AND s.no = r.payment AND lower(hex(s.payer)) = substr(c.buyer, 3)),
    (SELECT no FROM payments
     WHERE substr(transaction_hash, 51, 16) = substr(c.transaction_hash, 51, 16) AND network = c.network
       AND transaction_hash = c.transaction_hash AND transaction_hash <> ''
       AND (proof = 'word' OR proof = 'disproved') AND lower(hex(payer)) = substr(c.buyer, 3)))
WHERE c.id = :call AND c.buyer = :wallet;

-- wallet_standing: all that the books say of one wallet; day is in days since the epoch
SELECT
    count(*) AS calls,
    coalesce(sum(captured_nano), 0) AS captured_nano,
    coalesce(sum(credited_nano), 0) AS credited_nano,
    coalesce(min(at_us), 0) AS first_us,
    -- Summed over the networks it has paid on.
    coalesce((SELECT sum(b.debits_posted - b.credits_posted)
              FROM (SELECT DISTINCT network FROM calls WHERE buyer = :wallet) AS n
              JOIN accounts AS a ON a.id = 'authorized:'
                  || replace(replace(n.network, '%', '%25'), ':', '%3A') || ':' || :wallet
              JOIN balances AS b ON b.account_no = a.no), 0) AS exposure_nano,
    coalesce((SELECT spent_nano FROM payer_days WHERE payer = :wallet AND day = :day), 0) AS spent_nano,
    coalesce((SELECT uncharged_nano FROM payer_days WHERE payer = :wallet AND day = :day), 0) AS uncharged_nano
FROM calls
WHERE buyer = :wallet;
