"""A journal's hash covers every sealed field of it, and everything before it."""

import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.accounts import Account, AccountClass, Constraint, Side, text
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


words = st.text(max_size=8)
numbers = st.integers(-(2**63), 2**63 - 1)
assets = st.builds(Asset, words, st.integers(0, 18))
parts = st.lists(words, min_size=1, max_size=3).map(tuple)
kinds, sides, bounds = map(st.sampled_from, (AccountClass, Side, Constraint))
accounts = st.builds(Account, parts, assets, kinds, sides, bounds)
rows = st.builds(Row, words, st.sampled_from(Kind), accounts, accounts, numbers, st.none() | words)
journals = st.builds(Booked, numbers, words, words, numbers, numbers, words, words, st.tuples(rows, rows))


@given(journals, st.lists(accounts, max_size=2))
def test_the_sealed_bytes_are_json(booked: Booked, opened: list[Account]) -> None:
    """Whatever stands in a journal: what is written is what any writer of JSON writes."""
    definitions = [[text(a.id), a.asset.code, a.asset.decimals, a.kind, a.side, a.constraint] for a in opened]
    entries = [
        [row.id, row.kind, text(row.debit.id), text(row.credit.id), row.units, row.pending_id]
        for row in booked.rows
    ]
    head = [booked.seq, booked.id, booked.kind, booked.happened_us, booked.recorded_us]
    whole = [*head, booked.subject, booked.note, definitions, entries]

    assert canonical(booked, opened) == json.dumps(whole, separators=(",", ":")).encode("ascii")


def test_a_row_that_lacks_a_member_has_no_journals_bytes() -> None:
    """Only what was tampered with lacks one, and it has no hash that follows."""
    lacking: Any = None

    assert canonical(replace(BOOKED, id=lacking), []) == b"null"
