"""Records in SQLite: what is written is read again, claims happen once, and evidence is never changed."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pricing.cost import Kind
from sidecar.adapters.storage.sqlite_records import RecordsSqliteTx
from sidecar.domain.closing import Ending
from sidecar.domain.days import PayerDay
from sidecar.domain.outcomes import Failed, Paid, Unknown
from sidecar.domain.payments import Proof, State
from sidecar.domain.records import Closing, Money, Payment
from tests.sidecar.builders import (
    NOW_US,
    PAYER,
    PRICE,
    RUN,
    USDC,
    Books,
    P,
    a_log,
    a_transaction,
    an_endpoint,
    open_books,
    verified,
)
from tests.sidecar.shop import NETWORK, TOOL, line
from tests.sidecar.x402.signing import NOW_S

INSERT = "INSERT INTO cost_evidence VALUES"
REST = "'', 'usage', '', '', '', 1, 1, 0"


@pytest.fixture
async def filed(tmp_path: Path) -> AsyncIterator[Books]:
    async with open_books(tmp_path) as books:
        yield books


@pytest.fixture(params=["sqlite", "postgres"])
async def books(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Books]:
    address = request.getfixturevalue("postgres") if request.param == "postgres" else ""
    async with open_books(tmp_path, address) as books:
        yield books


async def several(books: Books, number: int) -> list[Payment]:
    """Admit payments of one payer, each for a call of its own."""
    return [await books.admitted(verified(nonce=n, call=f"call_{n}")) for n in range(1, number + 1)]


def others(payment: Payment) -> dict[str, Any]:
    """Return another, valid value for every field of a payment but its claim key."""
    changed: dict[str, Any] = {}
    for name, value in payment._asdict().items():
        match value:
            case State():
                changed[name] = State.UNKNOWN
            case Proof():
                changed[name] = Proof.WORD
            case bool():
                changed[name] = not value
            case int():
                changed[name] = value + 1_000
            case bytes():
                changed[name] = b"\1" + value
            case str():
                changed[name] = value + "%'\u00e9"
    del changed["claim_key"]
    return changed


async def test_every_field_of_a_payment_is_stored(tmp_path: Path) -> None:
    """What was claimed and then changed comes back equal, field by field, and typed."""
    books = Books(tmp_path)
    payment = await books.admitted()
    changes = others(payment)
    assert all(payment._asdict()[name] != value for name, value in changes.items())

    changed = await books.run(RecordsSqliteTx.change, payment, **changes)
    assert changed == payment._replace(**changes)
    assert await books.payment(payment) == changed
    await books.storage.close()
    again = Books(tmp_path)
    assert await again.payment(payment) == changed
    assert type((await again.payment(payment)).watched) is bool
    await again.storage.close()


async def test_a_claim_key_is_claimed_once(books: Books) -> None:
    """The second claim changes nothing, whoever makes it."""
    payment = await books.admitted()

    assert await books.run(RecordsSqliteTx.claim, payment._replace(**others(payment))) is False
    assert await books.payment(payment) == payment
    assert await books.run(RecordsSqliteTx.payment, b"another") is None


async def test_only_a_stored_payment_changes(books: Books) -> None:
    """Changing what was never claimed is a programmer's error."""
    payment = await books.admitted()

    with pytest.raises(AssertionError, match="what changes is stored"):
        await books.run(RecordsSqliteTx.change, payment._replace(claim_key=b"another"), watched=True)


async def test_a_transaction_is_taken_by_a_settled_payment_on_its_network(books: Books) -> None:
    """Not by the payment itself, not on another chain, not by a mere hint, and never the empty one."""
    payment = await books.settled()
    await books.asked(Failed("insufficient_funds"), verified(nonce=2, call="call_2"))

    async def taken(network: str, transaction: str, key: bytes) -> bool:
        return await books.run(RecordsSqliteTx.transaction_taken, network, transaction, key)

    assert await taken(NETWORK, a_transaction(), b"another") is True
    assert await taken(NETWORK, a_transaction(), payment.claim_key) is False
    assert await taken("eip155:8453", a_transaction(), b"another") is False
    assert await taken(NETWORK, a_transaction(2), b"another") is False
    assert await taken(NETWORK, "", b"another") is False

    assert await books.arrived(payment, a_log(payment))
    assert await taken(NETWORK, a_transaction(), b"another") is True
    assert await taken(NETWORK, a_transaction(), payment.claim_key) is False
    assert await taken("eip155:8453", a_transaction(), b"another") is False


