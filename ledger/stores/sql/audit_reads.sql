-- kept: every balance row
SELECT account_no, floor, debits_posted, credits_posted, debits_pending, credits_pending FROM balances;

-- accounts: every account
SELECT no, id, asset, decimals, kind, side, bound FROM accounts;

-- journals: every journal in the order of the chain
SELECT seq, id, kind, happened_us, recorded_us, subject, note, prev_hash, hash FROM journals ORDER BY seq;

-- transfers: every entry in the order of the chain
SELECT journal_seq, id, kind, debit_no, credit_no, amount, pending_id
FROM transfers ORDER BY journal_seq, position;
