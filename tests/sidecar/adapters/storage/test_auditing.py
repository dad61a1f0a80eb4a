"""Auditing: what was booked agrees with what was recorded, and each fault is found by its check."""

from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from ledger import book
from ledger.book import Created
from ledger.folding import keep, next_fold
from ledger.money import nano
from ledger.transfers import Journal, Transfer
from pricing.cost import Source
from sidecar.adapters.storage.auditing import CHECKS, COMPUTED, SHOWN_MAX, audit_books, audit_object
from sidecar.adapters.storage.reading import Unreadable, open_read_only
from sidecar.adapters.storage.sqlite_records import RecordsSqliteTx
from sidecar.domain import chart
from sidecar.domain.outcomes import Failed, Unknown
from sidecar.domain.resolving import arrived_unit, dead_unit, repaid_unit, undecidable_unit
from sidecar.domain.settling import stored
from sidecar.domain.transfers import TransferLog
from tests.sidecar.shop import (
    FACILITATOR,
    NETWORK,
    NOON_US,
    OTHER_PAYER,
    PLATFORM_FEE,
    TOOL,
    Sale,
    Shop,
    forced,
    line,
    paid,
)
from tests.sidecar.told import report, told

DECLARED_FEE = line(TOOL.kind.FEE, "gateway", 250_000, provider="")
SERVED, BROKEN_OFF, LOST, RUNNING, SEEN, SUSPENDED = (Sale(number) for number in (1, 2, 3, 4, 5, 6))
REPORTED = Sale(14)
NAME = "purchase_0000001"
OWED, DOUBTFUL, DEFAULTED, REPAID = (Sale(number) for number in (15, 17, 18, 19))
PAYER, OTHER = "0x" + "aa" * 20, "0x" + "bb" * 20


def log_of(sale: Sale) -> TransferLog:
    value = (sale.price_nano + sale.surplus_nano) // 1000
    return TransferLog(paid(sale).transaction, 0, 9, sale.payer, bytes([0xCC]) * 20, value)


@pytest.fixture
async def busy(shop: Shop) -> Shop:
    """A shop with a call, or more, in every state that money can be in, most of it folded."""
    await shop.serve(SERVED, line(), TOOL, DECLARED_FEE, line(units=0), platform_fee=PLATFORM_FEE)
    await shop.break_off(BROKEN_OFF, line())
    await shop.lose(LOST, line(units=None))
    await shop.admit(RUNNING)
    await shop.serve(SEEN)
    await shop.serve(REPORTED, told(5_000_000, Source.HEADER), DECLARED_FEE, TOOL)
    await shop.lose(SUSPENDED)
    settling = Sale(7, payer=OTHER_PAYER, surplus_nano=400, endpoint="GET /a:b%c")
    await shop.settle(await shop.admit(settling), paid(settling))
    await shop.fail(Sale(8), TOOL)
    await shop.release(Sale(9))
    for number in (10, 11):
        await shop.lose(Sale(number, surplus_nano=400))
    await shop.serve(Sale(12))
    await shop.release(Sale(13))
    await shop.defer(OWED, line())
    await shop.collect(await shop.defer(Sale(16)), None)
    for sale, outcome in (
        (DOUBTFUL, Unknown("answer_lost")),
        (DEFAULTED, Failed("insufficient_funds")),
        (REPAID, Failed("insufficient_funds")),
        (Sale(20), paid(Sale(20))),
        (Sale(22), Failed("insufficient_funds")),
    ):
        await shop.collect(await shop.defer(sale), outcome)
    await shop.report(RUNNING, report("r1", told(name="running")))
    await shop.report(REPORTED, report("r1"), report("r2", DECLARED_FEE), report("r3", line(units=None)))
    await shop.report(BROKEN_OFF, report("r1", told(name="late")))

    def evidence(tx: RecordsSqliteTx) -> None:
        assert tx.identify(stored(tx, key(SERVED)), NAME, instead=None)
        for sale in (SEEN, Sale(10, surplus_nano=400), Sale(13)):
            assert arrived_unit(tx, key(sale), log_of(sale), None, NOON_US)
        undecidable_unit(tx, key(SUSPENDED), NOON_US)
        dead_unit(tx, key(Sale(11)), NOON_US)
        dead_unit(tx, key(Sale(12)), NOON_US)
        assert arrived_unit(tx, key(Sale(22)), log_of(Sale(22)), None, NOON_US)
        repaid_unit(tx, stored(tx, key(REPAID)), NOON_US)

    await shop.store.run(evidence)
    with closing(open_read_only(shop.path)) as connection:
        while (folded := next_fold(connection, "", 20)) is not None:
            await shop.store.run(partial(keep, folded=folded))
    return shop


