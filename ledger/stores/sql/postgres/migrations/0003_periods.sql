-- Periods that are closed, each with its signed trial balance.

CREATE TABLE periods (
    number      bigint PRIMARY KEY CHECK (number > 0),  -- 1, 2, 3 ...
    through_us  bigint NOT NULL UNIQUE,  -- what happened then or before is not booked any more
    seq         bigint NOT NULL REFERENCES seals (place),  -- the end of the chain when it was closed
    statement   text COLLATE "C" NOT NULL,  -- the trial balance that is signed; ledger/periods.py reads it
    signature   bytea NOT NULL CHECK (length(signature) = 64)   -- Ed25519, over the statement
);

CREATE TRIGGER periods_stay BEFORE UPDATE OR DELETE ON periods
FOR EACH ROW EXECUTE FUNCTION refuse('periods are immutable');
CREATE TRIGGER periods_remain BEFORE TRUNCATE ON periods
FOR EACH STATEMENT EXECUTE FUNCTION refuse('periods are immutable');

-- What the rules say is so whatever the code does.
CREATE FUNCTION refuse_closed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.happened_us <= (SELECT max(through_us) FROM periods) THEN
        RAISE EXCEPTION 'the period is closed' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER periods_stay_closed BEFORE INSERT ON journals FOR EACH ROW EXECUTE FUNCTION refuse_closed();
