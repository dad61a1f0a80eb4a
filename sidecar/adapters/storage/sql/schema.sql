-- The sidecar's own tables, in the ledger's database so that a claim and its journal commit together.

CREATE TABLE payments (
    no              INTEGER PRIMARY KEY,  -- in the order of admission: what lies by it is written where the newest is
    claim_digest    BLOB NOT NULL UNIQUE CHECK (length(claim_digest) = 16),  -- of claim_key: one authorization, one claim
    claim_key       BLOB NOT NULL,       -- chain id, asset, payer, nonce as raw bytes
    payment_digest  BLOB NOT NULL,       -- tells the same payload from another with the same nonce
    request_digest  BLOB NOT NULL,       -- binds method, target and body: a payment pays for one request
    call_id         TEXT NOT NULL,       -- the call it pays for now
    state           TEXT NOT NULL,       -- domain/payments.py
    entries         INTEGER NOT NULL,    -- how often it entered; bounds re-entry
    chain_id        INTEGER NOT NULL,
    network         TEXT NOT NULL,
    asset           BLOB NOT NULL,
    asset_decimals  INTEGER NOT NULL,
    payer           BLOB NOT NULL,
    pay_to          BLOB NOT NULL,       -- the recipient offered, also after the config changes
    amount          INTEGER NOT NULL CHECK (amount > 0),       -- atomic units signed
    valid_after     INTEGER NOT NULL,
    valid_before    INTEGER NOT NULL,    -- with finality: when an unused authorization is dead
    nonce           BLOB NOT NULL,
    signature       BLOB NOT NULL,       -- lets recovery put the same question to the same facilitator
    endpoint        TEXT NOT NULL,
    price_version   INTEGER NOT NULL,
    price_nano      INTEGER NOT NULL CHECK (price_nano > 0),
    amount_nano     INTEGER NOT NULL CHECK (amount_nano >= price_nano),
    owner           TEXT NOT NULL,       -- the process run that works on it; another run's is an orphan
    from_block      INTEGER NOT NULL,    -- a transfer in this block or before paid for something else
    admitted_us     INTEGER NOT NULL,
    changed_us      INTEGER NOT NULL,
    facilitator     TEXT NOT NULL,       -- whom we asked; set before asking
    transaction_hash TEXT NOT NULL,
    reason          TEXT NOT NULL,
    proof           TEXT NOT NULL,       -- what says that the money moved
    watched         INTEGER NOT NULL,    -- 1: a late transfer counts, until the authorization is dead
    on_credit       INTEGER NOT NULL,    -- 1: its call is paid from the buyer's credit
    repaid_nano     INTEGER NOT NULL CHECK (repaid_nano >= 0)  -- its debt, paid from the buyer's credit
) STRICT;

CREATE INDEX payments_unfinished ON payments (state)
    WHERE state = 'open' OR state = 'spending' OR state = 'sending' OR state = 'settled' OR state = 'unknown'
    OR state = 'owed' OR state = 'collecting' OR state = 'doubtful';  -- OR: an IN would build a table for each row
CREATE INDEX payments_debts ON payments (payer) WHERE state = 'defaulted';
CREATE INDEX payments_proven ON payments (payer) WHERE proof = 'chain';
CREATE INDEX payments_unresolved ON payments (payer, request_digest) WHERE state = 'unknown';
CREATE INDEX payments_unseen ON payments (network, changed_us) WHERE proof = 'word';
CREATE INDEX payments_watched ON payments (network, valid_before) WHERE watched = 1;
CREATE INDEX payments_of_call ON payments (call_id);
-- Told, and not seen on chain: what was seen is found by its receipt.
CREATE INDEX payments_told ON payments (substr(transaction_hash, 51, 16)) WHERE proof = 'word' OR proof = 'disproved';

CREATE TABLE identifiers (                -- a buyer's own names for its purchases: one signed anew is found by it
    payer           BLOB NOT NULL,       -- another payer's same name is another one
    identifier      TEXT NOT NULL CHECK (length(identifier) BETWEEN 16 AND 128),
    claim_digest    BLOB NOT NULL REFERENCES payments (claim_digest),  -- the payment of the purchase, as it stands now
    bound_us        INTEGER NOT NULL,    -- forgotten a while after, unless its payment is still open
    PRIMARY KEY (payer, identifier)
) STRICT, WITHOUT ROWID;