def key(sale: Sale) -> bytes:
    return b"key" + sale.number.to_bytes(32, "big")


def no_of(sale: Sale) -> str:
    return f"(SELECT no FROM payments WHERE claim_key = x'{key(sale).hex()}')"


def found(path: Path) -> dict[str, list[str]]:
    checks = audit_object(audit_books(path))["checks"]
    return {check["id"]: check["found"] for check in checks if check["rows"]}


def planted(path: Path, sql: str) -> dict[str, list[str]]:
    with forced(path) as connection:
        assert connection.execute(sql).rowcount == 1
    return found(path)


async def test_an_honest_shop_is_clean_in_every_state(busy: Shop) -> None:
    """Running, served, owed, credited, unknown, in debt, suspended, seen, late, failed: it adds up."""
    report = audit_object(audit_books(busy.path))

    assert report["clean"], found(busy.path)
    names = [check["id"] for check in report["checks"]]
    ours = [*(check.name for check in CHECKS), *COMPUTED]
    assert names[-len(ours) :] == ours
    assert {"assets_balance", "hash_chain"} < set(names)
    assert report["checks"][0] == {"id": names[0], "rows": 0, "found": []}


async def test_an_empty_shop_is_clean(shop: Shop) -> None:
    """Nothing sold is nothing wrong."""
    assert audit_books(shop.path).clean


def where(sale: Sale) -> str:
    return f"WHERE call_id = '{sale.call}'"


FAULTS = {
    "chunks_follow": (
        (
            "INSERT INTO margin_chunks (last, after, n, version, at_min_us, at_max_us)"
            " VALUES ('y', 'x', 1, 0, 0, 0)"
        ),
        ["y x 1"],
    ),
    "deposits_open": (
        f"UPDATE payments SET amount_nano = amount_nano + 1 {where(RUNNING)}",
        [f"deposit:{PAYER} -1"],
    ),
    "holds_open": (
        f"UPDATE payments SET call_id = '{RUNNING.call}' {where(LOST)}",
        [f"{LOST.call} 50000000", f"{RUNNING.call} -50000000"],
    ),
    "authorized_open": (
        f"UPDATE payments SET state = 'settled' {where(LOST)}",
        [f"authorized:eip155%3A84532:{PAYER} 50000000"],
    ),
    "reported_unseen": (
        f"UPDATE payments SET proof = 'none' {where(SERVED)}",
        ["reported:eip155%3A84532:https%3A//facilitator.example%3A8443 50000000"],
    ),
    "debts_booked": (
        f"UPDATE payments SET amount_nano = amount_nano + 1 {where(DEFAULTED)}",
        ["bad_debt:POST /research -1"],
    ),
    "suspense_explained": (
        f"UPDATE payments SET state = 'unknown' {where(SUSPENDED)}",
        ["suspense:eip155%3A84532 50000000"],
    ),
    "onchain_received": (
        "UPDATE receipts SET amount = amount - 1 WHERE transaction_hash LIKE '%5'",
        [f"token:eip155%3A84532:0x{'03' * 20}:0x{'cc' * 20} 1"],
    ),
    "revenue_captured": (
        f"UPDATE calls SET captured_nano = captured_nano + 1 WHERE id = '{SERVED.call}'",
        ["revenue:POST /research -1"],
    ),
    "credits_owed": (
        f"UPDATE calls SET credited_nano = credited_nano - 1 WHERE id = '{BROKEN_OFF.call}'",
        [f"buyer:{PAYER} 1"],
    ),
    "costs_booked": (
        f"UPDATE cost_evidence SET amount_nano = amount_nano + 1 {where(SERVED)} AND name = 'web_search'",
        ["cost:tool:POST /research:web_search -1"],
    ),
    "fees_booked": (
        "UPDATE cost_evidence SET amount_nano = amount_nano - 1 WHERE name = 'platform'",
        [f"{SERVED.call} 1"],
    ),
    "lines_priced": (
        f"UPDATE cost_evidence SET rate = '' {where(SERVED)} AND name = 'gateway'",
        [f"{SERVED.call} 4"],
    ),
    "evidence_booked": (
        f"UPDATE cost_evidence SET booked = 0 {where(SEEN)}",
        [SEEN.call],
    ),
    "changes_turn": (
        f"UPDATE cost_changes SET booked = 1 {where(REPORTED)} AND n = 1",
        [f"{REPORTED.call} 1 0"],
    ),
    "reports_kept": (
        f"UPDATE cost_reports SET name = 'other' {where(BROKEN_OFF)}",
        [f"{BROKEN_OFF.call} late -1", f"{BROKEN_OFF.call} other 1"],
    ),
    "served_paid": (
        f"UPDATE payments SET call_id = 'call_other' {where(SERVED)}",
        [SERVED.call],
    ),
    "payments_proven": (
        f"UPDATE payments SET proof = 'none' {where(SERVED)}",
        [f"{key(SERVED).hex()} delivered none 0"],
    ),
    "intents_named": (
        f"UPDATE payments SET facilitator = '' {where(LOST)}",
        [f"{key(LOST).hex()} unknown"],
    ),
    "calls_agree": (
        f"UPDATE calls SET outcome = 'failed' WHERE id = '{RUNNING.call}'",
        [f"{RUNNING.call} failed open 0 0"],
    ),
    "identifiers_own": (
        f"UPDATE identifiers SET payer = x'{OTHER_PAYER.hex()}'",
        [f"{OTHER_PAYER.hex()} {NAME}"],
    ),
    "days_counted": (
        f"UPDATE payer_days SET uncharged_nano = uncharged_nano + 1 WHERE payer = '{PAYER}'",
        [f"{PAYER} {NOON_US // 86_400_000_000} 0 1"],
    ),
}


