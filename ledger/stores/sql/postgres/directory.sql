-- accounts_by_id: accounts under their names
SELECT no, id, asset, decimals, kind, side, bound FROM accounts WHERE id = ANY (ARRAY(SELECT unnest($1::text[])));

-- accounts_by_no: accounts that rows name
SELECT no, id, asset, decimals, kind, side, bound FROM accounts WHERE no = ANY (ARRAY(SELECT unnest($1::bigint[])));

-- numbers: numbers for accounts that are about to be opened
SELECT nextval('accounts_no_seq'::regclass) FROM generate_series(1, (SELECT $1::bigint));
