-- journals: journals from a number down, newest first, all or those about one subject, each with its entries
WITH page AS (
    SELECT * FROM (
        SELECT seq FROM journals WHERE :subject = '' AND seq <= :newest ORDER BY seq DESC LIMIT :limit) AS numbers
    UNION ALL
    SELECT seq FROM journals  -- of a call: their ids begin with it; '0' comes after '/'
    WHERE id > :subject || '/' AND id < :subject || '0' AND subject = :subject AND subject <> '' AND +seq <= :newest
    UNION ALL
    SELECT * FROM (  -- all others, such as a person's
        SELECT seq FROM journals
        WHERE subject = :subject AND subject <> '' AND substr(id, 1, length(subject) + 1) <> subject || '/'
          AND seq <= :newest ORDER BY seq DESC LIMIT :limit) AS numbers
)
SELECT
    seq, id, kind, happened_us, recorded_us, subject, note,
    (SELECT json_group_array(json_object(
        'position', t.position, 'id', t.id, 'kind', t.kind, 'debit', d.id, 'credit', c.id,
        'asset', d.asset, 'decimals', d.decimals, 'amount', t.amount, 'pending_id', t.pending_id))
     FROM transfers AS t
     JOIN accounts AS d ON d.no = t.debit_no
     JOIN accounts AS c ON c.no = t.credit_no
     WHERE t.journal_seq = journals.seq) AS entries
FROM page JOIN journals USING (seq)
ORDER BY seq DESC LIMIT :limit;