def test_every_check_has_a_planted_fault() -> None:
    """No check stands here that was never seen to find anything."""
    assert set(FAULTS) == {check.name for check in CHECKS}


@pytest.mark.parametrize("check", FAULTS)
async def test_a_planted_fault_is_found_by_its_check(busy: Shop, check: str) -> None:
    """One changed row, behind every trigger's back, is found and named."""
    sql, findings = FAULTS[check]

    assert planted(busy.path, sql)[check] == findings


@pytest.mark.parametrize(
    ("sql", "finding"),
    [
        (f"UPDATE receipts SET amount = 1 WHERE payment = {no_of(SEEN)}", SEEN),
        (f"UPDATE receipts SET transaction_hash = '0x' WHERE payment = {no_of(SEEN)}", SEEN),
        (f"DELETE FROM receipts WHERE payment = {no_of(SEEN)}", SEEN),
        (f"UPDATE receipts SET payment = {no_of(SERVED)} WHERE transaction_hash LIKE '%5'", SEEN),
    ],
)
async def test_a_receipt_that_does_not_fit_its_payment_is_found(busy: Shop, sql: str, finding: Sale) -> None:
    """Proof by chain is one receipt of the same amount and transaction; without it there is none."""
    assert any(row.startswith(key(finding).hex()) for row in planted(busy.path, sql)["payments_proven"])


async def test_two_receipts_for_one_payment_are_found(busy: Shop) -> None:
    """A payment that was paid twice, past the table's own key, does not pass."""
    with forced(busy.path) as connection:
        connection.execute("ALTER TABLE receipts RENAME TO old")
        connection.execute("CREATE TABLE receipts AS SELECT * FROM old")
        connection.execute(
            "INSERT INTO receipts SELECT payment, network, transaction_hash, 1, amount "
            f"FROM old WHERE payment = {no_of(SEEN)}"
        )

    assert found(busy.path)["payments_proven"] == [f"{key(SEEN).hex()} delivered chain 2"]


@pytest.mark.parametrize(
    ("sql", "finding"),
    [
        (
            f"UPDATE calls SET outcome = '' WHERE id = '{SERVED.call}'",
            f"{SERVED.call}  delivered 50000000 0",
        ),
        (
            f"UPDATE payments SET state = 'credited' {where(SERVED)}",
            f"{SERVED.call} served credited 50000000 0",
        ),
        (
            f"UPDATE calls SET outcome = '' WHERE id = '{OWED.call}'",
            f"{OWED.call}  owed 50000000 0",
        ),
        (
            f"UPDATE calls SET captured_nano = 0 WHERE id = '{DOUBTFUL.call}'",
            f"{DOUBTFUL.call} served doubtful 0 0",
        ),
        *(
            (
                f"UPDATE calls SET settlement = 'none' WHERE id = '{sale.call}'",
                f"{sale.call} served {state} 50000000 0",
            )
            for sale, state in ((OWED, "owed"), (DOUBTFUL, "doubtful"), (DEFAULTED, "defaulted"))
        ),
    ],
)
async def test_a_call_that_contradicts_its_payment_is_found(busy: Shop, sql: str, finding: str) -> None:
    """Delivered is closed and captured; credited is credit and no revenue."""
    assert planted(busy.path, sql)["calls_agree"] == [finding]


