-- What 8, 64, 512 chunks of kept margins come to together, so that a margin table of a long time adds up a few
-- blocks and not all chunks. Each block is the sum of its chunks as they are kept; the audit holds it against them.

ALTER TABLE margin_chunks ADD COLUMN n INTEGER NOT NULL DEFAULT 0;  -- the first is 1: tells which blocks it is in
UPDATE margin_chunks SET n = (SELECT count(*) FROM margin_chunks AS c WHERE c.last <= margin_chunks.last);
CREATE UNIQUE INDEX margin_chunks_in_order ON margin_chunks (n);

CREATE TABLE margin_blocks (
    dimension       TEXT NOT NULL,       -- by what a margin table can be made
    size            INTEGER NOT NULL,    -- how many chunks it has
    n               INTEGER NOT NULL,    -- of the blocks of its size: chunks from size * (n - 1) + 1 to size * n
    cut             INTEGER NOT NULL,    -- 0: all units are in it; else so many of more than a table may have
    PRIMARY KEY (dimension, size, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE margin_block_sums (         -- of a block that is cut only the units say something
    dimension       TEXT NOT NULL,
    size            INTEGER NOT NULL,
    n               INTEGER NOT NULL,
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
    PRIMARY KEY (dimension, size, n, unit),
    FOREIGN KEY (dimension, size, n) REFERENCES margin_blocks (dimension, size, n)
) STRICT, WITHOUT ROWID;
