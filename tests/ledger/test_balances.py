"""The four counters move as two-phase money moves, on either side."""

import pytest

from ledger.accounts import Side
from ledger.balances import ZERO, Balance, apply
from ledger.transfers import Kind


@pytest.mark.parametrize(
    ("kind", "units", "held", "posted", "pending"),
    [
        (Kind.TRANSFER, 40, 0, 140, 100),
        (Kind.PENDING, 40, 0, 100, 140),
        (Kind.POST, 40, 60, 140, 40),
        (Kind.POST, 60, 60, 160, 40),
        (Kind.VOID, 60, 60, 100, 40),
        (Kind.EXPIRE, 60, 60, 100, 40),
    ],
)
def test_each_kind_moves_its_counters(kind: Kind, units: int, held: int, posted: int, pending: int) -> None:
    """A resolution takes the whole hold out of pending and posts only its amount."""
    debits = Balance(debits_posted=100, debits_pending=100)
    credits_ = Balance(credits_posted=100, credits_pending=100)

    assert apply(debits, Side.DEBIT, kind, units, held) == Balance(
        debits_posted=posted, debits_pending=pending
    )
    assert apply(credits_, Side.CREDIT, kind, units, held) == Balance(
        credits_posted=posted, credits_pending=pending
    )


def test_what_is_left_depends_on_the_side() -> None:
    """Holds of the other side are gone already; holds of the same side may come."""
    balance = Balance(debits_posted=10, credits_posted=100, debits_pending=7, credits_pending=5)

    assert (balance.net(Side.CREDIT), balance.net(Side.DEBIT)) == (90, -90)
    assert (balance.available(Side.CREDIT), balance.available(Side.DEBIT)) == (83, -95)
    assert (balance.exposure(Side.CREDIT), balance.exposure(Side.DEBIT)) == (95, -83)
    assert balance.largest() == 100
    assert ZERO.largest() == 0
