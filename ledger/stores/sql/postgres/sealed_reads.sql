-- accounts: every account
SELECT no, id, asset, decimals, kind, side, bound FROM accounts;

-- journals: every sealed journal in the order of the chain, by its place there; also where the journal is gone
SELECT s.place, j.id, j.kind, j.happened_us, j.recorded_us, j.subject, j.note, s.prev_hash, s.hash
FROM seals AS s LEFT JOIN journals AS j ON j.seq = s.journal_seq ORDER BY s.place;

-- transfers: every sealed entry in the order of the chain
SELECT s.place, t.position, t.id, t.kind, t.debit_no, t.credit_no, t.amount, t.pending_id
FROM transfers AS t JOIN seals AS s ON s.journal_seq = t.journal_seq ORDER BY s.place, t.position;

-- hashes: every journal's hash in the order of the chain
SELECT place, hash FROM seals ORDER BY place;

-- checkpoints: every checkpoint in its order
SELECT seq, statement, signature FROM checkpoints ORDER BY seq;

-- last_hash: the end of the chain
SELECT place, hash FROM seals ORDER BY place DESC LIMIT 1;

-- periods: every close of a period in its order
SELECT number, through_us, seq, statement, signature FROM periods ORDER BY number;

-- hash_at: the chain hash of one place
SELECT hash FROM seals WHERE place = :seq;

-- covering: the checkpoint that covers a place, the last place of the one before it, and its own
SELECT c.statement, c.signature,
       coalesce((SELECT max(b.seq) FROM checkpoints AS b WHERE b.seq < c.seq), 0), c.seq
FROM checkpoints AS c WHERE c.seq >= :seq ORDER BY c.seq LIMIT 1;

-- hashes_between: the chain hashes from one place to another
SELECT hash FROM seals WHERE place BETWEEN :first AND :last ORDER BY place;

-- journal: one sealed journal by its id
SELECT s.place, j.id, j.kind, j.happened_us, j.recorded_us, j.subject, j.note, s.prev_hash, s.hash
FROM journals AS j JOIN seals AS s ON s.journal_seq = j.seq WHERE j.id = :id;

-- journal_entries: its entries, each with its two accounts, by its place
SELECT t.id, t.kind, t.amount, t.pending_id, d.no, d.id, d.asset, d.decimals, d.kind, d.side, d.bound,
       c.no, c.id, c.asset, c.decimals, c.kind, c.side, c.bound
FROM seals AS s JOIN transfers AS t ON t.journal_seq = s.journal_seq
JOIN accounts AS d ON d.no = t.debit_no JOIN accounts AS c ON c.no = t.credit_no
WHERE s.place = :seq ORDER BY t.position;

-- used_before: whether an account stands in a journal before the one at this place: a first use has the lowest number of all
SELECT EXISTS (
    SELECT 1 FROM transfers
    WHERE journal_seq > coalesce(
            (SELECT f.after_seq FROM sums AS s JOIN folds AS f ON f.seq = s.fold_seq
             WHERE s.account_no = :account ORDER BY s.fold_seq LIMIT 1),
            (SELECT max(seq) FROM folds), 0)
      AND journal_seq <= coalesce((SELECT min(fold_seq) FROM sums WHERE account_no = :account), 9223372036854775807)
      AND journal_seq < (SELECT journal_seq FROM seals WHERE place = :seq)
      AND (debit_no = :account OR credit_no = :account));

-- strays: what the chain does not come by: entries of a journal that is not there, and journals that it has passed
SELECT 'journals', t.journal_seq, 'is not there and has an entry'
FROM transfers AS t LEFT JOIN journals AS j ON j.seq = t.journal_seq WHERE j.seq IS NULL
UNION ALL
SELECT 'journals', j.seq, 'is not in the chain, which has passed it'
FROM journals AS j LEFT JOIN seals AS s ON s.journal_seq = j.seq
WHERE s.journal_seq IS NULL AND j.seq <= (SELECT settled FROM sealing)
ORDER BY 2 LIMIT 1;
