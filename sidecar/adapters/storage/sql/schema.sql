-- The sidecar's own tables, in the ledger's database so that a claim and its journal commit together.

CREATE TABLE payments (
    claim_key       BLOB PRIMARY KEY,    -- chain id, asset, payer, nonce as raw bytes: one authorization, one claim
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
    on_credit       INTEGER NOT NULL     -- 1: its call is paid from the buyer's credit
) STRICT, WITHOUT ROWID;

CREATE INDEX payments_unfinished ON payments (state)
    WHERE state IN ('open', 'spending', 'sending', 'settled', 'unknown');
CREATE INDEX payments_unresolved ON payments (payer, request_digest) WHERE state = 'unknown';
CREATE INDEX payments_unseen ON payments (network, changed_us) WHERE proof = 'word';
CREATE INDEX payments_watched ON payments (network, valid_before) WHERE watched = 1;
CREATE INDEX payments_transaction ON payments (network, transaction_hash) WHERE transaction_hash <> '';

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
    settle_us       INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX calls_running ON calls (outcome) WHERE outcome = '';

CREATE TABLE cost_lines (
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
    PRIMARY KEY (call_id, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE receipts (
    network         TEXT NOT NULL,
    transaction_hash TEXT NOT NULL,
    log_index       INTEGER NOT NULL,
    claim_key       BLOB NOT NULL UNIQUE REFERENCES payments (claim_key),
    amount          INTEGER NOT NULL,
    PRIMARY KEY (network, transaction_hash, log_index)   -- one Transfer pays one payment
) STRICT, WITHOUT ROWID;

CREATE TABLE price_versions (
    endpoint        TEXT NOT NULL,
    version         INTEGER NOT NULL,
    terms           TEXT NOT NULL,       -- what was offered, as canonical JSON
    since_us        INTEGER NOT NULL,
    PRIMARY KEY (endpoint, version)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER cost_lines_stay BEFORE UPDATE ON cost_lines
BEGIN SELECT RAISE(ABORT, 'cost lines are never changed'); END;
CREATE TRIGGER cost_lines_remain BEFORE DELETE ON cost_lines
BEGIN SELECT RAISE(ABORT, 'cost lines are never removed'); END;
CREATE TRIGGER receipts_stay BEFORE UPDATE ON receipts
BEGIN SELECT RAISE(ABORT, 'receipts are never changed'); END;
CREATE TRIGGER receipts_remain BEFORE DELETE ON receipts
BEGIN SELECT RAISE(ABORT, 'receipts are never removed'); END;