async def test_one_transfer_pays_one_payment_and_one_payment_has_one(books: Books) -> None:
    """A log is recorded once, and a payment that has one takes no second."""
    first, second = [await books.release(payment) for payment in await several(books, 2)]

    async def receipt(payment: Payment, number: int, index: int = 0) -> bool:
        return await books.run(
            RecordsSqliteTx.add_receipt, NETWORK, a_transaction(number), index, payment.claim_key, 50_000
        )

    assert await books.arrived(first, a_log(first, 1))
    assert await receipt(second, 1) is False
    assert await receipt(first, 2) is False
    assert await books.arrived(second, a_log(second, 1, log_index=1))
    assert books.select("SELECT count(*) FROM receipts") == [(2,)]


async def test_cost_lines_are_numbered_on(books: Books) -> None:
    """Lines of several commits follow each other, in order, and keep all that they say."""
    payment = await books.settled()
    rich = replace(line(), response_id="r1", step="plan", attempt=3)
    await books.close(payment, Ending.DELIVERED, rich, line(Kind.TOOL, "x", None), TOOL)

    assert books.select("SELECT n, kind, name FROM cost_lines") == [
        (0, "fee", "facilitator"),
        (1, "model", "gpt-4o"),
        (2, "tool", "x"),
        (3, "tool", "web_search"),
    ]
    assert books.select("SELECT * FROM cost_lines WHERE n = 1") == [
        (
            "call_1",
            1,
            "model",
            "gpt-4o",
            12_000_000,
            "measured",
            "prices 2026-05-01",
            "usage",
            "openai",
            "r1",
            "plan",
            3,
        )
    ]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("UPDATE cost_evidence SET amount_nano = 1", "cost evidence is never changed"),
        ("DELETE FROM cost_evidence", "cost evidence is never removed"),
        ("REPLACE INTO cost_evidence SELECT * FROM cost_evidence", "cost evidence is never removed"),
        ("UPDATE receipts SET amount = 1", "receipts are never changed"),
        ("DELETE FROM receipts", "receipts are never removed"),
        ("REPLACE INTO receipts SELECT * FROM receipts", "receipts are never removed"),
        ("UPDATE payments SET amount = 0", "CHECK"),
        ("UPDATE payments SET amount_nano = price_nano - 1", "CHECK"),
        ("UPDATE payments SET amount = 1.5", "cannot store REAL"),
        ("UPDATE payments SET repaid_nano = -1", "CHECK"),
        (f"{INSERT} ('call_1', 9, 'tool', 'x', NULL, 'measured', {REST})", "CHECK"),
        (f"{INSERT} ('call_1', 9, 'tool', 'x', 5, 'unknown', {REST})", "CHECK"),
        (f"{INSERT} ('call_1', 9, 'tool', 'x', -1, 'reported', {REST})", "CHECK"),
        (f"{INSERT} ('call_9', 0, 'tool', 'x', 5, 'reported', {REST})", "FOREIGN KEY"),
    ],
)
async def test_the_file_itself_refuses_what_must_not_be_written(filed: Books, sql: str, message: str) -> None:
    """Evidence stays, unknown is NULL and nothing else is, and money is whole and positive."""
    payment = await filed.settled()
    await filed.arrived(payment)
    before = filed.trace()

    with pytest.raises(sqlite3.IntegrityError, match=message):
        await filed.run(lambda tx: tx.connection.execute(sql))
    assert filed.trace() == before


async def test_a_call_is_closed_once(books: Books) -> None:
    """The first close is the one that counts."""
    payment = await books.unknown()
    close = RecordsSqliteTx.close_call

    assert await books.run(close, payment.call, Closing("refused:settlement_unknown", 503, 9), None) is True
    assert await books.run(close, payment.call, Closing("failed", 500, 8), Money(1)) is False
    assert await books.run(close, "call_9", Closing("failed", 500, 8), None) is False
    await books.run(RecordsSqliteTx.uncount_call, payment.call, 0)
    row = books.call()
    assert (row["outcome"], row["status"], row["latency_us"]) == ("refused:settlement_unknown", 503, 9)


async def test_a_note_without_a_time_keeps_the_time(books: Books) -> None:
    """How long the settlement took stays when later evidence changes how it stands."""
    payment = await books.unknown()
    await books.arrived(payment)

    row = books.call()
    assert (row["settlement"], row["settle_us"], row["transaction_hash"]) == (
        "settled",
        200_000,
        a_transaction(),
    )


