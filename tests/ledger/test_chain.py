"""A journal's hash covers every sealed field of it, and everything before it."""

import hashlib
from dataclasses import replace

import pytest

from ledger.accounts import Account, AccountClass, Constraint, Side
from ledger.chain import GENESIS, Head, canonical, extend
from ledger.money import Asset
from ledger.transfers import Booked, Kind, Row
from tests.ledger.examples import BUYER, CASH, SALES, limited

ROW = Row("j/0", Kind.POST, BUYER, SALES, 40, "h")
BOOKED = Booked(1, "j", "sale", 5, 9, "call_1", "a note", (ROW,))


def test_the_sealed_bytes_are_documented() -> None:
    """Anybody can compute the bytes from the rows, with no more than JSON."""
    assert canonical(BOOKED, [SALES]) == (
        b'[1,"j","sale",5,9,"call_1","a note",'
        b'[["revenue:a%3Ab%25","USD",9,"revenue","credit","none"]],'
        b'[["j/0","post","buyer:0xb","revenue:a%3Ab%25",40,"h"]]]'
    )


def test_the_hash_follows_the_hash_before() -> None:
    """A head is SHA-256 over the head before it and the sealed bytes."""
    then = replace(BOOKED, seq=2)
    first = extend(GENESIS, BOOKED, [SALES])
    second = extend(first, then, [])

    assert first == Head(1, hashlib.sha256(bytes(32) + canonical(BOOKED, [SALES])).digest())
    assert second.hash == hashlib.sha256(first.hash + canonical(then, [])).digest()


@pytest.mark.parametrize(
    "other",
    [
        replace(BOOKED, seq=2),
        replace(BOOKED, id="k"),
        replace(BOOKED, kind="x"),
        replace(BOOKED, happened_us=6),
        replace(BOOKED, recorded_us=10),
        replace(BOOKED, subject=""),
        replace(BOOKED, note=""),
        replace(BOOKED, subject="call_1a", note=" note"),
        replace(BOOKED, rows=()),
        replace(BOOKED, rows=(ROW, ROW)),
        replace(BOOKED, rows=(replace(ROW, id="j/1"),)),
        replace(BOOKED, rows=(replace(ROW, kind=Kind.VOID),)),
        replace(BOOKED, rows=(replace(ROW, debit=SALES),)),
        replace(BOOKED, rows=(replace(ROW, credit=CASH),)),
        replace(BOOKED, rows=(replace(ROW, units=41),)),
        replace(BOOKED, rows=(replace(ROW, pending_id=None),)),
        replace(BOOKED, rows=(replace(ROW, debit=replace(BUYER, id=("buyer:0xb",))),)),
    ],
)
def test_other_content_has_another_hash(other: Booked) -> None:
    """No sealed field can change unseen."""
    assert extend(GENESIS, other, []).hash != extend(GENESIS, BOOKED, []).hash


@pytest.mark.parametrize(
    "other",
    [
        replace(SALES, id=("x",)),
        replace(SALES, asset=Asset("USD", 6)),
        replace(SALES, asset=Asset("EUR", 9)),
        replace(SALES, kind=AccountClass.EQUITY),
        replace(SALES, side=Side.DEBIT),
        replace(SALES, constraint=Constraint.LIMIT),
    ],
)
def test_the_definition_of_an_account_is_sealed_when_it_is_opened(other: Account) -> None:
    """An account cannot become another one later."""
    assert extend(GENESIS, BOOKED, [other]).hash != extend(GENESIS, BOOKED, [SALES]).hash


def test_a_limit_is_not_sealed() -> None:
    """The limit is a setting of one use."""
    assert extend(GENESIS, BOOKED, [limited(SALES, 5)]) == extend(GENESIS, BOOKED, [SALES])
