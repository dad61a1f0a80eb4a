"""An account's name has one text, and a text one name."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger import accounts
from ledger.accounts import AccountClass, AccountId, Constraint, Side
from ledger.money import Asset
from tests.ledger.examples import BUYER


@pytest.mark.parametrize(
    ("name", "written"),
    [
        (("bank",), "bank"),
        (("buyer", "0xb"), "buyer:0xb"),
        (("onchain", "eip155:8453"), "onchain:eip155%3A8453"),
        (("cost", "50%", "%3A"), "cost:50%25:%253A"),
        (("a", "", "b"), "a::b"),
    ],
)
def test_parts_are_escaped(name: AccountId, written: str) -> None:
    """A colon or a percent sign inside a part cannot be taken for structure."""
    assert accounts.text(name) == written
    assert accounts.parse(written) == name


@given(st.lists(st.text(alphabet="ab:%35A25 ", max_size=6), min_size=1, max_size=4))
def test_text_is_read_back(parts: list[str]) -> None:
    """No two names share a text."""
    assert accounts.parse(accounts.text(tuple(parts))) == tuple(parts)


@pytest.mark.parametrize("written", ["a%", "a%2", "a%41", "%3a"])
def test_foreign_escapes_are_refused(written: str) -> None:
    """Only what `text` writes is read."""
    with pytest.raises(ValueError, match="is not the name of an account"):
        accounts.parse(written)


def test_a_name_has_a_part() -> None:
    """The empty name is a programmer's error."""
    with pytest.raises(AssertionError, match="at least one part"):
        accounts.text(())


def test_difference_names_the_first_field() -> None:
    """Everything but the limit makes an account another account."""
    assert accounts.difference(BUYER, BUYER) is None
    assert accounts.difference(BUYER, replace(BUYER, limit=5)) is None
    assert accounts.difference(BUYER, replace(BUYER, id=("x",), side=Side.DEBIT)) == "id"
    assert accounts.difference(BUYER, replace(BUYER, asset=Asset("USD", 6))) == "asset"
    assert accounts.difference(BUYER, replace(BUYER, kind=AccountClass.ASSET)) == "kind"
    assert accounts.difference(BUYER, replace(BUYER, side=Side.DEBIT)) == "side"
    assert accounts.difference(BUYER, replace(BUYER, constraint=Constraint.NONE)) == "constraint"