async def test_a_price_version_is_new_only_for_new_terms(books: Books) -> None:
    """The same terms keep their number over restarts; a return to older terms is a new version."""

    async def version(endpoint: str, terms: str) -> int:
        return await books.run(RecordsSqliteTx.price_version, endpoint, terms, NOW_US)

    found = [await version("a", terms) for terms in ("x", "x", "y", "y", "x")]
    assert found == [1, 1, 2, 2, 3]
    assert await version("b", "x") == 1
    assert books.select("SELECT version, since_us FROM price_versions WHERE endpoint = 'a'") == [
        (n, NOW_US) for n in (1, 2, 3)
    ]


async def test_replaced_terms_know_when_they_were_replaced(books: Books) -> None:
    """By the version after them; those in force are not among them, nor another endpoint's."""
    for at_us, endpoint, terms in ((1, "a", "x"), (2, "b", "x"), (3, "a", "y"), (4, "b", "y"), (5, "a", "z")):
        await books.run(RecordsSqliteTx.price_version, endpoint, terms, at_us)

    async def replaced(endpoint: str, after_us: int, limit: int = 9) -> list[tuple[int, str, int]]:
        return await books.run(RecordsSqliteTx.replaced_terms, endpoint, after_us, limit)

    assert await replaced("a", 0) == [(2, "y", 5), (1, "x", 3)]
    assert await replaced("a", 0, 1) == [(2, "y", 5)]
    assert (await replaced("a", 3), await replaced("a", 5)) == ([(2, "y", 5)], [])
    assert (await replaced("b", 0), await replaced("c", 0)) == ([(1, "x", 4)], [])


async def test_orphans_are_what_another_run_left_open(books: Books) -> None:
    """Open, sending and settled payments of other runs, and calls not closed whose money is decided."""
    open_, sent, settled, lost, gone = await several(books, 5)
    for payment in (sent, settled, lost):
        await books.sending(payment)
    await books.result(settled, Paid(a_transaction()))
    await books.result(lost, Unknown("answer_lost"))
    await books.release(gone)
    await books.close(gone, Ending.AS_IT_IS)

    orphans = await books.run(RecordsSqliteTx.orphans, "run_2")
    calls = await books.run(RecordsSqliteTx.orphan_calls, "run_2")
    assert {payment.call for payment in orphans} == {open_.call, sent.call, settled.call}
    assert calls == [(lost.call, "POST /research")]
    assert await books.run(RecordsSqliteTx.orphans, RUN) == []
    assert await books.run(RecordsSqliteTx.orphan_calls, RUN) == []


UNSEEN = partial(RecordsSqliteTx.unseen, networks=(NETWORK,))
WATCHED = partial(RecordsSqliteTx.watched, networks=(NETWORK,))
OWED = partial(RecordsSqliteTx.owed, networks=(NETWORK,), after_s=NOW_S)


async def test_open_questions_are_asked_oldest_first_and_a_few_at_a_time(books: Books) -> None:
    """Unknown, reported and watched payments are found by what they wait for, up to a limit."""
    payments = await several(books, 7)
    outcomes = [Unknown("answer_lost")] * 2 + [Paid(a_transaction(n)) for n in (3, 4)]
    for number, (payment, outcome) in enumerate(zip(payments, outcomes, strict=False)):
        await books.sending(payment)
        stored = (await books.result(payment, outcome)).payment
        await books.run(RecordsSqliteTx.change, stored, changed_us=NOW_US - number)
    watched = await books.release(payments[4], watch=True)
    await books.run(RecordsSqliteTx.change, watched, valid_before=1)
    await books.asked(Failed("insufficient_funds"), verified(nonce=8, call="call_8", body=b"other"))
    await books.release(payments[5], watch=False)

    async def found(question: Callable[..., list[Payment]], *given: object) -> list[str]:
        return [payment.call for payment in await books.run(question, *given)]

    assert await found(RecordsSqliteTx.unknown, 9) == ["call_2", "call_1"]
    assert await found(UNSEEN, 9) == ["call_4", "call_3"]
    assert await found(WATCHED, 9) == ["call_5", "call_8"]
    assert await found(RecordsSqliteTx.unknown, 1) == ["call_2"]
    assert await found(UNSEEN, 1) == ["call_4"]
    assert await found(WATCHED, 1) == ["call_5"]
    for nowhere in ((), ("eip155:8453",)):
        assert await found(partial(RecordsSqliteTx.unseen, networks=nowhere), 9) == []
        assert await found(partial(RecordsSqliteTx.watched, networks=nowhere), 9) == []


