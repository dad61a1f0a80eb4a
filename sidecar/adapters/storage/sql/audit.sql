-- deposits_open: a buyer's deposit that is not what its open payments signed for
SELECT account, sum(units) FROM (
    SELECT account, units FROM posted WHERE account GLOB 'deposit:*'
    UNION ALL
    SELECT 'deposit:0x' || lower(hex(payer)), -amount_nano
    FROM payments WHERE state IN ('open', 'sending', 'settled', 'unknown', 'suspended')
) AS found GROUP BY account HAVING sum(units) <> 0;

-- holds_open: a call whose unresolved holds are not what its open payment signed for
SELECT call, sum(units) FROM (
    SELECT j.subject AS call, t.amount AS units
    FROM transfers AS t  -- first: there is no index by account
    CROSS JOIN accounts AS d CROSS JOIN journals AS j
    WHERE t.kind = 'pending' AND NOT EXISTS (SELECT 1 FROM transfers AS r WHERE r.pending_id = t.id)
      AND d.no = t.debit_no AND (d.id GLOB 'deposit:*' OR d.id GLOB 'buyer:*') AND j.seq = t.journal_seq
    UNION ALL
    SELECT call_id, -iif(state = 'spending', price_nano, amount_nano)
    FROM payments WHERE state IN ('open', 'spending', 'sending', 'settled', 'unknown', 'suspended')
) AS found GROUP BY call HAVING sum(units) <> 0;

-- authorized_open: a payer's authorized money that is not what its unsettled payments signed for
SELECT account, sum(units) FROM (
    SELECT account, units FROM posted WHERE account GLOB 'authorized:*'
    UNION ALL
    SELECT 'authorized:' || replace(replace(network, '%', '%25'), ':', '%3A') || ':0x' || lower(hex(payer)),
           -amount_nano
    FROM payments WHERE state IN ('open', 'sending', 'unknown', 'owed', 'collecting', 'doubtful')
) AS found GROUP BY account HAVING sum(units) <> 0;

-- reported_unseen: money a facilitator reported that is not that of its payments not yet seen on chain
SELECT account, sum(units) FROM (
    SELECT account, units FROM posted WHERE account GLOB 'reported:*'
    UNION ALL
    SELECT 'reported:' || replace(replace(network, '%', '%25'), ':', '%3A')
           || ':' || replace(replace(facilitator, '%', '%25'), ':', '%3A'),
           -amount_nano
    FROM payments WHERE proof = 'word'
) AS found GROUP BY account HAVING sum(units) <> 0;

-- debts_booked: an endpoint's bad debt that is not what was delivered there and is not paid
SELECT account, sum(units) FROM (
    SELECT account, units FROM posted WHERE account GLOB 'bad_debt:*'
    UNION ALL
    SELECT 'bad_debt:' || replace(replace(endpoint, '%', '%25'), ':', '%3A'), -amount_nano
    FROM payments WHERE state = 'defaulted'
) AS found GROUP BY account HAVING sum(units) <> 0;

-- suspense_explained: money in suspense that is not that of payments a person must look at
SELECT account, sum(units) FROM (
    SELECT account, units FROM posted WHERE account GLOB 'suspense:*'
    UNION ALL
    SELECT 'suspense:' || replace(replace(network, '%', '%25'), ':', '%3A'), -amount_nano
    FROM payments WHERE state = 'suspended' OR proof = 'disproved'
) AS found GROUP BY account HAVING sum(units) <> 0;

-- onchain_received: money on chain, in dollars or in the token's units, that is not that of the receipts
SELECT account, sum(units) FROM (
    SELECT account, units FROM posted WHERE account GLOB 'onchain:*' OR account GLOB 'token:*'
    UNION ALL
    SELECT book || ':' || replace(replace(p.network, '%', '%25'), ':', '%3A')
           || ':0x' || lower(hex(p.asset)) || ':0x' || lower(hex(p.pay_to)),
           iif(book = 'token', -r.amount, -p.amount_nano)
    FROM receipts AS r JOIN payments AS p ON p.no = r.payment,
         (SELECT 'onchain' AS book UNION ALL SELECT 'token') AS books
) AS found GROUP BY account HAVING sum(units) <> 0;

