"""What a person writes is booked once, and the audit stays clean."""

from pathlib import Path
from typing import Any

import pytest

from ledger import closing, periods
from ledger.closing import NotClosed
from ledger.signing import Signed, Signer, is_signed_by
from sidecar import bookkeeping
from sidecar.adapters.storage.auditing import audit_books
from sidecar.adapters.storage.sealed import verify_books
from sidecar.bookkeeping import Bookkeeping, NotBooked
from sidecar.domain.transfers import TransferLog
from tests.sidecar.builders import a_log, open_books
from tests.sidecar.shop import DAY_US, NOON_US, Sale, Shop

SIGNER = Signer(bytes(32))


def at(shop: Shop) -> Bookkeeping:
    return Bookkeeping(shop.store, shop.path, SIGNER, "ab12")


def a_payout(**changes: Any) -> dict[str, Any]:
    entry = {"debit": "provider_payable:openai", "credit": "bank", "amount": "0.01"}
    document = {
        "id": "payout-1",
        "kind": "payout",
        "reason": "the invoice of April",
        "happened_at": "2026-05-01T12:00:00Z",
        "entries": [entry],
    }
    return document | changes


async def test_a_journal_is_booked_once(shop: Shop) -> None:
    """The same again is told so; the same id with other content is refused by the field."""
    await shop.serve(Sale())
    books = at(shop)

    assert await books.post(a_payout()) == {"status": "created", "seq": 4, "id": "manual/payout-1"}
    assert await books.post(a_payout()) == {"status": "exists", "seq": 4, "id": "manual/payout-1"}
    with pytest.raises(NotBooked, match="the books refuse it: exists_with_different_note") as refused:
        await books.post(a_payout(reason="another"))
    assert refused.value.reason == "exists_with_different_note"
    assert audit_books(shop.path).clean


async def test_a_correction_corrects_something(shop: Shop) -> None:
    """A journal that is booked, by its id; the other way round is how it is undone."""
    await shop.serve(Sale())
    back = {"debit": "bank", "credit": "provider_payable:openai", "amount": "0.01"}
    correction = a_payout(id="correction-1", corrects="manual/payout-1", entries=[back])
    with pytest.raises(NotBooked, match="there is no journal manual/payout-1 to correct"):
        await at(shop).post(correction)
    await at(shop).post(a_payout())

    assert (await at(shop).post(correction))["status"] == "created"


async def test_entries_stand_or_fall_together(shop: Shop) -> None:
    """One bad entry, and nothing is booked."""
    await shop.serve(Sale())
    good = {"debit": "bank", "credit": "owner", "amount": "1"}
    bad = {"debit": "fx:eip155%3A84532:0x", "credit": "bank", "amount": "1"}
    with pytest.raises(NotBooked, match="entry 2: there is no account") as refused:
        await at(shop).post(a_payout(entries=[good, bad]))

    assert refused.value.reason == "untouchable"
    assert verify_books(shop.path, SIGNER.public_key)["journals"] == 3


async def test_a_sweep_leaves_the_audit_clean(tmp_path: Path) -> None:
    """Money leaves the till in dollars and in the token's units, and what came in stays as it was."""
    async with open_books(tmp_path) as kept:
        payment = await kept.settled()
        log: TransferLog = a_log(payment)
        assert await kept.arrived(payment, log)
        (till,) = (name for name in kept.accounts() if name.startswith("onchain:"))
        token = till.replace("onchain:", "token:")
        bridge = "fx:" + ":".join(till.split(":")[1:3])
        entries = [
            {"debit": "owner", "credit": f"adjustment:{till}", "amount": "0.01"},
            {"debit": bridge, "credit": f"adjustment:{token}", "amount": "0.01"},
        ]
        answer = await Bookkeeping(kept.storage, kept.place, SIGNER, "ab12").post(
            a_payout(kind="sweep", happened_at="2026-01-01", entries=entries)
        )

        assert answer["status"] == "created"
        balances = kept.accounts()
        assert balances[f"adjustment:{till}"] == -10_000_000
        assert balances[f"adjustment:{token}"] == -10_000


async def test_a_closed_period_takes_no_journal(shop: Shop) -> None:
    """Closed before a time: what happened earlier is refused, what happens later is booked."""
    await shop.serve(Sale(at_us=NOON_US - DAY_US))
    books = at(shop)
    closed = await books.close({"before": "2026-05-01"})

    assert (closed["number"], closed["before"]) == (1, "2026-05-01T00:00:00.000000Z")
    with pytest.raises(NotBooked, match="the books refuse it: period_closed"):
        await books.post(a_payout(happened_at="2026-04-30T23:59:59.999999Z"))
    assert (await books.post(a_payout(happened_at="2026-05-01")))["status"] == "created"
    assert audit_books(shop.path).clean


async def test_a_close_is_signed_and_may_be_asked_again(shop: Shop) -> None:
    """The statement holds what the answer shows, and verifies with the key."""
    await shop.serve(Sale(at_us=NOON_US - DAY_US))
    books = at(shop)
    closed = await books.close({"before": "2026-05-01"})
    signed = Signed(closed["statement"], bytes.fromhex(closed["signature"]))

    assert is_signed_by(bytes.fromhex(closed["public_key"]), signed)
    assert [list(each.values()) for each in closed["items"]] == [
        [one.account, one.asset, one.debits, one.credits] for one in periods.read(signed.statement).standings
    ]
    assert await books.close({"before": "2026-05-01"}) == closed
    found = verify_books(shop.path, SIGNER.public_key)
    assert (found["verified"], found["periods"]) == (True, 1)


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (None, "malformed"),
        ({}, "malformed"),
        ({"before": "soon"}, "malformed"),
        ({"before": "2026-05-01", "after": "2026-05-02"}, "malformed"),
        ({"before": "2026-05-01T11:00:01Z"}, "ends_later"),
    ],
)
async def test_what_cannot_be_closed_is_told(shop: Shop, document: object, reason: str) -> None:
    """One sentence, and a word for machines."""
    await shop.serve(Sale(at_us=NOON_US - DAY_US))
    with pytest.raises(NotBooked) as refused:
        await at(shop).close(document)

    assert refused.value.reason == reason


async def test_what_comes_in_meanwhile_is_added_up_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A trial balance that is old when it is signed is made again, a few times."""
    await shop.serve(Sale(at_us=NOON_US - DAY_US))
    answers = [NotClosed.CHANGED_MEANWHILE] * 2
    really = closing.close

    def busy(*given: Any, **named: Any) -> Any:
        return answers.pop() if answers else really(*given, **named)

    monkeypatch.setattr(closing, "close", busy)
    assert (await at(shop).close({"before": "2026-05-01"}))["number"] == 1

    answers += [NotClosed.CHANGED_MEANWHILE] * bookkeeping.TRIES
    with pytest.raises(NotBooked, match="close it again"):
        await at(shop).close({"before": "2026-05-01T01:00:00Z"})


async def test_a_document_that_is_no_journal_is_told(shop: Shop) -> None:
    """Nothing is asked of the books for it."""
    with pytest.raises(NotBooked, match="exactly these members") as refused:
        await at(shop).post({"id": "x"})

    assert refused.value.reason == "malformed"