async def test_what_waits_where_nobody_can_be_asked_does_not_fill_the_list(books: Books) -> None:
    """Payments of a network without a chain never crowd out those of one that has it."""
    elsewhere = an_endpoint(PRICE, replace(USDC, chain_id=8453, network="eip155:8453"))
    for number in (1, 2):
        await books.settled(verified(elsewhere, nonce=number, call=f"call_{number}"), number)
    await books.settled(verified(nonce=3, call="call_3"), 3)

    (found,) = await books.run(UNSEEN, 1)
    assert found.call == "call_3"


async def test_only_an_unknown_payment_of_the_same_request_is_pointed_to(books: Books) -> None:
    """By payer and request together, and not once it is decided."""
    payment = await books.unknown()

    async def unresolved(payer: bytes, digest: bytes) -> Payment | None:
        return await books.run(RecordsSqliteTx.unresolved, payer, digest)

    assert await unresolved(payment.payer, payment.request_digest) == payment
    assert await unresolved(bytes(20), payment.request_digest) is None
    assert await unresolved(payment.payer, bytes(32)) is None
    await books.arrived(payment)
    assert await unresolved(payment.payer, payment.request_digest) is None


async def test_what_is_owed_is_found_by_when_it_ends(books: Books) -> None:
    """To be collected while it is good, the first to end first; then it is overdue. On sold networks only."""
    for number, left_s in ((1, 180), (2, 150), (3, 120)):
        await books.owed(verified(call=f"call_{number}", nonce=number, valid_before_s=NOW_S + left_s))

    async def calls(question: Callable[..., list[Payment]], *given: Any, **named: Any) -> list[str]:
        return [payment.call for payment in await books.run(question, *given, **named)]

    assert await calls(OWED, 9) == ["call_3", "call_2", "call_1"]
    assert await calls(OWED, 1) == ["call_3"]
    assert await calls(OWED, 9, after_s=NOW_S + 150) == ["call_1"]
    assert await calls(OWED, 9, networks=("eip155:1",)) == []
    assert await calls(RecordsSqliteTx.overdue, 9, NOW_S + 149) == ["call_3"]
    assert await calls(RecordsSqliteTx.overdue, 9, NOW_S + 180) == ["call_3", "call_2", "call_1"]
    assert await calls(RecordsSqliteTx.overdue, 2, NOW_S + 180) == ["call_3", "call_2"]
    assert await calls(RecordsSqliteTx.orphans, "run_2") == [], "what is owed belongs to nobody's run"


async def test_what_was_asked_for_after_delivery_is_found_by_how_it_ended(books: Books) -> None:
    """In doubt beside the unknown; a debt with its payer, and on the watch; being asked for, of its run."""
    doubt = await books.collected(Unknown("answer_lost"), verified(call="call_1", nonce=1))
    debt = await books.collected(Failed("insufficient_funds"), verified(call="call_2", nonce=2))
    asked = await books.collecting(await books.owed(verified(call="call_3", nonce=3)))

    assert await books.run(RecordsSqliteTx.doubtful, 9) == [doubt]
    assert await books.run(RecordsSqliteTx.unknown, 9) == [doubt]
    assert await books.run(RecordsSqliteTx.debts, PAYER) == [debt]
    assert await books.run(RecordsSqliteTx.debts, bytes(20)) == []
    assert await books.run(WATCHED, 9) == [debt]
    assert await books.run(RecordsSqliteTx.orphans, "run_2") == [asked]


async def test_a_payer_is_proven_by_a_payment_of_its_own_on_chain(books: Books) -> None:
    """A facilitator's word proves nothing of a payer."""
    payment = await books.settled()
    assert await books.run(RecordsSqliteTx.proven, PAYER) is False

    assert await books.arrived(payment)
    assert await books.run(RecordsSqliteTx.proven, PAYER) is True
    assert await books.run(RecordsSqliteTx.proven, bytes(20)) is False
    await books.close(payment, Ending.DELIVERED)


async def test_credit_that_is_held_cannot_be_spent(books: Books) -> None:
    """What a call may spend is what is posted, less what other calls have put aside."""
    credited = await books.credited()

    async def credit() -> int:
        return await books.run(RecordsSqliteTx.credit_units, credited.buyer)

    assert await credit() == P
    payment = await books.admitted(verified(nonce=2, call="call_2"))
    assert await credit() == 0
    await books.release(payment)
    assert await credit() == P
    assert await books.run(RecordsSqliteTx.credit_units, "0x00") == 0


