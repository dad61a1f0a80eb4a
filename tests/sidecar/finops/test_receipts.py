"""Receipts: how each call was paid, by whom and to whom, as the books have it."""

import hashlib
import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.closing import Ending
from sidecar.domain.outcomes import Failed, Paid, receipt
from sidecar.domain.records import Payment
from sidecar.domain.resolving import repaid_unit
from sidecar.finops import receipts
from sidecar.finops.receipts import canonical, is_final, is_proof, receipt_object
from sidecar.x402.codec import response_members
from sidecar.x402.documents import SettleReply
from tests.sidecar.builders import NOW_US, PAYER, Books, a_transaction, open_books, verified
from tests.sidecar.x402.signing import OFFER, WALLET

ISSUER = "https://agent.example"


async def told(books: Books, call: str = "call_1", wallet: bytes = PAYER) -> dict[str, Any]:
    """Return the receipt of a call as the books have it now."""
    from sidecar.adapters.storage.reading import reader_of

    reader = reader_of(books.place)
    await reader.open()
    rows = await reader.fetch("wallet_receipt", receipts.parameters(wallet, call))
    await reader.close()
    assert len(rows) <= 1
    return receipt_object(rows[0], ISSUER) if rows else {}


def proof(payment: Payment) -> SettleReply:
    """Return what the buyer was sent."""
    sent = receipt(payment)
    assert sent is not None
    return sent


async def test_a_paid_call_is_proven_whole(tmp_path: Path) -> None:
    """Who paid whom how much for which request, when, where; and the very PAYMENT-RESPONSE."""
    async with open_books(tmp_path) as books:
        payment = await books.settled(verified(body=b"[1]"))
        await books.close(payment, Ending.DELIVERED)
        found = await told(books)

    assert found == {
        "type": "sidecar-receipt/1",
        "issuer": ISSUER,
        "call": "call_1",
        "at": "2026-09-21T14:13:20.000000Z",
        "wallet": WALLET.address,
        "endpoint": "POST /research",
        "method": "POST",
        "target": "/research",
        "request_sha256": hashlib.sha256(b"[1]").hexdigest(),
        "outcome": "served",
        "status": 200,
        "price_usd": "0.050000000",
        "captured_usd": "0.050000000",
        "credited_usd": "0.000000000",
        "settlement": "settled",
        "reason": None,
        "from_credit": False,
        "network": OFFER.network,
        "asset": OFFER.asset,
        "asset_decimals": 6,
        "amount": "50000",
        "pay_to": OFFER.pay_to,
        "transaction": a_transaction(),
        "settled_at": "2026-09-21T14:13:20.000000Z",
        "payment_response": response_members(proof(payment)),
    }
    assert is_final(found)
    assert is_proof(found)


async def test_what_is_open_is_no_proof_yet(tmp_path: Path) -> None:
    """Running, settled and still running, unknown: each is told, and none is final."""
    async with open_books(tmp_path) as books:
        running = await books.admitted(verified())
        first = await told(books)
        await books.sending(running)
        await books.unknown(verified(call="call_2", nonce=2, body=b"2"))
        second = await told(books, "call_2")
        await books.settled(verified(call="call_3", nonce=3, body=b"3"), 3)
        third = await told(books, "call_3")

    assert [each["settlement"] for each in (first, second, third)] == ["pending", "unknown", "settled"]
    assert [each["payment_response"] is None for each in (first, second, third)] == [True, True, False]
    assert not any(is_final(each) or is_proof(each) for each in (first, second, third))


async def test_a_payment_that_failed_says_why(tmp_path: Path) -> None:
    """It is final, and there is nothing to prove."""
    async with open_books(tmp_path) as books:
        payment = await books.asked(Failed("insufficient_funds"))
        await books.close(payment, Ending.AS_IT_IS, outcome="refused:settlement_failed")
        found = await told(books)

    assert (found["settlement"], found["reason"], found["transaction"]) == (
        "failed",
        "insufficient_funds",
        None,
    )
    assert is_final(found)
    assert not is_proof(found)