CREATE INDEX identifiers_bound ON identifiers (bound_us);

CREATE TABLE calls (
    id              TEXT PRIMARY KEY,    -- sorts by time
    at_us           INTEGER NOT NULL,
    endpoint        TEXT NOT NULL,
    method          TEXT NOT NULL,
    target          TEXT NOT NULL,
    buyer           TEXT NOT NULL,
    network         TEXT NOT NULL,
    price_nano      INTEGER NOT NULL,
    held_nano       INTEGER NOT NULL,
    captured_nano   INTEGER NOT NULL DEFAULT 0,
    credited_nano   INTEGER NOT NULL DEFAULT 0,
    price_version   INTEGER NOT NULL,
    owner           TEXT NOT NULL,
    run             TEXT NOT NULL,
    session         TEXT NOT NULL,
    workflow        TEXT NOT NULL,
    agent           TEXT NOT NULL,
    workspace       TEXT NOT NULL,
    settlement      TEXT NOT NULL DEFAULT 'none',
    transaction_hash TEXT NOT NULL DEFAULT '',
    outcome         TEXT NOT NULL DEFAULT '',    -- '' while it runs
    status          INTEGER NOT NULL DEFAULT 0,
    latency_us      INTEGER NOT NULL DEFAULT 0,
    settle_us       INTEGER NOT NULL DEFAULT 0,
    closed_us       INTEGER NOT NULL DEFAULT 0   -- cost reports are taken for a while after
) STRICT, WITHOUT ROWID;

CREATE INDEX calls_running ON calls (outcome) WHERE outcome = '';
CREATE INDEX calls_of_buyer ON calls (buyer);  -- with the id behind it: a wallet's statement
CREATE INDEX calls_of_session ON calls (session, buyer) WHERE session <> '';