@pytest.mark.parametrize(
    ("question", "given"),
    [
        (RecordsSqliteTx.payment, (b"key",)),
        (RecordsSqliteTx.orphans, (RUN,)),
        (RecordsSqliteTx.orphan_calls, (RUN,)),
        (RecordsSqliteTx.unresolved, (b"payer", b"digest")),
        (RecordsSqliteTx.identified, (b"payer", "purchase_0000001")),
        (RecordsSqliteTx.forget_identifiers, (NOW_US, 2)),
        (RecordsSqliteTx.unknown, (9,)),
        (RecordsSqliteTx.payer_day, ("payer", 1)),
        (UNSEEN, (9,)),
        (WATCHED, (9,)),
        (OWED, (9,)),
        (RecordsSqliteTx.overdue, (9, NOW_S)),
        (RecordsSqliteTx.doubtful, (9,)),
        (RecordsSqliteTx.debts, (PAYER,)),
        (RecordsSqliteTx.proven, (PAYER,)),
    ],
)
async def test_no_question_reads_a_whole_table(
    filed: Books, question: Callable[..., object], given: tuple[object, ...]
) -> None:
    """What the writer is asked while calls are served is found by an index, however long the books are."""

    def plan(tx: RecordsSqliteTx) -> list[str]:
        asked: list[str] = []
        tx.connection.set_trace_callback(asked.append)
        question(tx, *given)
        tx.connection.set_trace_callback(None)
        return [row[3] for sql in asked for row in tx.connection.execute(f"EXPLAIN QUERY PLAN {sql}")]

    steps = await filed.run(plan)
    assert any(step.startswith("SEARCH") for step in steps)
    scanned = {step for step in steps if step.startswith("SCAN")}
    assert all(step.startswith("SCAN json_each") for step in scanned), "only what was given is read through"


async def test_a_name_changes_hands_only_from_whom_it_is_thought_to_be(books: Books) -> None:
    """Of two that take it over from one payment, the second finds that it is another's by now."""
    first, second, third = await several(books, 3)

    async def identify(payment: Payment, instead: Payment | None) -> bool:
        unit = partial(RecordsSqliteTx.identify, instead=instead)
        return await books.run(unit, payment, "purchase_0000001")

    async def identified(payer: bytes = first.payer, name: str = "purchase_0000001") -> Payment | None:
        return await books.run(RecordsSqliteTx.identified, payer, name)

    assert await identified() is None
    assert await identify(first, None)
    assert not await identify(second, None)
    assert await identified() == first
    assert await identify(second, first)
    assert not await identify(third, first)
    assert await identify(second, second)
    assert await identified() == second
    assert await identified(b"another") is None
    assert await identified(name="PURCHASE_0000001") is None


async def test_exposure_is_the_payers_own_on_one_network(books: Books) -> None:
    """All of a payer's open authorizations count, and nobody else's."""
    (payment, _) = await several(books, 2)

    async def authorized(network: str, payer: str) -> int:
        return (await books.run(RecordsSqliteTx.authorized, network, payer)).open.units

    assert await authorized(NETWORK, payment.buyer) == 2 * P
    await books.release(payment)
    assert await authorized(NETWORK, payment.buyer) == P
    found = await books.run(RecordsSqliteTx.authorized, NETWORK, payment.buyer)
    assert found.ever.units == 2 * P, "what was given back was signed all the same"
    assert await authorized("eip155:8453", payment.buyer) == 0
    assert await authorized(NETWORK, "0x00") == 0


async def test_a_day_sums_up_its_calls(books: Books) -> None:
    """A call that runs or was delivered is spent; one that was not charged leaves what it cost."""
    assert await books.day() == PayerDay()
    (first, second) = await several(books, 2)
    assert await books.day() == PayerDay(2 * P, 0)

    await books.run(RecordsSqliteTx.uncount_call, second.call, 70)
    assert await books.day() == PayerDay(P, 70)
    assert await books.day("0x00") == PayerDay()
    await books.run(RecordsSqliteTx.uncount_call, first.call, 0)
    assert await books.day() == PayerDay(0, 70)
    await books.run(put_back, 70)


def put_back(tx: RecordsSqliteTx, uncharged_nano: int) -> None:
    """Leave the books as the auditor expects them: both calls still run."""
    tx.connection.execute(
        "UPDATE payer_days SET spent_nano = spent_nano + ?, uncharged_nano = uncharged_nano - ?",
        (2 * P, uncharged_nano),
    )
