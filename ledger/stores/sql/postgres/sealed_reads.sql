-- accounts: every account
SELECT no, id, asset, decimals, kind, side, bound FROM accounts;

-- journals: every sealed journal in the order of the chain, by its place there
SELECT s.place, j.id, j.kind, j.happened_us, j.recorded_us, j.subject, j.note, s.prev_hash, s.hash
FROM seals AS s JOIN journals AS j ON j.seq = s.journal_seq ORDER BY s.place;

-- transfers: every sealed entry in the order of the chain
SELECT s.place, t.position, t.id, t.kind, t.debit_no, t.credit_no, t.amount, t.pending_id
FROM transfers AS t JOIN seals AS s ON s.journal_seq = t.journal_seq ORDER BY s.place, t.position;