CREATE TABLE payer_days (                 -- sums over calls, kept with them: a limit is decided without adding up
    payer           TEXT NOT NULL,
    day             INTEGER NOT NULL,    -- UTC, days since the epoch, of calls.at_us
    spent_nano      INTEGER NOT NULL CHECK (spent_nano >= 0),      -- prices of calls that run or were delivered
    uncharged_nano  INTEGER NOT NULL CHECK (uncharged_nano >= 0),  -- what the others cost us
    PRIMARY KEY (payer, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE cost_evidence (              -- all that anybody said of what a call cost; some of it is booked
    call_id         TEXT NOT NULL REFERENCES calls (id),
    n               INTEGER NOT NULL,
    kind            TEXT NOT NULL,
    name            TEXT NOT NULL,
    amount_nano     INTEGER CHECK (amount_nano IS NULL OR amount_nano >= 0),  -- NULL: unknown, never zero
    basis           TEXT NOT NULL CHECK ((basis = 'unknown') = (amount_nano IS NULL)),
    rate            TEXT NOT NULL,       -- which dated rate; re-pricing with it gives the same integer
    source          TEXT NOT NULL,
    provider        TEXT NOT NULL,
    response_id     TEXT NOT NULL,
    step            TEXT NOT NULL,
    attempt         INTEGER NOT NULL,
    booked          INTEGER NOT NULL CHECK (booked IN (0, 1)),  -- when it came; cost_changes tells of later
    retry           INTEGER NOT NULL CHECK (retry IN (0, 1)),   -- 1: its work was not delivered
    PRIMARY KEY (call_id, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE cost_changes (               -- a later report made a line booked, or made it evidence
    call_id         TEXT NOT NULL,
    n               INTEGER NOT NULL,
    number          INTEGER NOT NULL,    -- the last one of a line holds
    booked          INTEGER NOT NULL CHECK (booked IN (0, 1)),
    because         INTEGER NOT NULL,    -- the first line of the reports that changed it
    PRIMARY KEY (call_id, n, number),
    FOREIGN KEY (call_id, n) REFERENCES cost_evidence (call_id, n),
    FOREIGN KEY (call_id, because) REFERENCES cost_evidence (call_id, n)
) STRICT, WITHOUT ROWID;

-- The evidence, and whether it is booked now.
CREATE VIEW cost_standings AS
SELECT call_id, n, kind, name, amount_nano, basis, rate, source, provider, response_id, step, attempt, retry,
       coalesce((SELECT c.booked FROM cost_changes AS c
                 WHERE c.call_id = cost_evidence.call_id AND c.n = cost_evidence.n
                 ORDER BY c.number DESC LIMIT 1), booked) AS stands
FROM cost_evidence;

-- What is booked: the call's cost lines. Work that was not delivered is the cost of a retry.
CREATE VIEW cost_lines AS
SELECT call_id, n, iif(retry = 1 AND kind <> 'fee', 'retry', kind) AS kind, name, amount_nano, basis, rate,
       source, provider, response_id, step, attempt
FROM cost_standings WHERE stands = 1;

CREATE TABLE cost_reports (               -- what the agent itself reported, as it came; booked by the close
    call_id         TEXT NOT NULL REFERENCES calls (id),
    n               INTEGER NOT NULL,
    report_id       TEXT NOT NULL,
    digest          BLOB NOT NULL,       -- tells the same report from another with its id
    arrived_us      INTEGER NOT NULL,
    kind            TEXT NOT NULL,
    name            TEXT NOT NULL,
    amount_nano     INTEGER CHECK (amount_nano IS NULL OR amount_nano >= 0),
    basis           TEXT NOT NULL CHECK ((basis = 'unknown') = (amount_nano IS NULL)),
    rate            TEXT NOT NULL,
    source          TEXT NOT NULL,
    provider        TEXT NOT NULL,
    response_id     TEXT NOT NULL,
    step            TEXT NOT NULL,
    attempt         INTEGER NOT NULL,
    PRIMARY KEY (call_id, n),
    UNIQUE (call_id, report_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE receipts (
    payment         INTEGER NOT NULL REFERENCES payments (no),  -- it has one
    network         TEXT NOT NULL,
    transaction_hash TEXT NOT NULL,
    log_index       INTEGER NOT NULL,
    amount          INTEGER NOT NULL,
    PRIMARY KEY (payment)
) STRICT;

-- One Transfer pays one payment. Its place is found by 96 bits of the transaction: the smaller, the more share a page.
CREATE UNIQUE INDEX receipts_transfer ON receipts (substr(transaction_hash, 43, 24), log_index, network);

CREATE TABLE price_versions (
    endpoint        TEXT NOT NULL,
    version         INTEGER NOT NULL,
    terms           TEXT NOT NULL,       -- what was offered, as canonical JSON
    since_us        INTEGER NOT NULL,
    PRIMARY KEY (endpoint, version)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER cost_evidence_stay BEFORE UPDATE ON cost_evidence
BEGIN SELECT RAISE(ABORT, 'cost evidence is never changed'); END;
CREATE TRIGGER cost_evidence_remain BEFORE DELETE ON cost_evidence
BEGIN SELECT RAISE(ABORT, 'cost evidence is never removed'); END;
CREATE TRIGGER cost_changes_stay BEFORE UPDATE ON cost_changes
BEGIN SELECT RAISE(ABORT, 'changes of costs are never changed'); END;
CREATE TRIGGER cost_changes_remain BEFORE DELETE ON cost_changes
BEGIN SELECT RAISE(ABORT, 'changes of costs are never removed'); END;
CREATE TRIGGER cost_reports_stay BEFORE UPDATE ON cost_reports
BEGIN SELECT RAISE(ABORT, 'cost reports are never changed'); END;
CREATE TRIGGER cost_reports_remain BEFORE DELETE ON cost_reports
BEGIN SELECT RAISE(ABORT, 'cost reports are never removed'); END;
CREATE TRIGGER receipts_stay BEFORE UPDATE ON receipts
BEGIN SELECT RAISE(ABORT, 'receipts are never changed'); END;
CREATE TRIGGER receipts_remain BEFORE DELETE ON receipts
BEGIN SELECT RAISE(ABORT, 'receipts are never removed'); END;
