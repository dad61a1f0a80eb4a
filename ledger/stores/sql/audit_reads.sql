-- kept: every balance row
SELECT account_no, floor, debits_posted, credits_posted, debits_pending, credits_pending FROM balances;
