"""Accounts: what an account is and how it is named. Knows no balance, no transfer and no chart."""

import re
from enum import StrEnum
from functools import lru_cache
from typing import Final

from ledger.money import Asset
from ledger.values import value

AccountId = tuple[str, ...]
"""An account's name in parts, such as ("buyer", "0xabc"); at least one part."""

_ESCAPE: Final = re.compile(r"%(?!25|3A)")


class AccountClass(StrEnum):
    """Where an account stands in the reports. Memorandum accounts are outside the trial balance."""

    ASSET = "asset"
    LIABILITY = "liability"
    EQUITY = "equity"
    REVENUE = "revenue"
    EXPENSE = "expense"
    MEMORANDUM = "memorandum"


class Side(StrEnum):
    """The side of an account that increases it."""

    DEBIT = "debit"
    CREDIT = "credit"


class Constraint(StrEnum):
    """What bounds an account. Only constrained accounts have a balance row; the others are append-only."""

    NONE = "none"
    NO_NEGATIVE = "no_negative"
    LIMIT = "limit"


@value
class Account:
    """One account as its user defines it. Everything but `limit` is fixed by the first use.

    `limit` is in units of the asset and comes with each use (it is a setting, not
    stored state). It bounds the balance on the normal side, pending included, and
    is checked only on a transfer that increases it; None means no bound this time.
    """

    id: AccountId
    asset: Asset
    kind: AccountClass
    side: Side
    constraint: Constraint = Constraint.NONE
    limit: int | None = None


@value
class Closure:
    """An account that takes no new transfers any more: since when, microseconds, why, and by whose key."""

    account: AccountId
    closed_us: int
    reason: str
    key: str


@lru_cache(maxsize=65_536)
def text(account_id: AccountId) -> str:
    """Join the parts with `:`; inside a part `%` is written %25 and `:` %3A. Exact inverse of `parse`."""
    assert account_id, "an account's name has at least one part"
    return ":".join([part.replace("%", "%25").replace(":", "%3A") for part in account_id])


def parse(text: str) -> AccountId:
    """Split a text written by `text`; ValueError for any other escape."""
    if _ESCAPE.search(text):
        raise ValueError(f"{text!r} is not the name of an account: only %25 and %3A are escapes")
    return tuple(part.replace("%3A", ":").replace("%25", "%") for part in text.split(":"))


def difference(booked: Account, given: Account) -> str | None:
    """Name the first field in which *given* is not the account that is *booked*; limits are not compared."""
    if (
        booked.id == given.id
        and booked.kind is given.kind
        and booked.side is given.side
        and booked.constraint is given.constraint
        and (booked.asset is given.asset or booked.asset == given.asset)
    ):
        return None
    fields = ("id", "asset", "kind", "side", "constraint")
    return next(name for name in fields if getattr(booked, name) != getattr(given, name))