-- revenue_captured: an endpoint's revenue that is not what its calls captured
SELECT account, sum(units) FROM (
    SELECT account, units FROM posted WHERE account GLOB 'revenue:*'
    UNION ALL
    SELECT 'revenue:' || replace(replace(endpoint, '%', '%25'), ':', '%3A'), -captured_nano
    FROM calls WHERE captured_nano <> 0
) AS found GROUP BY account HAVING sum(units) <> 0;

-- credits_owed: a buyer's credit that is not what its calls gave back and have not spent
SELECT account, sum(units) FROM (
    SELECT account, units FROM posted WHERE account GLOB 'buyer:*'
    UNION ALL
    SELECT 'buyer:' || buyer, -credited_nano FROM calls WHERE credited_nano <> 0
    UNION ALL
    SELECT 'buyer:0x' || lower(hex(payer)), price_nano FROM payments WHERE on_credit = 1 AND state = 'delivered'
    UNION ALL
    SELECT 'buyer:0x' || lower(hex(payer)), repaid_nano FROM payments WHERE repaid_nano <> 0
) AS found GROUP BY account HAVING sum(units) <> 0;

-- costs_booked: a cost account that is not the sum of its lines
SELECT account, sum(units) FROM (
    SELECT account, units FROM posted WHERE account GLOB 'cost:*'
    UNION ALL
    SELECT 'cost:' || l.kind || ':' || replace(replace(c.endpoint, '%', '%25'), ':', '%3A')
           || ':' || replace(replace(l.name, '%', '%25'), ':', '%3A'),
           -l.amount_nano
    FROM cost_lines AS l JOIN calls AS c ON c.id = l.call_id
    WHERE l.kind <> 'fee' AND l.amount_nano > 0
) AS found GROUP BY account HAVING sum(units) <> 0;

-- fees_booked: a call whose booked fees are not the sum of its fee lines
SELECT call, sum(units) FROM (
    SELECT j.subject AS call, iif(a.no = t.debit_no, t.amount, -t.amount) AS units  -- or what was taken back
    FROM transfers AS t  -- first: there is no index by account
    CROSS JOIN accounts AS a CROSS JOIN journals AS j
    WHERE t.kind = 'transfer' AND a.no IN (t.debit_no, t.credit_no) AND a.id GLOB 'fee:*' AND j.seq = t.journal_seq
    UNION ALL
    SELECT call_id, -amount_nano FROM cost_lines WHERE kind = 'fee' AND amount_nano IS NOT NULL
) AS found GROUP BY call HAVING sum(units) <> 0;

-- lines_priced: a measured amount without the rate it was measured with
SELECT call_id, n FROM cost_evidence WHERE basis = 'measured' AND rate = '';

-- evidence_booked: a call whose cost is told, and nothing of it booked
SELECT DISTINCT call_id FROM cost_evidence AS e
WHERE NOT EXISTS (SELECT 1 FROM cost_lines AS l WHERE l.call_id = e.call_id);

-- changes_turn: a change that leaves a line booked, or not booked, as it was
SELECT c.call_id, c.n, c.number
FROM cost_changes AS c JOIN cost_evidence AS e ON e.call_id = c.call_id AND e.n = c.n
WHERE c.booked <> (e.booked + c.number + 1) % 2;

-- reports_kept: a closed call whose reports are not, word for word, among the evidence of its cost
SELECT call_id, name, sum(units) FROM (
    SELECT r.call_id, r.kind, r.name, r.amount_nano, r.rate, r.response_id, r.step, r.attempt, 1 AS units
    FROM cost_reports AS r JOIN calls AS c ON c.id = r.call_id
    WHERE c.outcome <> ''
    UNION ALL
    SELECT call_id, kind, name, amount_nano, rate, response_id, step, attempt, -1
    FROM cost_evidence WHERE source = 'report'
) AS found GROUP BY call_id, kind, name, amount_nano, rate, response_id, step, attempt HAVING sum(units) <> 0;