@pytest.mark.parametrize(
    ("check", "sql", "finding"),
    [
        (
            "authorized_open",
            f"UPDATE payments SET state = 'delivered' {where(OWED)}",
            f"authorized:eip155%3A84532:{PAYER} 50000000",
        ),
        (
            "debts_booked",
            f"UPDATE payments SET state = 'doubtful' {where(DEFAULTED)}",
            "bad_debt:POST /research 50000000",
        ),
        ("served_paid", f"UPDATE payments SET state = 'released' {where(OWED)}", OWED.call),
        ("credits_owed", f"UPDATE payments SET repaid_nano = 0 {where(REPAID)}", f"buyer:{PAYER} -50000000"),
        (
            "payments_proven",
            f"UPDATE payments SET proof = 'word' {where(OWED)}",
            f"{key(OWED).hex()} owed word 0",
        ),
        (
            "payments_proven",
            f"UPDATE payments SET state = 'defaulted' {where(REPAID)}",
            f"{key(REPAID).hex()} defaulted none 0",
        ),
        (
            "intents_named",
            f"UPDATE payments SET facilitator = '' {where(DOUBTFUL)}",
            f"{key(DOUBTFUL).hex()} doubtful",
        ),
    ],
)
async def test_what_is_owed_is_held_against_the_books(busy: Shop, check: str, sql: str, finding: str) -> None:
    """Delivered before it was paid: its money is to come, a debt, or repaid, and in no other place."""
    assert finding in planted(busy.path, sql)[check]


async def test_a_payment_settled_in_no_transaction_is_found(busy: Shop) -> None:
    """Whoever says it settled names the transaction."""
    sql = f"UPDATE payments SET transaction_hash = '' {where(SERVED)}"

    assert planted(busy.path, sql)["intents_named"] == [f"{key(SERVED).hex()} delivered"]


async def test_revenue_without_a_call_is_found(busy: Shop) -> None:
    """A journal that is sound by itself is still a fault when no call earned it."""

    def unit(tx: RecordsSqliteTx) -> None:
        reported, earned = chart.reported(NETWORK, FACILITATOR), chart.revenue("GET /gift")
        gift = Transfer("gift/0", debit=reported, credit=earned, amount=nano(7))
        assert isinstance(book.submit(tx, Journal("gift", "gift", (gift,), NOON_US)), Created)

    await busy.store.run(unit)

    assert found(busy.path)["revenue_captured"] == ["revenue:GET /gift 7"]


async def test_the_ledgers_own_checks_run_with_them(busy: Shop) -> None:
    """A changed journal breaks the chain, and the audit says so too."""
    faults = planted(busy.path, "UPDATE journals SET note = 'x' WHERE seq = 3")

    assert faults == {"hash_chain": ["3 is not what was sealed"]}


async def test_calls_find_their_payment_by_an_index(shop: Shop) -> None:
    """Comparing each call with every payment would take hours on a year's book."""
    (sql,) = (check.sql for check in CHECKS if check.name == "calls_agree")
    with closing(open_read_only(shop.path)) as connection:
        steps = [step[3] for step in connection.execute(f"EXPLAIN QUERY PLAN {sql}")]

    assert "SEARCH p USING AUTOMATIC COVERING INDEX (call_id=?) LEFT-JOIN" in steps


async def test_few_of_many_findings_are_written_out(busy: Shop) -> None:
    """The count says how many there are; the first say what they look like."""
    with forced(busy.path) as connection:
        measured = "basis = 'measured' AND source <> 'report'"
        connection.execute(f"UPDATE cost_evidence SET rate = '' WHERE {measured}")
    (check,) = (each for each in audit_object(audit_books(busy.path))["checks"] if each["rows"])

    assert (check["id"], check["rows"], len(check["found"])) == ("lines_priced", 14, SHOWN_MAX)


async def test_a_missing_database_is_unreadable(tmp_path: Path) -> None:
    """There is nothing to audit, and nothing is made."""
    with pytest.raises(Unreadable, match="there is no database"):
        audit_books(tmp_path / "none.db")


async def test_a_database_without_a_table_is_unreadable(busy: Shop) -> None:
    """A broken file is one sentence."""
    with forced(busy.path) as connection:
        connection.execute("DROP VIEW movements")

    with pytest.raises(Unreadable, match="could not be audited: no such table: movements"):
        audit_books(busy.path)
