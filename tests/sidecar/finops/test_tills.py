"""Tills and their payments, read from the books of a shop."""

from contextlib import closing
from dataclasses import replace

from sidecar.adapters.storage.reading import fetch, open_read_only
from sidecar.domain.payments import Proof, State
from sidecar.domain.resolving import arrived_unit
from sidecar.domain.transfers import TransferLog
from sidecar.finops.tills import (
    SEARCH_BLOCKS,
    Claim,
    Till,
    claims,
    claims_parameters,
    first_block,
    newcomers,
    suspects,
    tills,
)
from tests.sidecar.finops.money_moves import FIRST, STRANGER, Story
from tests.sidecar.shop import Sale, Shop, paid

NETWORK = "eip155:84532"
ASSET, PAY_TO = bytes([3]) * 20, bytes([0xCC]) * 20


def read(shop: Shop) -> tuple[list[Till], list[Claim]]:
    with closing(open_read_only(shop.path)) as connection:
        found = tills(fetch(connection, "tills", {}))
        return found, claims(fetch(connection, "claims", claims_parameters(NETWORK, ASSET, PAY_TO)))


async def test_empty_books_have_no_till(shop: Shop) -> None:
    """Where nobody ever paid there is nothing to reconcile."""
    assert read(shop) == ([], [])


async def test_a_till_holds_what_was_seen_on_chain(shop: Shop) -> None:
    """What is only reported is not in it, what arrived is, with its place on the payment."""
    await shop.serve(Sale(1))
    payment = await shop.settle(await shop.admit(Sale(2)), paid(Sale(2)))
    log = TransferLog("0x" + "ab" * 32, 4, 9, payment.payer, payment.pay_to, payment.amount)
    await shop.store.run(lambda tx: arrived_unit(tx, payment.claim_key, log, None, payment.admitted_us))
    found, (first, second) = read(shop)

    assert found == [Till(NETWORK, ASSET, PAY_TO, 6, booked=50_000, first_block=7, unplaced=0)]
    assert (first.proof, first.state, first.booked_at) == (Proof.WORD, State.DELIVERED, None)
    assert (second.proof, second.booked_at) == (Proof.CHAIN, ("0x" + "ab" * 32, 4))
    assert (second.call, second.amount, second.payer) == (Sale(2).call, 50_000, payment.payer)
    assert first.transaction == paid(Sale(1)).transaction


async def test_one_file_may_hold_several_tills(shop: Shop) -> None:
    """Another recipient is another till, and has its own payments only."""
    await shop.serve(Sale(1))
    payment = await shop.admit(Sale(2))
    other = bytes([0xDD]) * 20
    await shop.store.run(lambda tx: tx.change(payment, pay_to=other, from_block=0))
    found, known = read(shop)

    assert [(till.pay_to, till.first_block, till.unplaced) for till in found] == [
        (PAY_TO, 7, 0),
        (other, None, 1),
    ]
    assert [claim.call for claim in known] == [Sale(1).call]


def test_the_first_block_is_the_one_after_the_oldest_payment() -> None:
    """Its Transfer must be later than the block a payment was admitted after; else the search is bounded."""
    till = Story().till
    assert first_block(till, 10**6) == FIRST
    unknown = replace(till, first_block=None)
    assert first_block(unknown, SEARCH_BLOCKS + 5) == 5
    assert first_block(unknown, 5) == 0


def test_a_payment_that_tells_no_block_may_be_the_oldest() -> None:
    """As the first of a sidecar that has heard of no block yet: it is looked for before those that tell."""
    till = replace(Story().till, first_block=SEARCH_BLOCKS + 6, unplaced=1)

    assert first_block(till, 10**6) == 7
    assert first_block(replace(till, first_block=5), 10**6) == 0


def test_only_what_may_be_a_payment_s_is_asked_about() -> None:
    """Its payer and its amount must agree with a Transfer that is not booked for another."""
    story = Story()
    story.matched(10)
    booked_twin, other_amount, other_payer = (
        story.claimed(10),
        story.claimed(11),
        story.claimed(12, payer=STRANGER),
    )
    story.came(11, payer=STRANGER)
    story.came(12)
    assert suspects(story.till, story.claims, story.transfers) == []
    story.came(10)
    assert suspects(story.till, story.claims, story.transfers) == [booked_twin]
    story.came(11)
    story.came(12, payer=STRANGER)
    assert suspects(story.till, story.claims, story.transfers) == [booked_twin, other_amount, other_payer]


def test_newcomers_are_told_by_their_key() -> None:
    """A payment that has changed between two readings is no newcomer."""
    story = Story()
    old = story.claimed()
    new = story.a_claim()
    assert newcomers([old], [replace(old, state=State.FAILED), new]) == [new]