async def test_a_call_served_before_it_is_paid_has_a_receipt_once_it_is(tmp_path: Path) -> None:
    """Pending and unproven first; then the settlement's own document, or that its debt was paid by credit."""
    async with open_books(tmp_path) as books:
        payment = await books.owed(verified())
        early = await told(books)
        await books.result(await books.collecting(payment), Paid(a_transaction()))
        late = await told(books)
        debt = await books.collected(Failed("insufficient_funds"), verified(call="call_2", nonce=2))
        failed = await told(books, "call_2")
        await books.credited(verified(call="call_3", nonce=3), number=3)
        await books.run(repaid_unit, debt, NOW_US)
        repaid = await told(books, "call_2")

    assert (early["settlement"], early["payment_response"], early["outcome"]) == ("pending", None, "served")
    assert not is_final(early)
    assert (late["settlement"], late["transaction"]) == ("settled", a_transaction())
    assert is_proof(late)
    assert (failed["settlement"], failed["reason"]) == ("failed", "insufficient_funds")
    assert is_final(failed)
    assert not is_proof(failed)
    assert (repaid["settlement"], repaid["from_credit"], repaid["amount"]) == ("settled", True, "0")
    assert repaid["settled_at"] is not None
    assert is_proof(repaid)


async def test_credit_and_the_call_it_pays_have_a_receipt_each(tmp_path: Path) -> None:
    """The money stays with the call it was settled for, also when its authorization pays for another one."""
    async with open_books(tmp_path) as books:
        await books.credited(verified())
        spent = await books.admitted(verified(call="call_2"))
        await books.close(spent, Ending.DELIVERED)
        first, second = await told(books), await told(books, "call_2")

    assert spent.on_credit
    assert (first["credited_usd"], first["amount"], first["from_credit"]) == ("0.050000000", "50000", False)
    assert (first["transaction"], first["pay_to"]) == (a_transaction(), OFFER.pay_to)
    assert (second["captured_usd"], second["amount"], second["from_credit"]) == ("0.050000000", "0", True)
    assert second["payment_response"] == response_members(proof(spent))
    assert (second["transaction"], second["settled_at"]) == (None, None)
    assert is_proof(first)
    assert is_proof(second)


async def test_a_call_that_was_let_go_keeps_no_payment(tmp_path: Path) -> None:
    """Its payload may pay for another call, and that one's receipt has it."""
    async with open_books(tmp_path) as books:
        released = await books.release(await books.admitted(verified()))
        await books.close(released, Ending.AS_IT_IS, outcome="refused:upstream_timeout")
        settled = await books.settled(verified(call="call_2"))
        await books.close(settled, Ending.DELIVERED)
        first, second = await told(books), await told(books, "call_2")

    assert (first["settlement"], first["amount"], first["payment_response"]) == ("none", None, None)
    assert is_final(first)
    assert second["amount"] == "50000"


async def test_what_the_chain_denies_is_no_proof(tmp_path: Path) -> None:
    """A facilitator said settled, the chain has nothing: the receipt that said so says so no more."""
    from sidecar.domain.resolving import dead_unit

    async with open_books(tmp_path) as books:
        payment = await books.settled(verified())
        await books.close(payment, Ending.DELIVERED)
        await books.run(dead_unit, payment.claim_key, NOW_US)
        found = await told(books)

    assert found["settlement"] == "unknown"
    assert not is_proof(found)


async def test_late_money_is_a_receipt_too(tmp_path: Path) -> None:
    """An unknown settlement that was found on chain proves the payment and its credit."""
    async with open_books(tmp_path) as books:
        payment = await books.unknown(verified())
        await books.close(payment, Ending.AS_IT_IS, outcome="refused:settlement_unknown")
        assert await books.arrived(payment)
        found = await told(books)

    assert (found["settlement"], found["credited_usd"]) == ("settled", "0.050000000")
    assert found["payment_response"]["transaction"] == found["transaction"] == a_transaction()
    assert is_proof(found)


async def test_another_wallets_call_has_none(tmp_path: Path) -> None:
    """Nor has a call that never was."""
    async with open_books(tmp_path) as books:
        await books.settled(verified())

        assert await told(books, wallet=bytes(20)) == {}
        assert await told(books, "call_2") == {}


@given(st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text()))
def test_one_receipt_has_one_canonical_form(receipt: dict[str, Any]) -> None:
    """Whatever order its members come in, and read back it is the same receipt."""
    try:
        form = canonical(receipt)
    except UnicodeEncodeError:  # half a surrogate pair, which no stored text has
        return

    assert json.loads(form) == receipt
    assert canonical(dict(reversed(receipt.items()))) == form
