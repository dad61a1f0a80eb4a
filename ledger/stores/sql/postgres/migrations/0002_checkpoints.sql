-- Signed statements of how far the book goes.

CREATE TABLE checkpoints (
    seq         bigint PRIMARY KEY REFERENCES seals (place),  -- the place of the last journal it covers
    statement   text COLLATE "C" NOT NULL,  -- what is signed, word for word; ledger/checkpoints.py reads it
    signature   bytea NOT NULL CHECK (length(signature) = 64)   -- Ed25519, over the statement
);

CREATE TRIGGER checkpoints_stay BEFORE UPDATE OR DELETE ON checkpoints
FOR EACH ROW EXECUTE FUNCTION refuse('checkpoints are immutable');
CREATE TRIGGER checkpoints_remain BEFORE TRUNCATE ON checkpoints
FOR EACH STATEMENT EXECUTE FUNCTION refuse('checkpoints are immutable');