-- served_paid: a served call without a payment that is proven, or to be collected, or booked as a debt
SELECT id FROM calls
WHERE outcome = 'served' AND id NOT IN (
    SELECT call_id FROM payments
    WHERE proof <> 'none' OR on_credit = 1 OR repaid_nano <> 0
       OR state IN ('owed', 'collecting', 'doubtful', 'defaulted'));

-- payments_proven: a payment that ended as paid without proof, or whose proof is not in the receipts, once
SELECT lower(hex(p.claim_key)), p.state, p.proof, count(r.payment)
FROM payments AS p LEFT JOIN receipts AS r ON r.payment = p.no
GROUP BY p.no
HAVING count(r.payment) <> iif(p.proof = 'chain', 1, 0)
    OR max(r.amount) <> p.amount
    OR max(r.transaction_hash) <> p.transaction_hash
    OR (p.proof = 'none' AND p.on_credit = 0 AND p.repaid_nano = 0
        AND p.state IN ('settled', 'delivered', 'credited'))
    OR (p.proof <> 'none' AND p.state IN ('owed', 'collecting', 'doubtful', 'defaulted'))
    OR (p.repaid_nano <> 0 AND p.state <> 'delivered');

-- intents_named: a payment that was sent without naming who was asked, or settled in no transaction
SELECT lower(hex(claim_key)), state FROM payments
WHERE (facilitator = '' AND on_credit = 0
       AND (state IN ('sending', 'settled', 'unknown', 'collecting', 'doubtful', 'suspended')
            OR proof = 'word'))
   OR (transaction_hash = '' AND proof <> 'none');

-- calls_agree: a call that tells another story than its payment
WITH p AS MATERIALIZED (  -- a table that can be indexed for the join, which payments by themselves cannot
    SELECT call_id, state, price_nano, amount_nano, on_credit, repaid_nano,
           state IN ('delivered', 'owed', 'collecting', 'doubtful', 'defaulted') AS served
    FROM payments
)
SELECT c.id, c.outcome, p.state, c.captured_nano, c.credited_nano
FROM calls AS c LEFT JOIN p ON p.call_id = c.id
WHERE (c.outcome <> '' AND p.state IN ('open', 'spending', 'sending', 'settled'))
   OR (c.outcome = '' AND p.served)
   OR c.captured_nano <> iif(p.served, p.price_nano, 0)
   OR (p.on_credit = 0 AND p.repaid_nano = 0
       AND c.credited_nano <> iif(p.state = 'credited', p.amount_nano, 0))
   OR (p.state IN ('owed', 'collecting') AND c.settlement <> 'pending')
   OR (p.state = 'doubtful' AND c.settlement <> 'unknown')
   OR (p.state = 'defaulted' AND c.settlement <> 'failed');

-- identifiers_own: a name for a purchase that stands for no payment, or for another payer's
SELECT lower(hex(i.payer)), i.identifier
FROM identifiers AS i LEFT JOIN payments AS p ON p.claim_digest = i.claim_digest AND p.payer = i.payer
WHERE p.no IS NULL;

-- days_counted: a payer's day whose spending or uncharged cost is not that of its calls
SELECT payer, day, sum(spent), sum(uncharged) FROM (
    SELECT payer, day, spent_nano AS spent, uncharged_nano AS uncharged FROM payer_days
    UNION ALL
    SELECT buyer, at_us / 86400000000, -price_nano, 0 FROM calls WHERE outcome = '' OR captured_nano > 0
    UNION ALL
    SELECT c.buyer, c.at_us / 86400000000, 0, -l.amount_nano
    FROM cost_lines AS l JOIN calls AS c ON c.id = l.call_id
    WHERE l.kind = 'retry' AND l.amount_nano > 0 AND c.captured_nano = 0
) AS found GROUP BY payer, day HAVING sum(spent) <> 0 OR sum(uncharged) <> 0;

-- chunks_follow: a chunk of kept margins that does not go on where the one before ends
SELECT c.last, c.after, c.n FROM margin_chunks AS c
WHERE c.after <> coalesce((SELECT max(b.last) FROM margin_chunks AS b WHERE b.last < c.last), '')
   OR c.n <> (SELECT count(*) FROM margin_chunks AS b WHERE b.last <= c.last);
