"""The shared storage answers as the embedded one, and several sidecars on it grant a payment once."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ledger import proofs, sealing
from ledger.money import nano
from ledger.reports import NOW, AsOf
from ledger.signing import Signer
from ledger.stores.postgres.connecting import connect
from sidecar.adapters.storage.auditing import audit_books
from sidecar.adapters.storage.backup import NotAFile, back_up
from sidecar.adapters.storage.postgres import PostgresStorage
from sidecar.adapters.storage.reading import SharedReader, Unreadable, fetch, open_read_only
from sidecar.adapters.storage.reporting import export, read_statement, read_trial_balance
from sidecar.adapters.storage.sealed import prove_journal, verify_books
from sidecar.bookkeeping import Bookkeeping, NotBooked
from sidecar.domain.call import Admitted
from sidecar.domain.closing import Ending
from sidecar.domain.collecting import naming_unit
from sidecar.domain.outcomes import Failed, Unknown
from sidecar.finops import instants, margins
from sidecar.finops.exports import FORMATS
from sidecar.ports import StorageGone, StorageUnavailable
from tests.ledger.stores.postgres.test_store import sealed
from tests.ledger.stores.postgres.test_worker import END_OTHERS
from tests.sidecar.adapters.storage.test_reading import ASKED
from tests.sidecar.builders import NOW_US, Books, open_books, verified
from tests.sidecar.shop import FACILITATOR, TOOL, line

SIGNER = Signer(bytes(32))
UNITS = (
    *("endpoint", "agent", "workflow", "run", "session", "buyer"),
    *("workspace", "day", "model", "tool", "provider"),
)


@pytest.fixture
async def books(tmp_path: Path, postgres: str) -> AsyncIterator[Books]:
    async with open_books(tmp_path, postgres) as books:
        yield books


async def lived(books: Books) -> None:
    """Sell a call of every kind of ending."""
    served = await books.settled()
    await books.close(served, Ending.DELIVERED, line(), TOOL)
    await books.arrived(await books.settled(verified(nonce=2, call="call_2"), 2), None)
    await books.unknown(verified(nonce=4, call="call_4", body=b"4"))
    await books.asked(Failed("insufficient_funds"), verified(nonce=5, call="call_5"))
    await books.release(await books.admitted(verified(nonce=6, call="call_6")))
    await books.asked(Unknown("answer_lost"), verified(nonce=7, call="call_7", body=b"7"))
    await books.credited(verified(nonce=3, call="call_8"), 3)
    await books.admitted(verified(nonce=9, call="call_9"))
    # After the credit: a debt that it covered would be paid by the next admission.
    await books.owed(verified(nonce=10, call="call_10"))
    await books.collected(Unknown("answer_lost"), verified(nonce=11, call="call_11"))
    await books.collected(Failed("insufficient_funds"), verified(nonce=12, call="call_12"))


def answers(books: Books) -> Mapping[str, list[dict[str, Any]]]:
    asked = [(name, parameters) for name, parameters in ASKED.items() if name != "margin"]
    asked += [("margin", margins.parameters(unit, None, None)) for unit in UNITS]
    asked += [("journals", {**ASKED["journals"], "subject": "call_1"})]
    with closing(open_read_only(books.place)) as connection:
        return {
            f"{name} {parameters}": [
                {column: plain(value) for column, value in row.items()}
                for row in fetch(connection, name, parameters)
            ]
            for name, parameters in asked
        }


def plain(value: object) -> object:
    """Return a value so that what has no order, the members of a JSON array, is compared without."""
    if isinstance(value, str) and value.startswith("["):
        return sorted(json.dumps(each, sort_keys=True) for each in json.loads(value))
    return value


async def test_every_query_answers_alike(tmp_path: Path, books: Books) -> None:
    """What was sold the same way on a file and on a PostgreSQL is read the same way."""
    async with open_books(tmp_path) as filed:
        await lived(filed)
        await lived(books)

        found, expected = answers(books), answers(filed)

    assert found == expected
    assert filed.accounts() == books.accounts()


async def test_the_audit_is_the_same(books: Books) -> None:
    """Every check of the file is made of the database too."""
    await lived(books)
    assert isinstance(books.place, str)
    await sealed(books.place)

    report = audit_books(books.place)

    assert report.clean, [check for check in report.checks if check.rows]
    assert {"hash_chain", "calls_agree", "payments_proven"} <= {check.id for check in report.checks}


async def test_two_sidecars_grant_a_payment_once(books: Books, postgres: str) -> None:
    """Of the same payment sent to both many times, one admission is granted."""
    other = Books.__new__(Books)
    other.place, other.storage = postgres, PostgresStorage(postgres, lambda: NOW_US, "other", beat_ms=20)
    other.storage.open()

    asked = [(books, other)[n % 2].admit(verified(call=f"call_{n}")) for n in range(1, 21)]
    found = await asyncio.gather(*asked)

    assert sum(isinstance(each, Admitted) for each in found) == 1
    await other.storage.close()


async def test_exposure_holds_across_sidecars(books: Books, postgres: str) -> None:
    """What one payer may owe is counted over all of them."""
    other = Books.__new__(Books)
    other.place, other.storage = postgres, PostgresStorage(postgres, lambda: NOW_US, "other", beat_ms=20)
    other.storage.open()
    five = nano((await books.admitted()).amount_nano * 5)

    asked = [
        (books, other)[n % 2].admit(verified(nonce=n, call=f"call_{n}"), exposure=five) for n in range(2, 42)
    ]
    found = await asyncio.gather(*asked)

    assert sum(isinstance(each, Admitted) for each in found) == 4
    await other.storage.close()


async def test_credit_pays_a_debt_once(books: Books, postgres: str) -> None:
    """Admissions of both see the same debt, and one of them takes it from the credit."""
    other = Books.__new__(Books)
    other.place, other.storage = postgres, PostgresStorage(postgres, lambda: NOW_US, "other", beat_ms=20)
    other.storage.open()
    debt = await books.collected(Failed("insufficient_funds"))
    for number in (2, 3):
        await books.credited(verified(nonce=number, call=f"call_{number}"), number)

    asked = [(books, other)[n % 2].admit(verified(nonce=n, call=f"call_{n}")) for n in range(4, 24)]
    found = await asyncio.gather(*asked)

    assert (await books.payment(debt)).repaid_nano == debt.amount_nano
    admitted = [each.payment for each in found if isinstance(each, Admitted)]
    assert sum(each.on_credit for each in admitted) == 1, "two credits, one of them paid the debt"
    assert "bad_debt" not in books.balances()
    await other.storage.close()


async def test_both_collect_and_one_asks(books: Books, postgres: str) -> None:
    """Of two that are about to ask for the same payments, each is named by one."""
    other = Books.__new__(Books)
    other.place, other.storage = postgres, PostgresStorage(postgres, lambda: NOW_US, "other", beat_ms=20)
    other.storage.open()
    owed = [await books.owed(verified(nonce=n, call=f"call_{n}")) for n in range(1, 9)]
    named = {each.claim_key: FACILITATOR for each in owed}

    asked = [
        (books, other)[n % 2].run(naming_unit, named, ("writer", "other")[n % 2], NOW_US) for n in range(6)
    ]
    found = [payment.call for payments in await asyncio.gather(*asked) for payment in payments]

    assert sorted(found) == sorted(each.call for each in owed)
    await other.storage.close()


async def test_what_the_books_hold_is_told_alike(tmp_path: Path, books: Books) -> None:
    """The trial balance, now and of a time, a statement and an export, from a file and from a PostgreSQL."""
    async with open_books(tmp_path) as filed:
        for each in (filed, books):
            await each.close(await each.settled(), Ending.DELIVERED, line())
        assert isinstance(books.place, str)
        await sealed(books.place)
        account = "revenue:POST /research"

        for as_of in (NOW, AsOf(happened_us=NOW_US - 1)):
            assert read_trial_balance(books.place, as_of) == read_trial_balance(filed.place, as_of)
            pages = [read_statement(each.place, account, as_of, None, 9) for each in (books, filed)]
            assert pages[0] == pages[1]
        for written_as in FORMATS:
            assert [*export(books.place, written_as)] == [*export(filed.place, written_as)]


async def test_what_is_signed_is_verified_and_proven(books: Books) -> None:
    """As from a file; a copy is made by the tools of the server, and the sentence says so."""
    await books.settled()
    assert isinstance(books.place, str)
    await sealed(books.place)
    checkpoint = await books.storage.run(partial(sealing.seal, signer=SIGNER))
    assert checkpoint is not None

    verdict = verify_books(books.place, SIGNER.public_key)

    assert (verdict["verified"], verdict["signed_journals"]) == (True, checkpoint.head.seq)
    proof = proofs.read(prove_journal(books.place, "call_1/admit", SIGNER.public_key))
    assert proofs.fault(proof, SIGNER.public_key) is None
    with pytest.raises(Unreadable, match=r"database none at 127\.0\.0\.1:1 cannot be read"):
        verify_books("postgresql://u:secret@127.0.0.1:1/none", bytes(32))
    with pytest.raises(NotAFile, match="copied with its own pg_dump, or pg_basebackup"):
        back_up(books.place, Path("copy.db"))


async def test_a_period_is_closed_as_in_a_file(books: Books) -> None:
    """Over the chain, by the same bookkeeping; what happened before is refused by a person's journal too."""
    await books.settled()
    assert isinstance(books.place, str)
    await sealed(books.place)
    hour_s = 3600
    before = instants.text(NOW_US - 2 * hour_s * 1_000_000)
    by_hand = Bookkeeping(books.storage, books.place, SIGNER, "key")

    closed = await by_hand.close({"before": before})

    assert (closed["number"], closed["before"]) == (1, before)
    assert await by_hand.close({"before": before}) == closed
    entry = {"debit": "bank", "credit": "owner", "amount": "1.00"}
    late = {"id": "late", "kind": "opening", "reason": "found", "entries": [entry]}
    with pytest.raises(NotBooked, match="period_closed"):
        await by_hand.post({**late, "happened_at": instants.text(NOW_US - 3 * hour_s * 1_000_000)})
    assert (await by_hand.post({**late, "happened_at": before}))["status"] == "created"
    await sealed(books.place)
    await books.storage.run(partial(sealing.seal, signer=SIGNER))
    verdict = verify_books(books.place, SIGNER.public_key)
    assert (verdict["verified"], verdict["periods"]) == (True, 1)


