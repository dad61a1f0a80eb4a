-- What chunks of old calls earned and cost, so that a margin table adds up only the others. All of it can be
-- made again from calls and cost lines; the audit holds it against them.

CREATE TABLE margin_chunks (
    last            TEXT PRIMARY KEY,    -- the calls after those of the chunk before, up to this id
    after           TEXT NOT NULL UNIQUE,  -- where the chunk before ends, '' for the first: no call is in two
    version         INTEGER NOT NULL,    -- how often it was added up; 0: it is only watched
    at_min_us       INTEGER NOT NULL,    -- of its calls' at_us when it was added up
    at_max_us       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE margin_sums (
    dimension       TEXT NOT NULL,       -- by what a margin table can be made
    last            TEXT NOT NULL REFERENCES margin_chunks (last),
    unit            TEXT NOT NULL,
    calls           INTEGER NOT NULL,
    revenue         INTEGER NOT NULL,
    unsettled       INTEGER NOT NULL,
    cost_model      INTEGER NOT NULL,
    cost_tool       INTEGER NOT NULL,
    cost_external   INTEGER NOT NULL,
    cost_retry      INTEGER NOT NULL,
    fees            INTEGER NOT NULL,
    bad_debt        INTEGER NOT NULL,
    estimated_cost  INTEGER NOT NULL,
    unsettled_cost  INTEGER NOT NULL,
    unknown_cost_calls   INTEGER NOT NULL,
    unknown_cost_revenue INTEGER NOT NULL,
    known_revenue   INTEGER NOT NULL,
    known_calls_margin   INTEGER NOT NULL,
    PRIMARY KEY (dimension, last, unit)
) STRICT, WITHOUT ROWID;

CREATE TABLE margin_marks (              -- a call of a chunk changed: its chunk is read call by call until added up again
    n               INTEGER PRIMARY KEY,
    call_id         TEXT NOT NULL
) STRICT;

CREATE INDEX margin_marks_of_call ON margin_marks (call_id);

CREATE FUNCTION mark_call() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed text COLLATE "C";
BEGIN
    IF TG_TABLE_NAME = 'calls' THEN changed := NEW.id; ELSE changed := NEW.call_id; END IF;
    -- A statement of its own: it sees every chunk that was committed before it, also while its unit ran.
    IF changed <= (SELECT max(last) FROM margin_chunks) THEN
        INSERT INTO margin_marks (call_id) VALUES (changed);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER calls_marked_new AFTER INSERT ON calls
FOR EACH ROW EXECUTE FUNCTION mark_call();
CREATE TRIGGER calls_marked AFTER UPDATE ON calls FOR EACH ROW
WHEN (NEW.outcome <> OLD.outcome OR NEW.settlement <> OLD.settlement OR NEW.captured_nano <> OLD.captured_nano)
EXECUTE FUNCTION mark_call();
CREATE TRIGGER cost_evidence_marked AFTER INSERT ON cost_evidence
FOR EACH ROW EXECUTE FUNCTION mark_call();
CREATE TRIGGER cost_changes_marked AFTER INSERT ON cost_changes
FOR EACH ROW EXECUTE FUNCTION mark_call();
