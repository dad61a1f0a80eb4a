-- tills: each place where money comes in, with what the books hold there, in the token's units
SELECT network, asset, pay_to, decimals, first_block, unplaced,
    coalesce((SELECT sum(units) FROM posted WHERE account GLOB 'token:*' AND account = till.account), 0) AS booked
FROM (
    SELECT p.network, p.asset, p.pay_to, max(p.asset_decimals) AS decimals,
        min(nullif(p.from_block, 0)) AS first_block,  -- 0: no block was known when it was admitted
        count(CASE WHEN p.from_block = 0 THEN 1 END) AS unplaced,
        'token:' || replace(replace(p.network, '%', '%25'), ':', '%3A')
            || ':0x' || lower(hex(p.asset)) || ':0x' || lower(hex(p.pay_to)) AS account
    FROM payments AS p GROUP BY p.network, p.asset, p.pay_to
) AS till
ORDER BY network, asset, pay_to;

-- claims: every payment to one till, with the Transfer that was booked for it
SELECT p.claim_key, p.call_id, p.state, p.proof, p.watched, p.payer, p.amount, p.nonce,
    p.transaction_hash, p.from_block, p.valid_before, p.admitted_us,
    r.transaction_hash AS seen_in, r.log_index
FROM payments AS p LEFT JOIN receipts AS r ON r.payment = p.no
WHERE p.network = :network AND p.asset = :asset AND p.pay_to = :pay_to
ORDER BY p.admitted_us, p.claim_key;
