"""A journal's hash covers every sealed field of it, and everything before it."""

import hashlib
from dataclasses import replace

import pytest

from ledger.accounts import AccountClass, Constraint, Side
from ledger.chain import GENESIS, Head, canonical, extend
from ledger.money import Asset
from ledger.transfers import Booked, Kind, Row
from tests.ledger.examples import BUYER, CASH, SALES, limited

ROW = Row("j/0", Kind.POST, BUYER, SALES, 40, "h")
BOOKED = Booked(1, "j", "sale", 5, 9, "call_1", "a note", (ROW,))


def test_the_sealed_bytes_are_documented() -> None:
    """Anybody can compute the bytes from the rows, with no more than JSON."""
    assert canonical(BOOKED) == (
        b'[1,"j","sale",5,9,"call_1","a note",'
        b'[["j/0","post",["buyer:0xb","USD",9,"liability","credit","no_negative"],'
        b'["revenue:a%3Ab%25","USD",9,"revenue","credit","none"],40,"h"]]]'
    )


def test_the_hash_follows_the_hash_before() -> None:
    """A head is SHA-256 over the head before it and the sealed bytes."""
    first = extend(GENESIS, BOOKED)
    second = extend(first, replace(BOOKED, seq=2))

    assert first == Head(1, hashlib.sha256(bytes(32) + canonical(BOOKED)).digest())
    assert second.hash == hashlib.sha256(first.hash + canonical(replace(BOOKED, seq=2))).digest()


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
        replace(BOOKED, rows=(replace(ROW, debit=replace(BUYER, asset=Asset("USD", 6))),)),
        replace(BOOKED, rows=(replace(ROW, debit=replace(BUYER, kind=AccountClass.EQUITY)),)),
        replace(BOOKED, rows=(replace(ROW, debit=replace(BUYER, side=Side.DEBIT)),)),
        replace(BOOKED, rows=(replace(ROW, debit=replace(BUYER, constraint=Constraint.NONE)),)),
    ],
)
def test_other_content_has_another_hash(other: Booked) -> None:
    """No sealed field can change unseen."""
    assert extend(GENESIS, other).hash != extend(GENESIS, BOOKED).hash


def test_a_limit_is_not_sealed() -> None:
    """The limit is a setting of one use."""
    same = replace(BOOKED, rows=(replace(ROW, debit=limited(BUYER, 5)),))

    assert extend(GENESIS, same) == extend(GENESIS, BOOKED)
