-- accounts: every account
SELECT no, id, asset, decimals, kind, side, bound FROM accounts;

-- journals: every journal in the order of the chain
SELECT seq, id, kind, happened_us, recorded_us, subject, note, prev_hash, hash FROM journals ORDER BY seq;

-- transfers: every entry in the order of the chain
SELECT journal_seq, position, id, kind, debit_no, credit_no, amount, pending_id
FROM transfers ORDER BY journal_seq, position;

-- hashes: every journal's hash in the order of the chain
SELECT seq, hash FROM journals ORDER BY seq;

-- checkpoints: every checkpoint in its order
SELECT seq, statement, signature FROM checkpoints ORDER BY seq;

-- last_hash: the end of the chain
SELECT seq, hash FROM journals ORDER BY seq DESC LIMIT 1;

-- periods: every close of a period in its order
SELECT number, through_us, seq, statement, signature FROM periods ORDER BY number;

-- hash_at: the chain hash of one journal
SELECT hash FROM journals WHERE seq = :seq;

-- covering: the checkpoint that covers a journal, the last journal of the one before it, and its own
SELECT c.statement, c.signature,
       coalesce((SELECT max(b.seq) FROM checkpoints AS b WHERE b.seq < c.seq), 0), c.seq
FROM checkpoints AS c WHERE c.seq >= :seq ORDER BY c.seq LIMIT 1;

-- hashes_between: the chain hashes from one journal to another
SELECT hash FROM journals WHERE seq BETWEEN :first AND :last ORDER BY seq;

-- journal: one journal by its id
SELECT seq, id, kind, happened_us, recorded_us, subject, note, prev_hash, hash FROM journals WHERE id = :id;

-- journal_entries: its entries, each with its two accounts, and whether this journal was their first
SELECT t.id, t.kind, t.amount, t.pending_id, d.no, d.id, d.asset, d.decimals, d.kind, d.side, d.bound,
       c.no, c.id, c.asset, c.decimals, c.kind, c.side, c.bound
FROM transfers AS t JOIN accounts AS d ON d.no = t.debit_no JOIN accounts AS c ON c.no = t.credit_no
WHERE t.journal_seq = :seq ORDER BY t.position;

-- used_before: whether an account stands in a journal before this one; from where the fold that moved it first begins
SELECT EXISTS (
    SELECT 1 FROM transfers
    WHERE journal_seq > coalesce(
            (SELECT f.after_seq FROM sums AS s JOIN folds AS f ON f.seq = s.fold_seq
             WHERE s.account_no = :account ORDER BY s.fold_seq LIMIT 1),
            (SELECT max(seq) FROM folds), 0)
      AND journal_seq < :seq AND (debit_no = :account OR credit_no = :account));

-- strays: entries of a journal that is not there, which the chain does not come by
SELECT 'journals', t.journal_seq, 'is not there and has an entry'
FROM transfers AS t LEFT JOIN journals AS j ON j.seq = t.journal_seq WHERE j.seq IS NULL
ORDER BY 2 LIMIT 1;
