-- references: rows that refer to a row that does not exist, and journals that the chain has passed over
SELECT 'transfers', t.journal_seq, 'journals', t.position
FROM transfers AS t LEFT JOIN journals AS j ON j.seq = t.journal_seq WHERE j.seq IS NULL
UNION ALL
SELECT 'seals', s.journal_seq, 'journals', s.place
FROM seals AS s LEFT JOIN journals AS j ON j.seq = s.journal_seq WHERE j.seq IS NULL
UNION ALL
SELECT 'journals', j.seq, 'seals', 0
FROM journals AS j LEFT JOIN seals AS s ON s.journal_seq = j.seq
WHERE s.journal_seq IS NULL AND j.seq <= (SELECT settled FROM sealing);

-- closed_periods_stay: a journal that was booked into a period after its close, or has no place in the chain yet
SELECT j.seq, p.number
FROM periods AS p JOIN journals AS j ON j.happened_us <= p.through_us
LEFT JOIN seals AS s ON s.journal_seq = j.seq WHERE s.place IS NULL OR s.place > p.seq;