async def test_work_of_a_living_sidecar_is_no_orphan(books: Books, postgres: str) -> None:
    """Only what is left by one whose lease was taken over is closed by others."""
    payment = await books.admitted(owner="writer")
    other = PostgresStorage(postgres, lambda: NOW_US, "other", beat_ms=20)
    other.open()

    assert await other.run(lambda tx: tx.orphans("other")) == []
    await books.storage.close()
    assert [each.call for each in await other.run(lambda tx: tx.orphans("other"))] == [payment.call]
    assert await other.run(lambda tx: tx.orphan_calls("other")) == [], "it is closed with its money"
    await other.close()


async def test_who_shares_the_books_is_counted(books: Books, postgres: str) -> None:
    """From the start on, and until one has left: rates are theirs together."""
    other = PostgresStorage(postgres, lambda: NOW_US, "other", beat_ms=20)
    other.open()
    assert other.processes == 2
    while books.storage.processes != 2:  # noqa: ASYNC110 - its keeper looks at each beat
        await asyncio.sleep(0.01)

    await other.close()

    while books.storage.processes != 1:  # noqa: ASYNC110 - its keeper looks at each beat
        await asyncio.sleep(0.01)


async def test_faults_are_named_as_the_core_knows_them(postgres: str) -> None:
    """A database that is away is unavailable; one that took our work over is gone."""
    storage = PostgresStorage(postgres, lambda: NOW_US, "one", beat_ms=20)
    storage.open()
    await storage.run(lambda tx: tx.connection.execute("UPDATE writers SET fenced = true"))

    with pytest.raises(StorageGone, match="the lease of one ran out"):
        await storage.run(lambda tx: tx.head)
    assert storage.failed is not None
    await storage.close()
    assert issubclass(StorageGone, StorageUnavailable)


async def test_a_reader_comes_back(books: Books, postgres: str) -> None:
    """A connection that was lost costs one answer; what is no sidecar's database is named without secrets."""
    reader = SharedReader(postgres)
    await reader.open()
    with closing(connect(postgres)) as other:
        other.execute(END_OTHERS)

    with pytest.raises(Unreadable, match="gauges could not be answered"):
        await reader.fetch("gauges", {})
    assert len(await reader.fetch("gauges", {})) == 1
    await reader.close()
    with pytest.raises(Unreadable, match=r"database none at 127\.0\.0\.1:1 cannot be read") as told:
        await SharedReader("postgresql://u:secret@127.0.0.1:1/none").open()
    assert "secret" not in str(told.value)
